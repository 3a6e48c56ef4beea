"""What goes wrong while people draw, in a real browser: lost connections, reloads, palms, held keys, full paper."""

import base64
import io

import pytest
from fakes import LABELS
from page_user import HEAD, LEFT_EAR, RIGHT_EAR
from PIL import Image, ImageDraw

pytestmark = pytest.mark.browser


def png(picture: Image.Image) -> str:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def ring(ink, size=(256, 256), mode="RGB", ground="white") -> str:
    picture = Image.new(mode, size, ground)
    ImageDraw.Draw(picture).ellipse((60, 60, 190, 190), outline=ink, width=5)
    return png(picture)


def says(page, words: str) -> None:
    script = "words => document.querySelector('.pad .note').innerText.includes(words)"
    page.page.wait_for_function(script, arg=words)


def undo(page) -> None:
    page.page.keyboard.press("Control+z")


# --- a page that is loaded again -------------------------------------------------------------------------------------

def test_a_reload_loses_neither_drawing_nor_locks_nor_model(drawn):
    drawn.page.select_option(".model select", "other")
    drawn.pictures()
    drawn.lock(2)
    before, strokes = drawn.seeds(), drawn.strokes()
    drawn.page.reload()
    drawn.page.wait_for_selector(".tiles[data-ready]")
    drawn.pictures()
    assert drawn.strokes() == strokes and drawn.seeds() == before
    assert drawn.page.input_value(".model select") == "other"
    assert drawn.tile(2, ".lock").get_attribute("aria-pressed") == "true"
    undo(drawn)
    assert drawn.strokes() == []


def test_the_way_back_leads_to_the_drawing(drawn):
    strokes, address = drawn.strokes(), drawn.page.url
    drawn.page.goto(address + "gradio_api/info")
    drawn.page.go_back()
    drawn.page.wait_for_selector(".tiles[data-ready]")
    drawn.pictures()
    assert drawn.strokes() == strokes


def test_an_emptied_paper_stays_empty(drawn):
    drawn.page.keyboard.press("Delete")
    drawn.wait(".tiles[data-state=empty]")
    drawn.page.reload()
    drawn.page.wait_for_selector(".tiles[data-ready]")
    assert drawn.strokes() == []


def test_a_link_comes_before_what_the_tab_remembers(drawn):
    drawn.press("Link")
    drawn.page.wait_for_selector(".linked:not([hidden])")
    link, strokes = drawn.page.input_value(".linked input"), drawn.strokes()
    drawn.draw(LEFT_EAR)
    drawn.pictures()
    drawn.page.goto("about:blank")
    drawn.page.goto(link)
    drawn.page.wait_for_selector(".tiles[data-ready]")
    drawn.pictures()
    assert len(drawn.strokes()) == len(strokes) == 1


def test_another_tab_begins_empty(drawn, open_page):
    assert open_page().strokes() == []


# --- pictures from outside -------------------------------------------------------------------------------------------

def test_a_picture_given_without_a_connection_costs_nothing(drawn):
    strokes = drawn.strokes()
    drawn.page.evaluate("window.mark = true")
    drawn.context.set_offline(True)
    drawn.drop(ring("black"))
    says(drawn, "The server cannot be reached")
    drawn.context.set_offline(False)
    drawn.page.wait_for_timeout(1500)  # in which Gradio would have loaded the page anew
    assert drawn.page.evaluate("window.mark") and drawn.strokes() == strokes
    drawn.drop(ring("black"))
    says(drawn, "Read as a sketch")
    assert drawn.strokes() != strokes
    drawn.problems.clear()  # the browser writes the failed request into its console


@pytest.mark.parametrize("ink", ["white", "black"])
def test_lines_on_nothing_are_lines(open_page, ink):
    page = open_page()
    page.drop(ring(ink, mode="RGBA", ground=(0, 0, 0, 0)))
    says(page, "Read as a sketch")
    assert page.strokes()


def test_a_picture_of_unknown_type_is_tried(open_page):
    page = open_page()
    page.drop(ring("black"), kind="")
    says(page, "Read as a sketch")
    page.drop(base64.b64encode(b"no picture").decode(), name="notes", kind="")
    says(page, "notes could not be read")


def test_a_picture_stays_on_the_paper_that_it_was_meant_for(open_page):
    page = open_page()
    page.page.route("**/i2i/read", lambda route: (page.page.wait_for_timeout(600), route.continue_()))
    page.drop(ring("black"))
    says(page, "Reading the sketch")
    page.page.select_option(".model select", "facades")
    says(page, "The sketch lies on the paper that it was meant for")
    assert page.strokes() == []
    page.page.select_option(".model select", "edges2cats")
    page.page.wait_for_function("document.querySelector('.pad').drawing.get().length > 0")
    page.pictures()


def test_a_style_waits_for_the_model_that_it_was_read_for(drawn, tmp_path):
    Image.new("RGB", (300, 200), (250, 40, 40)).save(tmp_path / "red.jpg")
    held, asked = [], []
    drawn.page.route("**/i2i/style", lambda route: route.continue_() if held else held.append(route))
    drawn.page.on("request", lambda r: asked.append(r.post_data_json["model"]) if "i2i/style" in r.url else None)
    with drawn.page.expect_request("**/i2i/style"):
        drawn.page.set_input_files(".tiles .picker", [tmp_path / "red.jpg", tmp_path / "red.jpg"])
    drawn.page.select_option(".model select", "other")
    drawn.wait('.tiles[data-seeds="7 2 30 4"]')
    held[0].continue_()
    drawn.page.wait_for_function("document.querySelector('.notice').textContent.includes('strip of edges2cats')")
    assert asked == ["edges2cats", "edges2cats"]
    assert drawn.seeds() == "7 2 30 4" and not drawn.page.is_visible(".references")
    drawn.page.select_option(".model select", "edges2cats")
    drawn.page.wait_for_selector(".references:not([hidden])")
    assert drawn.page.locator(".chip").count() == 2


def label_map(door: tuple[int, int, int, int] | None) -> str:
    """A door on nothing."""
    picture = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    if door:
        ImageDraw.Draw(picture).rectangle(door, fill=(*LABELS["colours"][2], 255))
    return png(picture)


def test_clear_pixels_of_a_label_map_are_the_empty_paper(open_page):
    page = open_page()
    page.page.select_option(".model select", "facades")
    page.drop(label_map((64, 64, 127, 127)))
    page.pictures()
    assert page.strokes() and not page.page.is_visible(".pad .note")
    shown = page.page.evaluate("document.querySelector('.pad').drawing.image()")
    picture = Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2]))).convert("RGB")
    ground, _, door = (tuple(colour) for colour in LABELS["colours"])
    assert picture.getpixel((20, 20)) == ground and picture.getpixel((96, 96)) == door


def test_a_label_map_of_nothing_but_background_says_so(open_page):
    page = open_page()
    page.page.select_option(".model select", "facades")
    page.draw(HEAD)
    page.pictures()
    page.drop(label_map(None))
    says(page, "All of it is background")
    assert page.strokes() == []
    undo(page)
    assert len(page.strokes()) == 1


# --- pointers --------------------------------------------------------------------------------------------------------

def pointer(page, kind: str, event: str, x: float, y: float, number: int) -> None:
    """A pointer event as the browser makes it, of a pen or a finger, which Playwright's mouse is not."""
    x, y = page.place(x, y)
    page.page.evaluate(
        """([kind, event, x, y, id]) => {
            const canvas = document.querySelector('.pad canvas');
            canvas.setPointerCapture = () => {};
            canvas.dispatchEvent(new PointerEvent(event, {
                pointerType: kind, pointerId: id, clientX: x, clientY: y, button: 0, pressure: 0.5, bubbles: true,
                cancelable: true,
            }));
        }""",
        [kind, event, x, y, number],
    )


def test_a_pen_draws_though_the_palm_came_first(open_page):
    page = open_page()
    pointer(page, "touch", "pointerdown", 0.8, 0.9, 5)
    pointer(page, "pen", "pointerdown", 0.3, 0.3, 9)
    for k in range(1, 5):
        pointer(page, "pen", "pointermove", 0.3 + 0.05 * k, 0.3 + 0.04 * k, 9)
    pointer(page, "pen", "pointerup", 0.5, 0.46, 9)
    pointer(page, "touch", "pointerup", 0.8, 0.9, 5)
    (stroke,) = page.strokes()
    assert all(point[1] < 0.6 * 256 for point in stroke["points"])


def test_a_touch_that_the_system_takes_back_leaves_no_dot(open_page):
    page = open_page()
    pointer(page, "touch", "pointerdown", 0.8, 0.9, 5)
    pointer(page, "touch", "pointercancel", 0.8, 0.9, 5)
    assert page.strokes() == []


# --- keys ------------------------------------------------------------------------------------------------------------

def test_the_space_bar_moves_the_paper_after_a_click_on_a_button(drawn):
    for _ in range(3):
        drawn.page.click('.pad [data-do="zoom-in"]')
    zoom, strokes = drawn.page.get_attribute(".pad", "data-zoom"), drawn.strokes()
    drawn.page.keyboard.down(" ")
    drawn.draw([(0.4, 0.4), (0.6, 0.6)])
    drawn.page.keyboard.up(" ")
    assert drawn.strokes() == strokes and drawn.page.get_attribute(".pad", "data-zoom") == zoom


def test_a_button_pressed_by_the_keyboard_keeps_the_focus(drawn):
    drawn.page.focus('.pad [data-do="mirror"]')
    drawn.page.keyboard.press("Enter")
    assert drawn.page.evaluate("document.activeElement.dataset.do") == "mirror"


def test_undo_works_on_the_model_menu_and_letters_do_not(drawn):
    drawn.page.focus(".model select")
    drawn.page.keyboard.press("Delete")
    assert len(drawn.strokes()) == 1
    undo(drawn)
    assert drawn.strokes() == []


def test_backspace_on_a_slider_leaves_the_drawing(drawn):
    drawn.page.focus(".pad .width")
    for key in ("Backspace", "Delete"):
        drawn.page.keyboard.press(key)
    assert len(drawn.strokes()) == 1


def test_a_key_that_is_held_down_acts_once(drawn):
    asked = []
    drawn.page.on("request", lambda r: asked.append(r.url) if r.url.endswith("i2i/save") else None)
    with drawn.page.expect_download():
        for _ in range(5):
            drawn.page.keyboard.down("s")
    drawn.page.keyboard.up("s")
    for _ in range(5):
        drawn.page.keyboard.down("x")
    drawn.page.keyboard.up("x")
    undo(drawn)
    assert len(asked) == 1 and len(drawn.strokes()) == 1


def test_saving_and_a_replay_do_not_push_each_other_out(drawn):
    drawn.draw(RIGHT_EAR)
    drawn.pictures()
    with drawn.page.expect_download():
        drawn.press("Save")
        drawn.press("Replay")
    drawn.page.wait_for_selector(".replay img:not([hidden])")


# --- the paper -------------------------------------------------------------------------------------------------------

def test_a_full_paper_says_so_and_keeps_what_is_on_it(open_page):
    page = open_page()
    many = [{"tool": "pen", "points": [[k % 200 + 10, k // 200 * 10 + 10]], "width": 1.25} for k in range(4000)]
    page.page.evaluate("strokes => document.querySelector('.pad').drawing.set(strokes)", many)
    page.draw(LEFT_EAR)
    says(page, "The paper is full")
    assert len(page.strokes()) == 4000
    undo(page)
    page.draw(HEAD)
    assert len(page.strokes()) == 1


def test_a_wide_pen_far_outside_paints_no_band_along_the_edge(open_page):
    page = open_page()
    page.page.select_option(".model select", "facades")
    script = "slider => { slider.value = 64; slider.dispatchEvent(new Event('input')); }"
    page.page.eval_on_selector(".pad .width", script)
    page.draw([(0.3, 0.1), (-0.4, 0.2), (-0.4, 0.8), (0.3, 0.9)])
    shown = page.page.evaluate("document.querySelector('.pad').drawing.image()")
    picture = Image.open(io.BytesIO(base64.b64decode(shown.partition(",")[2]))).convert("RGB")
    middle = picture.height // 2
    assert picture.getpixel((1, middle)) == picture.getpixel((picture.width - 2, middle))


def test_a_screen_reader_hears_of_finished_answers_alone(drawn):
    assert "4 photos" in drawn.page.inner_text(".tiles .spoken")
    assert drawn.page.get_attribute(".tiles .status", "role") is None
    before = drawn.page.inner_text(".tiles .spoken")
    drawn.press("New samples")
    drawn.pictures()
    assert drawn.page.inner_text(".tiles .spoken") != before  # the same words would not be said again


def test_earlier_drawings_have_names_of_their_own(drawn):
    drawn.page.wait_for_selector(".past button", state="attached")
    drawn.draw(LEFT_EAR)
    drawn.pictures()
    drawn.page.wait_for_selector(".past button:nth-child(2)")
    names = drawn.page.eval_on_selector_all(".past button", "all => all.map(b => b.getAttribute('aria-label'))")
    assert names == [f"An earlier drawing, edges2cats, {count}: bring it back" for count in ("2 strokes", "1 stroke")]


def test_earlier_drawings_that_the_same_words_tell_of_are_numbered(drawn):
    drawn.page.wait_for_selector(".past button", state="attached")
    drawn.press("New samples")
    drawn.wait('.tiles[data-seeds="4 5 6 7"]')
    drawn.page.wait_for_selector(".past button:nth-child(2)")
    names = drawn.page.eval_on_selector_all(".past button", "all => all.map(b => b.getAttribute('aria-label'))")
    assert names == [f"An earlier drawing, edges2cats, 1 stroke{nth}: bring it back" for nth in (", number 2", "")]
