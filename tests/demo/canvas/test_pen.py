"""The drawing surface in a real browser: pen, eraser, shapes, history, zoom."""

import math

import numpy as np
import pytest
from canvas_page import CIRCLE, Paper, near
from test_strokes import scribble

from demo import strokes as S

pytestmark = pytest.mark.browser


# --- the pen --------------------------------------------------------------------------------------------------


def test_a_stroke_arrives_whole(paper):
    paper.draw(*CIRCLE)
    drawing = paper.last()
    assert (drawing["final"], drawing["mode"], drawing["example"], drawing["sees"]) == (True, "edges", None, False)
    assert drawing["strokes"] == paper.strokes() == S.check(drawing["strokes"])
    (stroke,) = drawing["strokes"]
    assert set(stroke) == {"tool", "points"} and stroke["tool"] == "pen"
    assert all(near(stroke["points"], x, y) < 1 for x, y in CIRCLE)
    assert len(stroke["points"]) < 45  # what lies on the way is left out
    picture = paper.image()
    assert picture.size == (256, 256) and picture.getpixel((0, 0)) == (255, 255, 255)
    assert picture.getpixel((128, 51))[0] < 128


def test_an_empty_paper_sends_no_picture(paper):
    assert paper.page.is_visible(".pad .hint")
    paper.draw((0.2, 0.2), (0.8, 0.8))
    assert not paper.page.is_visible(".pad .hint")
    paper.press("undo")
    assert paper.last()["strokes"] == [] and paper.image() is None


def test_a_dot(paper):
    paper.click(0.5, 0.5)
    assert [stroke["points"] for stroke in paper.strokes()] == [[[128, 128]]]
    assert paper.image().getpixel((128, 128))[0] < 128


def test_undo_redo_and_clear_have_no_end(paper):
    for k in range(40):
        paper.set([{"tool": "line", "points": [[0, k], [200, k + 30]]}], send=False)
    paper.draw((0.1, 0.1), (0.9, 0.9))
    paper.press("clear")
    assert paper.strokes() == [] and not paper.page.is_enabled('[data-do="clear"]')
    paper.keys.press("Control+z")
    assert len(paper.strokes()) == 2
    for _ in range(40):
        paper.keys.press("Control+z")
    assert paper.strokes()[0]["points"][0] == [0, 0]
    for _ in range(39):
        paper.keys.press("Control+Shift+z")
    assert paper.strokes()[0]["points"][0] == [0, 39]
    paper.keys.press("Control+y")
    assert len(paper.strokes()) == 2
    paper.press("undo")
    paper.draw((0.1, 0.9), (0.9, 0.1))
    assert not paper.page.is_enabled('[data-do="redo"]')  # a new line ends what could be redone
    assert paper.last()["strokes"] == paper.strokes()


def test_width_and_smoothing(paper):
    paper.slide("width", 6)
    paper.draw((0.2, 0.5), (0.8, 0.5))
    assert paper.strokes()[0]["width"] == 6
    assert paper.image().getpixel((128, 130))[0] < 40
    zigzag = [(0.2 + 0.012 * k, 0.3 + 0.008 * (k % 2)) for k in range(25)]

    def wobble(smoothing: int) -> float:
        paper.slide("smoothing", smoothing)
        paper.draw(*zigzag)
        heights = [y for _, y in paper.strokes()[-1]["points"][3:-3]]
        return max(heights) - min(heights) if heights else 0

    assert wobble(0) > 1.5 > 2 * wobble(4)
    assert near(paper.strokes()[-1]["points"], *zigzag[-1]) < 0.5  # it still ends where the pen was lifted
    paper.keys.press("]")
    assert float(paper.page.input_value(".pad .width")) > 6


@pytest.mark.parametrize("first", [0.1, 0])
def test_a_pen_with_pressure(paper, first):
    """Some pens tell none in their first event."""
    script = """points => {
      const canvas = document.querySelector('.pad canvas'), box = canvas.getBoundingClientRect();
      canvas.setPointerCapture = () => undefined;      // there is no such pointer
      points.forEach(([x, y, pressure], i) => canvas.dispatchEvent(new PointerEvent(
        !i ? 'pointerdown' : i < points.length - 1 ? 'pointermove' : 'pointerup',
        { pointerId: 7, pointerType: 'pen', isPrimary: true, pressure, bubbles: true, cancelable: true,
          button: i ? -1 : 0, clientX: box.left + x * box.width, clientY: box.top + y * box.height })));
      delete canvas.setPointerCapture;
    }"""
    way = [[0.1 + 0.02 * k, 0.5 + 0.1 * math.sin(k), 0.1 + 0.02 * k] for k in range(40)]
    way[0][2] = first
    paper.slide("width", 8)
    paper.page.evaluate(script, [*way, [*way[-1][:2], 0]])
    (stroke,) = S.check(paper.strokes())
    assert stroke["widths"][0] < 5 and stroke["widths"][-1] > 8
    assert stroke["widths"] == sorted(stroke["widths"])


def test_escape_gives_up_the_stroke(paper):
    paper.draw((0.1, 0.1), (0.9, 0.1))
    paper.down([(0.1, 0.5), (0.9, 0.5)])
    paper.keys.press("Escape")
    paper.page.mouse.up()
    assert len(paper.strokes()) == 1
    drawing = paper.last()  # no preview of it stays
    assert drawing["final"] and len(drawing["strokes"]) == 1


# --- the other tools ------------------------------------------------------------------------------------------


def test_line_and_box_with_and_without_shift(paper):
    paper.press("line")
    paper.draw((0.1, 0.1), (0.4, 0.2), (0.5, 0.3))
    paper.press("rect")
    paper.draw((0.2, 0.6), (0.7, 0.9))
    paper.keys.down("Shift")
    paper.draw((0.6, 0.2), (0.7, 0.5))
    paper.press("line")
    paper.draw((0.1, 0.5), (0.4, 0.52))
    paper.keys.up("Shift")
    line, box, square, level = paper.strokes()
    assert line["tool"] == "line" and near(line["points"], 0.1, 0.1) < 0.5 and near(line["points"], 0.5, 0.3) < 0.5
    assert [stroke["tool"] for stroke in (box, square, level)] == ["rect", "rect", "line"]
    (x0, y0), (x1, y1) = square["points"]
    assert abs(x1 - x0) == abs(y1 - y0) > 20
    assert level["points"][0][1] == level["points"][1][1]
    picture = np.asarray(paper.image())[..., 0]
    assert picture[int(0.6 * 256) - 1 : int(0.6 * 256) + 2, 100].min() < 128 and picture[190, 100] == 255  # outline
    paper.click(0.9, 0.9)  # a click is neither
    assert len(paper.strokes()) == 4


def test_eraser_of_pixels(paper):
    paper.set([{"tool": "line", "points": [[20, 128], [236, 128]]}])
    paper.press("eraser")
    paper.slide("width", 20)
    paper.draw((0.5, 0.3), (0.5, 0.7))
    picture = np.asarray(paper.image())[..., 0]
    assert (picture[:, 120:136] == 255).all() and picture[127:129, 60].min() < 128
    assert paper.strokes()[-1]["tool"] == "eraser" and paper.strokes()[-1]["width"] == 20


def test_eraser_of_strokes(paper):
    lines = [{"tool": "line", "points": [[20, y], [236, y]]} for y in (40, 120, 200)]
    paper.set(lines)
    paper.press("eraser")
    paper.press("strokes")
    paper.draw((0.3, 0.1), (0.35, 0.55))  # across two of them
    assert paper.strokes() == lines[2:]
    paper.press("undo")  # one step, however many strokes
    assert paper.strokes() == lines
    paper.draw((0.5, 0.9), (0.6, 0.9))  # touches none
    assert paper.strokes() == lines and paper.page.is_enabled('[data-do="redo"]')
    paper.keys.press("e")
    assert paper.pressed("pixels")


def test_the_eraser_has_nothing_to_do_on_an_empty_paper(paper):
    sent = paper.page.get_attribute(".pad", "data-sent")
    paper.press("eraser")
    paper.draw((0.3, 0.1), (0.35, 0.55))
    assert paper.strokes() == [] and paper.page.get_attribute(".pad", "data-sent") == sent


def test_mirror_symmetry(paper):
    paper.press("mirror")
    paper.draw((0.2, 0.3), (0.3, 0.6), (0.4, 0.5))
    left, right = paper.strokes()
    assert right["points"] == [[256 - x, y] for x, y in left["points"]]
    paper.press("undo")
    assert paper.strokes() == []
    paper.press("line")
    paper.draw((0.5, 0.2), (0.5, 0.8))  # on the axis it is its own twin
    assert len(paper.strokes()) == 1
    paper.press("eraser")
    paper.press("strokes")
    paper.set(S.settle([left, right]))
    x, y = (c / 256 for c in left["points"][0])
    paper.click(x, y)
    assert paper.strokes() == []
    assert (paper.screen()[:, 254:258] != 255).any()  # the axis is seen, and not sent
    assert paper.image() is None


def test_examples_come_in_random_order_without_repetition(paper):
    names = [""]
    for _ in range(6):
        paper.press("example")
        drawing = paper.last()
        assert drawing["example"] != names[-1] and drawing["strokes"] == paper.strokes()
        names.append(drawing["example"])
    assert set(names[1:]) == {"0-line", "1-line", "2-line"}
    paper.draw((0.1, 0.1), (0.2, 0.4))
    assert paper.last()["example"] is None  # no longer that example
    paper.press("undo")
    assert paper.last()["example"] in names


# --- zoom -----------------------------------------------------------------------------------------------------


def test_zoom_and_move(paper):
    paper.press("zoom-in")
    paper.press("zoom-in")
    assert paper.zoom() == 200
    paper.draw((0.5, 0.5), (0.75, 0.5))  # the middle half of the paper is on screen
    assert near(paper.strokes()[0]["points"], 0.5, 0.5) < 0.3 and near(paper.strokes()[0]["points"], 0.625, 0.5) < 0.3
    paper.page.mouse.move(*paper.place(0.25, 0.25))
    paper.keys.down("Control")
    paper.page.mouse.wheel(0, -100)
    paper.keys.up("Control")
    paper.page.wait_for_function("Number(document.querySelector('.pad').dataset.zoom) > 250")
    zoom = paper.zoom() / 100
    assert zoom == pytest.approx(2 * 2**0.5, abs=0.02)
    paper.draw((0.25, 0.25), (0.3, 0.3))
    assert near(paper.strokes()[1]["points"], 0.375, 0.375) < 0.3  # what was under the wheel stayed there
    paper.keys.down("Space")
    paper.draw((0.4, 0.4), (0.6, 0.5))
    paper.keys.up("Space")
    assert len(paper.strokes()) == 2
    paper.draw((0.45, 0.35), (0.7, 0.7))
    assert near(paper.strokes()[2]["points"], 0.375, 0.375) < 0.3  # moved by (0.2, 0.1) of the screen
    paper.page.mouse.wheel(0, 200)  # a wheel alone moves
    paper.page.wait_for_function("true")
    paper.keys.press("0")
    assert paper.zoom() == 100
    shown = paper.screen()[..., 0]
    points = paper.strokes()[2]["points"]
    for x, y in points:
        row, column = round(y * 2), round(x * 2)
        assert shown[row - 2 : row + 3, column - 2 : column + 3].min() < 110


def test_what_is_sent_does_not_depend_on_the_zoom(paper):
    drawing = S.settle([scribble(20, k) for k in range(4)])
    paper.set(drawing)
    before = paper.image()
    paper.press("zoom-in")
    assert paper.image().tobytes() == before.tobytes()


@pytest.mark.parametrize("ratio", [1.5, 2, 3])
def test_the_pointer_is_exact_on_every_screen(chromium, served, ratio):
    paper = Paper(chromium, served[1], served[0], device_scale_factor=ratio, viewport={"width": 700, "height": 700})
    for action in (None, "zoom-in"):
        if action:
            paper.press(action)
        paper.press("line")
        paper.draw((0.31, 0.22), (0.77, 0.62))
        screen = paper.screen()[..., 0]
        side = screen.shape[0]
        box = paper.page.locator(".pad canvas").bounding_box()
        assert side == round(box["width"] * ratio)
        for share in (0, 0.25, 0.5, 0.75, 1):
            x, y = ((a + share * (b - a)) * side for a, b in ((0.31, 0.77), (0.22, 0.62)))
            around = screen[int(y - 1.5 * ratio) : int(y + 1.5 * ratio), int(x - 1.5 * ratio) : int(x + 1.5 * ratio)]
            assert around.min() < 110, (ratio, action, share)
    paper.context.close()
