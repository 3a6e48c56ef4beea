"""Pairs moved over the paper: people draw anywhere and in any size, while the subjects of photos fill them."""

from __future__ import annotations

import cv2
import numpy as np

from i2i.edges.trace import render, trace

# Furthest at strength 1; sizes and proportions as logarithms.
_TURN = 25.0  # degrees
_SHRINK, _GROW = 0.7, 0.1
_STRETCH = 0.5  # of width against height
_SHIFT = 0.2  # of the picture's side
_STILL = 0.2  # share of the pairs that stay as they are

_TOLERANCE, _PLAIN = 10, 0.75  # levels of 255, and share of the rim, within which a border is plain
_FADE, _BLUR = 0.1, 0.06  # of the side: where mirrored ground is wholly out of focus, and how far


def random_move(rng: np.random.Generator, strength: float) -> np.ndarray:
    """An affine map (2, 3) of a unit square, about its middle: turned, resized, stretched, shifted; a fifth of the time
    none of it."""
    if rng.random() < _STILL:
        return np.eye(2, 3)
    angle = np.deg2rad(rng.uniform(-_TURN, _TURN) * strength)
    size, stretch = rng.uniform(-_SHRINK, _GROW) * strength, rng.uniform(-_STRETCH, _STRETCH) * strength / 2
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag(np.exp([size + stretch, size - stretch]))
    middle = np.array([0.5, 0.5])
    shift = rng.uniform(-_SHIFT, _SHIFT, 2) * strength
    return np.column_stack([linear, middle - linear @ middle + shift])


def move_drawing(drawing: np.ndarray, move: np.ndarray) -> np.ndarray:
    """The strokes of a drawing, uint8 (S, S), moved; one pixel wide as before, and perhaps without ink."""
    size = len(drawing)
    # Pixel centres lie half a pixel inside the square.
    moved = [((s + 0.5) / size @ move[:, :2].T + move[:, 2]) * size - 0.5 for s in trace(drawing)]
    return render([s.astype(np.float32) for s in moved], size)


def move_photo(photo: np.ndarray, move: np.ndarray) -> np.ndarray:
    """A photo, uint8 (S, S, 3), moved. What comes in at the sides has the colour of a plain border; otherwise it is the
    photo mirrored, more and more out of focus, as the ground behind a subject often is."""
    size = len(photo)
    linear, shift = move[:, :2], move[:, 2] * size
    matrix = np.column_stack([linear, shift + linear @ [0.5, 0.5] - 0.5])
    colour = _plain_border(photo)
    if colour is not None:
        return cv2.warpAffine(photo, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=colour)
    moved = cv2.warpAffine(photo, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    outside = cv2.warpAffine(np.full((size, size), 255, np.uint8), matrix, (size, size), flags=cv2.INTER_NEAREST) == 0
    if not outside.any():
        return moved
    away = cv2.distanceTransform(outside.astype(np.uint8), cv2.DIST_L2, 3) / (size * _FADE)
    # At a quarter of the size: a fraction of a grey level off on average, and much faster.
    small = cv2.resize(moved, (size // 4, size // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), size // 4 * _BLUR, borderType=cv2.BORDER_REFLECT_101)
    blurred = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    share = np.minimum(away, 1)[:, :, None]
    return np.rint(moved + share * (blurred.astype(np.float32) - moved)).astype(np.uint8)


def _plain_border(photo: np.ndarray) -> tuple[float, ...] | None:
    """The colour of a photo's rim if nearly all of it has one, `plain_ground.plain_border`'s way, or None."""
    rim = np.concatenate([photo[:2].reshape(-1, 3), photo[-2:].reshape(-1, 3), photo[:, :2].reshape(-1, 3)])
    rim = np.concatenate([rim, photo[:, -2:].reshape(-1, 3)]).astype(np.int16)
    colour = np.median(rim, 0)
    near = np.abs(rim - colour).max(1) <= _TOLERANCE
    return tuple(colour.tolist()) if near.mean() >= _PLAIN else None
