"""The form of a drawing: strokes as plain dicts, checked, settled and simplified.

A drawing is a list of strokes, coordinates in units of 1/256 of the paper's side, x to the right, y down:
`{"tool": "pen" | "eraser" | "line" | "rect" | "fill", "points": [[x, y], …]}` with, where they say something,
`"width"` in units (1.25; the eraser's is 14), `"color": "#rrggbb"` (label maps), `"filled": true` (rectangles, and
pen strokes as closed areas) and `"widths"`, one a point, from a pen with pressure. A line or a rectangle has two
points, a fill one. Settled strokes lie on a grid of a quarter unit, so that a link holds them exactly.
canvas_strokes.js holds the same in the browser.
"""

from __future__ import annotations

import itertools
import math
import re

import numpy as np

from demo.limits import short

UNITS = 256
GRID = 4  # steps in a unit
MARGIN = 64  # units that points may lie off the paper: half of the widest stroke
PEN, ERASER = 1.25, 14.0  # widths that are not written down
NARROWEST, WIDEST = 0.25, 128.0
FINE = 0.25  # units that a finished stroke may be off when points are left out
TOOLS = ("pen", "eraser", "line", "rect", "fill")
POINTS = {"line": 2, "rect": 2, "fill": 1}  # the other tools have any number from 1 up
MAX_STROKES = 4_000
MAX_POINTS = 40_000  # in a drawing
MAX_AREA = 3_000  # points of a filled area: to fill it takes time with their square
MAX_WORK = 1_000_000  # points times width, in units: wide strokes take longer to paint
_PIECE = 512  # points that are simplified together
_KEYS = {"tool", "points", "width", "color", "filled", "widths"}


def check(strokes, palette=None) -> list[dict]:
    """Check strokes that came from outside; return them settled.

    Args:
        strokes: whatever arrived.
        palette: colours (r, g, b) or "#rrggbb"; with it every stroke's colour must be one of them, without it
            (an edge drawing) no stroke may be a fill.

    Raises:
        ValueError: naming the stroke, what came and what was expected.
    """
    if not isinstance(strokes, list) or len(strokes) > MAX_STROKES:
        came = f"{len(strokes)} strokes" if isinstance(strokes, list) else type(strokes).__name__
        raise ValueError(f"The drawing is {came}; expected a list of at most {MAX_STROKES} strokes.")
    known = None if palette is None else hex_colours(palette)
    total, work = 0, 0.0
    for number, stroke in enumerate(strokes, 1):
        try:
            check_stroke(stroke)
            if known is None and stroke["tool"] == "fill":
                raise ValueError("a fill belongs to a label map, and this is an edge drawing")
            if known is not None and stroke["tool"] != "eraser" and stroke.get("color") not in known:
                raise ValueError(f"the colour {stroke.get('color')} is not in the palette ({', '.join(known)})")
        except ValueError as problem:
            raise ValueError(f"Stroke {number} of the drawing: {problem}.") from problem
        total += len(stroke["points"])
        own = ERASER if stroke["tool"] == "eraser" else PEN
        work += len(stroke["points"]) * max(stroke.get("widths") or [stroke.get("width", own)])
    if work > MAX_WORK:
        raise ValueError("The drawing has too many points of wide strokes. Take some of them back.")
    if total > MAX_POINTS:
        raise ValueError(f"The drawing has {total} points; at most {MAX_POINTS} are taken.")
    return settle(strokes)


def _number(value, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def check_stroke(stroke) -> None:
    """ValueError in words, without a name for the stroke, unless it is one."""
    if not isinstance(stroke, dict) or stroke.get("tool") not in TOOLS:
        came = short(stroke.get("tool")) if isinstance(stroke, dict) else type(stroke).__name__
        raise ValueError(f"its tool is {came}, expected one of {', '.join(TOOLS)}")
    if unknown := sorted(str(key) for key in stroke.keys() - _KEYS):
        raise ValueError(f"it has the unknown entry {short(unknown[0])}")
    points, tool = stroke.get("points"), stroke["tool"]
    if not isinstance(points, list) or not points or len(points) != POINTS.get(tool, len(points)):
        raise ValueError(f"{tool} takes {POINTS.get(tool, 'one or more')} points as a list of [x, y]")
    for point in points:
        if not isinstance(point, (list, tuple)) or len(point) != 2 or not all(
            _number(c, -MARGIN, UNITS + MARGIN) for c in point
        ):
            raise ValueError(f"the point {short(point)} is not [x, y] within {-MARGIN} … {UNITS + MARGIN}")
    if "width" in stroke and not _number(stroke["width"], NARROWEST, WIDEST):
        raise ValueError(f"its width is {short(stroke['width'])}, expected a number from {NARROWEST:g} to {WIDEST:g}")
    if "color" in stroke and not (isinstance(stroke["color"], str) and re.fullmatch("#[0-9a-f]{6}", stroke["color"])):
        raise ValueError(f"its color is {short(stroke['color'])}, expected '#rrggbb' in small letters")
    if stroke.get("filled") and len(points) > MAX_AREA:
        raise ValueError(f"its area has {len(points)} corners; at most {MAX_AREA} are taken")
    if "filled" in stroke and (not isinstance(stroke["filled"], bool) or tool not in ("pen", "rect")):
        raise ValueError("filled is true or false, of a rectangle or a pen stroke")
    widths = stroke.get("widths")
    if widths is not None and not (
        tool == "pen" and isinstance(widths, list) and len(widths) == len(points)
        and all(_number(width, NARROWEST, WIDEST) for width in widths)
    ):
        raise ValueError(f"widths is one number from {NARROWEST:g} to {WIDEST:g} for each point of a pen stroke")


def hex_colours(palette) -> list[str]:
    """Colours (r, g, b) or "#rrggbb" as "#rrggbb"."""
    return [colour if isinstance(colour, str) else "#" + bytes(colour).hex() for colour in palette]


def twin(stroke: dict, side: float = UNITS) -> dict:
    """The stroke mirrored left to right on paper of that side."""
    return {**stroke, "points": [[side - x, y] for x, y in stroke["points"]]}


def on_grid(value: float) -> float:
    """The nearest quarter unit."""
    return math.floor(value * GRID + 0.5) / GRID  # as Math.round in the browser


def settle(strokes: list[dict]) -> list[dict]:
    """Strokes on the quarter grid, without repeated points and without entries that say nothing."""
    settled = []
    for stroke in strokes:
        tool = stroke["tool"]
        points, widths = [], []
        for i, (x, y) in enumerate(stroke["points"]):
            point = [on_grid(x), on_grid(y)]
            if not points or point != points[-1] or tool in POINTS:
                points.append(point)
                widths.append(on_grid(stroke["widths"][i]) if stroke.get("widths") else 0)
        one = {"tool": tool, "points": points}
        if tool != "fill" and "width" in stroke and on_grid(stroke["width"]) != (ERASER if tool == "eraser" else PEN):
            one["width"] = on_grid(stroke["width"])
        if "color" in stroke:
            one["color"] = stroke["color"]
        if stroke.get("filled"):
            one["filled"] = True
        if stroke.get("widths") and any(width != one.get("width", PEN) for width in widths):
            one["widths"] = widths
        settled.append(one)
    return settled


def simplify(stroke: dict, tolerance: float = FINE) -> dict:
    """A pen or eraser stroke without the points that lie within `tolerance` units of the rest (Douglas-Peucker)."""
    count = len(stroke["points"])
    if stroke["tool"] in POINTS or count < 3:
        return stroke
    points = np.array(stroke["points"], float)
    kept = {*range(0, count, _PIECE), count - 1}  # in pieces: the worst stroke takes no longer than its length allows
    spans = list(itertools.pairwise(sorted(kept)))
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        px, py = (points[first + 1 : last] - points[first]).T
        dx, dy = (points[last] - points[first]).tolist()
        square = dx * dx + dy * dy
        along = np.clip((px * dx + py * dy) / square, 0, 1) if square else 0.0
        ex, ey = px - along * dx, py - along * dy
        off = ex * ex + ey * ey
        worst = int(off.argmax())
        if off[worst] > tolerance * tolerance:
            kept.add(first + 1 + worst)
            spans += [(first, first + 1 + worst), (first + 1 + worst, last)]
    one = {**stroke, "points": [stroke["points"][i] for i in sorted(kept)]}
    if "widths" in stroke:
        one["widths"] = [stroke["widths"][i] for i in sorted(kept)]
    return one
