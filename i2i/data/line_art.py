"""Whether a picture is a line drawing, by its pixels alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from i2i.images import load_image

LEAST_SCORE = 0.75  # of `drawing_score`, for a picture to count as a drawing
MOST = 0.6  # share of the pictures looked at that must be drawings, for all of them to count as such
_SAMPLES = 24
_MOST_INK = 0.12  # share of the paper that coloured lines may cover

T = TypeVar("T")


def drawing_score(pixels: np.ndarray) -> float:
    """How much a picture looks like line art, 0 to 1: the share of colourless pixels that are nearly black or
    white, less what one of the two does not clearly outweigh (paper covers most of a drawing). 0 where much is on the
    paper and most of it has a colour: a product in a white photo, not lines of coloured ink.

    Args:
        pixels: uint8 (H, W, 3).
    """
    values = pixels.astype(np.int16)
    colourless = values.max(2) - values.min(2) < 24
    grey = values.mean(2)
    light, dark = np.mean((grey > 225) & colourless), np.mean((grey < 30) & colourless)
    if light + dark == 0:
        return 0.0
    paper = (grey > 225 if light >= dark else grey < 30) & colourless
    if np.mean(~paper) > _MOST_INK and np.mean(colourless[~paper]) < 0.5:
        return 0.0
    most = max(light, dark) / (light + dark)
    return float((light + dark) * min(1.0, most / 0.75))


def is_drawing(path: Path) -> bool:
    """Whether a file is a picture that looks like line art."""
    try:
        return drawing_score(np.asarray(load_image(path))) >= LEAST_SCORE
    except ValueError:
        return False


def drawing_half(files: Sequence[Path]) -> str | None:
    """The half of the pictures, "left" or "right", that is a drawing in most of them; None where neither is."""
    votes = {"left": 0, "right": 0}
    looked_at = sample(files)
    for path in looked_at:
        try:
            pixels = np.asarray(load_image(path))
        except ValueError:
            continue
        half = pixels.shape[1] // 2
        left, right = drawing_score(pixels[:, :half]), drawing_score(pixels[:, half:])
        if max(left, right) >= LEAST_SCORE and left != right:
            votes["left" if left > right else "right"] += 1
    best = max(votes, key=votes.get)
    return best if votes[best] >= MOST * len(looked_at) else None


def sample(names: Sequence[T]) -> Sequence[T]:
    """At most 24 of the names, spread evenly: enough to tell drawings from photos."""
    return names[:: max(1, len(names) // _SAMPLES)][:_SAMPLES]
