"""Does one drawing show the lines of another? Precision and recall of ink within a few pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from i2i.metrics.given import check_drawing


@dataclass(frozen=True)
class Agreement:
    """Share of found ink that is near wanted ink, and of wanted ink that is near found ink."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def agreement(found: np.ndarray, wanted: np.ndarray, tolerance: float = 2.0) -> Agreement:
    """Compare two drawings.

    Args:
        found, wanted: uint8 (H, W), 0 = ink, 255 = paper.
        tolerance: pixels.

    Raises:
        ValueError: for other arrays, unequal shapes, or a tolerance below zero.
    """
    check_drawing(found, "found")
    check_drawing(wanted, "wanted")
    if not tolerance >= 0:
        raise ValueError(f"the tolerance must be at least 0 pixels, got {tolerance}")
    if found.shape != wanted.shape:
        raise ValueError(f"drawings of one size are expected, got {found.shape} and {wanted.shape}")
    a, b = found < 128, wanted < 128
    if not a.any() or not b.any():
        both = float(a.any() == b.any())
        return Agreement(both, both)
    near_b, near_a = distance_transform_edt(~b) <= tolerance, distance_transform_edt(~a) <= tolerance
    return Agreement(float(near_b[a].mean()), float(near_a[b].mean()))
