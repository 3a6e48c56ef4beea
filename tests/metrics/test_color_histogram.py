"""Colour histograms: where known colours fall, and overlaps by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from i2i.metrics.color_histogram import (
    BINS,
    color_histograms,
    histogram_intersection,
    intersections,
    lab,
    sum_histograms,
)


def flat(r: int, g: int, b: int) -> np.ndarray:
    return np.full((4, 5, 3), (r, g, b), np.uint8)


def test_lab_of_known_colours():
    np.testing.assert_allclose(lab(flat(255, 255, 255))[0, 0], [100, 0, 0], atol=0.05)
    np.testing.assert_allclose(lab(flat(0, 0, 255))[0, 0], [32.30, 79.19, -107.86], atol=0.1)
    assert lab(np.zeros((2, 3, 4, 3), np.uint8)).shape == (2, 3, 4, 3)


def test_every_pixel_falls_into_one_bin():
    red = color_histograms(flat(255, 0, 0))
    for name, value in zip("Lab", (53.24, 80.09, 67.20), strict=True):
        assert red[name].sum() == 20 and red[name].max() == 20
        place = red[name].argmax()
        assert BINS[name][place] <= value < BINS[name][place + 1]
    white = color_histograms(flat(255, 255, 255))
    assert white["L"][-1] == 20  # the upper end belongs to the last bin


def test_other_pixels_are_told():
    for wrong in (flat(9, 9, 9) / 255, flat(9, 9, 9)[..., 0], [3]):
        with pytest.raises(ValueError, match=r"expected RGB pixels, uint8 \(H, W, 3\)"):
            color_histograms(wrong)


def test_intersection_by_hand():
    a, b = np.array([2, 2, 0]), np.array([0, 5, 15])
    assert histogram_intersection(a, b) == pytest.approx(0.25)
    assert histogram_intersection(a, 7 * a) == 1
    assert histogram_intersection(np.array([1, 0]), np.array([0, 1])) == 0
    with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
        histogram_intersection(a, np.array([1, 1]))


def test_sets_of_pictures():
    half = [Image.fromarray(flat(255, 0, 0)), Image.fromarray(flat(0, 0, 255))]
    done = []
    both, red = sum_histograms(half, done.append), sum_histograms(half[:1])
    assert both["L"].sum() == 40 and done == [1, 1]
    for mode in ("RGBA", "P", "CMYK"):
        assert (sum_histograms([half[0].convert(mode)])["L"] == red["L"]).all()
    scores = {s.name: s.value for s in intersections(red, both, "text")}
    assert scores["histogram intersection, L"] == pytest.approx(0.5)
    assert scores["histogram intersection, b"] == pytest.approx(0.5)
