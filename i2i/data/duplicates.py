"""Near-duplicates: the same picture saved again, at another size, or slightly retouched.

Three sieves, each finer and dearer than the one before: a 64-bit difference hash, compared with all others at
once; the mean colours of 4 x 4 cells, compared with all that passed; and the pictures themselves at 16 x 16.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

# Measured: product photos saved again at two thirds of their size and JPEG quality 50 differ by at most 0.03
# of their contrast, cats by 0.02 to 0.04, while another colour of the same product differs by 0.036 or more.
_TOLERANCE = 0.033
_HASH_DISTANCE = 6  # of 64 bits
_FLAT = (
    2.0  # grey levels: cells that differ by less are equal, or noise would decide on the bits of plain ground
)
_BITS = np.uint64(1) << np.arange(64, dtype=np.uint64)


@dataclass(frozen=True)
class Signature:
    """What a picture is recognised by.

    Attributes:
        dhash: 64-bit difference hash: whether each of 8 x 8 cells is brighter than its right neighbour.
        colours: mean RGB of 4 x 4 cells, 48 bytes.
        contrast: standard deviation of the picture at 16 x 16, grey levels.
    """

    dhash: int
    colours: bytes
    contrast: float = 0.0

    @classmethod
    def of(cls, image: Image.Image) -> Signature:
        """The signature of an RGB picture."""
        pixels = np.asarray(image)
        cells = _shrunk(np.asarray(image.convert("L")), (9, 8))
        brighter = cells[:, :-1] - cells[:, 1:] > _FLAT
        colours = np.rint(_shrunk(pixels, (4, 4))).astype(np.uint8).tobytes()
        return cls(int(_BITS[brighter.ravel()].sum()), colours, float(_shrunk(pixels, (16, 16)).std()))


def look_alike(first: Image.Image, second: Image.Image) -> bool:
    """Whether two RGB pictures are the same: by mean difference at 16 x 16, relative to contrast."""
    a, b = (_shrunk(np.asarray(image), (16, 16)) for image in (first, second))
    return float(np.abs(a - b).mean()) <= _TOLERANCE * max(float(a.std()), 1.0)


def _shrunk(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(pixels.astype(np.float32), size, interpolation=cv2.INTER_AREA)


class SignatureIndex:
    """Pictures by their signatures."""

    def __init__(self) -> None:
        self._hashes = np.zeros(1024, np.uint64)
        self._colours = np.zeros((1024, 48), np.uint8)
        self._names: list[str] = []

    def add(self, signature: Signature, name: str) -> None:
        place = len(self._names)
        if place == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
            self._colours = np.concatenate([self._colours, np.zeros_like(self._colours)])
        self._hashes[place] = signature.dhash
        self._colours[place] = np.frombuffer(signature.colours, np.uint8)
        self._names.append(name)

    def near(self, signature: Signature) -> list[str]:
        """Names of the pictures whose signature is close, nearest colours first."""
        bits = np.bitwise_count(self._hashes[: len(self._names)] ^ np.uint64(signature.dhash))
        hits = np.flatnonzero(bits <= _HASH_DISTANCE)
        colours = np.frombuffer(signature.colours, np.uint8).astype(np.int16)
        apart = np.abs(self._colours[hits] - colours).mean(1)
        # Means over larger cells differ by no more than those over smaller ones; 1 allows for rounding.
        close = apart <= _TOLERANCE * max(signature.contrast, 1.0) + 1
        hits = hits[close][np.argsort(apart[close], kind="stable")]
        return [self._names[i] for i in hits]

    def find(self, signature: Signature, same: Callable[[str], bool]) -> str | None:
        """The nearest picture for which `same` holds, which looks at the pictures themselves."""
        return next((name for name in self.near(signature) if same(name)), None)
