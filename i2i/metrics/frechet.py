"""Distances between two sets of pictures, measured on features: Fréchet (FID) and kernel (KID)."""

from __future__ import annotations

import numpy as np

from i2i.metrics.given import feature_sets

FRECHET_MINIMUM = 400  # pictures a side; below that its bias exceeds the differences one looks for


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Fréchet distance of Gaussians fitted to two sets of features (Heusel et al., NeurIPS 2017, equation 6).

    Args:
        a, b: (N, D) and (M, D), N and M at least 400.

    Raises:
        ValueError: with fewer pictures (use `kernel_distance`, which is unbiased), features of other shapes, or NaN.
    """
    if min(len(a), len(b)) < FRECHET_MINIMUM:
        raise ValueError(
            f"a Fréchet distance needs {FRECHET_MINIMUM} pictures a side, got {len(a)} and {len(b)}: use the kernel "
            "distance, which has no bias for small sets"
        )
    a, b = feature_sets(a, b, FRECHET_MINIMUM, "a Fréchet distance")
    cov_a, cov_b = (np.atleast_2d(np.cov(f, rowvar=False)) for f in (a, b))
    values, vectors = np.linalg.eigh(cov_a)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    # tr((AB)^1/2) = tr((A^1/2 B A^1/2)^1/2), and the latter matrix is symmetric.
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_b @ root).clip(min=0)).sum()
    difference = a.mean(0) - b.mean(0)
    return float(difference @ difference + np.trace(cov_a) + np.trace(cov_b) - 2 * cross)


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Unbiased squared MMD with the kernel (x.y / D + 1)^3 (Binkowski et al., ICLR 2018, equation 4), all pairs.

    Args:
        a, b: features (N, D) and (M, D), at least 2 each. The result may be slightly negative.

    Raises:
        ValueError: with fewer pictures, features of other shapes, or NaN.
    """
    a, b = feature_sets(a, b, 2, "a kernel distance")

    def kernel(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return (p @ q.T / p.shape[1] + 1) ** 3

    n, m = len(a), len(b)
    aa, bb = kernel(a, a), kernel(b, b)
    within = (aa.sum() - np.trace(aa)) / (n * (n - 1)) + (bb.sum() - np.trace(bb)) / (m * (m - 1))
    return float(within - 2 * kernel(a, b).mean())
