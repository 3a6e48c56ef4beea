"""Photos of plain shapes for edges2photo.py, and the options of its smallest runs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

TINY = ["--size", "64", "--style", "8", "--latent", "4", "--widths", "8", "8", "8", "--batch", "2", "--workers", "0"]
UNTOLD = [*TINY, "--features", "none", "--measure-features", "none", "--cpu"]  # how long
PLAIN = [*UNTOLD, "--steps", "1"]
QUICK = [*PLAIN, "--scales", "1"]


def shapes(seed: int) -> np.ndarray:
    """A disc on coloured squares, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    page = cv2.resize(rng.integers(0, 255, (4, 4, 3), dtype=np.uint8), (96, 96), interpolation=cv2.INTER_NEAREST)
    cv2.circle(page, (48, 48), 14 + 3 * (seed % 8), tuple(map(int, rng.integers(0, 255, 3))), -1)
    return page


def save(pixels: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=92)
