"""One-pixel drawings to polylines and back: strokes to vary, simplify and show."""

from __future__ import annotations

import cv2
import numpy as np

from i2i.edges.postprocess import thin

_AROUND = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.float32)
_OFFSETS = np.array([(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx])
_SHIFT = 4  # sub-pixel bits of the coordinates that cv2.polylines gets


def trace(drawing: np.ndarray) -> list[np.ndarray]:
    """Trace the strokes of a drawing.

    The drawing is cut at its junctions; every piece between two junctions or free ends becomes one polyline,
    and pieces that meet at a junction share its point. A closed curve ends at its first point, a lone pixel
    is one point.

    Args:
        drawing: uint8 (H, W), ink 0 and paper 255; thinned first, so strokes of any width do.

    Returns:
        List of float32 (N, 2) arrays of pixel centres (x, y), one point a pixel; empty without ink.
    """
    ink = np.pad(thin(check_drawing(drawing) < 128), 1).astype(np.uint8)
    degree = cv2.filter2D(ink, cv2.CV_8U, _AROUND, borderType=cv2.BORDER_CONSTANT) * ink
    junction = (degree >= 3).astype(np.uint8)
    n_junctions, labels = cv2.connectedComponents(junction, connectivity=8, ltype=cv2.CV_32S)
    centres = _junction_centres(labels, degree, n_junctions)

    # Without the junctions every pixel has at most two neighbours, so each piece is a simple path or a loop,
    # and its contour walks along it and back: from one end of the walk to the other lies the path, each pixel
    # once.
    path = ink - junction
    contours, hierarchy = cv2.findContours(path, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    walks = (
        [c[:, 0] for c, parent in zip(contours, hierarchy[0, :, 3].tolist(), strict=True) if parent < 0]
        if contours
        else []
    )
    polylines = []
    touched = np.zeros(n_junctions, bool)
    if walks:
        points = np.concatenate(walks)
        lengths = np.array([len(w) for w in walks])
        starts = np.cumsum(lengths) - lengths
        neighbours = cv2.filter2D(path, cv2.CV_8U, _AROUND, borderType=cv2.BORDER_CONSTANT)
        ends = np.flatnonzero(neighbours[points[:, 1], points[:, 0]] == 1)
        lone = lengths == 1
        first, last = starts.copy(), starts.copy()
        rank = np.searchsorted(ends, starts)
        open_ = np.searchsorted(ends, starts + lengths) - rank >= 2
        first[open_], last[open_] = ends[rank[open_]], ends[rank[open_] + 1]
        first_junction, last_junction = _touching(labels, points[first], points[last])
        first_junction[~(open_ | lone)] = last_junction[~(open_ | lone)] = 0
        last_junction[lone & (first_junction == last_junction)] = 0
        touched[first_junction] = touched[last_junction] = True
        points = points.astype(np.float32)
        ranges = zip(
            first.tolist(),
            last.tolist(),
            lengths.tolist(),
            (open_ | lone).tolist(),
            first_junction.tolist(),
            last_junction.tolist(),
            strict=True,
        )
        for begin, end, length, is_open, junction_a, junction_b in ranges:
            parts = [centres[junction_a : junction_a + 1]] if junction_a else []
            if is_open:
                parts.append(points[begin : end + 1])
            else:
                parts += [points[begin : begin + length], points[begin : begin + 1]]
            if junction_b:
                parts.append(centres[junction_b : junction_b + 1])
            polylines.append((np.concatenate(parts) if len(parts) > 1 else parts[0]) - 1)
    untouched = np.flatnonzero(~touched[1:]) + 1
    polylines += [centres[j : j + 1] - 1 for j in untouched]
    return polylines


def _junction_centres(labels: np.ndarray, degree: np.ndarray, count: int) -> np.ndarray:
    """The pixel (x, y) that stands for each junction, float32 (count, 2): best connected, then central."""
    centres = np.zeros((count, 2), np.float32)
    y, x = np.nonzero(labels)
    label = labels[y, x]
    size = np.maximum(np.bincount(label, minlength=count), 1)
    mean_x, mean_y = (np.bincount(label, v, minlength=count) / size for v in (x, y))
    # A pixel with its neighbours along the axes is where strokes cross; beside it lie pixels that only touch
    # it.
    ink = degree > 0
    straight = sum(ink[y + dy, x + dx].astype(int) for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)))
    score = straight - 0.1 * np.hypot(x - mean_x[label], y - mean_y[label])
    order = np.argsort(score, kind="stable")  # the best of each label is written last
    centres[label[order]] = np.stack([x[order], y[order]], 1)
    return centres


def _touching(labels: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the junctions next to the first and the last point of each path, 0 where there is none."""

    def around(points: np.ndarray) -> np.ndarray:
        return labels[points[:, 1, None] + _OFFSETS[:, 0], points[:, 0, None] + _OFFSETS[:, 1]]

    # A path of one pixel can lie between two junctions: the highest label is taken at one end, the lowest at
    # the other.
    at_last = around(last)
    lowest = np.where(at_last > 0, at_last, np.iinfo(np.int32).max).min(1)
    return around(first).max(1), np.where(lowest == np.iinfo(np.int32).max, 0, lowest)


def render(polylines: list[np.ndarray], size: int) -> np.ndarray:
    """Draw polylines as one-pixel ink.

    Args:
        polylines: list of (N, 2) arrays of points (x, y) in pixels, N >= 1; what lies outside is cut off.
        size: side of the drawing.

    Returns:
        uint8 (size, size), ink 0 and paper 255, thinned to one pixel.
    """
    canvas = np.zeros((size, size), np.uint8)
    scale = np.float32(1 << _SHIFT)
    # cv2.polylines draws nothing for a single point, so that one is given twice.
    curves = [
        np.rint(np.asarray(p if len(p) > 1 else [*p, *p], np.float32) * scale).astype(np.int32)
        for p in polylines
        if len(p)
    ]
    cv2.polylines(canvas, curves, isClosed=False, color=1, thickness=1, lineType=cv2.LINE_8, shift=_SHIFT)
    return np.where(thin(canvas), np.uint8(0), np.uint8(255))


def check_drawing(drawing: np.ndarray) -> np.ndarray:
    """Return the drawing, or raise a ValueError unless it is a uint8 (H, W) array."""
    if not isinstance(drawing, np.ndarray) or drawing.dtype != np.uint8 or drawing.ndim != 2:
        got = (
            f"{drawing.dtype} {drawing.shape}" if isinstance(drawing, np.ndarray) else type(drawing).__name__
        )
        raise ValueError(f"drawing: got {got}, expected uint8 (H, W) with ink 0 and paper 255")
    return drawing
