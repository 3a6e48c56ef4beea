"""Label maps in a real browser, and that the server paints and links what the canvas shows."""

import numpy as np
import pytest
from canvas_page import CIRCLE, COLOURS, colours_of
from test_strokes import EVERYTHING, LINK, scribble

from demo import strokes as S

pytestmark = pytest.mark.browser


# --- label maps -----------------------------------------------------------------------------------------------


def test_label_maps_hold_the_palette_and_nothing_else(labels):
    labels.page.click('.swatches button[data-index="2"]')
    labels.draw(*CIRCLE)
    labels.keys.press("4")
    labels.press("line")
    labels.draw((0.1, 0.2), (0.9, 0.67))
    labels.press("rect")
    labels.draw((0.6, 0.6), (0.9, 0.9))
    drawing = labels.last()
    assert drawing["mode"] == "labels"
    assert [stroke.get("color") for stroke in drawing["strokes"]] == [COLOURS[2], COLOURS[3], COLOURS[3]]
    assert drawing["strokes"][2]["filled"] is True
    assert set(colours_of(labels.image())) == {COLOURS[0], COLOURS[2], COLOURS[3]}
    on_screen = {"#" + bytes(rgb).hex() for rgb in np.unique(labels.screen().reshape(-1, 3), axis=0).tolist()}
    assert on_screen == {COLOURS[0], COLOURS[2], COLOURS[3]}


def test_fill_eyedropper_and_eraser(labels):
    labels.keys.press("2")
    labels.press("rect")
    labels.draw((0.25, 0.25), (0.75, 0.75))
    labels.keys.press("4")
    labels.press("fill")
    labels.click(0.5, 0.5)
    counts = colours_of(labels.image())
    assert counts[COLOURS[3]] == pytest.approx(128 * 128, rel=0.03) and COLOURS[1] not in counts
    labels.keys.press("3")
    labels.press("pick")
    labels.click(0.5, 0.5)
    assert labels.page.get_attribute('.swatches button[aria-checked="true"]', "data-index") == "3"
    assert labels.tool() == "fill"  # back to what was used before
    labels.press("pen")
    labels.keys.down("Alt")
    labels.click(0.05, 0.05)
    labels.keys.up("Alt")
    assert labels.page.get_attribute('.swatches button[aria-checked="true"]', "data-index") == "0"
    assert len(labels.strokes()) == 2
    labels.press("eraser")
    labels.press("pixels")
    labels.draw((0.2, 0.5), (0.8, 0.5))
    assert labels.image().getpixel((128, 128)) == (0, 0, 0xDE)  # wiped down to the paper
    labels.press("undo")
    labels.press("strokes")
    labels.click(0.5, 0.5)
    assert [stroke["tool"] for stroke in labels.strokes()] == ["rect"]  # the fill was on top
    assert labels.image().getpixel((128, 128)) == (0, 0x30, 255)


def test_the_palette_is_named_marked_and_told_apart_without_colour(labels):
    labels.keys.press("2")
    marked = labels.page.locator('.swatches button[aria-checked="true"]')
    assert marked.count() == 1 and "wall" in marked.inner_text()
    labels.keys.press(".")
    assert "window" in marked.inner_text()
    labels.press("rect")
    labels.draw((0.2, 0.2), (0.8, 0.8))
    labels.page.mouse.move(*labels.place(0.5, 0.5))
    assert labels.page.inner_text(".pad .under") == "window"
    plain, picture = labels.screen(), labels.image()
    labels.press("patterns")
    labels.page.mouse.move(*labels.place(0.5, 0.51))
    patterned = labels.screen()
    assert (patterned != plain).any() and (patterned[102:104, 150:300] == 0).any()  # motifs and a black outline
    assert labels.image().tobytes() == picture.tobytes()  # none of it is sent
    labels.press("patterns")


def test_colours_outside_the_palette_are_refused_by_name(labels):
    with pytest.raises(Exception, match="the colour #123456, which is not in the palette"):
        labels.set([{"tool": "pen", "points": [[5, 5]], "color": "#123456"}])
    labels.mode("edges")
    with pytest.raises(Exception, match="a fill, which belongs to a label map"):
        labels.set([{"tool": "fill", "points": [[5, 5]], "color": COLOURS[1]}])


def test_each_mode_keeps_its_own_drawing_and_history(paper):
    paper.draw((0.1, 0.1), (0.9, 0.4))
    edges = paper.strokes()
    paper.mode("labels")
    drawing = paper.last()
    assert drawing["mode"] == "labels"
    paper.set([{"tool": "rect", "points": [[5, 5], [99, 99]], "color": COLOURS[1], "filled": True}])
    paper.mode("edges")
    assert paper.strokes() == edges and paper.last()["strokes"] == edges
    paper.press("undo")
    assert paper.strokes() == []
    paper.mode("labels")
    assert len(paper.strokes()) == 1


# --- the server paints the same -------------------------------------------------------------------------------


def test_the_server_paints_what_the_canvas_shows(paper):
    drawing = S.settle(
        [scribble(25, k, 12) for k in range(6)]
        + [{**scribble(12, 9, 14), "width": 7}, {"tool": "line", "points": [[10, 250], [250, 180]], "width": 3}]
        + [{"tool": "rect", "points": [[30, 30], [90, 120]]}, {"tool": "pen", "points": [[200, 40]]}]
        + [{"tool": "eraser", "points": [[0, 128], [256, 140]]}, EVERYTHING[8]]
        + [{"tool": "pen", "points": [[220, 220], [250, 220], [235, 250]], "filled": True}]
    )
    paper.set(drawing)
    shown, painted = (np.asarray(picture.convert("L")).astype(int) for picture in (paper.image(), S.paint(drawing)))
    assert np.abs(shown - painted).mean() < 1.5  # grey levels; the edges of lines are antialiased a little differently
    assert np.percentile(np.abs(shown - painted), 99.5) < 50
    for one, other in ((shown, painted), (painted, shown)):  # every dark pixel has grey in the other at its place
        assert (other[one < 90] < 215).mean() > 0.999


def test_the_server_paints_the_same_label_map_pixel_by_pixel(labels):
    rng = np.random.default_rng(1)
    drawing = []
    for k in range(24):
        color = COLOURS[int(rng.integers(4))]
        box = rng.uniform(-10, 266, (2, 2)).tolist()
        drawing += [
            {**scribble(9, k, 20), "width": float(rng.uniform(1, 30)), "color": color},
            {"tool": "rect", "points": box, "color": color, "filled": True},
            {"tool": "line", "points": box, "color": color, "width": 6},
            {"tool": "fill", "points": rng.uniform(0, 255, (1, 2)).tolist(), "color": COLOURS[int(rng.integers(4))]},
            {**scribble(7, k + 50, 30), "color": color, "filled": True},
        ]
    pressed = scribble(9, 77, 20)
    drawing += [{**pressed, "widths": rng.uniform(1, 20, 9).tolist(), "color": COLOURS[2]}, EVERYTHING[3]]
    drawing = S.check(S.settle(drawing), COLOURS)
    labels.set(drawing)
    assert labels.strokes() == drawing
    assert labels.image().tobytes() == S.paint(drawing, 256, COLOURS).tobytes()


def test_links_are_the_same_in_the_browser(paper):
    encode = "([strokes, limit]) => window.i2iStrokes.encode(strokes, limit ?? undefined)"
    decode = "text => window.i2iStrokes.decode(text)"
    assert paper.page.evaluate(encode, [EVERYTHING, None]) == LINK
    assert paper.page.evaluate(decode, LINK) == EVERYTHING
    drawing = S.settle([scribble(30, k, 4) for k in range(12)])
    assert paper.page.evaluate(encode, [drawing, None]) == S.encode(drawing)
    assert paper.page.evaluate(encode, [drawing, 700]) == S.encode(drawing, 700)
    pressed = {"widths": np.random.default_rng(0).uniform(1, 9, 60).tolist()}
    full = S.settle([{**scribble(60, k, 1.2), **pressed} for k in range(600)])  # longer than is read, whole
    assert paper.page.evaluate(encode, [full, None]) == S.encode(full)
    for bad, words in [("", "holds no drawing"), ("2x", "unknown format"), (LINK[:-2], "damaged"), ("1é", "damaged")]:
        said = paper.page.evaluate(f"text => ({decode})(text).then(() => 'fine', e => e.message)", bad)
        assert words in said
    with pytest.raises(Exception, match="too large for a link"):
        paper.page.evaluate(encode, [drawing, 60])
