"""Strokes → picture, as canvas_strokes.js paints them in the browser."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage

from demo.stroke_format import ERASER, PEN, UNITS, hex_colours

_OVER = 4  # an edge drawing is painted this much larger, then averaged; a pen of 1.25 units is then 5 pixels
_SHIFT = 4  # sub-pixel bits of OpenCV's coordinates


def paint(strokes: list[dict], size: int = UNITS, palette=None) -> Image.Image:
    """What the canvas shows.

    Args:
        strokes: as `check` returns them.
        size: side of the picture in pixels.
        palette: colours (r, g, b) or "#rrggbb" of a label map, the first one the empty paper; None: edges.

    Returns:
        Edges: mode L, antialiased black on white. Labels: mode RGB, colours of the palette and no others.
    """
    if palette is None:
        return Image.fromarray(_paint_edges(strokes, size))
    colours = hex_colours(palette)
    table = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours], np.uint8)
    return Image.fromarray(table[paint_labels(strokes, size, colours)])


def paint_over(photo: Image.Image, strokes: list[dict]) -> Image.Image:
    """Strokes in their own colours (black without one) over a square RGB photo; the eraser takes away strokes alone."""
    if not strokes:
        return photo
    size = photo.width
    layer = np.zeros((size * _OVER, size * _OVER, 4), np.uint8)  # ink and how much of it, nothing where none is

    def ink(stroke: dict) -> tuple[int, ...]:
        colour = stroke.get("color", "#000000")
        return (0, 0, 0, 0) if stroke["tool"] == "eraser" else (*(int(colour[i : i + 2], 16) for i in (1, 3, 5)), 255)

    _draw(layer, strokes, size, ink)
    layer = cv2.resize(layer, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    covered = np.asarray(photo, np.float32) * (1 - layer[..., 3:] / 255) + layer[..., :3]
    return Image.fromarray(np.rint(covered).clip(0, 255).astype(np.uint8))


def _paint_edges(strokes: list[dict], size: int) -> np.ndarray:
    paper = np.full((size * _OVER, size * _OVER), 255, np.uint8)
    _draw(paper, strokes, size, lambda stroke: 255 if stroke["tool"] == "eraser" else 0)
    return cv2.resize(paper, (size, size), interpolation=cv2.INTER_AREA)


def _draw(paper: np.ndarray, strokes: list[dict], size: int, ink_of: Callable[[dict], Any]) -> None:
    """Strokes onto `paper`, which is _OVER times as large as `size`, each in the value that `ink_of` gives it."""
    scale = size * _OVER / UNITS

    def whole(points) -> np.ndarray:  # OpenCV's (0, 0) is the middle of the first pixel
        return np.rint((np.asarray(points, float) * scale - 0.5) * (1 << _SHIFT)).astype(np.int32)

    def thickness(width: float) -> int:
        return max(1, round(width * scale - 0.5) & ~1)  # OpenCV paints 3, 5, 7 … pixels for 2, 4, 6 …

    for stroke in strokes:
        points, ink = stroke["points"], ink_of(stroke)
        own = ERASER if stroke["tool"] == "eraser" else PEN
        width = max(stroke.get("width", own), UNITS / size)  # never thinner than a pixel
        if stroke["tool"] == "rect":
            points = _corners(points)
        if stroke.get("filled"):
            cv2.fillPoly(paper, [whole(points)], ink, shift=_SHIFT)
        elif len(points) == 1:
            radius = (max(stroke["widths"][0], UNITS / size) if "widths" in stroke else width) / 2 + 0.25
            centre = whole(points)[0].tolist()
            cv2.circle(paper, centre, round((radius * scale - 0.5) * (1 << _SHIFT)), ink, cv2.FILLED, shift=_SHIFT)
        elif "widths" in stroke:
            widths = [max(one, UNITS / size) for one in stroke["widths"]]
            for i, (a, b) in enumerate(zip(whole(points)[:-1].tolist(), whole(points)[1:].tolist(), strict=True)):
                cv2.line(paper, a, b, ink, thickness((widths[i] + widths[i + 1]) / 2), shift=_SHIFT)
        else:
            cv2.polylines(paper, [whole(points)], False, ink, thickness(width), shift=_SHIFT)


def _corners(points: list) -> list:
    (x0, y0), (x1, y1) = points
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def paint_labels(strokes: list[dict], size: int, colours: list[str]) -> np.ndarray:
    """Class indices uint8 (size, size). No antialiasing: a pixel belongs to a shape when its centre does.

    The browser computes the same expressions in the same order, so both agree pixel by pixel.
    """
    classes = np.zeros((size, size), np.uint8)
    scale = size / UNITS
    for stroke in strokes:
        tool = stroke["tool"]
        index = 0 if tool == "eraser" else colours.index(stroke["color"])
        points = [[x * scale, y * scale] for x, y in stroke["points"]]
        if tool == "fill":
            x, y = (min(size - 1, max(0, math.floor(c))) for c in points[0])
            regions, _ = ndimage.label(classes == classes[y, x])
            classes[regions == regions[y, x]] = index
        elif stroke.get("filled"):
            _fill_area(classes, _corners(points) if tool == "rect" else points, index)
        else:
            width = stroke.get("width", ERASER if tool == "eraser" else PEN)
            widths = stroke.get("widths", [width] * len(points))
            if tool == "rect":
                points, widths = _corners(points), [width] * 5
            for i in range(max(1, len(points) - 1)):
                j = min(i + 1, len(points) - 1)
                radius = max((widths[i] + widths[j]) / 4 * scale, 0.75)  # a thin line has no gaps
                _fill_capsule(classes, *points[i], *points[j], radius, index)
    return classes


def _fill_capsule(classes: np.ndarray, ax, ay, bx, by, radius, index) -> None:
    """Every pixel whose centre is within `radius` of the segment from a to b."""
    size = len(classes)
    left, right = max(0, math.floor(min(ax, bx) - radius)), min(size, math.ceil(max(ax, bx) + radius))
    top, bottom = max(0, math.floor(min(ay, by) - radius)), min(size, math.ceil(max(ay, by) + radius))
    if left >= right or top >= bottom:
        return
    px = np.arange(left, right)[None] + 0.5 - ax
    py = np.arange(top, bottom)[:, None] + 0.5 - ay
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    along = np.clip((px * dx + py * dy) / square, 0, 1) if square else np.zeros((1, 1))
    ex, ey = px - along * dx, py - along * dy
    classes[top:bottom, left:right][ex * ex + ey * ey <= radius * radius] = index


def _fill_area(classes: np.ndarray, points: list, index: int) -> None:
    """Every pixel whose centre lies inside the closed polygon, even-odd rule."""
    size = len(classes)
    x = np.arange(size) + 0.5
    y = x[:, None]
    inside = np.zeros((size, size), bool)
    for i, (ax, ay) in enumerate(points):
        bx, by = points[(i + 1) % len(points)]
        if ay != by:
            crosses = (ay > y) != (by > y)
            inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    classes[inside] = index
