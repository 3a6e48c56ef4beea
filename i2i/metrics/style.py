"""Is a style the same coat on every drawing? Distances of colour statistics within and between styles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from i2i.metrics.color_histogram import lab


def colour_statistics(pixels: np.ndarray) -> np.ndarray:
    """Means and standard deviations of L, a and b (as in Reinhard et al., "Color transfer between images", 2001).

    Args:
        pixels: RGB uint8 (..., H, W, 3).

    Returns:
        float64 (..., 6), in units of Lab, where 2 is just noticeable between large patches.
    """
    values = lab(pixels).astype(np.float64)
    return np.concatenate([values.mean((-3, -2)), values.std((-3, -2))], -1)


@dataclass(frozen=True)
class Separation:
    """How far apart pictures are that should be alike, against those that should not.

    Attributes:
        same: mean distance of pictures with one style.
        other: mean distance of pictures with different styles.
        found: share of pictures whose nearest neighbour, of the candidates, has their style.
    """

    same: float
    other: float
    found: float

    @property
    def ratio(self) -> float:
        """other / same: 1 where styles do not show, large where they carry the colours."""
        if self.same == self.other:  # both zero, too: all pictures alike
            return 1.0
        return self.other / self.same if self.same else float("inf")


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances of statistics (N, 6) and (M, 6): (N, M)."""
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1))


def between_drawings(statistics: np.ndarray) -> Separation:
    """Compare pictures of different drawings.

    Args:
        statistics: (drawings, styles, 6); at least two of each.

    Raises:
        ValueError: with fewer.
    """
    drawings, styles = statistics.shape[:2]
    if min(drawings, styles) < 2:
        raise ValueError(f"expected 2 drawings and 2 styles at least, got {drawings} and {styles}")
    pairs = [_distances(statistics[i], statistics[j]) for i in range(drawings) for j in range(drawings) if i != j]
    return _separation(np.stack(pairs))


def to_references(statistics: np.ndarray, references: np.ndarray, own: np.ndarray | None = None) -> Separation:
    """Compare pictures with the photos that their styles were taken from.

    Args:
        statistics: (drawings, references, 6) of the pictures; references: (references, 6) of the photos, at least two.
        own: bool (drawings, references), True where the drawing is of that very photo: the picture is left out, for
            the drawing alone may tell its colours.
    """
    if len(references) < 2:
        raise ValueError(f"expected 2 reference photos at least, got {len(references)}")
    return _separation(np.stack([_distances(row, references) for row in statistics]), own)


def _separation(distances: np.ndarray, left_out: np.ndarray | None = None) -> Separation:
    """Distances (..., styles, styles), equal styles on the diagonal; `left_out` (..., styles): rows without a say."""
    count = distances.shape[-1]
    style = np.broadcast_to(np.arange(count), distances.shape[:-1])
    kept = np.ones(style.shape, bool) if left_out is None else ~left_out
    distances, style = distances[kept], style[kept]
    same = style[:, None] == np.arange(count)
    found = distances.argmin(-1) == style
    return Separation(float(distances[same].mean()), float(distances[~same].mean()), float(found.mean()))
