"""The drawing surface for fingers, the keyboard, screen readers, small and dark screens."""

import re

import pytest
from canvas_page import CIRCLE, Paper, near

pytestmark = pytest.mark.browser


# --- fingers --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def phone(chromium, served):
    server, url = served
    screen = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2}
    paper = Paper(chromium, url, server, has_touch=True, is_mobile=True, **screen)
    touch = paper.context.new_cdp_session(paper.page)

    def fingers(kind: str, *places):
        spots = [dict(zip("xy", paper.place(*place), strict=True), id=i) for i, place in enumerate(places)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

    paper.fingers = fingers
    yield paper
    problems = paper.problems
    paper.context.close()
    assert not problems


def test_a_finger_draws_and_does_not_scroll(phone):
    phone.set([])
    phone.fingers("touchStart", CIRCLE[0])
    for place in CIRCLE[1:]:
        phone.fingers("touchMove", place)
    phone.fingers("touchEnd")
    (stroke,) = phone.strokes()
    assert all(near(stroke["points"], x, y) < 1 for x, y in CIRCLE)
    assert phone.page.evaluate("scrollY") == 0


def test_two_fingers_zoom_and_move_and_draw_nothing(phone):
    phone.set([])
    phone.fingers("touchStart", (0.4, 0.5))
    phone.fingers("touchMove", (0.41, 0.5))  # the first finger is always a little early
    phone.fingers("touchStart", (0.41, 0.5), (0.6, 0.5))
    for k in range(1, 9):
        phone.fingers("touchMove", (0.41 - 0.02 * k, 0.5), (0.6 + 0.02 * k, 0.5))
    phone.fingers("touchEnd")
    assert phone.strokes() == []
    assert phone.zoom() == pytest.approx(100 * 0.51 / 0.19, abs=3)
    phone.fingers("touchStart", (0.505, 0.5))
    phone.fingers("touchMove", (0.7, 0.8))
    phone.fingers("touchEnd")
    (stroke,) = phone.strokes()
    assert near(stroke["points"], 0.505, 0.5) < 1  # the place between the fingers stayed
    phone.press("zoom")
    assert phone.zoom() == 100


def test_a_third_finger_does_not_make_the_zoom_jump(phone):
    """One of two fingers is lifted while the edge of a palm lies there."""
    phone.set([])
    zooms = phone.page.evaluate(
        """() => {
          const canvas = document.querySelector('.pad canvas'), box = canvas.getBoundingClientRect();
          canvas.setPointerCapture = () => undefined;      // there are no such pointers
          const tell = (kind, id, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {
            pointerId: id, pointerType: 'touch', bubbles: true, cancelable: true, button: 0,
            clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
          const zoom = () => Number(document.querySelector('.pad').dataset.zoom);
          tell('pointerdown', 11, 0.4, 0.5);
          tell('pointerdown', 12, 0.6, 0.5);
          tell('pointermove', 11, 0.38, 0.5);
          tell('pointermove', 12, 0.62, 0.5);
          const found = [zoom()];
          tell('pointerdown', 13, 0.95, 0.9);
          tell('pointerup', 11, 0.38, 0.5);
          tell('pointermove', 12, 0.621, 0.5);
          found.push(zoom());
          for (const id of [12, 13]) tell('pointerup', id, 0.6, 0.5);
          delete canvas.setPointerCapture;
          return found;
        }"""
    )
    assert zooms[0] == pytest.approx(120, abs=2) and zooms[1] == zooms[0]
    assert phone.strokes() == []
    phone.press("zoom")


@pytest.mark.parametrize("mode", ["edges", "labels"])
def test_everything_fits_on_a_phone(phone, mode):
    phone.mode(mode)
    for tool in ("pen", "eraser"):
        phone.press(tool)
        layout = phone.page.evaluate(
            """() => ({wide: document.documentElement.scrollWidth,
               boxes: [...document.querySelectorAll('.pad button, .pad input[type=range]')].filter(b => b.offsetParent)
                 .map(b => { const r = b.getBoundingClientRect(); return [b.className + (b.dataset.do ?? b.title),
                   r.left, r.right, r.width, r.height, b.scrollWidth - b.clientWidth]; })})"""
        )
        assert layout["wide"] <= 360
        assert len(layout["boxes"]) > 12
        for name, left, right, width, height, hidden in layout["boxes"]:
            assert left >= 0 and right <= 360, name
            assert width >= 36 and height >= 36, (name, width, height)
            assert hidden <= 0, f"the words of {name} are cut off"
    phone.mode("edges")


# --- keys, words, looks ---------------------------------------------------------------------------------------


def test_every_shortcut_in_the_list_works(paper):
    paper.draw((0.1, 0.1), (0.5, 0.4))
    paper.keys.press("?")
    assert paper.page.locator("dialog.help").is_visible()
    listed = paper.page.inner_text("dialog.help")
    for words in ("Mirror", "Undo", "Redo", "Eraser", "Ctrl+Z", "Space", "Thinner"):
        assert words in listed
    paper.keys.press("Escape")
    assert not paper.page.locator("dialog.help").is_visible()
    paper.press("help")
    assert paper.page.locator("dialog.help").is_visible()
    paper.page.click("dialog.help .close")
    for key, tool in [("l", "line"), ("r", "rect"), ("e", "eraser"), ("b", "pen"), ("p", "pen")]:
        paper.keys.press(key)
        assert paper.tool() == tool
    paper.keys.press("m")
    assert paper.pressed("mirror")
    paper.keys.press("v")
    assert paper.pressed("sees")
    paper.keys.press("+")
    assert paper.zoom() > 100
    paper.keys.press("-")
    assert paper.zoom() == 100
    paper.keys.press("x")
    assert len(paper.strokes()) == 1 and paper.strokes()[0]["tool"] == "line"
    paper.keys.press("Delete")
    assert paper.strokes() == []


def test_keys_belong_to_fields_while_someone_types(paper):
    paper.draw((0.1, 0.1), (0.5, 0.4))
    paper.page.evaluate("document.body.append(Object.assign(document.createElement('input'), { id: 'field' }))")
    paper.page.focus("#field")
    paper.keys.type("em")
    paper.keys.press("Control+z")
    paper.keys.press("Delete")
    assert paper.tool() == "pen" and not paper.pressed("mirror") and len(paper.strokes()) == 1
    paper.page.evaluate("document.getElementById('field').remove()")
    paper.press("help")
    paper.page.uncheck("dialog.help .letters")
    paper.page.click("dialog.help .close")
    paper.keys.press("m")
    assert not paper.pressed("mirror")
    paper.press("help")
    paper.page.check("dialog.help .letters")
    paper.page.click("dialog.help .close")


def test_names_for_a_screen_reader(labels):
    page = labels.page
    nameless = page.eval_on_selector_all(
        ".pad button, .pad input, .pad canvas",
        """all => all.filter(e => e.offsetParent && !(e.getAttribute('aria-label') || e.closest('label')?.textContent
           || e.textContent.trim())).map(e => e.outerHTML)""",
    )
    assert nameless == []
    for name in ("Pen", "Eraser", "Line", "Box", "Fill", "Pick", "Mirror", "Undo", "Redo", "Clear"):
        assert page.get_by_role("button", name=name, exact=True).count() == 1
    for name in ("ground", "wall", "window", "door"):
        assert page.get_by_role("radio", name=re.compile(name)).count() == 1
    labels.draw((0.1, 0.1), (0.5, 0.4))
    labels.press("undo")
    assert page.inner_text(".pad .spoken") == "Undone: 0 strokes on the paper"
    page.focus('.pad button[data-do="pen"]')
    labels.keys.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.do") == "eraser"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_words_on_buttons(chromium, served, scheme):
    paper = Paper(chromium, served[1], served[0], color_scheme=scheme)
    shown = paper.page.eval_on_selector_all(
        ".pad .tools button, .pad .start button",
        """all => all.filter(b => !b.disabled && b.offsetParent).map(b => {
             const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
             const rgb = colour => { probe.clearRect(0, 0, 1, 1); probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
               return [...probe.getImageData(0, 0, 1, 1).data]; };
             const style = getComputedStyle(b);
             return [b.dataset.do, rgb(style.color), rgb(style.backgroundColor)]; })""",
    )

    def light(rgb):
        return sum(w * ((c / 255 + 0.055) / 1.055) ** 2.4 for w, c in zip((0.2126, 0.7152, 0.0722), rgb, strict=False))

    assert len(shown) > 8
    for name, words, ground in shown:
        bright, dim = sorted((light(words), light(ground)), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) > 4.5, name
    assert (paper.screen() == 255).all()  # the paper is white in both
    paper.context.close()
