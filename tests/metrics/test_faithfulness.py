"""Agreement of two drawings: tolerance, precision against recall, empty pages."""

from __future__ import annotations

import numpy as np
import pytest

from i2i.metrics.faithfulness import Agreement, agreement


def page(*rows: int, columns: slice = slice(10, 40)) -> np.ndarray:
    """Horizontal lines on white paper, uint8 (50, 50)."""
    paper = np.full((50, 50), 255, np.uint8)
    for r in rows:
        paper[r, columns] = 0
    return paper


def test_a_drawing_agrees_with_itself():
    assert agreement(page(20, 30), page(20, 30)) == Agreement(1.0, 1.0)


@pytest.mark.parametrize("shift, near", [(1, 1.0), (2, 1.0), (3, 0.0), (-2, 1.0), (-3, 0.0)])
def test_lines_within_two_pixels_agree(shift, near):
    assert agreement(page(20 + shift), page(20)) == Agreement(near, near)
    assert agreement(page(20 + shift), page(20), tolerance=abs(shift)) == Agreement(1.0, 1.0)


def test_other_arrays_and_tolerances_are_told():
    for wrong in (page(20) / 255, page(20) > 128, page(20)[None], "drawing.png"):
        for pair, name in (((wrong, page(20)), "found"), ((page(20), wrong), "wanted")):
            with pytest.raises(ValueError, match=rf"{name}: got .*, expected a drawing, uint8 \(H, W\)"):
                agreement(*pair)
    with pytest.raises(ValueError, match="tolerance must be at least 0 pixels, got -1"):
        agreement(page(20), page(20), tolerance=-1)


def test_distance_is_straight_not_along_the_axes():
    found, wanted = np.full((9, 9), 255, np.uint8), np.full((9, 9), 255, np.uint8)
    wanted[4, 4], found[6, 6] = 0, 0  # 2.83 away
    assert agreement(found, wanted) == Agreement(0.0, 0.0)
    assert agreement(found, wanted, tolerance=2.9) == Agreement(1.0, 1.0)


def test_missing_lines_cost_recall_and_invented_ones_precision():
    few, many = page(10), page(10, 20, 30)
    missing, invented = agreement(few, many), agreement(many, few)
    assert (missing.precision, missing.recall) == (1.0, pytest.approx(1 / 3))
    assert (invented.precision, invented.recall) == (pytest.approx(1 / 3), 1.0)
    assert missing.f1 == invented.f1 == pytest.approx(0.5)


def test_part_of_a_line():
    result = agreement(page(20, columns=slice(10, 25)), page(20, columns=slice(10, 40)))
    assert result.precision == 1 and result.recall == pytest.approx(17 / 30)  # 15 pixels and 2 beyond the end


def test_empty_pages():
    blank = page()
    assert agreement(blank, blank) == Agreement(1.0, 1.0)
    assert agreement(blank, page(20)) == agreement(page(20), blank) == Agreement(0.0, 0.0)
    assert agreement(blank, page(20)).f1 == 0


def test_shapes_must_be_equal():
    with pytest.raises(ValueError, match=r"\(50, 50\) and \(40, 50\)"):
        agreement(page(20), page(20)[:40])
