"""The page around the drawing, in a real browser: models, trouble, screens and themes, and how it is started."""

import json
import math

import pytest
from fakes import FakeTranslator
from page_user import HEAD, LEFT_EAR, Page

from demo import app
from demo.answers import Answers
from demo.batching import Worker
from demo.canvas import load_examples
from i2i.model_folder import ASSETS

pytestmark = pytest.mark.browser


# --- models ----------------------------------------------------------------------------------------------------------

def test_another_model_answers_the_same_drawing(drawn):
    first = drawn.pictures()
    assert "cat" in drawn.page.inner_text("#title").lower()
    drawn.page.select_option(".model select", "other")
    drawn.page.wait_for_function("document.querySelector('.facts').innerText.includes('89abcdef')")
    assert drawn.seeds() == "7 2 30 4" and drawn.pictures() != first  # its own first seeds
    for expected in ("9 20 8 25", "10 26 27 29"):  # in its own order, then those that are higher, but for one
        drawn.press("New samples")
        drawn.pictures()
        assert drawn.seeds() == expected
    drawn.page.select_option(".model select", "edges2cats")
    drawn.pictures()
    assert drawn.seeds() == "10 26 27 29"  # what was asked for stays
    drawn.press("New samples")
    drawn.pictures()
    assert drawn.seeds() == "30 31 32 33"
    drawn.page.select_option(".model select", "other")
    assert "cat" not in drawn.page.inner_text("#title").lower()


@pytest.mark.parametrize("locked, expected", [(True, "4 1 5 6"), (False, "4 9 5 6")])
def test_a_seed_that_the_new_model_passes_over_is_replaced_unless_locked(drawn, locked, expected):
    drawn.lock(2)
    drawn.press("New samples")
    drawn.pictures()
    assert drawn.seeds() == "4 1 5 6"
    if not locked:
        drawn.lock(2)
    drawn.page.select_option(".model select", "other")
    drawn.wait(f'.tiles[data-seeds="{expected}"]')


def test_each_model_deals_its_own_examples(open_page):
    """Cats for cats; the other model, for which nobody drew any, gets them all."""
    bundled = {e["name"]: e["models"] for e in load_examples(ASSETS / "sketches") if e["mode"] == "edges"}
    cats = {name for name, models in bundled.items() if "edges2cats" in models}
    page = open_page()

    def dealt(count: int) -> set[str]:
        names = set()
        for _ in range(count):
            page.page.locator(".pad [data-do=example]").click()
            names.add(page.page.get_attribute(".pad [data-do=example]", "title").partition(": ")[0])
        return names

    assert dealt(len(cats)) == cats < bundled.keys()
    page.page.select_option(".model select", "other")
    assert dealt(2 * len(bundled)) == bundled.keys()
    page.page.select_option(".model select", "edges2cats")
    assert dealt(len(bundled)) == cats


def test_a_model_of_label_maps_brings_its_palette(drawn):
    head = drawn.strokes()
    drawn.page.select_option(".model select", "facades")
    drawn.wait(".tiles[data-state=empty]")
    assert drawn.page.locator(".swatches [role=radio]").count() == 3
    assert not drawn.page.is_visible("[data-do=style]")  # it has no styles
    drawn.page.locator(".pad [data-do=rect]").click()
    drawn.draw([(0.2, 0.2), (0.8, 0.8)])
    assert len(drawn.pictures()) == 4
    drawn.tile(1).click()
    assert not drawn.page.is_visible(".view .mix") and not drawn.page.is_visible(".view [data-do=like]")
    drawn.press("Close")
    drawn.page.select_option(".model select", "edges2cats")  # each kind of drawing keeps its own paper
    drawn.pictures()
    assert drawn.strokes() == head


def test_what_the_network_sees(drawn):
    drawn.page.locator(".pad [data-do=sees]").click()
    with drawn.page.expect_response("**/i2i/answer") as caught:
        drawn.draw(LEFT_EAR)
    drawn.pictures()
    assert json.loads(caught.value.text().strip().splitlines()[-1])["network"].startswith("data:image/png")


# --- trouble ---------------------------------------------------------------------------------------------------------

def test_a_lost_server_is_told_and_asked_again(open_page):
    page = open_page()
    page.page.route("**/i2i/answer", lambda route: route.abort())
    page.draw(HEAD)
    page.page.wait_for_selector(".tiles[data-state=error]")
    words = page.page.inner_text(".problem")
    assert "cannot be reached" in words and "trying again" in words
    page.draw(LEFT_EAR)  # the pen goes on
    assert len(page.strokes()) == 2
    page.page.unroute("**/i2i/answer")
    assert len(set(page.pictures())) == 4
    assert not page.page.is_visible(".problem")
    page.problems = [words for words in page.problems if "ERR_FAILED" not in words]


def test_another_model_and_a_connection_that_is_back_are_not_kept_waiting(open_page):
    page = open_page()
    page.page.evaluate(
        """const sooner = window.setTimeout;      // the next try is far off
        window.setTimeout = (work, ms, ...rest) => sooner(work, ms > 1000 ? 60000 : ms, ...rest);"""
    )
    page.page.route("**/i2i/answer", lambda route: route.abort())
    page.draw(HEAD)
    page.page.wait_for_selector(".tiles[data-state=error]")
    page.page.select_option(".model select", "facades")
    page.page.wait_for_selector(".tiles[data-state=empty]")
    page.page.select_option(".model select", "other")
    page.page.wait_for_selector(".tiles[data-state=error]")
    assert "cannot be reached" in page.page.inner_text(".problem")
    page.page.unroute("**/i2i/answer")
    page.page.evaluate("window.dispatchEvent(new Event('online'))")
    assert len(set(page.pictures())) == 4
    page.problems = [words for words in page.problems if "ERR_FAILED" not in words]


def test_the_words_about_a_lost_server_go_when_it_is_back(drawn):
    drawn.page.route("**/i2i/save", lambda route: route.abort())
    drawn.press("Save")
    drawn.page.wait_for_function("document.querySelector('.notice').textContent.includes('cannot be reached')")
    drawn.draw(LEFT_EAR)
    drawn.pictures()
    drawn.page.wait_for_selector(".notice", state="hidden")
    drawn.problems = [words for words in drawn.problems if "ERR_FAILED" not in words]


def test_a_mixture_that_comes_after_trouble_takes_its_words_away(drawn):
    drawn.pictures()
    drawn.page.route("**/i2i/answer", lambda route: route.abort())
    drawn.tile(1).click()
    drawn.press("Mix with photo 3")
    drawn.page.wait_for_function("document.querySelector('.view .told').textContent.includes('cannot be reached')")
    drawn.page.unroute("**/i2i/answer")
    drawn.press("Mix with photo 2")
    drawn.page.wait_for_function("document.querySelector('.view .what').textContent === 'A mixture of photos 1 and 2'")
    assert drawn.page.text_content(".view .told") == ""
    drawn.problems = [words for words in drawn.problems if "ERR_FAILED" not in words]


def test_a_crowd_is_told_in_a_friendly_way(open_page):
    page = open_page()
    line = {"state": "waiting", "place": 3}
    busy = {"state": "busy", "message": "Many people are drawing just now."}
    replies = [[line, busy], [line, {"state": "error", "message": "The paper is on fire."}]]

    def reply(route):
        body = "".join(json.dumps({"drawing": 1, **message}) + "\n" for message in replies.pop(0))
        route.fulfill(body=body, content_type="application/x-ndjson") if replies or body else route.continue_()

    page.page.route("**/i2i/answer", reply, times=2)
    page.draw([(0.2, 0.2), (0.8, 0.8)])
    page.page.wait_for_function("document.querySelector('.tiles .status').textContent.includes('Many people')")
    page.page.wait_for_selector(".tiles[data-state=error]")  # asked again by itself
    assert "on fire" in page.page.inner_text(".problem")
    page.draw(HEAD)
    page.pictures()


def test_the_place_in_line_is_shown(open_page):
    page = open_page()
    page.page.add_init_script(
        """const real = window.fetch;
        window.fetch = async (url, options) => {
          const response = await real(url, options);
          if (!String(url).includes('i2i/answer')) return response;
          const first = '{"state": "waiting", "drawing": 1, "place": 3}\\n';
          const rest = await response.text();
          const body = new ReadableStream({ async start(out) {
            out.enqueue(new TextEncoder().encode(first));
            await new Promise((go) => { window.goOn = go; });
            out.enqueue(new TextEncoder().encode(rest));
            out.close();
          } });
          return new Response(body);
        };"""
    )
    page.page.reload()
    page.page.wait_for_selector(".tiles[data-ready]")
    page.draw([(0.2, 0.2), (0.8, 0.8)])
    page.page.wait_for_function("document.querySelector('.tiles .status').textContent.includes('3 drawings are')")
    page.page.wait_for_function("() => Boolean(window.goOn)")
    page.page.evaluate("setInterval(() => window.goOn(), 50)")
    page.pictures()


# --- screens ---------------------------------------------------------------------------------------------------------

def test_a_finger_on_a_phone(open_page):
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, device_scale_factor=2)
    touch = page.context.new_cdp_session(page.page)
    for k, (x, y) in enumerate(page.place(*point) for point in HEAD):
        kind = "touchMove" if k else "touchStart"
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.page.evaluate("scrollY") == 0  # the finger draws, it does not scroll
    assert len(set(page.pictures())) == 4
    layout = page.page.evaluate(
        """() => {
            const box = s => document.querySelector(s).getBoundingClientRect();
            return {page: document.documentElement.scrollWidth, paper: box('.paper'), tiles: box('.tiles .grid')};
        }"""
    )
    assert layout["page"] <= 360  # nothing sticks out
    assert layout["tiles"]["top"] >= layout["paper"]["bottom"]  # stacked
    assert layout["paper"]["width"] == layout["tiles"]["width"] > 320

    small = page.page.locator(".small")  # so the photos are at the bottom of the screen while one draws
    small.wait_for()
    assert small.locator("img").count() == 4
    box = small.bounding_box()
    assert box["y"] + box["height"] == pytest.approx(740, abs=1) and box["height"] < 110
    small.tap()
    page.page.wait_for_function("document.querySelector('.grid').getBoundingClientRect().top < 500")
    page.page.wait_for_selector(".small", state="hidden")
    page.tile(2).tap()
    assert page.page.is_visible(".view .after")
    assert page.page.evaluate("document.querySelector('.view').getBoundingClientRect().right") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_paper_is_white_in_every_theme(open_page, scheme):
    page = open_page(color_scheme=scheme)
    shot = page.shot()
    assert shot.getpixel(tuple(round(c) for c in page.place(0.9, 0.9))) == 255
    assert (shot.getpixel((5, 5)) < 60) == (scheme == "dark")  # and the page around it follows the theme


def test_everything_has_a_name(drawn):
    """Buttons, fields and pictures say what they are to those who cannot see them."""
    drawn.tile(1).click()
    nameless = drawn.page.evaluate(
        """() => {
            const said = (one) => one.ariaLabel || one.innerText.trim() || one.title;
            const named = (one) => said(one) || one.closest('label') || one.hidden;
            const all = document.querySelectorAll('#tiles button, #tiles input, #tiles select, #below button');
            return [...all].filter((one) => !named(one)).map((one) => one.outerHTML);
        }"""
    )
    assert nameless == []


def test_what_the_page_says_about_its_model(open_page):
    page = open_page()
    facts = page.page.inner_text(".facts")
    assert "edges2cats" in facts and "0123abcd" in facts and "CC BY-NC 4.0" in facts
    box = page.page.locator(".pad canvas").bounding_box()
    assert (box["width"], box["height"]) == (512, 512)


# --- as it is started ------------------------------------------------------------------------------------------------

def test_the_real_page(chromium, page_url):
    """`python demo/app.py` with a tiny model of random weights: draw, lock, link."""
    page = Page(chromium, page_url)
    page.draw(HEAD)
    head = page.pictures()
    assert len(set(head)) == 4
    page.lock(1)
    page.press("New samples")
    page.wait('.tiles[data-seeds="0 4 5 6"]')
    assert page.pictures()[0] == head[0]
    assert "model" in page.status()
    assert not page.problems
    page.context.close()


def test_through_gradio_s_queue_where_a_gpu_is_lent(chromium, monkeypatch):
    """ZeroGPU: no live preview, and answers by way of Gradio's queue."""
    monkeypatch.setattr(app, "LIVE", False)
    answers = Answers({"edges2cats": FakeTranslator()}, Worker())
    served = app.build_page(answers)
    url = served.launch(prevent_thread_lock=True, quiet=True, **app.serving_options(answers))[1]
    page = Page(chromium, url)
    posts = []
    page.page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.draw(HEAD)
    first = page.pictures()
    assert len(set(first)) == 4 and not any("i2i/" in url for url in posts)
    page.draw(LEFT_EAR)
    assert page.pictures() != first
    assert len(answers.translators["edges2cats"].calls) == 2  # nothing while the pen was down
    answers.translators["edges2cats"].seconds = 1.5
    page.press("New samples")
    page.tile(1).click()
    page.page.locator(".view .partners button").first.click()  # a mixture, while those are on their way
    page.page.wait_for_function("document.querySelector('.view .what').textContent === 'A mixture of photos 1 and 2'")
    page.page.keyboard.press("Escape")
    page.wait('.tiles[data-seeds="4 5 6 7"]')
    assert not page.problems
    page.context.close()
    served.close()


def test_a_page_that_knows_its_address_links_there(chromium):
    answers = Answers({"edges2cats": FakeTranslator()}, Worker())
    served = app.build_page(answers, "https://me-cats.hf.space/")
    url = served.launch(prevent_thread_lock=True, quiet=True, **app.serving_options(answers))[1]
    page = Page(chromium, url)
    page.draw([(0.2, 0.2), (0.8, 0.8)])
    page.pictures()
    page.press("Link")
    page.page.wait_for_selector(".linked:not([hidden])")
    assert page.page.input_value(".linked input").startswith("https://me-cats.hf.space/#model=edges2cats&")
    assert math.isclose(len(page.page.url), len(url))  # the address of the page itself stays
    page.context.close()
    served.close()
