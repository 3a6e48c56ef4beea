"""Plain shapes with exact edges, for an edge detector that knows photos only: products and drawings on even ground."""

from __future__ import annotations

import cv2
import numpy as np

FINE = 4  # shapes are drawn so many times finer, then averaged, as a lens would
MOST = 3  # shapes in a picture
CONTRAST = 25  # least difference of two mean colours in a picture, grey levels, before gradients


def plain_shapes(size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One to three filled rectangles, ellipses and polygons, each in one colour or a faint gradient, on such a ground.

    Returns:
        The picture, uint8 (size, size, 3), and its edges, float32 (size, size): 1 on the pixels to either side of an
        edge, 0.1 on those next to them, which are no edge and yet near one, 0 elsewhere.
    """
    large = size * FINE
    labels = np.zeros((large, large), np.uint8)
    colours = [rng.integers(0, 256, 3)]
    for _ in range(rng.integers(1, MOST + 1)):
        colours.append(_another(colours, rng))
        _fill(labels, len(colours) - 1, rng)
    picture = np.stack(colours)[labels].astype(np.float32)
    if rng.random() < 0.5:
        slope = rng.uniform(-12, 12, 2)
        along = np.linspace(-1, 1, large, dtype=np.float32)
        picture += (slope[0] * along[:, None] + slope[1] * along[None])[..., None].astype(np.float32)
    small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    return np.clip(small, 0, 255).astype(np.uint8), _edges(labels[FINE // 2 :: FINE, FINE // 2 :: FINE])


def _another(colours: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """A colour that differs from all of `colours` by `CONTRAST`; at most four of them leave room for one."""
    while True:
        colour = rng.integers(0, 256, 3)
        if min(abs(float(np.mean(colour - c))) for c in colours) >= CONTRAST:
            return colour


def _fill(labels: np.ndarray, number: int, rng: np.random.Generator) -> None:
    """Draw one shape into the label map, in place."""
    large = labels.shape[0]
    centre, radii = rng.uniform(0.2, 0.8, 2) * large, rng.uniform(0.08, 0.35, 2) * large
    angle = float(rng.choice([0.0, rng.uniform(0, 180)]))  # upright as often as not
    kind = rng.integers(0, 3)
    if kind == 0:
        box = cv2.boxPoints((tuple(map(float, centre)), tuple(map(float, 2 * radii)), angle))
        cv2.fillPoly(labels, [np.rint(box).astype(np.int32)], number)
    elif kind == 1:
        cv2.ellipse(labels, tuple(map(int, centre)), tuple(map(int, radii)), angle, 0, 360, number, -1)
    else:
        turns = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 8)))
        points = centre + radii * rng.uniform(0.5, 1, (len(turns), 1)) * np.stack([np.cos(turns), np.sin(turns)], 1)
        cv2.fillPoly(labels, [np.rint(points).astype(np.int32)], number)


def _edges(labels: np.ndarray) -> np.ndarray:
    edge = np.zeros(labels.shape, np.float32)
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    for there, first, second in (
        (across, np.s_[:, :-1], np.s_[:, 1:]),
        (down, np.s_[:-1], np.s_[1:]),
    ):
        edge[first][there] = 1.0
        edge[second][there] = 1.0
    near = cv2.dilate(edge, np.ones((3, 3), np.float32))
    return np.where(edge > 0, edge, 0.1 * near).astype(np.float32)
