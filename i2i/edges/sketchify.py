"""Training-time variation of drawings: a detector's edges made to look the way people draw.

A drawing made of edges is a fact about the photo; a person's sketch is not. People leave lines out, the outline last
of all, draw a thin strap or tail as one line, make an eye a dot or an oval, lift the pen, draw small details away from
their place, round curves off to a few straight strokes, and close what the detector left open. Each of these is drawn
at random and, but for the strap, applied to the traced strokes, so that lines stay whole and one pixel wide.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import cKDTree

from i2i.edges.postprocess import thin
from i2i.edges.trace import check_drawing, render, trace

# Proportions of the picture's side; the numbers in comments are pixels at 256.
_DETAIL = 60 / 256  # a component of this many pixels is about three times as likely to stay as the smallest
_WOBBLE = 2.8 / 256  # greatest displacement
_GAP = 9 / 256  # longest gap that is closed
_ERASED = (4 / 256, 28 / 256)  # length of an erased piece
_SPARING = 0.2  # share of the drawings in which large components go too, but for the outline
_LEAST_INK = 0.15  # of the drawing's points
_SIGN = 56 / 256  # a detail up to this width and height may become a dot or an oval
_ROUND = 1.1  # ink against width and height together: an outline has about 1.4, a line at most 1
_DOT = 4 / 256  # greatest length of a dot, since a pen slips
_STRAP = (4 / 256, 14 / 256)  # lines up to this far apart may become one
_OUTLINE_GAP = 14 / 256  # the outline is followed over gaps of this length
_OUTLINE_ODDS = 0.15  # of what any other stroke would have to be left out


def sketchify(drawing: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Vary a drawing as people vary.

    Args:
        drawing: uint8 (S, S), ink 0 and paper 255.
        rng: the only source of randomness; the same state gives the same result.
        strength: 0 returns the drawing as it is, 1 is the full variation; values between scale how often and
            how far.

    Returns:
        uint8 (S, S), one-pixel ink 0 on paper 255, never without ink. About one in ten comes back unvaried.

    Raises:
        ValueError: for another type or shape, a strength outside [0, 1], or an empty drawing.
    """
    check_drawing(drawing)
    if drawing.shape[0] != drawing.shape[1]:
        raise ValueError(f"drawing: got shape {drawing.shape}, expected a square")
    if not 0 <= strength <= 1:
        raise ValueError(f"got strength {strength}, expected a number from 0 to 1")
    if drawing.min() >= 128:
        raise ValueError("empty drawing: there is no ink to vary")
    if strength == 0 or rng.random() < 0.1:
        return drawing.copy()
    size = drawing.shape[0]
    if rng.random() < 0.3:
        drawing = merge_lines(drawing, strength * rng.uniform(*_STRAP) * size)
    strokes = trace(drawing)
    if rng.random() < 0.8:
        strokes = drop_strokes(strokes, drawing, rng, strength)
    if rng.random() < 0.5:
        strokes = plain_details(strokes, drawing, rng, strength)
    if rng.random() < 0.6:
        strokes = erase_pieces(strokes, size, rng, strength)
    if rng.random() < 0.5:
        strokes = close_gaps(strokes, size * _GAP * strength * rng.random())
    if rng.random() < 0.5:
        strokes = simplify(strokes, strength * rng.uniform(0.5, 2.2) * size / 256)
    if rng.random() < 0.8:
        strokes = wobble(strokes, size, rng, size * _WOBBLE * strength * rng.random())
    varied = render(strokes, size)
    return varied if varied.min() == 0 else drawing.copy()


def merge_lines(drawing: np.ndarray, apart: float) -> np.ndarray:
    """Draw what is thin as one line: lines less than `apart` pixels from one another become the line between them."""
    radius = round(apart / 2)
    if radius < 1:
        return drawing
    ink = np.pad((drawing < 128).astype(np.uint8), radius)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    filled = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, disc)[radius:-radius, radius:-radius]
    return np.where(thin(filled), np.uint8(0), np.uint8(255))


def drop_strokes(
    strokes: list[np.ndarray], drawing: np.ndarray, rng: np.random.Generator, strength: float
) -> list[np.ndarray]:
    """Leave strokes out: components, small ones first, then single strokes of what stays; on the outline seldom.

    A net that is often shown half an outline may learn to continue subjects where there is nothing but paper. At
    least 15 % of the drawing's points stay.
    """
    size = drawing.shape[0]
    ink, component, stats = _components(strokes, drawing)
    pixels = stats[:, cv2.CC_STAT_AREA]
    lengths = np.array([len(s) for s in strokes])

    detail = rng.random() * strength  # how much detail this person leaves out
    plain = rng.uniform(0.0, 0.2) * strength  # how often a large component is left out
    odds = plain + detail * np.exp(-pixels / (_DETAIL * size))
    outline = on_outline(strokes, ink)
    rarely = np.where(outline, _OUTLINE_ODDS, 1.0)
    dropped = rng.random(len(pixels))[component] < odds[component] * rarely
    if rng.random() < _SPARING:  # hardly more than the outline
        dropped |= ~outline & (rng.random(len(pixels)) < rng.random() * strength)[component]
    single = rng.uniform(0.0, 0.15) * strength
    dropped |= rng.random(len(strokes)) < single * np.exp(-lengths / (2 * _DETAIL * size)) * rarely

    keep = ~dropped
    for i in np.argsort(-pixels[component], kind="stable"):  # too little left: bring the largest back
        if lengths[keep].sum() >= _LEAST_INK * lengths.sum():
            break
        keep[i] = True
    return [s for s, k in zip(strokes, keep.tolist(), strict=True) if k]


def _components(strokes: list[np.ndarray], drawing: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The drawing's ink, uint8 (S, S); each stroke's connected component; the components as OpenCV describes them."""
    ink = (drawing < 128).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8, ltype=cv2.CV_32S)
    first = np.array([s[0] for s in strokes]).astype(int)
    return ink, labels[first[:, 1], first[:, 0]], stats


def plain_details(
    strokes: list[np.ndarray], drawing: np.ndarray, rng: np.random.Generator, strength: float
) -> list[np.ndarray]:
    """Draw details plainly: some of the small components become an oval or a dot in their place.

    What lies on the outline, or is a line, stays as it is.
    """
    ink, component, stats = _components(strokes, drawing)
    size = len(drawing)
    left, top, width, height = stats[:, : cv2.CC_STAT_AREA].T
    outline = np.isin(np.arange(len(stats)), component[on_outline(strokes, ink)])
    odds = rng.uniform(0.0, 0.8) * strength
    chosen = rng.random(len(stats)) < odds
    chosen &= (np.maximum(width, height) <= _SIGN * size) & ~outline
    chosen &= stats[:, cv2.CC_STAT_AREA] >= _ROUND * (width + height)
    signs = []
    for k in np.unique(component[chosen[component]]).tolist():
        radii = (np.array([width[k], height[k]]) - 1) / 2
        middle = np.array([left[k], top[k]]) + radii
        if rng.random() < 0.5:
            turn = np.linspace(0, 2 * np.pi, 25)
            sign = middle + np.maximum(radii, 0.5) * np.stack([np.cos(turn), np.sin(turn)], 1)
        else:
            half = rng.uniform(-0.5, 0.5, 2) * _DOT * size
            sign = np.stack([middle - half, middle + half])
        signs.append(np.clip(sign, 0, size - 1).astype(np.float32))
    return [s for s, gone in zip(strokes, chosen[component].tolist(), strict=True) if not gone] + signs


def on_outline(strokes: list[np.ndarray], ink: np.ndarray) -> np.ndarray:
    """Which strokes lie mostly on the border between the drawing and the paper around it: bool, one a stroke.

    A subject that the lower half of the frame cuts off, as a head without its body, ends there.

    Args:
        ink: uint8 (S, S), 1 where the drawing has ink.
    """
    reach = round(_OUTLINE_GAP * len(ink)) // 2
    margin = reach + 1

    def disc(radius: int) -> np.ndarray:
        return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)

    ink = ink | _cut_off(ink, reach)
    # Thick ink has no gaps; what the paper's corner reaches around it is outside, as far as the ink itself.
    thick = cv2.dilate(np.pad(ink, margin), disc(reach))
    cv2.floodFill(thick, None, (0, 0), 2)
    outside = cv2.dilate((thick == 2).astype(np.uint8), disc(reach + 2))
    lengths = np.array([len(s) for s in strokes])
    column, row = (np.rint(np.concatenate(strokes)).astype(int) + margin).T
    touched = np.add.reduceat(outside[row, column].astype(int), np.cumsum(lengths) - lengths)
    return touched > 0.5 * lengths


def _cut_off(ink: np.ndarray, reach: int) -> np.ndarray:
    """The frame from the first to the last ink that comes near its lower half: uint8 (S, S), 1 there."""
    last = len(ink) - 1
    across, up = np.arange(last + 1), np.arange(last, len(ink) // 2, -1)
    rows = np.concatenate([up[::-1], np.full_like(across, last), up])
    columns = np.concatenate([np.zeros_like(up), across, np.full_like(up, last)])
    near = np.flatnonzero(cv2.dilate(ink, np.ones((2 * reach + 1,) * 2, np.uint8))[rows, columns])
    frame = np.zeros_like(ink)
    if len(near):
        cut = slice(near[0], near[-1] + 1)
        frame[rows[cut], columns[cut]] = 1
    return frame


def erase_pieces(
    strokes: list[np.ndarray], size: int, rng: np.random.Generator, strength: float
) -> list[np.ndarray]:
    """Lift the pen: cut short pieces out of strokes, at even places along all ink (up to 15 % of it)."""
    lengths = np.array([len(s) for s in strokes])
    share = rng.uniform(0.02, 0.15) * strength
    mean_length = 0.5 * sum(_ERASED) * size
    places = rng.integers(0, lengths.sum(), rng.poisson(share * lengths.sum() / mean_length))
    pieces = np.rint(rng.uniform(*_ERASED, len(places)) * size).astype(int)
    ends = np.cumsum(lengths)
    owner = np.searchsorted(ends, places, side="right")
    result = list(strokes)
    for stroke, begin, length in zip(
        owner.tolist(), (places - (ends - lengths)[owner]).tolist(), pieces.tolist(), strict=True
    ):
        if isinstance(result[stroke], np.ndarray):  # one piece a stroke is enough
            whole = result[stroke]
            parts = [p for p in (whole[:begin], whole[begin + length :]) if len(p) > 1]
            result[stroke] = parts
    flat = []
    for item in result:
        flat += item if isinstance(item, list) else [item]
    return flat or strokes


def close_gaps(strokes: list[np.ndarray], reach: float) -> list[np.ndarray]:
    """Join free ends that lie at most `reach` pixels apart by straight lines."""
    ends = np.array([p for s in strokes if len(s) > 1 for p in (s[0], s[-1])], np.float32).reshape(-1, 2)
    if reach < 1.5 or len(ends) < 2:
        return strokes
    # Ends that share a point with another stroke are junctions, not free.
    _, index, counts = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    free = ends[counts[index.ravel()] == 1]
    if len(free) < 2:
        return strokes
    pairs = cKDTree(free).query_pairs(reach, output_type="ndarray")
    if not len(pairs):
        return strokes
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    apart = np.linalg.norm(free[pairs[:, 0]] - free[pairs[:, 1]], axis=1)
    joins, used = [], set()
    for a, b in pairs[
        np.argsort(apart, kind="stable")
    ].tolist():  # each end joins its nearest free partner only
        if a not in used and b not in used:
            used |= {a, b}
            joins.append(free[[a, b]])
    return strokes + joins


def simplify(strokes: list[np.ndarray], tolerance: float) -> list[np.ndarray]:
    """Replace each stroke by straight pieces within `tolerance` pixels (Douglas and Peucker, 1973)."""
    return [cv2.approxPolyDP(s, tolerance, False)[:, 0] if len(s) > 2 else s for s in strokes]


def wobble(strokes: list[np.ndarray], size: int, rng: np.random.Generator, reach: float) -> list[np.ndarray]:
    """Move every point by a smooth random field of displacements, at most `reach` pixels along an axis."""
    cells = int(rng.integers(3, 10))
    coarse = rng.uniform(-1, 1, (cells, cells, 2)).astype(np.float32)
    field = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_LINEAR)
    field = cv2.blur(field, (size // (2 * cells) | 1,) * 2)  # rounds the creases between the cells
    field *= np.float32(reach / max(float(np.abs(field).max()), 1e-6))
    points = np.concatenate(strokes)
    column, row = np.clip(np.rint(points).astype(int), 0, size - 1).T
    moved = np.clip(points + field[row, column], 0, size - 1)
    return np.split(moved, np.cumsum([len(s) for s in strokes])[:-1])
