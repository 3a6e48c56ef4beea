"""What measures are given, checked at the door: a wrong type or range would come out as a plausible number."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor


def check_drawing(drawing: Any, name: str) -> None:
    """ValueError for anything but a drawing: uint8 (H, W), ink 0 and paper 255."""
    if not isinstance(drawing, np.ndarray) or drawing.dtype != np.uint8 or drawing.ndim != 2:
        raise ValueError(f"{name}: got {_kind(drawing)}, expected a drawing, uint8 (H, W) with ink 0 and paper 255")


def check_soft_map(soft: Any) -> None:
    """ValueError for anything but a soft edge map: float (H, W) in [0, 1]."""
    if not isinstance(soft, np.ndarray) or soft.dtype.kind != "f" or soft.ndim != 2:
        raise ValueError(f"a soft map is float (H, W) in [0, 1], got {_kind(soft)}")
    if min(soft.shape) < 10:  # twice the fade at the borders (`i2i.edges.postprocess.fade_borders`)
        raise ValueError(f"a soft map has at least 10 pixels a side, got {soft.shape}")
    low, high = (float(bound) for bound in (soft.min(), soft.max()))
    if not 0 <= low <= high <= 1:  # NaN is neither
        raise ValueError(f"a soft map lies in [0, 1], got values from {low:.4g} to {high:.4g}")


def check_boundaries(annotators: Any, shape: tuple[int, ...]) -> None:
    """ValueError for anything but annotators' boundaries, at least one: bool, of this shape (H, W), True on one."""
    found = [_kind(a) for a in annotators if not isinstance(a, np.ndarray) or a.dtype != bool or a.shape != shape]
    if found or not len(annotators):
        got = ", ".join(found) or "none"
        raise ValueError(f"expected annotators' maps, bool and True on a boundary, of shape {shape}, got {got}")


def check_pixels(pixels: Any) -> None:
    """ValueError for anything but an RGB picture: uint8 (H, W, 3)."""
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"got {_kind(pixels)}, expected RGB pixels, uint8 (H, W, 3)")


def check_classes(classes: Any, name: str) -> None:
    """ValueError for anything but a label map: integers."""
    if not isinstance(classes, np.ndarray) or classes.dtype.kind not in "iu":
        raise ValueError(f"{name}: got {_kind(classes)}, expected class indices, integers")


def feature_sets(a: Any, b: Any, least: int, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of features (N, D) and (M, D) as float64.

    Args:
        least: rows that each must have. what: the measure, for messages.

    Raises:
        ValueError: for fewer rows, other shapes, or NaN.
    """
    # numpy knows no bfloat16.
    a, b = (np.asarray(f.detach().cpu().double() if isinstance(f, Tensor) else f) for f in (a, b))
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"{what} compares features (N, D) and (M, D), got {a.shape} and {b.shape}")
    if min(len(a), len(b)) < least:
        raise ValueError(f"{what} needs {least} pictures a side, got {len(a)} and {len(b)}")
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"{what}: the features hold NaN or infinite values: the pictures or the network are broken")
    return a, b


def _kind(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
