"""The page in a real browser, answered by stand-in models: what people see, click, lock, share and lose."""

import base64
import io
import json
import math

import numpy as np
import pytest
from fakes import FakeTranslator
from page_user import HEAD, LEFT_EAR, RIGHT_EAR, Page
from PIL import Image

from demo import app
from demo.answers import Answers
from demo.batching import Worker
from demo.metadata import png_of, state_of
from demo.permalink import link_fragment, read_fragment

pytestmark = pytest.mark.browser

CROSS = [{"tool": "pen", "points": [[20, 20], [200, 220]]}, {"tool": "pen", "points": [[200, 20], [20, 220]]}]
STATE = {
    "model": "edges2cats", "weights": "0123abcd", "strokes": CROSS,
    "tiles": [{"seed": 40}, {"seed": 7, "locked": True}, {"seed": 9}],
}  # fmt: skip


@pytest.fixture(scope="module")
def served():
    """Address of a page with three stand-in models: edges, another edges, labels without styles."""
    translators = {
        "edges2cats": FakeTranslator(),
        "other": FakeTranslator("other", {}, "89abcdef"),
        "facades": FakeTranslator("facades", {}, "76543210", kind="labels", has_styles=False),
    }
    answers = Answers(translators, Worker())
    page = app.build_page(answers)
    yield page.launch(prevent_thread_lock=True, quiet=True, **app.serving_options(answers))[1]
    page.close()


@pytest.fixture
def open_page(chromium, served):
    """A function that opens the page; when the test ends, the console must be free of errors."""
    pages = []

    def opened(fragment: str = "", **context) -> Page:
        pages.append(Page(chromium, served, fragment, **context))
        return pages[-1]

    yield opened
    problems = [problem for page in pages for problem in page.problems]
    for page in pages:
        page.context.close()
    assert not problems


@pytest.fixture
def drawn(open_page):
    """The page with a head on the paper, answered."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.draw(HEAD)
    page.pictures()
    return page


# --- drawing and photos ----------------------------------------------------------------------------------------------

def test_draw_and_different_photos_answer(open_page):
    page = open_page()
    page.draw(HEAD)  # at once: the paper is ready when the page is there
    assert len(set(page.pictures())) == 4
    assert page.seeds() == "0 1 2 3"
    assert "4 photos" in page.status() and "in all" in page.status()
    assert page.page.evaluate("getSelection().toString()") == ""  # the first drag draws, it selects nothing
    alts = page.page.eval_on_selector_all(".grid img", "images => images.map(i => i.alt)")
    assert alts == [f"Photo {k + 1}, seed {k}" for k in range(4)]


def test_photos_answer_while_the_pen_is_still_down(open_page):
    page = open_page()
    page.page.mouse.move(*page.place(0.2, 0.2))
    page.page.mouse.down()
    page.page.mouse.move(*page.place(0.8, 0.7), steps=10)
    page.page.wait_for_selector(".tiles[data-state=pictures]")
    early = page.page.get_attribute(".grid img", "src")
    page.page.mouse.move(*page.place(0.2, 0.9), steps=10)
    page.page.mouse.up()
    assert page.pictures()[0] != early


def test_undo_and_redo_bring_the_photos_back(open_page):
    page = open_page()
    page.draw(HEAD)
    head = page.pictures()
    page.draw(LEFT_EAR)
    eared = page.pictures()
    assert head != eared
    page.press("Undo")
    assert page.pictures() == head
    page.press("Redo")
    assert page.pictures() == eared
    page.page.keyboard.press("Control+z")
    page.page.keyboard.press("Control+z")
    page.wait(".tiles[data-state=empty]")
    assert "draw something" in page.page.inner_text(".invite").lower()
    assert page.page.locator(".grid img:visible").count() == 0
    page.page.keyboard.press("Control+Shift+z")
    assert page.pictures() == head


def test_the_newest_drawing_wins(open_page):
    page = open_page()
    flying, most = set(), []
    page.page.on("request", lambda r: "i2i/answer" in r.url and (flying.add(r), most.append(len(flying))))
    page.page.on("requestfinished", lambda r: flying.discard(r))
    slow = {"offline": False, "latency": 400, "downloadThroughput": -1, "uploadThroughput": -1}
    page.context.new_cdp_session(page.page).send("Network.emulateNetworkConditions", slow)
    for k in range(6):  # faster than the answers
        page.draw([(0.2, 0.2 + 0.1 * k), (0.8, 0.2 + 0.1 * k)])
    last = page.pictures()  # the answer to the sixth line, though not every line was asked about
    assert 1 <= max(most) <= 2  # a finished drawing overtakes its preview; nothing else flies beside another
    page.press("Undo")
    assert page.pictures() != last
    page.press("Redo")
    assert page.pictures() == last


# --- the first visit -------------------------------------------------------------------------------------------------

def test_the_first_visit_shows_what_an_example_becomes(open_page):
    page = open_page()
    assert page.page.locator(".grid img:visible").count() == 4
    assert page.page.is_visible(".example")
    shown = page.page.eval_on_selector_all(".grid img", "images => images.map(i => i.src)")
    page.page.click(".example")
    assert page.pictures() == shown  # from memory, the same photos
    assert len(page.strokes()) > 4 and not page.page.is_visible(".example")
    page.press("Clear")
    page.wait(".tiles[data-state=empty]")
    assert page.page.locator(".grid img:visible").count() == 0  # now they would look like answers


@pytest.mark.parametrize("action", ["New samples", "Replay", "Link", "Save"])
def test_without_a_drawing_the_page_asks_for_one(open_page, action):
    page = open_page()
    asked = []
    page.page.on("request", lambda request: asked.append(request.url) if "i2i/" in request.url else None)
    page.press(action)
    assert "Draw something first" in page.notice()
    assert not asked


# --- samples, numbers, locks -----------------------------------------------------------------------------------------

def test_new_samples_and_locks(drawn):
    first = drawn.pictures()
    drawn.lock(2)
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="4 1 5 6"]')
    second = drawn.pictures()
    assert second[1] == first[1] and not {*second[:1], *second[2:]} & set(first)
    drawn.draw(LEFT_EAR)  # the style stays while the drawing changes
    third = drawn.pictures()
    assert drawn.seeds() == "4 1 5 6" and third[1] != first[1]
    assert drawn.tile(2, ".lock").get_attribute("aria-pressed") == "true"
    drawn.page.keyboard.press("n")
    drawn.wait('.tiles[data-seeds="7 1 8 9"]')
    drawn.lock(2)
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="10 11 12 13"]')


def test_when_every_photo_is_locked_new_samples_says_so(drawn):
    for number in range(1, 5):
        drawn.lock(number)
    drawn.press("New samples")
    assert "Every photo is locked" in drawn.notice()
    assert drawn.seeds() == "0 1 2 3"


def test_one_to_twelve_photos(drawn):
    four = drawn.pictures()
    drawn.press("Fewer photos")
    drawn.wait('.tiles[data-seeds="0 1 2"]')
    drawn.lock(3)
    drawn.press("Fewer photos")
    drawn.wait('.tiles[data-seeds="0 2"]')  # a locked one stays
    drawn.press("Fewer photos")
    drawn.wait('.tiles[data-seeds="2"]')
    assert drawn.pictures() == [four[2]]
    assert "1 photo ·" in drawn.status()
    assert drawn.page.locator("[data-do=fewer]").is_disabled()
    for _ in range(11):
        drawn.press("More photos")
    drawn.page.wait_for_function("document.querySelector('.tiles').dataset.seeds.split(' ').length === 12")
    assert len(set(drawn.pictures())) == 12
    assert drawn.page.locator("[data-do=more]").is_disabled()
    widths = drawn.page.eval_on_selector_all(".grid figure", "all => all.map(f => f.getBoundingClientRect())")
    assert all(abs(w["width"] - w["height"]) < 1 and w["width"] > 100 for w in widths)


# --- the large view --------------------------------------------------------------------------------------------------

def test_the_large_view_compares_drawing_and_photo(drawn):
    second, third = drawn.pictures()[1:3]
    drawn.tile(2).click()
    view = drawn.page.locator(".view")
    assert "Photo 2 of 4" in view.inner_text() and "seed 1" in view.inner_text()
    assert view.locator(".after").get_attribute("src") == second
    stage = view.locator(".stage").bounding_box()
    middle = stage["y"] + stage["height"] / 2
    drawn.page.mouse.move(stage["x"] + 5, middle)
    drawn.page.mouse.down()
    drawn.page.mouse.move(stage["x"] + stage["width"] / 2, middle, steps=5)
    drawn.page.mouse.up()
    shot = Image.open(io.BytesIO(view.locator(".stage").screenshot())).convert("RGB")
    left, right = shot.getpixel((20, 20)), shot.getpixel((shot.width - 20, 20))
    assert left == (255, 255, 255) != right  # paper on the left, photo on the right
    drawn.page.keyboard.press("ArrowRight")  # the slider has the focus: it moves, the photo stays
    assert "Photo 2 of 4" in view.inner_text()
    drawn.press("Next photo")
    assert view.locator(".after").get_attribute("src") == third
    drawn.page.keyboard.press("Escape")
    assert not view.is_visible()


def test_keys_in_the_large_view(drawn):
    drawn.tile(1).focus()
    drawn.page.keyboard.press("Enter")
    view = drawn.page.locator(".view")
    drawn.page.keyboard.press("3")
    assert "Photo 3 of 4" in view.inner_text()
    drawn.page.keyboard.press("ArrowRight")
    drawn.page.keyboard.press("ArrowRight")
    assert "Photo 1 of 4" in view.inner_text()
    drawn.page.keyboard.press("n")  # not of the page behind it
    drawn.page.keyboard.press("Escape")
    assert drawn.seeds() == "0 1 2 3"


def test_locking_in_the_large_view(drawn):
    drawn.tile(4).click()
    drawn.page.click(".view [data-do=lock]")
    drawn.press("Close")
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="4 5 6 3"]')


def test_more_like_this(drawn):
    first = drawn.pictures()
    drawn.tile(3).click()
    drawn.page.click(".view [data-do=like]")
    drawn.wait('.tiles[data-seeds="~ ~ 2 ~"]')
    second = drawn.pictures()
    assert second[2] == first[2] and len(set(second)) == 4 and not set(second) & {first[0], first[1], first[3]}

    def mean(url):
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))), float).mean((0, 1))

    like = mean(first[2])  # the fake's colours are its style: nearer to the third than the others were
    assert max(np.abs(mean(second[k]) - like).max() for k in (0, 1, 3)) < 60


def test_between_two_photos(drawn):
    before = drawn.pictures()
    drawn.tile(1).click()
    view = drawn.page.locator(".view")
    drawn.press("Mix with photo 3")
    drawn.page.wait_for_function("src => document.querySelector('.after').src !== src", arg=before[0])
    view.locator(".share").fill("100")
    drawn.page.wait_for_function("src => document.querySelector('.after').src === src", arg=before[2])
    half = view.locator(".share")
    half.fill("50")
    drawn.page.wait_for_function("src => document.querySelector('.after').src !== src", arg=before[2])
    mixed = view.locator(".after").get_attribute("src")
    drawn.press("Keep")
    drawn.wait('.tiles[data-seeds="~ 1 2 3"]')
    assert drawn.pictures() == [mixed, *before[1:]]
    drawn.press("New samples")  # it is locked
    drawn.wait('.tiles[data-seeds="~ 4 5 6"]')


# --- files -----------------------------------------------------------------------------------------------------------

def test_a_photo_is_saved_without_losses(drawn):
    drawn.tile(2).click()
    with drawn.page.expect_download() as caught:
        drawn.page.click(".view [data-do=photo]")
    assert caught.value.suggested_filename.startswith("edges2cats-photo-2-")
    saved = Image.open(caught.value.path())
    assert (saved.format, saved.size) == ("PNG", (256, 256)) and "i2i" not in saved.info


def test_everything_saved_and_dropped_on_a_page_restores_it(drawn, open_page):
    drawn.lock(2)
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="4 1 5 6"]')
    with drawn.page.expect_download() as caught:
        drawn.press("Save")
    data = caught.value.path().read_bytes()
    state = state_of(data)
    assert (state["model"], state["weights"]) == ("edges2cats", "0123abcd")
    assert state["strokes"] == drawn.strokes()
    assert state["tiles"] == [{"seed": 4}, {"seed": 1, "locked": True}, {"seed": 5}, {"seed": 6}]

    other = open_page()
    other.drop(base64.b64encode(data).decode())
    other.wait('.tiles[data-seeds="4 1 5 6"]')
    assert other.pictures() == drawn.pictures()
    assert other.strokes() == drawn.strokes()
    assert other.tile(2, ".lock").get_attribute("aria-pressed") == "true"
    other.press("Undo")  # the paper before is not lost
    other.wait(".tiles[data-state=empty]")


def test_a_damaged_saved_file_is_told(open_page):
    page = open_page()
    data = png_of(Image.new("RGB", (8, 8)), STATE).replace(b'"strokes":', b'"strokes";')
    page.drop(base64.b64encode(data).decode())
    page.page.wait_for_selector(".pad .note:not([hidden])")
    assert "damaged" in page.page.inner_text(".pad .note")


def test_other_pictures_become_drawings(open_page):
    page = open_page()
    image = Image.new("L", (200, 200), 255)
    image.paste(0, (40, 90, 160, 96))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    page.drop(base64.b64encode(stream.getvalue()).decode())
    page.page.wait_for_function("document.querySelector('.pad').drawing.get().length === 1")
    page.pictures()


def test_the_replay_is_a_looping_webp(drawn):
    drawn.press("Replay")
    drawn.page.wait_for_selector(".replay img:not([hidden])")
    with drawn.page.expect_download() as caught:
        drawn.press("Save as WebP")
    movie = Image.open(caught.value.path())
    assert movie.format == "WEBP" and movie.n_frames > 5 and movie.info["loop"] == 0
    drawn.press("Close")
    assert not drawn.page.is_visible(".replay")


# --- links -----------------------------------------------------------------------------------------------------------

def test_a_link_shows_the_same_pictures(drawn, open_page, served):
    drawn.draw(LEFT_EAR)
    drawn.pictures()
    drawn.lock(3)
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="4 5 2 6"]')
    drawn.page.keyboard.press("c")
    drawn.page.wait_for_selector(".linked:not([hidden])")
    link = drawn.page.evaluate("navigator.clipboard.readText()")
    assert link == drawn.page.input_value(".linked input") == drawn.page.url
    assert link.startswith(served + "#") and len(link) < 2000
    assert read_fragment(link.split("#")[1])["strokes"] == drawn.strokes()

    other = open_page("#" + link.split("#")[1])
    other.wait('.tiles[data-seeds="4 5 2 6"]')
    assert other.pictures() == drawn.pictures()
    assert other.tile(3, ".lock").get_attribute("aria-pressed") == "true"
    assert not other.page.is_visible(".notice")
    other.draw(RIGHT_EAR)  # from here on it is another drawing
    other.pictures()
    assert other.page.url == served


def test_the_browser_and_python_write_the_same_link(open_page):
    page = open_page("#" + link_fragment(STATE))
    page.wait('.tiles[data-seeds="40 7 9"]')
    page.press("Link")
    page.page.wait_for_selector(".linked:not([hidden])")
    assert page.page.input_value(".linked input").split("#")[1] == link_fragment(STATE)
    page.press("New samples")  # a seed that the link showed is not dealt again
    page.wait('.tiles[data-seeds="41 7 42"]')


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": "ffffffff"}, "other weights of edges2cats (ffffffff, here 0123abcd)"),
        ({"model": "dogs"}, "model dogs, which is not here: edges2cats answers instead"),
    ],
)
def test_a_link_from_another_model_says_so(open_page, change, words):
    page = open_page("#" + link_fragment(STATE | change))
    assert words in page.notice()
    page.wait('.tiles[data-seeds="40 7 9"]')


def test_a_link_to_the_other_models(open_page):
    page = open_page("#" + link_fragment(STATE | {"model": "other", "weights": "89abcdef"}))
    page.wait('.tiles[data-seeds="40 7 9"]')
    assert page.page.input_value(".model select") == "other"
    house = [{"tool": "rect", "points": [[30, 30], [200, 200]], "color": "#c83c00", "filled": True}]
    page = open_page("#" + link_fragment(STATE | {"model": "facades", "weights": "76543210", "strokes": house}))
    page.wait('.tiles[data-seeds="40 7 9"]')
    assert page.strokes() == house


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-4], lambda text: text.replace("tiles=40", "tiles=x"), lambda text: text + "&v=2"]
)
def test_a_damaged_link_is_told_in_words(open_page, damage):
    page = open_page("#" + damage(link_fragment(STATE)).replace("&v=1&v=2", "&v=2"))
    assert "link" in page.notice().lower()
    assert page.page.is_visible(".example")  # the page works as ever


def test_a_link_opened_in_the_same_tab(drawn):
    drawn.page.evaluate("hash => { location.hash = hash; }", link_fragment(STATE))
    drawn.wait('.tiles[data-seeds="40 7 9"]')
    assert drawn.strokes() == CROSS


# --- styles from photos, history -------------------------------------------------------------------------------------

def test_styles_of_a_photo(drawn, tmp_path):
    Image.new("RGB", (300, 200), (250, 40, 40)).save(tmp_path / "red.jpg")
    drawn.page.set_input_files(".tiles .picker", tmp_path / "red.jpg")
    drawn.wait('.tiles[data-seeds="~ ~ ~ ~"]')
    red = drawn.pictures()
    assert len(set(red)) == 4
    middle = Image.open(io.BytesIO(base64.b64decode(red[0].split(",")[1]))).getpixel((5, 5))
    assert middle[0] > middle[1] + 60  # the photo's own style
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="8 9 10 11"], .tiles[data-seeds="7 8 9 10"]')
    drawn.press("Photos in the style of this picture")
    drawn.wait('.tiles[data-seeds="~ ~ ~ ~"]')
    assert drawn.pictures()[0] == red[0]
    drawn.press("Forget this picture")
    assert not drawn.page.is_visible(".references")


def test_a_file_without_a_style_is_told(drawn, tmp_path):
    (tmp_path / "red.jpg").write_bytes(b"no picture")
    drawn.page.set_input_files(".tiles .picker", tmp_path / "red.jpg")
    assert "red.jpg could not be read" in drawn.notice()


def test_history_brings_a_drawing_and_its_photos_back(drawn):
    head, strokes = drawn.pictures(), drawn.strokes()
    drawn.page.wait_for_timeout(600)
    drawn.draw(LEFT_EAR)
    drawn.pictures()
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="4 5 6 7"]')
    drawn.page.wait_for_function("document.querySelectorAll('.past button').length >= 2")
    drawn.page.locator(".past button").last.click()
    drawn.wait('.tiles[data-seeds="0 1 2 3"]')
    assert drawn.pictures() == head and drawn.strokes() == strokes
    drawn.press("Undo")  # the drawing that history replaced
    drawn.pictures()
    assert len(drawn.strokes()) == 2


# --- models ----------------------------------------------------------------------------------------------------------

def test_another_model_answers_the_same_drawing(drawn):
    first = drawn.pictures()
    assert "cat" in drawn.page.inner_text("#title").lower()
    drawn.page.select_option(".model select", "other")
    drawn.page.wait_for_function("document.querySelector('.facts').innerText.includes('89abcdef')")
    assert drawn.pictures() == first  # the fakes paint alike
    assert "cat" not in drawn.page.inner_text("#title").lower()


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
