"""Drawings to polylines and back."""

import cv2
import numpy as np
import pytest

from i2i.edges.trace import render, trace


def canvas(*draw):
    image = np.full((64, 64), 255, np.uint8)
    for points in draw:
        cv2.polylines(image, [np.array(points, np.int32)], False, 0, 1)
    return image


def test_one_line_is_one_polyline_in_order():
    [path] = trace(canvas([(5, 10), (40, 10)]))
    assert path.dtype == np.float32 and path.shape == (36, 2)
    assert {tuple(path[0]), tuple(path[-1])} == {(5, 10), (40, 10)}
    assert (np.abs(np.diff(path, axis=0)).max(1) == 1).all()  # a step at a time


def test_a_closed_curve_ends_where_it_began():
    image = np.full((64, 64), 255, np.uint8)
    cv2.circle(image, (30, 32), 14, 0, 1)
    cv2.circle(image, (30, 32), 5, 0, 1)  # one within the other
    paths = trace(image)
    assert len(paths) == 2
    for path in paths:
        assert (path[0] == path[-1]).all() and np.allclose(path.mean(0), (30, 32), atol=1)


def test_strokes_are_cut_at_a_crossing_and_share_its_point():
    paths = trace(canvas([(5, 30), (55, 30)], [(30, 5), (30, 55)]))
    assert len(paths) == 4
    for path in paths:
        assert {(30.0, 30.0)} & {tuple(path[0].tolist()), tuple(path[-1].tolist())}


def test_dots_and_nothing():
    image = np.full((20, 20), 255, np.uint8)
    assert trace(image) == []
    image[4, 7] = 0
    [dot] = trace(image)
    assert dot.tolist() == [[7, 4]]
    assert np.array_equal(render([dot], 20), image)


def test_ink_at_the_border_is_traced():
    image = canvas([(0, 0), (63, 0)], [(0, 63), (63, 63)])
    assert np.array_equal(render(trace(image), 64), image)


def test_round_trip_keeps_the_drawing():
    rng = np.random.default_rng(0)
    image = np.full((256, 256), 255, np.uint8)
    for _ in range(25):
        centre, axes = rng.integers(30, 226, 2).tolist(), rng.integers(5, 60, 2).tolist()
        cv2.ellipse(image, centre, axes, float(rng.uniform(0, 180)), 0, float(rng.uniform(60, 360)), 0, 1)
    ink = image == 0
    back = render(trace(image), 256) == 0
    near = [cv2.dilate(m.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0 for m in (ink, back)]
    assert (ink & near[1]).sum() >= 0.99 * ink.sum() and (back & near[0]).sum() >= 0.99 * back.sum()
    components = [cv2.connectedComponents(m.astype(np.uint8), connectivity=8)[0] for m in (ink, back)]
    assert components[0] == components[1]


def test_render_cuts_off_what_lies_outside():
    drawing = render([np.array([[-20.0, 10.0], [90.0, 10.0]])], 32)
    assert drawing.shape == (32, 32) and (drawing[10] == 0).all() and (drawing == 0).sum() == 32
    assert (render([], 16) == 255).all()


def test_wrong_drawings_are_named():
    with pytest.raises(ValueError, match="float64"):
        trace(np.zeros((8, 8)))
