"""Strokes on the server, everything in one place: check, paint, grow for a replay, links, and strokes from pictures."""

from __future__ import annotations

import math

from demo.stroke_codec import MAX_TEXT, pack, unpack
from demo.stroke_format import MAX_POINTS, check, check_stroke, on_grid, settle, simplify, twin
from demo.stroke_paint import paint, paint_over
from demo.stroke_trace import from_drawing, from_labels

__all__ = [
    "check", "decode", "encode", "from_drawing", "from_labels", "length", "paint", "paint_over", "partial", "settle",
    "simplify", "twin",
]

COARSER = (0.5, 0.75, 1.0, 1.5, 2.5)  # units; tried one after the other when a link has to be short
DOT = 8.0  # length of a dot, a fill or a stroke that goes nowhere, for the replay


def encode(strokes: list[dict], limit: int | None = None) -> str:
    """Strokes as short URL-safe text; settled strokes come back exactly from `decode`.

    limit: at most so many characters, None: as many as `decode` reads. Points are left out until it fits, and until
    there are at most MAX_POINTS; ValueError if that is never so.
    """
    whole, too_large = settle(strokes), ""
    limit = MAX_TEXT if limit is None else min(limit, MAX_TEXT)
    for tolerance in (0, *COARSER):
        strokes = settle([simplify(stroke, tolerance) for stroke in whole]) if tolerance else whole
        points = sum(len(stroke["points"]) for stroke in strokes)
        if points > MAX_POINTS:
            too_large = f"{points} points, and {MAX_POINTS} points"
            continue
        text = pack(strokes)
        if len(text) <= limit:
            return text
        too_large = f"{len(text)} characters, and {limit} characters"
    raise ValueError(f"The drawing is too large for a link: {too_large} fit. Erase some of its lines.")


def decode(text: str) -> list[dict]:
    """Strokes from the text of a link. ValueError in words for anything that is not one."""
    strokes = unpack(text)
    for number, stroke in enumerate(strokes, 1):
        try:
            check_stroke(stroke)
        except ValueError as problem:
            raise ValueError(f"Stroke {number} of the drawing in the link: {problem}.") from problem
    return strokes


def _stroke_length(stroke: dict) -> float:
    points = stroke["points"]
    return max(DOT, sum(math.dist(a, b) for a, b in zip(points[:-1], points[1:], strict=True)))


def length(strokes: list[dict]) -> float:
    """How far the pen travels, in units; dots and fills count as a short line."""
    return sum(_stroke_length(stroke) for stroke in strokes)


def partial(strokes: list[dict], share: float) -> list[dict]:
    """The drawing when `share` (0 to 1) of its length has been drawn; the last stroke is cut where the pen is."""
    left = min(1.0, max(0.0, share)) * length(strokes)
    grown = []
    for stroke in strokes:
        own = _stroke_length(stroke)
        if left >= own - 1e-9:
            grown.append(stroke)
        elif left > 0:
            grown.append(_cut(stroke, left))
        left -= own
        if left <= 1e-9:
            break
    return grown


def _cut(stroke: dict, left: float) -> dict:
    points, widths = stroke["points"], stroke.get("widths")
    if stroke["tool"] == "fill" or stroke.get("filled") and stroke["tool"] == "pen" or len(points) == 1:
        return stroke
    kept, kept_widths = [points[0]], widths[:1] if widths else []
    for i in range(1, len(points)):
        (ax, ay), (bx, by) = points[i - 1], points[i]
        step = math.dist((ax, ay), (bx, by))
        if step >= left:
            along = left / step if step else 1.0
            kept.append([on_grid(ax + along * (bx - ax)), on_grid(ay + along * (by - ay))])
        else:
            kept.append(points[i])
        kept_widths += widths[i : i + 1] if widths else []
        left -= step
        if left <= 0:
            break
    return {**stroke, "points": kept, **({"widths": kept_widths} if widths else {})}
