"""Near-duplicates: the same picture saved again, at another size, mirrored, or slightly retouched.

Four sieves, each finer and dearer than the one before: a tree over a few sums of the mean colours of 4 x 4 cells, which
leaves a handful of candidates among any number of pictures; a 64-bit difference hash; all the mean colours; and the
pictures themselves at 16 x 16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

# Measured: product photos saved again at two thirds of their size and JPEG quality 50 differ by at most 0.03
# of their contrast, cats by 0.02 to 0.04, while another colour of the same product differs by 0.036 or more.
_TOLERANCE = 0.033
_HASH_DISTANCE = 6  # of 64 bits
_FLAT = (
    2.0  # grey levels: cells that differ by less are equal, or noise would decide on the bits of plain ground
)
_BITS = np.uint64(1) << np.arange(64, dtype=np.uint64)
_CHUNK = 512  # pictures asked about at once: bounds the memory that their candidates take


@dataclass(frozen=True)
class Signature:
    """What a picture is recognised by.

    Attributes:
        dhash: 64-bit difference hash: whether each of 8 x 8 cells is brighter than its right neighbour.
        colours: mean RGB of 4 x 4 cells, 48 bytes.
        contrast: standard deviation of the picture at 16 x 16, grey levels.
        mirrored: the difference hash of the mirrored picture; None where it was not taken.
    """

    dhash: int
    colours: bytes
    contrast: float = 0.0
    mirrored: int | None = None

    @classmethod
    def of(cls, image: Image.Image) -> Signature:
        """The signature of an RGB picture."""
        pixels = np.asarray(image)
        cells = _shrunk(np.asarray(image.convert("L")), (9, 8))
        colours = np.rint(_shrunk(pixels, (4, 4))).astype(np.uint8).tobytes()
        contrast = float(_shrunk(pixels, (16, 16)).std())
        return cls(_difference_hash(cells), colours, contrast, _difference_hash(cells[:, ::-1]))

    def flipped(self) -> Signature | None:
        """The signature of the mirrored picture, or None where its hash was not taken."""
        if self.mirrored is None:
            return None
        colours = np.frombuffer(self.colours, np.uint8).reshape(4, 4, 3)[:, ::-1].tobytes()
        return Signature(self.mirrored, colours, self.contrast, self.dhash)


def _difference_hash(cells: np.ndarray) -> int:
    brighter = cells[:, :-1] - cells[:, 1:] > _FLAT
    return int(_BITS[brighter.ravel()].sum())


def look_alike(first: Image.Image, second: Image.Image) -> bool:
    """Whether two RGB pictures are the same: by mean difference at 16 x 16, relative to contrast."""
    a, b = (_shrunk(np.asarray(image), (16, 16)) for image in (first, second))
    return float(np.abs(a - b).mean()) <= _TOLERANCE * max(float(a.std()), 1.0)


def _shrunk(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(pixels.astype(np.float32), size, interpolation=cv2.INTER_AREA)


def _signs() -> np.ndarray:
    """(8, 48): sums and differences of cells. As every entry is within -1 to 1, no such sum of two signatures differs
    by more than their colours do in total, so nothing is lost by looking at these sums first.
    """
    y, x, channel = (axis.ravel() for axis in np.meshgrid(*map(np.arange, (4, 4, 3)), indexing="ij"))
    left, top = np.where(x < 2, 1, -1), np.where(y < 2, 1, -1)
    inner = np.where((x % 3 > 0) & (y % 3 > 0), 1, -1)
    red, blue = np.where(channel == 0, 1, -1), np.where(channel == 2, 1, -1)
    return np.stack([np.ones(48), left, top, left * top, inner, red, blue, np.where(x % 2, 1, -1)])


class SignatureIndex:
    """Pictures by their signatures; a place is the number of one in the list.

    Args:
        signatures: of all pictures.
    """

    def __init__(self, signatures: Sequence[Signature]):
        self._signatures = signatures
        self._hashes = np.array([s.dhash for s in signatures], np.uint64)
        joined = b"".join(s.colours for s in signatures)
        self._colours = np.frombuffer(joined, np.uint8).reshape(-1, 48)
        self._signs = _signs().T / 48
        self._tree = cKDTree(self._colours @ self._signs) if len(signatures) else None

    def near(self, wanted: Sequence[Signature]) -> Iterator[list[tuple[int, float]]]:
        """For each signature the (place, distance) of the pictures close to it, nearest colours first."""
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            colours = np.frombuffer(b"".join(s.colours for s in chunk), np.uint8).reshape(-1, 48)
            # Means over larger cells differ by no more than those over smaller ones; 1 allows for rounding.
            reach = np.array([_TOLERANCE * max(s.contrast, 1.0) + 1 for s in chunk])
            found = self._tree.query_ball_point(colours @ self._signs, reach + 1e-6, p=np.inf)
            for signature, own, far, places in zip(chunk, colours, reach, found, strict=True):
                places = np.array(places, np.int64)
                bits = np.bitwise_count(self._hashes[places] ^ np.uint64(signature.dhash))
                places = places[bits <= _HASH_DISTANCE]
                apart = np.abs(self._colours[places].astype(np.int16) - own).mean(1)
                order = np.lexsort((places, apart))
                yield [(int(places[i]), float(apart[i])) for i in order if apart[i] <= far]

    def repeats(self, checked: int, same: Callable[[int, int, bool], bool]) -> dict[int, tuple[int, bool]]:
        """The pictures that repeat an earlier one, itself no repetition.

        Args:
            checked: the first so many pictures are known not to repeat each other.
            same: called with (place, earlier place, whether mirrored) of close ones; looks at the pictures themselves.

        Returns:
            {place: (earlier place, whether mirrored)}
        """
        fresh = self._signatures[checked:]
        mirrored = [signature.flipped() or signature for signature in fresh]
        repeated: dict[int, tuple[int, bool]] = {}
        pairs = zip(self.near(fresh), self.near(mirrored), strict=True)
        for place, (plain, turned) in enumerate(pairs, checked):
            candidates = [(apart, False, other) for other, apart in plain]
            candidates += [(apart, True, other) for other, apart in turned]
            for _, mirror, other in sorted(candidates):
                if other < place and other not in repeated and same(place, other, mirror):
                    repeated[place] = (other, mirror)
                    break
        return repeated
