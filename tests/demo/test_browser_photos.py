"""Drawing and photos in a real browser, answered by stand-in models: what people see, click, lock, mix and get back."""

import base64
import io

import numpy as np
import pytest
from page_user import HEAD, LEFT_EAR
from PIL import Image

pytestmark = pytest.mark.browser


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
