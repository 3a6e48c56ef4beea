"""Nothing that a person made is lost, in a real browser: other papers, mixtures, locks, what is not answered yet."""

import pytest
from page_user import HEAD, LEFT_EAR
from PIL import Image

from demo.metadata import state_of

pytestmark = pytest.mark.browser


def reload(page) -> None:
    page.page.reload()
    page.page.wait_for_selector(".tiles[data-ready]")


def choose(page, model: str) -> None:
    page.page.select_option(".model select", model)
    page.wait(".tiles:not([data-state=pictures]), .tiles[data-state=pictures]")


def mix(page) -> str:
    """The first photo becomes half of the third, locked; how it looks."""
    before = page.pictures()[0]
    page.tile(1).click()
    page.press("Mix with photo 3")
    page.page.wait_for_function("src => document.querySelector('.after').src !== src", arg=before)
    return page.page.get_attribute(".view .after", "src")


# --- a page that is loaded again -------------------------------------------------------------------------------------


def test_a_reload_keeps_the_papers_of_other_models(drawn):
    strokes = drawn.strokes()
    choose(drawn, "facades")
    drawn.draw(LEFT_EAR)
    house = drawn.strokes()
    assert house and house != strokes
    drawn.pictures()
    reload(drawn)
    drawn.pictures()
    assert drawn.strokes() == house
    choose(drawn, "edges2cats")
    drawn.pictures()
    assert drawn.strokes() == strokes


def test_what_a_model_that_is_gone_was_given_stays_on_its_own_paper(drawn):
    """As after a restart of the server with other models."""
    strokes = drawn.strokes()
    choose(drawn, "facades")
    drawn.draw(LEFT_EAR)
    house = drawn.strokes()
    drawn.pictures()
    drawn.page.add_init_script(
        """const kept = JSON.parse(sessionStorage.getItem('i2i-page') ?? 'null');
        if (kept) sessionStorage.setItem('i2i-page', JSON.stringify({ ...kept, model: 'castles' }));"""
    )
    reload(drawn)
    drawn.pictures()
    assert drawn.strokes() == strokes
    assert "castles, which is not here, and edges2cats takes other pictures" in drawn.page.inner_text(".tiles .notice")
    choose(drawn, "facades")
    drawn.pictures()
    assert drawn.strokes() == house


def test_undo_brings_a_cleared_paper_back_after_a_reload(drawn):
    strokes = drawn.strokes()
    drawn.press("Clear")
    drawn.wait(".tiles[data-state=empty]")
    reload(drawn)
    assert drawn.strokes() == []
    drawn.press("Undo")
    drawn.pictures()
    assert drawn.strokes() == strokes


def test_a_reload_keeps_the_photos_whose_styles_were_read(drawn, tmp_path):
    Image.new("RGB", (300, 200), (250, 40, 40)).save(tmp_path / "red.jpg")
    drawn.page.set_input_files(".tiles .picker", tmp_path / "red.jpg")
    drawn.wait('.tiles[data-seeds="~ ~ ~ ~"]')
    red = drawn.pictures()
    reload(drawn)
    drawn.wait('.tiles[data-seeds="~ ~ ~ ~"]')
    assert drawn.pictures() == red
    drawn.press("New samples")
    drawn.page.wait_for_function("!document.querySelector('.tiles').dataset.seeds.includes('~')")
    drawn.press("Photos in the style of this picture")
    drawn.wait('.tiles[data-seeds="~ ~ ~ ~"]')
    assert drawn.pictures()[0] == red[0]


def test_a_link_in_the_address_costs_no_other_paper(drawn):
    strokes = drawn.strokes()
    choose(drawn, "facades")
    drawn.draw(LEFT_EAR)
    drawn.pictures()
    drawn.press("Link")
    drawn.page.wait_for_selector(".linked:not([hidden])")
    reload(drawn)
    drawn.pictures()
    assert "model=facades" in drawn.page.url
    choose(drawn, "edges2cats")
    drawn.pictures()
    assert drawn.strokes() == strokes


def test_a_broken_link_in_the_address_costs_nothing(drawn, served):
    drawn.lock(2)
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="4 1 5 6"]')
    strokes = drawn.strokes()
    drawn.page.goto("about:blank")
    drawn.page.goto(served + "#model=edges2cats&weights=x&tiles=1.2&drawing=abc&v=1")
    drawn.page.wait_for_selector(".tiles[data-ready]")
    drawn.wait('.tiles[data-seeds="4 1 5 6"]')
    assert drawn.strokes() == strokes and len(set(drawn.pictures())) == 4
    assert drawn.tile(2, ".lock").get_attribute("aria-pressed") == "true"
    assert "unknown format" in drawn.notice()
    assert drawn.page.url == served  # it is told once
    reload(drawn)
    drawn.wait('.tiles[data-seeds="4 1 5 6"]')
    assert not drawn.page.is_visible(".notice")


def test_what_comes_back_is_asked_for_once(drawn):
    choose(drawn, "facades")
    drawn.draw(LEFT_EAR)
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="4 5 6 7"]')
    asked = []
    drawn.page.on("request", lambda r: asked.append(r.post_data_json["tiles"]) if "i2i/answer" in r.url else None)
    reload(drawn)
    drawn.wait('.tiles[data-seeds="4 5 6 7"]')
    assert asked == [[{"seed": seed} for seed in (4, 5, 6, 7)]]


def test_full_storage_keeps_the_drawing(drawn):
    strokes = drawn.strokes()
    drawn.page.evaluate(
        """() => {
            const set = Storage.prototype.setItem;
            Storage.prototype.setItem = function (key, text) {
                if (text.includes('papers')) throw new DOMException('full', 'QuotaExceededError');
                set.call(this, key, text);
            };
        }"""
    )
    drawn.draw(LEFT_EAR)
    drawn.pictures()
    reload(drawn)
    drawn.pictures()
    assert len(drawn.strokes()) == 2 and drawn.strokes()[0] == strokes[0]


# --- history, mixtures, models ---------------------------------------------------------------------------------------


def test_history_keeps_samples_whose_first_photo_is_locked(drawn):
    drawn.page.wait_for_timeout(600)  # until the first set is in history
    drawn.lock(1)
    for count, seeds in ((2, "0 4 5 6"), (3, "0 7 8 9")):
        drawn.press("New samples")
        drawn.wait(f'.tiles[data-seeds="{seeds}"]')
        drawn.page.wait_for_function("n => document.querySelectorAll('.past button').length === n", arg=count)
    drawn.press("More photos")  # which is no other place in history
    drawn.wait('.tiles[data-seeds="0 7 8 9 10"]')
    drawn.page.wait_for_timeout(800)
    assert drawn.page.locator(".past button").count() == 3


def test_a_mixture_is_what_the_large_view_saves_and_locks(drawn):
    plain = drawn.pictures()[0]
    mixed = mix(drawn)
    assert drawn.page.inner_text(".view .what") == "A mixture of photos 1 and 3"
    with drawn.page.expect_download() as caught:
        drawn.page.click(".view [data-do=photo]")
    saved = Image.open(caught.value.path()).convert("RGB").getpixel((3, 3))
    drawn.page.click(".view [data-do=lock]")
    drawn.wait('.tiles[data-seeds="~ 1 2 3"]')
    assert drawn.pictures()[0] == mixed != plain
    assert drawn.tile(1, ".lock").get_attribute("aria-pressed") == "true"
    shown = drawn.page.evaluate(
        """async () => {
            const image = document.querySelector('.grid img'), canvas = document.createElement('canvas');
            canvas.getContext('2d').drawImage(image, 0, 0);
            return [...canvas.getContext('2d').getImageData(3, 3, 1, 1).data].slice(0, 3);
        }"""
    )
    assert max(abs(a - b) for a, b in zip(saved, shown, strict=True)) < 8  # the one on the page is a JPEG


def test_a_mixture_waits_for_its_model(drawn):
    mixed = mix(drawn)
    drawn.press("Keep")
    drawn.wait('.tiles[data-seeds="~ 1 2 3"]')
    choose(drawn, "other")
    drawn.pictures()
    assert "~" not in drawn.seeds()
    choose(drawn, "edges2cats")
    assert drawn.pictures()[0] == mixed and drawn.seeds().startswith("~ ")
    assert drawn.tile(1, ".lock").get_attribute("aria-pressed") == "true"


def test_a_mixture_that_was_given_up_stays_away(drawn):
    mix(drawn)
    drawn.press("Keep")
    drawn.wait('.tiles[data-seeds="~ 1 2 3"]')
    choose(drawn, "other")
    drawn.pictures()
    choose(drawn, "edges2cats")
    drawn.wait('.tiles[data-seeds^="~ "]')
    drawn.lock(1)
    drawn.press("New samples")
    drawn.page.wait_for_function("!document.querySelector('.tiles').dataset.seeds.includes('~')")
    seeds = drawn.seeds()
    for model in ("other", "edges2cats"):
        choose(drawn, model)
        drawn.pictures()
    assert drawn.seeds() == seeds


def test_a_mixture_waits_while_history_shows_another_model(drawn):
    choose(drawn, "other")
    drawn.pictures()
    drawn.page.wait_for_timeout(600)  # until it is in history
    choose(drawn, "edges2cats")
    drawn.pictures()
    mixed = mix(drawn)
    drawn.press("Keep")
    drawn.page.wait_for_function("document.querySelector('.tiles').dataset.seeds.startsWith('~')")
    drawn.page.wait_for_timeout(600)
    drawn.page.locator('.past button[aria-label*="other"]').first.click()
    drawn.page.wait_for_function("document.querySelector('.model select').value === 'other'")
    drawn.pictures()
    choose(drawn, "edges2cats")
    assert drawn.pictures()[0] == mixed


# --- what is not answered yet ----------------------------------------------------------------------------------------


def test_what_is_saved_holds_the_newest_strokes(drawn):
    held, late = [], True
    drawn.page.route("**/i2i/answer", lambda route: held.append(route) if late else route.continue_())
    drawn.draw(LEFT_EAR)
    with drawn.page.expect_download() as caught:
        drawn.page.keyboard.press("s")
    state = state_of(caught.value.path().read_bytes())
    assert state["strokes"] == drawn.strokes() and len(state["strokes"]) == 2
    assert [tile["seed"] for tile in state["tiles"]] == [0, 1, 2, 3]
    late = False
    for route in held:
        route.continue_()
    drawn.pictures()


# --- the address -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["lock", "model"])
def test_the_address_is_a_link_only_while_all_is_as_it_says(drawn, served, change):
    drawn.press("Link")
    drawn.page.wait_for_selector(".linked:not([hidden])")
    assert "drawing=" in drawn.page.url
    if change == "lock":
        drawn.lock(2)
    else:
        choose(drawn, "other")
        drawn.pictures()
    assert drawn.page.url == served and not drawn.page.is_visible(".linked")
    seeds = drawn.seeds()
    reload(drawn)
    drawn.pictures()
    assert drawn.seeds() == seeds
    if change == "lock":
        assert drawn.tile(2, ".lock").get_attribute("aria-pressed") == "true"
    else:
        assert drawn.page.input_value(".model select") == "other"


# --- a first look at every model -------------------------------------------------------------------------------------


def test_every_model_shows_what_an_example_becomes(open_page):
    page = open_page()
    titles = {page.page.title()}
    first = page.page.get_attribute(".grid img", "src")
    choose(page, "other")
    page.page.wait_for_selector(".tiles.showcase")
    titles.add(page.page.title())
    assert page.page.get_attribute(".grid img", "src") != first and len(titles) == 2
    # There is nothing to enlarge yet: the next stop after the example is no photo.
    assert page.page.eval_on_selector_all(".grid .open", "all => all.every(one => one.tabIndex === -1)")
    shown = page.page.eval_on_selector_all(".grid img", "images => images.map(i => i.src)")
    page.page.click(".example")
    assert page.pictures() == shown
    assert page.page.eval_on_selector_all(".grid .open", "all => all.every(one => one.tabIndex === 0)")


def test_a_label_model_asks_for_paint(open_page):
    page = open_page()
    choose(page, "facades")
    page.press("New samples")
    assert page.notice() == "Paint something first."


# --- keys ------------------------------------------------------------------------------------------------------------


def test_letters_work_after_a_slider(drawn):
    drawn.page.locator(".pad input[type=range]").first.focus()
    drawn.page.keyboard.press("n")
    drawn.wait('.tiles[data-seeds="4 5 6 7"]')


def test_what_a_key_says_comes_into_sight(open_page):
    page = open_page(viewport={"width": 390, "height": 600})
    page.draw(HEAD)
    page.pictures()
    page.page.evaluate("window.scrollTo(0, 0)")
    for number in range(4):
        page.page.evaluate(f"document.querySelectorAll('.grid .lock')[{number}].click()")
    page.page.keyboard.press("n")
    assert "Every photo is locked" in page.notice()
    page.page.wait_for_function(
        "() => { const { top, bottom } = document.querySelector('.notice').getBoundingClientRect(); "
        "return top >= 0 && bottom <= innerHeight; }"
    )
