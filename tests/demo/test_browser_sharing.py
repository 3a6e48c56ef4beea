"""What leaves the page and comes back, in a real browser: saved files, the replay, links."""

import base64
import io

import pytest
from page_user import HEAD, LEFT_EAR, RIGHT_EAR
from PIL import Image, ImageChops, ImageStat

from demo.metadata import png_of, state_of
from demo.permalink import link_fragment, read_fragment

pytestmark = pytest.mark.browser

CROSS = [{"tool": "pen", "points": [[20, 20], [200, 220]]}, {"tool": "pen", "points": [[200, 20], [20, 220]]}]
STATE = {
    "model": "edges2cats", "weights": "0123abcd", "strokes": CROSS,
    "tiles": [{"seed": 40}, {"seed": 7, "locked": True}, {"seed": 9}],
}  # fmt: skip


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


def test_who_wants_less_motion_gets_a_still_picture_and_a_button(open_page):
    page = open_page(reduced_motion="reduce")
    page.draw(HEAD)
    page.pictures()
    page.press("Replay")
    page.page.wait_for_selector(".replay .play:visible")
    source = ".replay img"
    still = page.page.get_attribute(source, "src")
    assert still.startswith("data:image/jpeg")
    page.press("Play")
    assert page.page.get_attribute(source, "src").startswith("data:image/webp")
    page.press("Stop")
    assert page.page.get_attribute(source, "src") == still
    with page.page.expect_download() as caught:
        page.press("Save as WebP")
    movie = Image.open(caught.value.path())
    movie.seek(movie.n_frames - 1)
    picture = Image.open(io.BytesIO(base64.b64decode(still.split(",")[1])))
    assert picture.size == movie.size
    assert max(ImageStat.Stat(ImageChops.difference(picture, movie.convert("RGB"))).mean) < 4


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
    "damage",
    [
        lambda text: text[:-4],
        lambda text: text.replace("tiles=40", "tiles=x"),
        lambda text: text.replace("tiles=40", "tiles=40@%25E0%25A4"),
        lambda text: text + "&v=2",
    ],
)
def test_a_damaged_link_is_told_in_words(open_page, damage):
    page = open_page("#" + damage(link_fragment(STATE)).replace("&v=1&v=2", "&v=2"))
    assert "link" in page.notice().lower()
    assert page.page.is_visible(".example")  # the page works as ever


def test_a_link_opened_in_the_same_tab(drawn):
    drawn.page.evaluate("hash => { location.hash = hash; }", link_fragment(STATE))
    drawn.wait('.tiles[data-seeds="40 7 9"]')
    assert drawn.strokes() == CROSS


def test_a_link_in_colours_that_a_model_no_longer_has_changes_nothing(drawn):
    before = drawn.pictures()
    house = [{"tool": "rect", "points": [[30, 30], [200, 200]], "color": "#123456", "filled": True}]
    state = STATE | {"model": "facades", "weights": "76543210", "strokes": house}
    drawn.page.evaluate("hash => { location.hash = hash; }", link_fragment(state))
    assert "#123456, which is not in the palette" in drawn.notice()
    assert drawn.page.input_value(".model select") == "edges2cats"
    assert drawn.pictures() == before and drawn.seeds() == "0 1 2 3"
