"""From a soft edge map to a drawing: the post-processing that pix2pix applied to HED's output, in single
precision.

Written from a description of the steps of pix2pix's `scripts/edges/PostprocessHED.m`; each function is one of
them. Everything is vectorised; an image at 256 x 256 takes a few milliseconds.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from i2i.images import check_array

_TRIANGLE = (np.array([1, 2, 3, 4, 5, 4, 3, 2, 1], np.float64) / 25).astype(np.float32)
_FADE = 5
# Sizes below two fades have no inside.
_MIN_SIZE = 2 * _FADE


def postprocess(
    soft: np.ndarray, size: int = 256, threshold: float = 25 / 255, min_pixels: int = 5
) -> np.ndarray:
    """Turn a soft edge map into a one-pixel drawing.

    Args:
        soft: (H, W), 1 = edge: float in [0, 1], or uint8 0-255. Any size; a map of another size than `size`
            is resized as MATLAB's `imresize` does.
        size: side of the drawing.
        threshold: ink where the thinned strength is at least this, in [0, 1].
        min_pixels: 8-connected pieces with fewer pixels are dropped.

    Returns:
        uint8 (size, size), 0 = ink, 255 = paper. The outermost pixels are always paper.

    Raises:
        ValueError: for a map that is not 2-D, of another type, with NaN, or with floats outside [0, 1].
    """
    if isinstance(soft, np.ndarray) and soft.ndim != 2:
        raise ValueError(f"soft edge map: got shape {soft.shape}, expected (H, W)")
    check_array(soft, "soft edge map")
    if size < _MIN_SIZE:
        raise ValueError(f"got size {size}, expected at least {_MIN_SIZE} pixels")
    if soft.dtype == np.uint8:
        edges = soft.astype(np.float32) / np.float32(255)
    else:
        edges = soft.astype(np.float32)
    edges = imresize(edges, (size, size))
    ink = suppress_non_maxima(edges, orientation(edges), max(threshold, np.finfo(np.float64).eps))
    ink = remove_small(thin(ink), min_pixels)
    return np.where(ink, np.uint8(0), np.uint8(255))


def imresize(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """MATLAB's `imresize` for float32 (H, W): bicubic (a = -0.5), antialiased when shrinking, symmetric
    border.

    Returns float32 of `shape`; overshoot is kept, and an image of that shape comes back as it is.
    """
    # imresize handles the axis with the smaller scale first.
    for axis in sorted((0, 1), key=lambda axis: shape[axis] / image.shape[axis]):
        if image.shape[axis] == shape[axis]:
            continue
        indices, weights = _contributions(image.shape[axis], shape[axis])
        columns = image if axis == 0 else image.T
        total = np.zeros((shape[axis], columns.shape[1]), np.float64)
        for tap in range(indices.shape[1]):
            total += weights[:, tap, None] * columns[indices[:, tap]]
        image = np.ascontiguousarray((total if axis == 0 else total.T).astype(np.float32))
    return image


@lru_cache(maxsize=64)
def _contributions(length: int, new_length: int) -> tuple[np.ndarray, np.ndarray]:
    """Source indices (new_length, taps) and weights of a 1-D bicubic resize."""
    scale = new_length / length
    stretch = min(scale, 1.0)  # shrinking widens the kernel: antialiasing
    width = 4 / stretch
    centre = (np.arange(new_length) + 0.5) / scale - 0.5
    left = np.floor(centre - width / 2).astype(int)
    indices = left[:, None] + np.arange(int(np.ceil(width)) + 2)
    x = np.abs(stretch * (centre[:, None] - indices))
    weights = np.where(
        x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x <= 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0)
    )
    weights /= weights.sum(1, keepdims=True)
    folded = np.mod(indices, 2 * length)
    folded = np.where(folded < length, folded, 2 * length - 1 - folded)
    used = np.any(weights != 0, axis=0)
    return folded[:, used], weights[:, used]


def smooth(edges: np.ndarray) -> np.ndarray:
    """Triangle filter of radius 4, `[1 2 3 4 5 4 3 2 1] / 25` along both axes, symmetric border; float32."""
    # Sums of slices instead of cv2.sepFilter2D: equal columns then stay equal to the last bit, and so does
    # the sign of their (zero) derivative, on every processor.
    for axis in (0, 1):
        length = edges.shape[axis]
        padded = np.pad(edges, [(4, 4) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
        total = np.zeros_like(edges)
        for k, weight in enumerate(_TRIANGLE):
            part = padded[k : k + length] if axis == 0 else padded[:, k : k + length]
            total += weight * part
        edges = total
    return edges


def gradient(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives (d/dx, d/dy), x the column: central differences, one-sided at the border; float32."""
    along_y, along_x = np.empty_like(image), np.empty_like(image)
    half = np.float32(0.5)
    along_x[:, 1:-1] = (image[:, 2:] - image[:, :-2]) * half
    along_x[:, 0], along_x[:, -1] = image[:, 1] - image[:, 0], image[:, -1] - image[:, -2]
    along_y[1:-1] = (image[2:] - image[:-2]) * half
    along_y[0], along_y[-1] = image[1] - image[0], image[-1] - image[-2]
    return along_x, along_y


def orientation(edges: np.ndarray) -> np.ndarray:
    """Direction across the edge at every pixel, in [0, pi], from second derivatives of the smoothed map.

    O = mod(atan(Oyy sign(-Oxy) / (Oxx + 1e-5)), pi), with sign(0) = 0. float32 (H, W) in and out.
    """
    dx, dy = gradient(smooth(edges))
    dxx, _ = gradient(dx)
    dxy, dyy = gradient(dy)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = dyy * np.sign(-dxy) / (dxx + np.float32(1e-5))
    angle = np.arctan(np.nan_to_num(ratio, nan=0.0, posinf=np.inf, neginf=-np.inf))  # 0 / 0 has no direction
    return np.mod(angle, np.float32(np.pi))


def suppress_non_maxima(edges: np.ndarray, direction: np.ndarray, threshold: float) -> np.ndarray:
    """Where the map is a maximum across its edge, and strong enough after the fade at the borders.

    A pixel falls if 1.01 times its value is below one of the two bilinear samples at distance 1 along
    `direction`; what stays is multiplied by k / 5 in the k-th column and row from each border and compared
    with `threshold`.

    Args:
        edges: float32 (H, W). direction: float32 (H, W), radians. threshold: in [0, 1].

    Returns:
        bool (H, W).
    """
    # Suppression only ever removes, so the pixels that are too weak anyway need not be sampled.
    ink = fade_borders(edges) >= np.float32(threshold)
    y, x = np.nonzero(ink)
    step_x, step_y = np.cos(direction[y, x]), np.sin(direction[y, x])
    value = edges[y, x] * np.float32(1.01)
    fall = np.zeros(value.shape, bool)
    for sign in (np.float32(-1), np.float32(1)):
        fall |= value < _bilinear(
            edges, x.astype(np.float32) + sign * step_x, y.astype(np.float32) + sign * step_y
        )
    ink[y[fall], x[fall]] = False
    return ink


def fade_borders(edges: np.ndarray) -> np.ndarray:
    """The map (H, W) with column and row k from each border multiplied by k / 5, for k below 5."""
    faded = edges.copy()
    height, width = edges.shape
    for k in range(_FADE):
        factor = np.float32(k) / np.float32(_FADE)
        faded[:, k] *= factor
        faded[:, width - 1 - k] *= factor
    for k in range(_FADE):
        factor = np.float32(k) / np.float32(_FADE)
        faded[k] *= factor
        faded[height - 1 - k] *= factor
    return faded


def _bilinear(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    height, width = image.shape
    x = np.clip(x, np.float32(0), np.float32(width - 1.001))
    y = np.clip(y, np.float32(0), np.float32(height - 1.001))
    left, top = x.astype(np.intp), y.astype(np.intp)
    dx, dy = x - left.astype(np.float32), y - top.astype(np.float32)
    flat, first = image.ravel(), top * width + left
    one = np.float32(1)
    return (
        flat[first] * (one - dx) * (one - dy)
        + flat[first + 1] * dx * (one - dy)
        + flat[first + width] * (one - dx) * dy
        + flat[first + width + 1] * dx * dy
    )


def _thinning_tables() -> tuple[np.ndarray, np.ndarray]:
    """For the two subiterations: 1 where a pixel with these eight neighbours stays, 0 where it is deleted.

    Guo and Hall, "Parallel thinning with two-subiteration algorithms", CACM 32(3), 1989, conditions G1-G3.
    Bit i of the index is neighbour i, counterclockwise from the east.
    """
    p = [(np.arange(256) >> i & 1).astype(bool) for i in range(8)]
    crossings = sum((~p[i] & (p[i + 1] | p[(i + 2) % 8])).astype(int) for i in (0, 2, 4, 6))
    pairs_1 = sum((p[i] | p[i - 1]).astype(int) for i in (1, 3, 5, 7))
    pairs_2 = sum((p[i] | p[(i + 1) % 8]).astype(int) for i in (1, 3, 5, 7))
    smaller = np.minimum(pairs_1, pairs_2)
    common = (crossings == 1) & (smaller >= 2) & (smaller <= 3)
    first = common & ~((p[1] | p[2] | ~p[7]) & p[0])
    second = common & ~((p[5] | p[6] | ~p[3]) & p[4])
    return (~first).astype(np.uint8), (~second).astype(np.uint8)


_KEEP = _thinning_tables()
_NEIGHBOURS = np.array([[8, 4, 2], [16, 0, 1], [32, 64, 128]], np.float32)


def thin(mask: np.ndarray) -> np.ndarray:
    """Thin a mask to convergence (MATLAB's `bwmorph(..., 'thin', Inf)`; equal to `skimage.morphology.thin`).

    Args:
        mask: (H, W), ink where nonzero or True.

    Returns:
        bool (H, W).
    """
    ink = (np.asarray(mask) != 0).astype(np.uint8)
    count, before = cv2.countNonZero(ink), -1
    while count != before:
        for keep in _KEEP:
            code = cv2.filter2D(ink, cv2.CV_8U, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
            ink &= cv2.LUT(code, keep)
        before, count = count, cv2.countNonZero(ink)
    return ink.astype(bool)


def remove_small(mask: np.ndarray, min_pixels: int) -> np.ndarray:
    """Drop the 8-connected components of fewer than `min_pixels` pixels. (H, W) in, bool (H, W) out."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S
    )
    keep = stats[:, cv2.CC_STAT_AREA] >= min_pixels
    keep[0] = False  # label 0 is the paper
    return keep[labels]
