"""Colourfulness: marginal distributions of colour in Lab, and how far two of them overlap.

Isola et al., CVPR 2017, section 4.2 ("Colorfulness") and figure 7: an L1 loss gives narrower colour distributions than
photos have, a GAN does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cv2
import numpy as np
from PIL import Image

from i2i.metrics.given import check_pixels
from i2i.metrics.scores import Score

# Channel -> edges of its bins. L is 0..100; a and b of RGB photos lie within -87..98 and -108..95.
BINS = {"L": np.linspace(0, 100, 101), "a": np.linspace(-110, 110, 111), "b": np.linspace(-110, 110, 111)}
PROTOCOL = "CIE Lab (D65), marginals over all pixels, bins 1 wide for L and 2 for a and b"


def lab(pixels: np.ndarray) -> np.ndarray:
    """RGB uint8 (..., H, W, 3) -> Lab float32 of that shape: L 0..100, a and b about -110..110."""
    flat = np.ascontiguousarray(pixels).reshape(-1, pixels.shape[-2], 3)
    return cv2.cvtColor(flat.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(pixels.shape)


def color_histograms(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Pixels of RGB uint8 (H, W, 3) in each bin of L, a and b; sum the counts of several pictures.

    ValueError for other arrays.
    """
    check_pixels(pixels)
    values = lab(pixels).reshape(-1, 3)
    return {
        name: np.histogram(values[:, k].clip(edges[0], edges[-1]), edges)[0]
        for k, (name, edges) in enumerate(BINS.items())
    }


def shares(counts: np.ndarray) -> np.ndarray:
    """Counts -> shares that sum to one."""
    return counts / max(1, counts.sum())


def histogram_intersection(a: np.ndarray, b: np.ndarray) -> float:
    """Overlap of two histograms, 0 (no common bin) to 1 (equal): the sum of the lesser share of each bin.

    Args:
        a, b: counts of equal bins; each is divided by its sum.

    Raises:
        ValueError: for unequal shapes.
    """
    if a.shape != b.shape:
        raise ValueError(f"histograms with the same bins are expected, got {a.shape} and {b.shape}")
    return float(np.minimum(shares(a), shares(b)).sum())


def sum_histograms(
    pictures: Iterable[Image.Image], report: Callable[[int], None] = lambda count: None
) -> dict[str, np.ndarray]:
    """Counts over several pictures, as RGB; `report` is told when one is done."""
    total = {name: np.zeros(len(edges) - 1, np.int64) for name, edges in BINS.items()}
    for picture in pictures:
        for name, counts in color_histograms(np.asarray(picture.convert("RGB"))).items():
            total[name] += counts
        report(1)
    return total


def intersections(found: dict[str, np.ndarray], real: dict[str, np.ndarray], text: str) -> list[Score]:
    """The three numbers of figure 7's table; `text` says which pictures were counted."""
    return [
        Score(f"histogram intersection, {name}", histogram_intersection(found[name], real[name]), text, "higher")
        for name in BINS
    ]
