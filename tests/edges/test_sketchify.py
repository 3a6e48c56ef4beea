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
