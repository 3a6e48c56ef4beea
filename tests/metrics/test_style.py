"""Colour statistics by hand, and how far styles are apart."""

from __future__ import annotations

import numpy as np
import pytest

from i2i.metrics.style import between_drawings, colour_statistics, to_references


def test_statistics_of_known_colours():
    black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    np.testing.assert_allclose(colour_statistics(black), np.zeros(6), atol=1e-4)
    np.testing.assert_allclose(colour_statistics(white), [100, 0, 0, 0, 0, 0], atol=0.05)
    half = np.concatenate([black, white])
    np.testing.assert_allclose(colour_statistics(half), [50, 0, 0, 50, 0, 0], atol=0.05)
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    np.testing.assert_allclose(colour_statistics(red)[:3], [53.24, 80.09, 67.20], atol=0.1)  # CIE Lab of sRGB red
    assert colour_statistics(np.stack([black, white])).shape == (2, 6)


def points(*rows: list[float]) -> np.ndarray:
    """(drawings, styles, 6) with the number as the first statistic."""
    out = np.zeros((len(rows), len(rows[0]), 6))
    out[..., 0] = rows
    return out


def test_between_drawings_by_hand():
    # Styles at 0 and 10; the second drawing is 1 lighter.
    found = between_drawings(points([0, 10], [1, 11]))
    assert found.same == pytest.approx(1)
    assert found.other == pytest.approx((11 + 9 + 9 + 11) / 4)
    assert found.ratio == pytest.approx(10) and found.found == 1


def test_drawings_that_decide_the_colour_hide_the_style():
    found = between_drawings(points([0, 1, 2], [10, 11, 12]))
    assert found.ratio < 1.2 and found.found == pytest.approx(1 / 3)


def test_equal_colours_give_no_division_by_zero():
    assert between_drawings(points([0, 5], [0, 5])).ratio == float("inf")
    assert between_drawings(points([5, 5], [5, 5])).ratio == 1  # one picture for all: no style shows


def test_to_references_by_hand():
    references = np.zeros((2, 6))
    references[:, 0] = [0, 8]
    found = to_references(points([1, 9], [0, 3]), references)
    assert found.same == pytest.approx((1 + 1 + 0 + 5) / 4)
    assert found.other == pytest.approx((7 + 9 + 8 + 3) / 4)
    assert found.found == pytest.approx(3 / 4)  # the last, at 3, is nearer to 0 than to 8


def test_a_photo_s_style_on_its_own_drawing_does_not_count():
    references = np.zeros((2, 6))
    references[:, 0] = [0, 8]
    found = to_references(points([1, 9], [0, 3]), references, np.array([[False, True], [True, False]]))
    assert (found.same, found.other) == (pytest.approx((1 + 5) / 2), pytest.approx((7 + 3) / 2))
    assert found.found == pytest.approx(1 / 2)


def test_one_style_or_reference_is_refused():
    with pytest.raises(ValueError, match="2 drawings and 2 styles at least, got 2 and 1"):
        between_drawings(points([0], [1]))
    with pytest.raises(ValueError, match="2 reference photos at least, got 1"):
        to_references(points([0]), np.zeros((1, 6)))
