"""FCN-scores by hand."""

from __future__ import annotations

import numpy as np
import pytest

from i2i.metrics.fcn_score import IGNORED, confusion, fcn_scores


def test_confusion_by_hand():
    wanted = np.array([[0, 0, 1], [1, 2, IGNORED]], np.uint8)
    found = np.array([[0, 1, 1], [1, 0, 2]], np.uint8)
    assert confusion(wanted, found, 3).tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]


def test_scores_by_hand():
    counts = np.array([[3, 1, 0], [0, 4, 0], [2, 0, 0]])
    found = fcn_scores(counts)
    assert found.pixel_accuracy == pytest.approx(7 / 10)
    assert found.class_accuracy == pytest.approx((3 / 4 + 1 + 0) / 3)
    assert found.class_iou == pytest.approx((3 / 6 + 4 / 5 + 0) / 3)
    np.testing.assert_allclose(found.ious, [0.5, 0.8, 0])


def test_a_class_that_is_wanted_nowhere_does_not_count():
    found = fcn_scores(np.array([[4, 1], [0, 0]]))
    assert found.class_accuracy == found.pixel_accuracy == pytest.approx(0.8)
    assert found.class_iou == pytest.approx(0.8) and np.isnan(found.ious[1])


def test_perfect_maps():
    labels = np.arange(12).reshape(3, 4) % 5
    found = fcn_scores(confusion(labels, labels, 5))
    assert (found.pixel_accuracy, found.class_accuracy, found.class_iou) == (1, 1, 1)


def test_errors():
    with pytest.raises(ValueError, match=r"\(2, 2\) and \(2, 3\)"):
        confusion(np.zeros((2, 2), int), np.zeros((2, 3), int), 2)
    with pytest.raises(ValueError, match="found classes are 0 to 4, expected 0 to 2"):
        confusion(np.zeros(2, int), np.array([0, 4]), 3)
    for wrong in (np.full(2, 0.9), np.zeros(2, bool), [0, 1]):
        for maps, name in (((wrong, np.zeros(2, int)), "wanted"), ((np.zeros(2, int), wrong), "found")):
            with pytest.raises(ValueError, match=f"{name}: got .*, expected class indices, integers"):
                confusion(*maps, 2)
    with pytest.raises(ValueError, match="no pixel was counted"):
        fcn_scores(confusion(np.full(4, IGNORED), np.zeros(4, int), 2))
