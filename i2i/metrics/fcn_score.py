"""FCN-score: does a segmentation network find the wanted classes again? Isola et al., CVPR 2017, section 4.1.

The three scores are those of Long, Shelhamer and Darrell, CVPR 2015, section 5 ("Metrics").
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from i2i.metrics.given import check_classes

IGNORED = 255  # class index of pixels that do not count


@dataclass(frozen=True)
class FcnScores:
    """Agreement of label maps.

    Attributes:
        pixel_accuracy: share of pixels with the right class.
        class_accuracy: that share for each class that is wanted somewhere, averaged over classes.
        class_iou: intersection over union, averaged over these classes.
        accuracies, ious: of each class (K,); NaN where it is wanted nowhere.
    """

    pixel_accuracy: float
    class_accuracy: float
    class_iou: float
    accuracies: np.ndarray = field(repr=False)
    ious: np.ndarray = field(repr=False)


def confusion(wanted: np.ndarray, found: np.ndarray, classes: int) -> np.ndarray:
    """Pixels (K, K) of each wanted class (row) that were found as each class (column).

    Args:
        wanted, found: integers of one shape, class indices; `IGNORED` in `wanted` leaves a pixel out.
        classes: K.

    Raises:
        ValueError: for unequal shapes, or indices that are no classes.
    """
    check_classes(wanted, "wanted")
    check_classes(found, "found")
    if wanted.shape != found.shape:
        raise ValueError(f"label maps of one size are expected, got {wanted.shape} and {found.shape}")
    counted = wanted != IGNORED
    rows, columns = wanted[counted].astype(np.int64), found[counted].astype(np.int64)
    for name, values in (("wanted", rows), ("found", columns)):
        if len(values) and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(f"{name} classes are {values.min()} to {values.max()}, expected 0 to {classes - 1}")
    return np.bincount(rows * classes + columns, minlength=classes**2).reshape(classes, classes)


def fcn_scores(counts: np.ndarray) -> FcnScores:
    """The three scores of a confusion matrix (K, K), summed over all pictures.

    Raises:
        ValueError: if no pixel was counted.
    """
    if not counts.sum():
        raise ValueError("no pixel was counted: every wanted label map is empty or ignored")
    right, wanted, found = np.diag(counts).astype(float), counts.sum(1), counts.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        accuracies = np.where(wanted > 0, right / wanted, np.nan)
        ious = np.where(wanted > 0, right / (wanted + found - right), np.nan)
    return FcnScores(
        pixel_accuracy=float(right.sum() / counts.sum()),
        class_accuracy=float(np.nanmean(accuracies)),
        class_iou=float(np.nanmean(ious)),
        accuracies=accuracies,
        ious=ious,
    )
