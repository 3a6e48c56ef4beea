"""Variation of drawings: what each change does, and what holds for all of them."""

import importlib

import cv2
import numpy as np
import pytest
from skimage.morphology import thin

from i2i.edges.sketchify import sketchify
from i2i.edges.trace import trace

# The package exports a function under the module's name.
changes = importlib.import_module("i2i.edges.sketchify")


def drawing(seed=0, size=256):
    """Some large curves and many small marks."""
    rng = np.random.default_rng(seed)
    image = np.zeros((size, size), np.uint8)
    for _ in range(5):
        centre, axes = rng.integers(60, 200, 2).tolist(), rng.integers(20, 50, 2).tolist()
        cv2.ellipse(image, centre, axes, float(rng.uniform(0, 180)), 0, 300, 1, 1)
    for _ in range(40):
        x, y = rng.integers(10, 240, 2).tolist()
        cv2.line(image, (x, y), (x + int(rng.integers(3, 9)), y + int(rng.integers(-6, 6))), 1, 1)
    return np.where(thin(image), 0, 255).astype(np.uint8)


def test_the_result_is_a_drawing_with_ink():
    original = drawing()
    for seed in range(40):
        varied = sketchify(original, np.random.default_rng(seed))
        assert varied.shape == (256, 256) and varied.dtype == np.uint8 and set(np.unique(varied)) == {0, 255}
        ink = varied == 0
        assert np.array_equal(thin(ink), ink)
        assert 0.1 * (original == 0).sum() < ink.sum() < 1.15 * (original == 0).sum()


def test_it_varies_and_depends_on_the_generator_alone():
    original = drawing()
    before = original.copy()
    results = [sketchify(original, np.random.default_rng(seed)) for seed in range(12)]
    again = [sketchify(original, np.random.default_rng(seed)) for seed in range(12)]
    assert all(np.array_equal(a, b) for a, b in zip(results, again, strict=True))
    assert len({r.tobytes() for r in results}) >= 9
    assert np.array_equal(original, before)


def test_what_stays_stays_near_its_place():
    original = drawing()
    distance = cv2.distanceTransform((original != 0).astype(np.uint8), cv2.DIST_L2, 5)
    far = [np.mean(distance[sketchify(original, np.random.default_rng(s)) == 0] > 4.5) for s in range(30)]
    assert np.mean(far) < 0.02  # closed gaps alone lie further from old ink


def test_strength():
    original = drawing()
    assert np.array_equal(sketchify(original, np.random.default_rng(1), 0.0), original)

    def change(strength):
        pairs = [
            (sketchify(original, np.random.default_rng(s), strength) == 0) ^ (original == 0)
            for s in range(30)
        ]
        return np.mean(pairs)

    assert change(0.2) < 0.8 * change(1.0)


def test_a_single_dot_survives():
    image = np.full((64, 64), 255, np.uint8)
    image[30, 30] = 0
    for seed in range(30):
        assert (sketchify(image, np.random.default_rng(seed)) == 0).any()


def test_small_components_are_dropped_more_often():
    image = np.full((256, 256), 255, np.uint8)
    cv2.circle(image, (128, 128), 90, 0, 1)
    for x in range(60, 200, 20):
        cv2.line(image, (x, 128), (x + 4, 128), 0, 1)
    strokes = trace(image)
    circle = small = 0
    for seed in range(60):
        kept = changes.drop_strokes(strokes, image, np.random.default_rng(seed), 1.0)
        circle += any(len(s) > 100 for s in kept)
        small += sum(len(s) < 10 for s in kept) / 7
    assert circle >= 55 and 0.25 * 60 < small < 0.85 * 60


def test_the_outline_stays_while_what_is_inside_goes():
    """An outline of pieces with gaps between them, and pieces as long inside it."""
    image = np.full((256, 256), 255, np.uint8)
    for begin in range(0, 360, 30):
        cv2.ellipse(image, (128, 128), (100, 100), 0, begin, begin + 24, 0, 1)
    for begin in range(0, 360, 60):
        cv2.ellipse(image, (128, 128), (50, 50), 0, begin, begin + 48, 0, 1)
    strokes = trace(image)
    outer = changes.on_outline(strokes, (image < 128).astype(np.uint8))
    assert [np.linalg.norm(s.mean(0) - 128) > 70 for s in strokes] == outer.tolist() and 0 < outer.sum() < len(strokes)
    kept = {True: 0, False: 0}
    for seed in range(60):
        for s in changes.drop_strokes(strokes, image, np.random.default_rng(seed), 1.0):
            kept[bool(np.linalg.norm(s.mean(0) - 128) > 70)] += 1
    lost = 1 - kept[True] / (60 * outer.sum()), 1 - kept[False] / (60 * (~outer).sum())
    assert lost[0] < 0.25 * lost[1] and lost[1] > 0.2


def test_details_become_dots_and_ovals_in_their_place():
    """Two eyes within a head; a whisker stays a line, and the head's outline a head."""
    image = np.full((256, 256), 255, np.uint8)
    cv2.circle(image, (128, 128), 90, 0, 1)
    eyes = np.array([[95, 110], [160, 110]])
    for x, y in eyes.tolist():
        cv2.polylines(image, [np.array([[x - 12, y], [x, y - 6], [x + 12, y], [x, y + 6]])], True, 0, 1)
    cv2.line(image, (110, 160), (150, 163), 0, 1)
    strokes = trace(image)
    before = {s.tobytes() for s in strokes}
    lines = {s.tobytes() for s in strokes if np.linalg.norm(eyes - s.mean(0), axis=1).min() > 15}
    assert len(lines) == 2  # head and whisker
    dots = ovals = 0
    for seed in range(60):
        drawn = changes.plain_details(strokes, image, np.random.default_rng(seed), 1.0)
        new = [s for s in drawn if s.tobytes() not in before]
        assert len(new) <= 2 and lines < {s.tobytes() for s in drawn}
        for sign in new:
            middle = (sign.min(0) + sign.max(0)) / 2
            away = np.linalg.norm(eyes - middle, axis=1).min()
            extent = np.ptp(sign, axis=0)
            if len(sign) > 2:
                ovals += 1
                assert away < 1.5 and np.allclose(sign[0], sign[-1], atol=1e-3)
                assert np.abs(extent - [24, 12]).max() <= 1.5  # as wide and high as the eye
            else:
                dots += 1
                assert away < 1.5 and extent.max() <= 4
    assert dots > 10 and ovals > 10 and dots + ovals < 80


def test_details_stay_at_strength_zero_and_where_all_is_outline():
    image = drawing()
    strokes = trace(image)
    kept = changes.plain_details(strokes, image, np.random.default_rng(0), 0.0)
    assert [s.tobytes() for s in kept] == [s.tobytes() for s in strokes]
    ring = np.full((256, 256), 255, np.uint8)
    cv2.circle(ring, (128, 128), 20, 0, 1)
    alone = trace(ring)
    for seed in range(20):
        kept = changes.plain_details(alone, ring, np.random.default_rng(seed), 1.0)
        assert [s.tobytes() for s in kept] == [s.tobytes() for s in alone]


def test_a_subject_that_the_frame_cuts_off_has_an_inside():
    """A head whose neck leaves the paper, to the left and below: its eyes are no outline, both its sides are."""
    image = np.full((256, 256), 255, np.uint8)
    cv2.ellipse(image, (128, 120), (80, 90), 0, 160, 380, 0, 1)
    cv2.line(image, (52, 150), (0, 190), 0, 1)
    cv2.line(image, (204, 150), (215, 255), 0, 1)
    outside = (image < 128).sum()
    for x in (95, 160):
        cv2.circle(image, (x, 110), 10, 0, 1)
    strokes = trace(image)
    outer = changes.on_outline(strokes, (image < 128).astype(np.uint8))
    strokes, outer = zip(*[(s, o) for s, o in zip(strokes, outer, strict=True) if len(s) > 5], strict=True)
    on_eyes = [np.ptp(s, axis=0).max() < 25 and abs(s[:, 1].mean() - 110) < 5 for s in strokes]
    assert sum(on_eyes) == 2 and list(outer) == [not eye for eye in on_eyes]
    assert sum(len(s) for s, o in zip(strokes, outer, strict=True) if o) == pytest.approx(outside, rel=0.05)


def test_two_near_lines_become_the_one_between_them():
    """A strap's two sides, eight pixels apart; the sides of a bag, far apart, stay."""
    image = np.full((256, 256), 255, np.uint8)
    for radius in (30, 38):
        cv2.ellipse(image, (128, 100), (radius, radius), 0, 180, 360, 0, 1)
    cv2.rectangle(image, (60, 101), (200, 200), 0, 1)
    merged = changes.merge_lines(image, 10.0)
    points = np.argwhere(merged == 0)[:, ::-1]
    strap = points[points[:, 1] < 92]
    away = np.abs(np.linalg.norm(strap - [128, 100], axis=1) - 34)
    assert len(strap) > 60 and away.max() < 1.5
    assert (merged[130:190, 60] == 0).all() and (merged[130:190, 200] == 0).all()
    assert (changes.merge_lines(image, 6.0)[80] == 0).sum() == 4  # closer than they are: both sides, left and right
    assert (changes.merge_lines(image, 10.0)[80] == 0).sum() == 2
    assert np.array_equal(changes.merge_lines(image, 0.5), image)


def test_erasing_cuts_pieces_out():
    whole = [np.stack([np.arange(200.0), np.full(200, 50.0)], 1).astype(np.float32)] * 3
    points = []
    for seed in range(20):
        pieces = changes.erase_pieces(whole, 256, np.random.default_rng(seed), 1.0)
        points.append(sum(map(len, pieces)))
        assert 3 <= len(pieces) <= 6
    assert min(points) < 580 and min(points) > 450 and max(points) <= 600


def test_gaps_close_between_free_ends_only():
    a = np.array([[10, 10], [40, 10]], np.float32)
    b = np.array([[46, 12], [80, 12]], np.float32)
    closed = changes.close_gaps([a, b], 8.0)
    assert len(closed) == 3 and {tuple(p) for p in closed[2].tolist()} == {(40.0, 10.0), (46.0, 12.0)}
    assert len(changes.close_gaps([a, b], 4.0)) == 2


def test_gaps_do_not_close_at_junctions_and_no_end_is_joined_twice():
    def stroke(*points):
        return np.array(points, np.float32)

    corner = [stroke((10, 10), (40, 10)), stroke((40, 10), (40, 40)), stroke((43, 12), (80, 12))]
    assert len(changes.close_gaps(corner, 8.0)) == 3
    star = [stroke((0, 0), (50, 50)), stroke((53, 50), (90, 50)), stroke((50, 54), (50, 90))]
    closed = changes.close_gaps(star, 6.0)
    assert len(closed) == 4 and {tuple(p) for p in closed[3].tolist()} == {(50.0, 50.0), (53.0, 50.0)}  # the nearest


class Careless:
    """A generator that leaves out whatever it may."""

    def random(self, count=None):
        return 1.0 if count is None else np.zeros(count)

    def uniform(self, low, high):
        return high


def test_at_least_15_percent_of_the_points_stay_the_largest_component_first():
    image = np.full((256, 256), 255, np.uint8)
    for row in range(20, 240, 10):
        cv2.line(image, (20, row), (59, row), 0, 1)
    strokes = trace(image)
    kept = changes.drop_strokes(strokes, image, Careless(), 1.0)
    points = sum(map(len, strokes))
    assert 0.15 * points <= sum(map(len, kept)) < 0.15 * points + 40
    cv2.line(image, (80, 30), (240, 30), 0, 1)
    (longest,) = changes.drop_strokes(trace(image), image, Careless(), 1.0)
    assert len(longest) == 161


def test_each_step_is_taken_as_often_as_it_should_be(monkeypatch):
    """And what a step is told keeps to the strength."""
    steps = {"merge_lines": 0.3, "drop_strokes": 0.8, "plain_details": 0.5, "erase_pieces": 0.6,
             "close_gaps": 0.5, "simplify": 0.5, "wobble": 0.8}  # fmt: skip
    told: dict[str, list] = {name: [] for name in ("trace", *steps)}
    for name in steps:
        monkeypatch.setattr(changes, name, lambda strokes, *more, name=name: told[name].append(more[-1]) or strokes)
    monkeypatch.setattr(changes, "trace", lambda drawing: told["trace"].append(1.0) or trace(drawing))
    page = np.full((64, 64), 255, np.uint8)
    page[20:40, 30] = 0
    count, rng = 1500, np.random.default_rng(0)
    for _ in range(count):
        sketchify(page, rng, 0.5)
    assert len(told["trace"]) / count == pytest.approx(0.9, abs=0.03)
    for name, share in steps.items():
        assert len(told[name]) / len(told["trace"]) == pytest.approx(share, abs=0.05), name
    assert set(told["drop_strokes"]) == set(told["plain_details"]) == set(told["erase_pieces"]) == {0.5}
    # Pixels of 64, at half strength.
    for name, low, high in (("merge_lines", 0.5, 1.75), ("close_gaps", 0, 1.125), ("simplify", 1 / 16, 0.275),
                            ("wobble", 0, 0.35)):  # fmt: skip
        reach = high - low
        assert low <= min(told[name]) < low + 0.05 * reach and high - 0.05 * reach < max(told[name]) <= high, name


def test_simplifying_keeps_ends_and_distance():
    x = np.linspace(0, 100, 101)
    curve = np.stack([x, 20 + 10 * np.sin(x / 15)], 1).astype(np.float32)
    [simple] = changes.simplify([curve], 2.0)
    assert len(simple) < 20 and (simple[[0, -1]] == curve[[0, -1]]).all()
    assert np.abs(np.interp(x, simple[:, 0], simple[:, 1]) - curve[:, 1]).max() <= 2.5


def test_wobble_is_bounded_and_smooth():
    line = np.stack([np.arange(20.0, 230.0), np.full(210, 128.0)], 1).astype(np.float32)
    [moved] = changes.wobble([line], 256, np.random.default_rng(0), 2.5)
    shift = moved - line
    assert 0.5 < np.abs(shift).max() <= 2.51
    assert np.abs(np.diff(shift, axis=0)).max() < 0.35


@pytest.mark.parametrize(
    "image, strength, message",
    [
        (np.full((64, 64), 255, np.uint8), 1.0, "^empty drawing"),
        (np.zeros((64, 64)), 1.0, "float64"),
        (np.zeros((64, 32), np.uint8), 1.0, "square"),
        (np.zeros((64, 64), np.uint8), 2.0, "strength 2"),
    ],
)
def test_wrong_input_is_named(image, strength, message):
    with pytest.raises(ValueError, match=message):
        sketchify(image, np.random.default_rng(0), strength)
