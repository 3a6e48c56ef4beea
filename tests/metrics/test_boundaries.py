"""The boundary benchmark against matchings and scores worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix

from i2i.metrics.boundaries import (
    annotators_f,
    count_agreement,
    count_matches,
    cut_levels,
    evaluate_boundaries,
    match,
    summarise,
)


def vertical(column: int, size: int = 64, rows: slice = slice(8, 56)) -> np.ndarray:
    """A one-pixel vertical line, bool (size, size)."""
    page = np.zeros((size, size), bool)
    page[rows, column] = True
    return page


def ridge(column: int, height: float, size: int = 64, rows: slice = slice(8, 56)) -> np.ndarray:
    """A soft line whose crest has `height`."""
    soft = np.zeros((size, size), np.float32)
    for offset, share in ((-1, 0.6), (0, 1.0), (1, 0.6)):
        soft[rows, column + offset] = share * height
    return soft


def test_thresholds_are_those_of_the_benchmark():
    levels = cut_levels()
    assert len(levels) == 99 and np.allclose(levels[[0, 49, 98]], [0.01, 0.5, 0.99])


def test_a_matching_is_one_to_one_and_as_large_as_can_be():
    # Row 0 could take either column, row 1 only column 0: a greedy choice would leave row 1 alone.
    assert match(csr_matrix([[1, 1], [1, 0]])).tolist() == [True, True]
    assert match(csr_matrix([[1, 0], [1, 0], [1, 0]])).sum() == 1
    assert match(csr_matrix([[0, 0, 0], [0, 1, 1]])).tolist() == [False, True]


@pytest.mark.parametrize("seed", range(5))
def test_a_matching_counts_what_the_cheapest_assignment_counts(seed):
    possible = np.random.default_rng(seed).random((40, 30)) < 0.06
    rows, columns = linear_sum_assignment(~possible)
    assert match(csr_matrix(possible.astype(np.int32))).sum() == possible[rows, columns].sum()


def test_a_line_in_its_place_is_all_matched():
    counts = count_matches(ridge(30, 0.8), [vertical(30)], thresholds=9)
    assert (counts[:, 1] == 48).all()
    # Thresholds 0.1 to 0.8 find the line; thinning may shorten it at the ends.
    assert (counts[:8, 3] >= 44).all() and (counts[:8, 0] == counts[:8, 3]).all()
    assert (counts[:8, 2] == counts[:8, 3]).all()
    assert (counts[8:, [0, 2, 3]] == 0).all()


def test_lines_near_the_border_fade_before_they_are_cut():
    found = count_matches(ridge(3, 0.8), [vertical(3)], thresholds=9)[:, 3]
    assert (found[:4] > 40).all() and (found[4:] == 0).all()  # 3 / 5 of 0.8 is 0.48


def test_the_reach_is_a_share_of_the_diagonal():
    # 0.0075 of the diagonal of 400 x 300 is 3.75 pixels.
    def found(distance: int) -> int:
        soft, drawn = np.zeros((400, 300), np.float32), np.zeros((400, 300), bool)
        for offset, share in ((-1, 0.6), (0, 1.0), (1, 0.6)):
            soft[50:350, 100 + offset] = 0.9 * share
        drawn[50:350, 100 + distance] = True
        return count_matches(soft, [drawn], thresholds=3)[0, 2]

    assert found(3) > 290 and found(4) == 0


def test_a_found_pixel_needs_one_annotator_and_a_drawn_one_is_asked_for_each():
    matched, drawn, right, found = count_matches(ridge(30, 0.9), [vertical(30), vertical(50)], thresholds=3)[0]
    assert drawn == 96 and right == found and matched == found  # half of what the two drew


def test_two_found_lines_cannot_share_one_that_was_drawn():
    soft = np.maximum(ridge(29, 0.9, 400, slice(20, 380)), ridge(33, 0.9, 400, slice(20, 380)))
    counts = count_matches(soft, [vertical(31, 400, slice(20, 380))], thresholds=3)
    matched, drawn, right, found = counts[0]
    assert found > 1.8 * drawn and right == matched <= drawn


def test_annotators_are_held_against_one_another():
    # Two draw the same line, the third another besides: 48 pixels a line.
    drawn = [vertical(20), vertical(20), vertical(20) | vertical(44)]
    counts = count_agreement(drawn)
    assert counts.tolist() == [[96, 144, 48, 48], [96, 144, 48, 48], [96, 96, 96 - 48, 96]]
    recall, precision = 288 / 384, 144 / 192
    assert annotators_f([drawn]) == pytest.approx(2 * recall * precision / (recall + precision))
    # A pixel away is near enough on a diagonal of 500 (3.75), ten are not; counts of images are summed.
    near, far = ([vertical(c, 400, slice(20, 380)) for c in pair] for pair in ((50, 51), (50, 60)))
    assert annotators_f([near]) == 1.0 and annotators_f([far]) == 0.0
    assert annotators_f([near, far, [vertical(20)]]) == pytest.approx(0.5)
    assert count_agreement([vertical(20), np.zeros((64, 64), bool)]).tolist() == [[0, 0, 0, 48], [0, 48, 0, 0]]
    with pytest.raises(ValueError, match="no image has two annotators"):
        annotators_f([[vertical(20)]])


def test_scores_by_hand():
    # One image, two thresholds: recall 0.8 and 0.4, precision 0.5 and 1.
    counts = np.array([[[8, 10, 10, 20], [4, 10, 5, 5]]])
    scores = summarise(counts)
    assert scores.recall.tolist() == [0.8, 0.4] and scores.precision.tolist() == [0.5, 1.0]
    share = np.linspace(0, 1, 101)
    p, r = 0.5 + 0.5 * share, 0.8 - 0.4 * share
    f = 2 * p * r / (p + r)
    assert scores.ods == pytest.approx(f.max())
    assert scores.threshold == pytest.approx(1 / 3 + share[f.argmax()] / 3)
    assert scores.ois == pytest.approx(2 * 0.8 * 0.5 / 1.3)
    # Precision over recall: 1 at 0.4 falling straight to 0.5 at 0.8, nothing outside.
    grid = np.arange(40, 81) / 100
    assert scores.ap == pytest.approx((1 - (grid - 0.4) * 1.25).sum() / 100)


def test_ois_takes_each_images_own_threshold():
    first = [[10, 10, 10, 10], [0, 10, 0, 0]]
    second = [[10, 10, 10, 90], [10, 10, 10, 10]]
    scores = summarise(np.array([first, second]))
    assert scores.ois == pytest.approx(1.0) and scores.ods < 0.75 and scores.images == 2


def test_a_shifted_copy_scores_less_than_the_right_one():
    drawn = [vertical(30)]
    right = evaluate_boundaries([(ridge(30, 0.7), drawn)], thresholds=9)
    wrong = evaluate_boundaries([(ridge(40, 0.7), drawn)], thresholds=9)
    assert right.ods > 0.95 and right.ois > 0.95
    assert wrong.ods == 0 and wrong.ap == 0 and wrong.ois == 0


@pytest.mark.slow
def test_processes_share_the_images_and_change_nothing():
    maps = [(ridge(20 + 5 * i, 0.5 + 0.1 * i), [vertical(20 + 5 * i), vertical(26)]) for i in range(3)]
    alone, shared = (evaluate_boundaries(maps, thresholds=9, workers=n) for n in (1, 2))
    assert alone.ods == shared.ods and (alone.precision == shared.precision).all()


def test_bad_input_is_refused_in_words():
    with pytest.raises(ValueError, match="no images to measure"):
        evaluate_boundaries([])
    with pytest.raises(ValueError, match=r"shape \(64, 64\), got bool \(32, 32\)"):
        count_matches(ridge(30, 0.8), [vertical(10, 32, slice(4, 20))])
    for soft in ((ridge(30, 0.8) * 255).astype(np.uint8), ridge(30, 0.8)[None], ridge(30, 0.8) > 0.5):
        with pytest.raises(ValueError, match=r"a soft map is float \(H, W\) in \[0, 1\], got"):
            count_matches(soft, [vertical(30)])
    for soft, found in ((ridge(30, 0.8) * 2, "0 to 1.6"), (ridge(30, 0.8) * np.nan, "nan to nan")):
        with pytest.raises(ValueError, match=rf"a soft map lies in \[0, 1\], got values from {found}"):
            count_matches(soft, [vertical(30)])
    with pytest.raises(ValueError, match="expected annotators"):
        count_matches(ridge(30, 0.8), [])
    drawing = np.where(vertical(30), np.uint8(0), np.uint8(255))  # ink is 0: every other pixel would be a boundary
    with pytest.raises(ValueError, match=r"bool and True on a boundary, .* got uint8 \(64, 64\)"):
        count_matches(ridge(30, 0.8), [vertical(30), drawing])
    with pytest.raises(ValueError, match=r"of shape \(64, 64\), got bool \(32, 32\)"):
        annotators_f([[vertical(30), vertical(10, 32, slice(4, 20))]])
    for shape in ((1, 1), (3, 3), (64, 2), (0, 64)):
        with pytest.raises(ValueError, match="at least 10 pixels a side"):
            count_matches(np.ones(shape), [np.ones(shape, bool)])
