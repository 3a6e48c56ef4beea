"""Pictures → strokes: one-pixel drawings and label maps become drawings that can be edited, undone and linked."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage import measure

from demo.stroke_format import MAX_AREA, MAX_POINTS, MAX_STROKES, UNITS, hex_colours, settle, simplify
from i2i.edges.trace import trace

_SOFT = np.array([1, 2, 3, 2, 1]) / 9  # weights along a traced pixel line, whose steps nobody drew
_TRACED = 0.4  # units; points of a traced line within that of the rest are left out
_JAGGED = 0.7  # the same for the outline of an area
_OVERLAP = 2  # pixels that an area reaches under the areas painted after it


def from_drawing(drawing: np.ndarray) -> list[dict]:
    """Trace a one-pixel drawing, uint8 (H, H), ink 0 and paper 255, into pen strokes, the longest first."""
    scale = UNITS / len(drawing)
    lines = sorted(((line + 0.5) * scale for line in trace(drawing)), key=_extent, reverse=True)
    return settle([simplify({"tool": "pen", "points": _softened(line).tolist()}, _TRACED) for line in lines])


def _softened(line: np.ndarray) -> np.ndarray:
    """The line without its pixel steps; both ends stay, so that strokes which meet still do."""
    if len(line) < 5:
        return line
    before, after = 2 * line[0] - line[2:0:-1], 2 * line[-1] - line[-2:-4:-1]
    longer = np.concatenate([before, line, after])
    return np.stack([np.convolve(longer[:, axis], _SOFT, "valid") for axis in (0, 1)], 1)


def _extent(line: np.ndarray) -> float:
    return float(np.hypot(*np.diff(line, axis=0).T).sum())


def from_labels(classes: np.ndarray, palette) -> list[dict]:
    """A label map as rectangles and filled areas, the largest first; painted, they are the map to about a pixel.

    Args:
        classes: class indices (H, H), from 0 to the palette's length - 1.
        palette: colours (r, g, b) or "#rrggbb"; the first is the empty paper.

    Raises:
        ValueError: when the map is so ragged that its outlines have too many points for a drawing.
    """
    colours, size = hex_colours(palette), len(classes)
    scale = UNITS / size
    parts = []  # (area with its holes, class, mask within its box, box)
    for index in np.unique(classes):
        regions, _ = ndimage.label(classes == index)
        for number, box in enumerate(ndimage.find_objects(regions), 1):
            mask = regions[box] == number
            parts.append((int(ndimage.binary_fill_holes(mask).sum()), int(index), mask, box))
    parts.sort(key=lambda part: -part[0])  # what lies in a hole is smaller than what is around it
    strokes: list[dict] = []
    unpainted = np.ones(classes.shape, bool)
    for area, index, mask, (rows, columns) in parts:
        unpainted[rows, columns][mask] = False
        if not strokes and index == 0:
            continue
        corners = [[columns.start * scale, rows.start * scale], [columns.stop * scale, rows.stop * scale]]
        stroke = {"tool": "rect", "points": corners}
        if area != mask.size:
            stroke = _area(mask, rows, columns, unpainted, scale)
        strokes.append({**stroke, "color": colours[index], "filled": True})
    corners = [len(stroke["points"]) for stroke in strokes]
    if len(strokes) > MAX_STROKES or sum(corners) > MAX_POINTS or max(corners, default=0) > MAX_AREA:
        raise ValueError(
            f"The label map is too ragged: {len(strokes)} areas with {sum(corners)} outline points, and a drawing has "
            f"{MAX_STROKES} strokes and {MAX_POINTS} points at most, {MAX_AREA} around one area. Smooth it or remove "
            "specks."
        )
    return settle(strokes)


def _area(mask: np.ndarray, rows: slice, columns: slice, unpainted: np.ndarray, scale: float) -> dict:
    """The outline of one region. Under regions that come later it reaches a little: no gap opens between them."""
    edge = _OVERLAP + 1
    padded = np.pad(mask, edge)
    free = np.pad(unpainted, edge)[rows.start : rows.stop + 2 * edge, columns.start : columns.stop + 2 * edge]
    grown = padded | ndimage.binary_dilation(padded, iterations=_OVERLAP) & free
    outline = max(measure.find_contours(np.pad(grown, 1).astype(float), 0.5), key=_enclosed)
    x = (outline[:, 1] + columns.start - edge - 0.5) * scale  # of pixel centres, and two borders further in
    y = (outline[:, 0] + rows.start - edge - 0.5) * scale
    ring = np.clip(np.stack([x, y], 1), 0, UNITS).tolist()
    return simplify({"tool": "pen", "points": ring}, _JAGGED)


def _enclosed(outline: np.ndarray) -> float:
    y, x = outline.T
    return abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2
