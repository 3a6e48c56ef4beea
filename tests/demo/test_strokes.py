"""Strokes on the server: their form, painting, replay, links and tracing."""

import base64
import random
import zlib

import numpy as np
import pytest
from PIL import Image

from demo import stroke_codec
from demo import strokes as S
from demo.stroke_codec import MAX_TEXT, _checksum, pack
from demo.stroke_format import MAX_AREA, MAX_POINTS
from demo.stroke_paint import paint_labels
from i2i.edges.trace import render

PALETTE = ["#0000de", "#0030ff", "#c0ff3f", "#ff7000"]

# One of everything. The browser tests decode the same text to the same strokes: keep both.
EVERYTHING = [
    {"tool": "pen", "points": [[64.0, 32.5], [70.25, 40.0], [90.0, 41.75]]},
    {"tool": "pen", "points": [[192.0, 32.5], [185.75, 40.0], [166.0, 41.75]]},
    {"tool": "eraser", "points": [[-4.0, 128.0], [260.5, 130.0]]},
    {"tool": "eraser", "points": [[10.0, 10.0]], "width": 24.0},
    {"tool": "line", "points": [[0.0, 0.0], [256.0, 256.0]], "width": 3.5, "color": "#c0ff3f"},
    {"tool": "rect", "points": [[20.0, 20.0], [60.5, 90.25]], "color": "#ff7000", "filled": True},
    {"tool": "rect", "points": [[30.0, 40.0], [50.5, 50.25]], "color": "#c0ff3f"},
    {"tool": "fill", "points": [[128.0, 200.0]], "color": "#0030ff"},
    {"tool": "pen", "points": [[5.0, 5.0], [9.0, 7.0], [9.0, 30.0]], "width": 2.0, "widths": [0.75, 1.5, 2.25]},
    {"tool": "pen", "points": [[100.0, 100.0], [140.0, 100.0], [120.0, 150.0]], "color": "#c0ff3f", "filled": True},
]
LINK = (
    "1djwZ9AH-gGAM2ux2kZpQJ88j3ZtjP1jSQslLiSsFMircm_dOMswHhf-rJ0k"
    "-HYvLoejOe16PqTzo-EQdjszqNd3TFb8SA746wi2ToYkaLXHBwD6kwoyZFg"
)


def scribble(points: int, seed: int = 0, step: float = 9) -> dict:
    """A wandering pen stroke."""
    rng = np.random.default_rng(seed)
    way = np.clip(128 + np.cumsum(rng.normal(0, step, (points, 2)), 0), 0, 256)
    return {"tool": "pen", "points": way.tolist()}


def ink(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture) < 128


# --- form -----------------------------------------------------------------------------------------------------


def test_settled_strokes_lie_on_the_grid_and_say_only_what_matters():
    rough = {"tool": "pen", "points": [[1.1, 2.2], [1.12, 2.21], [3, 4.99]], "width": 1.25, "filled": False}
    assert S.settle([rough]) == [{"tool": "pen", "points": [[1.0, 2.25], [3.0, 5.0]]}]
    assert S.settle(S.settle(EVERYTHING)) == S.settle(EVERYTHING) == EVERYTHING
    even = {"tool": "pen", "points": [[1, 1], [5, 5]], "width": 2, "widths": [2.01, 1.99]}
    assert "widths" not in S.settle([even])[0]  # pressure that never changes


def test_simplify_keeps_corners_and_leaves_out_the_rest():
    corner = {"tool": "pen", "points": [[x / 2, 0] for x in range(101)] + [[50, y / 2] for y in range(100)]}
    assert S.simplify(corner)["points"] == [[0, 0], [50, 0], [50, 49.5]]
    assert S.simplify({"tool": "rect", "points": [[0, 0], [5, 5]]})["points"] == [[0, 0], [5, 5]]
    pressed = {**scribble(60), "widths": list(range(60))}
    kept = S.simplify(pressed, 2.0)
    assert len(kept["points"]) == len(kept["widths"]) < 60
    assert all(pressed["points"][width] == point for point, width in zip(kept["points"], kept["widths"], strict=True))


@pytest.mark.parametrize(
    ("strokes", "palette", "words"),
    [
        ("cat", None, "The drawing is str; expected a list"),
        ([7], None, "Stroke 1 of the drawing: its tool is int, expected one of pen, eraser"),
        ([{"tool": "spray", "points": [[0, 0]]}], None, "its tool is 'spray'"),
        ([EVERYTHING[0], {"tool": "pen", "points": []}], None, "Stroke 2 of the drawing: pen takes one or more points"),
        ([{"tool": "line", "points": [[0, 0]]}], None, "line takes 2 points"),
        ([{"tool": "pen", "points": [[0, float("nan")]]}], None, r"the point \[0, nan\] is not"),
        ([{"tool": "pen", "points": [[0, 1e9]]}], None, "within -64 … 320"),
        ([{"tool": "pen", "points": [[True, 1]]}], None, "the point"),
        ([{"tool": "pen", "points": [[0, 0]], "width": 0}], None, "its width is 0, expected a number from 0.25 to 128"),
        ([{"tool": "pen", "points": [[0, 0]], "color": "red"}], None, "its color is 'red'"),
        ([{"tool": "pen", "points": [[0, 0]], "size": 3}], None, "unknown entry 'size'"),
        ([{"tool": "line", "points": [[0, 0], [1, 1]], "filled": True}], None, "filled is true or false, of a rect"),
        ([{"tool": "pen", "points": [[0, 0]], "widths": [1, 2]}], None, "one number from 0.25 to 128 for each point"),
        ([{"tool": "fill", "points": [[0, 0]]}], None, "a fill belongs to a label map"),
        ([{"tool": "fill", "points": [[0, 0]], "color": "#123456"}], PALETTE, "#123456 is not in the palette"),
        ([{"tool": "pen", "points": [[0, 0]]}], PALETTE, "the colour None is not in the palette"),
        ([scribble(MAX_POINTS // 2)] * 3, None, "at most 40000 are taken"),
    ],
)  # fmt: skip
def test_check_says_what_is_wrong(strokes, palette, words):
    with pytest.raises(ValueError, match=words):
        S.check(strokes, palette)


def test_check_takes_colours_in_either_form():
    box = {"tool": "rect", "points": [[1, 1], [9, 9]], "color": "#c0ff3f", "filled": True}
    wipe = {"tool": "eraser", "points": [[2, 2]]}
    assert S.check([box, wipe], [(0, 0, 222), (192, 255, 63)]) == S.settle([box, wipe])


# --- paint ----------------------------------------------------------------------------------------------------


def test_paint_edges_in_order():
    line = {"tool": "line", "points": [[20, 128], [236, 128]]}
    wipe = {"tool": "eraser", "points": [[128, 100], [128, 156]]}
    picture = S.paint([line, wipe])
    assert (picture.mode, picture.size) == ("L", (256, 256))
    assert ink(picture)[128, 60] and ink(picture)[127:129, 200].any()
    assert not ink(picture)[:, 123:133].any()  # a gap as wide as the eraser
    assert ink(S.paint([wipe, line]))[127:129, 128].any()  # what is drawn later lies on top
    assert not ink(S.paint([])).any()


def test_a_small_picture_still_shows_every_line():
    line = {"tool": "line", "points": [[20, 100], [236, 180]]}
    assert ink(S.paint([line], 64)).any(axis=0)[6:58].all()


def test_paint_a_dot_a_box_an_area_and_pressure():
    dot = ink(S.paint([{"tool": "pen", "points": [[50, 50]], "width": 8}]))
    assert dot.sum() == pytest.approx(np.pi * 4.25**2, rel=0.1)
    box = ink(S.paint([{"tool": "rect", "points": [[30, 40], [90, 100]], "width": 2}]))
    assert box[40, 60] and box[70, 30] and not box[70, 60]
    filled = ink(S.paint([{"tool": "rect", "points": [[30, 40], [90, 100]], "filled": True}]))
    assert filled.sum() == 60 * 60
    swelling = {"tool": "pen", "points": [[20, 128], [100, 128], [160, 128], [236, 128]], "widths": [2, 12, 12, 2]}
    columns = ink(S.paint([swelling])).sum(0)
    assert columns[130] == 12 and columns[50] == columns[210] == pytest.approx(7, abs=1)


def test_labels_hold_no_third_colour():
    picture = S.paint(
        [
            {"tool": "pen", "points": scribble(30, 1)["points"], "width": 11, "color": PALETTE[1]},
            {"tool": "line", "points": [[0, 10], [256, 230]], "width": 5, "color": PALETTE[2]},
            {"tool": "rect", "points": [[10.3, 200], [90.7, 250]], "color": PALETTE[3], "filled": True},
            {"tool": "eraser", "points": [[50, 0], [60, 256]], "width": 9},
        ],
        palette=PALETTE,
    )
    colours = {"#" + bytes(rgb).hex() for _, rgb in picture.getcolors()}
    assert picture.mode == "RGB" and colours == set(PALETTE)
    assert picture.getpixel((255, 0)) == (0, 0, 222)  # the first colour is the paper


def test_label_boxes_meet_without_a_gap_and_fills_stay_inside():
    left = {"tool": "rect", "points": [[20, 20], [100.5, 120]], "color": PALETTE[1], "filled": True}
    right = {"tool": "rect", "points": [[100.5, 120], [180, 20]], "color": PALETTE[2], "filled": True}
    classes = paint_labels([left, right], 256, PALETTE)
    assert (classes[20:120, 20:180] > 0).all() and (classes > 0).sum() == 100 * 160
    pour = {"tool": "fill", "points": [[30, 30]], "color": PALETTE[3]}
    assert (paint_labels([left, right, pour], 256, PALETTE) == 3).sum() == (classes == 1).sum()
    outside = {"tool": "fill", "points": [[256, 256]], "color": PALETTE[3]}  # the very corner is still paper
    assert (paint_labels([left, right, outside], 256, PALETTE) == 3).sum() == (classes == 0).sum()


def test_a_thin_slanting_label_line_is_unbroken():
    line = {"tool": "line", "points": [[3, 7], [250, 91]], "width": 0.25, "color": PALETTE[1]}
    assert (paint_labels([line], 256, PALETTE)[:, 4:250] > 0).any(axis=0).all()


# --- replay ---------------------------------------------------------------------------------------------------


def test_a_drawing_grows_in_order_and_ends_whole():
    line = {"tool": "line", "points": [[0, 0], [200, 0]]}
    drawing = S.settle([scribble(40, 1), line, scribble(1, 2), scribble(30, 3)])
    assert S.partial(drawing, 0) == []
    assert S.partial(drawing, 1) == S.partial(drawing, 1.5) == drawing
    before = 0.0
    for share in np.linspace(0.05, 1, 20):
        grown = S.partial(drawing, share)
        assert grown[:-1] == drawing[: len(grown) - 1]  # only the newest stroke is unfinished
        assert S.length(grown) == pytest.approx(share * S.length(drawing), abs=9)
        assert S.length(grown) > before
        before = S.length(grown)
        S.check(grown)


def test_what_cannot_grow_appears_at_once():
    drawing = [{"tool": "fill", "points": [[5, 5]], "color": PALETTE[1]}, EVERYTHING[-1]]
    assert S.partial(drawing, 0.01) == drawing[:1]
    assert S.partial(drawing, 0.5) == drawing
    half = S.partial([{"tool": "rect", "points": [[0, 0], [100, 40]]}], 0.5)
    assert half == [{"tool": "rect", "points": [[0, 0], [50, 20]]}]
    pressed = S.partial([EVERYTHING[8]], 0.5)[0]
    assert len(pressed["widths"]) == len(pressed["points"]) == 3


# --- links ----------------------------------------------------------------------------------------------------


def test_the_text_of_a_link_is_fixed():
    """Links that people have saved must open for ever: a change of this text needs a new version digit."""
    assert S.encode(EVERYTHING) == LINK
    assert S.decode(LINK) == EVERYTHING


@pytest.mark.parametrize("seed", range(6))
def test_settled_drawings_come_back_exactly(seed):
    rng = random.Random(seed)
    drawing = S.settle([scribble(rng.randrange(1, 60), seed * 50 + k, rng.choice([1, 9, 40])) for k in range(seed * 5)])
    drawing += [EVERYTHING[k] for k in rng.sample(range(len(EVERYTHING)), 6)]
    drawing += [stroke for one in drawing[:3] for stroke in (one, S.twin(one))]
    text = S.encode(drawing)
    assert S.decode(text) == drawing
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_cat_fits_in_a_link():
    """25 strokes of a hand-drawn face, about 500 points, with room for the rest of the address."""
    cat = S.settle([S.simplify(scribble(20, k, 5)) for k in range(25)])
    assert len(S.encode(cat)) < 1700


def test_mirrored_strokes_cost_next_to_nothing():
    half = S.settle([scribble(30, k) for k in range(10)])
    both = [stroke for one in half for stroke in (one, S.twin(one))]
    assert len(S.encode(both)) < len(S.encode(half)) + 12


def test_a_limit_leaves_points_out_or_says_no():
    drawing = S.settle([scribble(80, k, 1.2) for k in range(20)])
    whole = S.encode(drawing)
    short = S.encode(drawing, len(whole) // 2)
    assert len(short) <= len(whole) // 2
    close = ink(S.paint(S.decode(short))).sum() / ink(S.paint(drawing)).sum()
    assert len(S.decode(short)) == 20 and 0.5 < close < 1.5
    with pytest.raises(ValueError, match=r"too large for a link: \d+ characters, and 50 characters fit. Erase"):
        S.encode(drawing, 50)


def test_what_is_encoded_can_be_decoded_however_full_the_drawing():
    rng, drawing = np.random.default_rng(0), []
    for _ in range(600):  # with a pen that feels pressure
        way = rng.uniform(0, 256, 2) + np.cumsum(rng.uniform(-1.5, 2, (60, 2)), 0)
        drawing.append({"tool": "pen", "points": way.clip(0, 256).tolist(), "widths": rng.uniform(1, 9, 60).tolist()})
    drawing = S.settle(drawing)
    assert len(pack(drawing)) > MAX_TEXT
    text = S.encode(drawing)
    assert len(text) <= MAX_TEXT and len(S.decode(text)) == 600


def test_links_that_are_out_there_stay_readable():
    """A long drawing, for which the codec has learned all that it can: its text is a promise to old links."""
    drawing = []
    for n in range(9):
        way = [[(k * k * 7 + n * 31) % 1024 / 4, (k * 13 + k * k * k + n) % 1024 / 4] for k in range(90)]
        drawing.append({"tool": "pen", "points": way})
    assert zlib.crc32(S.encode(S.settle(drawing)).encode()) == 1479102431


def test_a_short_link_to_far_too_many_points_is_refused(monkeypatch):
    with monkeypatch.context() as lifted:
        lifted.setattr(stroke_codec, "MAX_POINTS", 10**9)
        dot = {"tool": "pen", "points": [[128.0, 128.0]] * (MAX_POINTS // 2 + 1)}
        bombs = [pack([{**dot, "points": dot["points"] * 2}]), pack([dot, S.twin(dot)])]
    for text in bombs:
        assert len(text) < 1000
        with pytest.raises(ValueError, match="there are more than 40000 points"):
            S.decode(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no drawing"),
        (None, "holds no drawing"),
        ("2abc", "unknown format '2'"),
        ("1", "damaged"),
        ("1é", "damaged"),
        ("1ab cd", "damaged"),
        ("1" + "A" * 100_000, "100001 characters; at most 60000"),
        (LINK[:-4], "damaged"),
        (LINK[:20] + "x" + LINK[21:], "damaged"),
    ],
)
def test_damaged_links_are_refused_in_words(text, words):
    with pytest.raises(ValueError, match=words):
        S.decode(text)


def test_hostile_links_are_refused_or_small():
    rng = random.Random(0)
    refused = 0
    for _ in range(120):
        data = bytes(rng.randrange(256) for _ in range(rng.randrange(60)))
        text = "1" + base64.urlsafe_b64encode(_checksum(data).to_bytes(2, "big") + data).decode().rstrip("=")
        try:
            assert sum(len(stroke["points"]) for stroke in S.decode(text)) <= MAX_POINTS
        except ValueError as problem:
            assert str(problem).endswith(".")
            refused += 1
    assert refused > 20
    bomb = S.settle([{"tool": "pen", "points": [[x / 4, x % 2 * 19] for x in range(1024)]}] * 39)  # 39,936 points …
    text = S.encode(bomb)
    assert len(text) < 30_000  # … is as far as it goes
    assert S.decode(text) == bomb
    with pytest.raises(ValueError, match=r"too large for a link: \d+ points, and 40000 points fit"):
        S.encode(bomb + bomb[:1])
    with pytest.raises(ValueError, match=r"too large for a link: \d+ points, and 40000 points fit"):
        S.encode(bomb + bomb[:1], 2000)  # told in what is too much


# --- from pictures --------------------------------------------------------------------------------------------


def test_a_traced_drawing_is_the_drawing():
    way = np.linspace(0, 2 * np.pi, 60)
    head = np.stack([128 + 80 * np.sin(way), 120 - 70 * np.cos(way)], 1)
    drawing = render([head, np.array([[60, 200], [200, 215.0]]), np.array([[90, 100.0]])], 256)
    strokes = S.check(S.from_drawing(drawing))
    back = ink(S.paint(strokes))
    near = render([head], 256) < 128
    rows, columns = np.nonzero(near)
    around = [back[max(0, r - 1) : r + 2, max(0, c - 1) : c + 2].any() for r, c in zip(rows, columns, strict=True)]
    assert np.mean(around) > 0.97
    assert sum(len(stroke["points"]) for stroke in strokes) < 90  # lines, not pixel steps
    lengths = [S.length([stroke]) for stroke in strokes]
    assert lengths == sorted(lengths, reverse=True)
    assert S.from_drawing(np.full((64, 64), 255, np.uint8)) == []


def test_a_label_map_becomes_boxes_and_areas():
    y, x = np.mgrid[:256, :256]
    classes = np.zeros((256, 256), np.uint8)
    classes[60:, 30:220] = 1
    classes[100:140, 60:100] = classes[100:140, 150:190] = 2
    classes[(y - 200) ** 2 + (x - 128) ** 2 < 25**2] = 3
    classes[(y - 200) ** 2 + (x - 128) ** 2 < 9**2] = 0  # a hole
    strokes = S.check(S.from_labels(classes, PALETTE), PALETTE)
    assert (paint_labels(strokes, 256, PALETTE) != classes).mean() < 0.002
    assert sum(stroke["tool"] == "rect" for stroke in strokes) >= 2 and len(strokes) <= 6
    small = S.from_labels(classes[::4, ::4], PALETTE)  # another size is still the whole paper
    assert (paint_labels(small, 64, PALETTE) != classes[::4, ::4]).mean() < 0.02


def test_a_label_map_with_one_endless_outline_is_refused():
    combs = np.zeros((256, 256), np.uint8)
    combs[:, ::8] = combs[128] = 1
    for tooth in range(1, 4):  # on every spine
        combs[::4, tooth::8] = 1
    combs[:8] = combs[-8:] = 0  # the paper lies around them
    with pytest.raises(ValueError, match=f"too ragged: .* {MAX_AREA} around one area. Smooth it"):
        S.from_labels(combs, PALETTE)


def test_a_label_map_of_noise_is_refused():
    noise = np.random.default_rng(0).integers(0, 4, (128, 128)).astype(np.uint8)
    with pytest.raises(ValueError, match="too ragged: .* areas .* Smooth it"):
        S.from_labels(noise, PALETTE)
