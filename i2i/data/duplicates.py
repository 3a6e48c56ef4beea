"""Near-duplicates: the same picture saved again, at another size, or slightly retouched."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

_WEIGHTS = (1 << np.arange(64, dtype=np.uint64)).astype(np.uint64)


def difference_hash(image: Image.Image) -> int:
    """64-bit difference hash (dHash): whether each of 8 x 8 cells is brighter than its right neighbour."""
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    return int(_WEIGHTS[(grey[:, :-1] > grey[:, 1:]).ravel()].sum())


def look_alike(first: Image.Image, second: Image.Image, tolerance: float = 0.033) -> bool:
    """Whether two RGB pictures are the same one: their mean difference, at 16 x 16 and relative to their
    contrast.

    0.033 was measured: product photos saved again at two thirds of their size and JPEG quality 50 differ by
    at most 0.03, cats by 0.02 to 0.04, while another colour of the same product differs by 0.036 or more.
    """
    a, b = (
        cv2.resize(np.asarray(image), (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32)
        for image in (first, second)
    )
    return float(np.abs(a - b).mean()) <= tolerance * max(float(a.std()), 1.0)


class HashIndex:
    """Pictures by their 64-bit hash; `near` finds those within a Hamming distance, all at once."""

    def __init__(self) -> None:
        self._hashes = np.zeros(1024, np.uint64)
        self._names: list[str] = []

    def add(self, value: int, name: str) -> None:
        if len(self._names) == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
        self._hashes[len(self._names)] = value
        self._names.append(name)

    def near(self, value: int, distance: int) -> list[str]:
        """Names within `distance` bits, nearest first."""
        bits = np.bitwise_count(self._hashes[: len(self._names)] ^ np.uint64(value))
        hits = np.flatnonzero(bits <= distance)
        return [self._names[i] for i in hits[np.argsort(bits[hits], kind="stable")]]

    def find(self, value: int, distance: int, same: Callable[[str], bool]) -> str | None:
        """The nearest picture within `distance` bits for which `same` holds.

        The hash alone would call different products on white the same; `same` looks at the pictures.
        """
        return next((name for name in self.near(value, distance) if same(name)), None)
