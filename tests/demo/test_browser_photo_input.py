"""Photos on the paper in a real browser, with a tiny CycleGAN: what people give, draw on, turn round and save."""

import base64
import io

import numpy as np
import pytest
from fakes import FakeTranslator
from photo_models import loaded, make_cyclegan, page_of, photo, png_bytes
from PIL import Image

from demo.metadata import state_of
from demo.permalink import read_fragment

pytestmark = pytest.mark.browser

SPOTS = {"name": "spots.png", "mimeType": "image/png", "buffer": png_bytes(photo(5, 300, 200))}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address of a page with a CycleGAN of photos, one that starts from label maps, and stand-ins for drawings
    and for photos with a hole."""
    folder = tmp_path_factory.mktemp("models")
    translators = {
        "cats": loaded(make_cyclegan(folder / "cats")),
        "houses": loaded(make_cyclegan(folder / "houses", labels=True)),
        "edges2cats": FakeTranslator(),
        "holes": FakeTranslator("holes", {"input": {"kind": "photo", "hole": [255, 255, 255]}}, kind="photo"),
    }
    with page_of(translators) as address:
        yield address


@pytest.fixture
def given(open_page):
    """The page with a photo on the paper, answered."""
    page = open_page()
    page.page.set_input_files(".pad .picker", SPOTS)
    page.pictures()
    return page


def captions(page) -> list[str]:
    return page.page.eval_on_selector_all(".grid figcaption", "captions => captions.map(c => c.textContent)")


def paper(page) -> np.ndarray:
    """What the paper shows, as the script hands it out."""
    url = page.page.evaluate("document.querySelector('.pad').drawing.image()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"), float)


def test_a_photo_and_beside_its_translation_the_way_back(open_page):
    page = open_page()
    assert page.page.inner_text("h1") == "Red cats to grey cats, and back"
    with page.page.expect_file_chooser() as chooser:
        page.press("Choose a photo or drop or paste one here")
    chooser.value.set_files([SPOTS])
    assert len(set(page.pictures())) == 2
    assert captions(page) == ["grey cats", "back to red cats"]
    middle = np.asarray(photo(5, 300, 200).crop((50, 0, 250, 200)).resize((256, 256)), float)
    assert np.abs(paper(page) - middle).mean() < 8
    assert "middle of the photo" in page.page.inner_text(".pad .note")
    for name in ("New samples", "Fewer photos"):  # there is no noise: nothing else could come
        assert not page.page.get_by_role("button", name=name).is_visible()


def test_photos_come_by_drop_and_from_the_shelf(open_page):
    page = open_page()
    page.drop(base64.b64encode(SPOTS["buffer"]).decode())
    dropped = page.pictures()
    page.page.click(".shelf button:nth-child(2)")
    shelf = page.pictures()
    assert shelf != dropped
    page.press("Undo")
    assert page.pictures() == dropped
    page.drop(base64.b64encode(b"words").decode(), "words.txt", "text/plain")
    page.page.wait_for_selector(".pad .note.alarm")
    assert "words.txt is not a picture" in page.page.inner_text(".pad .note")


def test_drawing_on_a_photo_and_taking_it_away_again(given):
    plain, ground = given.pictures(), paper(given)
    given.page.click('.swatches [aria-label="red"]')
    given.draw([(0.2, 0.5), (0.8, 0.5)])
    inked = given.pictures()
    assert inked != plain and (np.abs(paper(given)[128, 128] - (192, 57, 43)) < 12).all()
    given.press("Eraser")
    given.draw([(0.1, 0.5), (0.9, 0.5)])
    assert given.pictures() == plain and np.abs(paper(given) - ground).max() < 3
    given.press("Undo")
    assert given.pictures() == inked
    given.press("Clear")
    assert given.pictures() == plain
    given.press("Clear")
    given.wait(".tiles[data-state=empty]")
    assert given.page.is_visible(".pad .choose") and "Choose a photo" in given.page.inner_text(".invite")
    given.page.keyboard.press("Control+z")
    assert given.pictures() == plain


def test_a_colour_from_the_photo(given):
    given.press("Pick")
    given.page.mouse.click(*given.place(0.3, 0.3))
    ink = given.page.input_value(".own input")
    want = paper(given)[76, 76]
    assert np.abs(np.array([int(ink[i : i + 2], 16) for i in (1, 3, 5)]) - want).max() < 10
    given.draw([(0.6, 0.6), (0.9, 0.9)])
    given.pictures()
    assert given.strokes()[0]["color"] == ink


def test_keys_work_after_a_colour_was_chosen(given):
    given.page.fill(".own input", "#20a0c0")
    given.draw([(0.2, 0.5), (0.8, 0.5)])
    given.page.focus(".own input")
    given.page.keyboard.press("Control+z")
    assert given.strokes() == []
    given.page.keyboard.press("e")
    assert given.page.get_attribute(".pad", "data-tool") == "eraser"
    with given.page.expect_download():
        given.page.keyboard.press("s")


def test_the_other_direction(given):
    there = given.pictures()
    shelf = given.page.locator(".shelf button").count()
    given.page.get_by_role("radio", name="grey cats → red cats").click()
    back = given.pictures()
    assert not set(back) & set(there)
    assert captions(given) == ["red cats", "back to grey cats"]
    given.page.wait_for_function("count => document.querySelectorAll('.shelf button').length !== count", arg=shelf)
    given.tile(1).click()
    assert given.page.inner_text(".view .what") == "cats · grey cats to red cats"
    given.press("Onto the paper")  # and round again
    chosen = "document.querySelector('.ways [aria-checked=true]').textContent"
    given.page.wait_for_function(f"{chosen} === 'red cats → grey cats'")
    assert not set(given.pictures()) & set(back)
    given.press("Undo")  # the photo before, in the direction that it was answered in
    given.page.wait_for_function(f"{chosen} === 'grey cats → red cats'")
    assert given.pictures() == back


def test_a_photo_that_is_chosen_is_seen_in_the_direction_that_is_chosen(given):
    """Not in the one in which it was on the paper last: that is for undo."""
    ways = given.page.locator(".ways button")
    given.page.click(".shelf button:nth-child(1)")
    there = given.pictures()
    ways.nth(1).click()  # the same photo, the other way round
    given.page.wait_for_selector(".ways button:nth-child(2)[aria-checked=true]")
    assert given.pictures() != there
    given.page.click(".shelf button:nth-child(1)")
    given.pictures()
    ways.nth(0).click()
    given.pictures()
    given.page.click(".shelf button:nth-child(1)")
    assert given.pictures() == there
    assert ways.nth(0).get_attribute("aria-checked") == "true"


def test_examples_come_when_a_lost_server_is_back(open_page):
    page = open_page()
    refused = []

    def answer(route):
        if len(refused) < 2:
            refused.append(route.request.url)
            return route.abort()
        return route.continue_()

    page.page.route("**/i2i/examples", answer)
    page.page.select_option(".model select", "houses")
    page.page.click(".ways button:nth-child(2)")
    for _ in range(200):
        page.page.wait_for_timeout(100)
        if len(refused) == 2:
            break
    assert page.page.locator(".shelf button").count() == 0  # nor those of the model before
    page.page.wait_for_selector(".shelf button")
    assert len(refused) == 2
    page.problems.clear()  # the browser's own words about the requests that were refused


def test_a_saved_file_brings_photo_drawing_and_direction_back(given, open_page):
    given.page.get_by_role("radio", name="grey cats → red cats").click()
    given.draw([(0.2, 0.3), (0.8, 0.6)])
    shown = given.pictures()
    given.press("Link")
    assert "no photo" in given.notice() and "PNG" in given.notice()
    with given.page.expect_download() as waiting:
        given.press("Save")
    with open(waiting.value.path(), "rb") as file:
        saved = file.read()
    assert state_of(saved)["photo"].startswith("data:image/jpeg")
    other = open_page()
    other.drop(base64.b64encode(saved).decode())
    assert other.pictures() == shown
    assert len(other.strokes()) == 1 and captions(other)[0] == "red cats"


def test_a_direction_that_starts_from_a_label_map(given):
    given.page.select_option(".model select", "houses")
    given.wait(".tiles[data-state=empty]")
    assert given.page.get_attribute(".pad", "data-mode") == "labels"
    given.draw([(0.2, 0.5), (0.8, 0.5)])
    painted = given.pictures()
    given.page.click(".ways button:nth-child(2)")
    assert given.page.get_attribute(".pad", "data-mode") == "photo"  # the photo is still there
    assert given.pictures() != painted
    given.page.select_option(".model select", "edges2cats")
    given.wait(".tiles[data-state=empty]")
    given.draw([(0.2, 0.5), (0.8, 0.5)])
    assert len(given.pictures()) == 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(open_page, scheme):
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, color_scheme=scheme)
    page.page.set_input_files(".pad .picker", SPOTS)
    page.pictures()
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 360
    for selector in (".swatches button", ".shelf button", ".ways button", ".grid figure"):
        boxes = [one.bounding_box() for one in page.page.locator(selector).all()]
        assert boxes and all(box["width"] >= 24 and box["height"] >= 24 for box in boxes)


def test_the_pen_has_the_colour_of_the_hole_that_a_model_wants(open_page):
    page = open_page()
    find = "document.querySelector('.pad "
    chosen = f"{find}[aria-checked=true]').title + {find}.width').value"
    before = page.page.evaluate(chosen)
    page.page.select_option(".model select", "holes")
    assert "paint a hole" in page.page.inner_text("#title") and page.page.evaluate(chosen) == "white, key 232"
    page.page.set_input_files(".pad .picker", SPOTS)
    page.pictures()
    page.draw([(0.5, 0.5), (0.5, 0.5)])
    page.pictures()
    assert paper(page)[124:132, 124:132].min() > 245
    page.page.select_option(".model select", "cats")
    assert page.page.evaluate(chosen) == before == "black, key 16"


def test_a_link_of_a_painted_map_brings_its_direction_back(open_page):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.page.select_option(".model select", "houses")
    page.draw([(0.2, 0.2), (0.8, 0.8)])
    answered = page.pictures()
    page.page.click("[data-do=link]")
    page.page.wait_for_selector(".linked:not([hidden])")
    fragment = "#" + page.page.input_value(".linked input").split("#")[1]
    assert read_fragment(fragment)["direction"] == "AtoB"
    other = open_page(fragment)
    assert other.page.input_value(".model select") == "houses" and other.pictures() == answered
    assert captions(other) == captions(page) and other.page.locator(".notice").is_hidden()


@pytest.mark.parametrize("width", [320, 390])
def test_inks_are_large_enough_for_a_finger(open_page, width):
    page = open_page(viewport={"width": width, "height": 740}, has_touch=True, is_mobile=True)
    boxes = [one.bounding_box() for one in page.page.locator(".swatches > *").all()]
    assert len(boxes) == 11 and all(min(box["width"], box["height"]) >= 30 for box in boxes)
    assert all(0 <= box["x"] and box["x"] + box["width"] <= width for box in boxes)
