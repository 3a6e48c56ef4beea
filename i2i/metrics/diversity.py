"""How different the answers to one drawing are: a perceptual distance in the manner of LPIPS, without its weights."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


def perceptual_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Distance of features (Zhang et al., CVPR 2018, equation 1, with equal weights): (B,).

    Args:
        a, b: features of two batches, each (B, C_k, H_k, W_k); channels are brought to unit length at each place.
    """

    def unit(f: Tensor) -> Tensor:
        return f / (f.square().sum(1, keepdim=True).sqrt() + 1e-8)

    return sum((unit(p) - unit(q)).square().sum(1).mean((1, 2)) for p, q in zip(a, b, strict=True)) / len(a)


@torch.inference_mode()
def mean_pairwise_distance(pictures: Tensor, features: nn.Module) -> float:
    """Mean perceptual distance over all pairs of pictures (N, 3, H, W) in [-1, 1]; N >= 2."""
    if len(pictures) < 2:
        raise ValueError(f"pairs need at least 2 pictures, got {len(pictures)}")
    taps = features(pictures)
    left, right = zip(*itertools.combinations(range(len(pictures)), 2), strict=True)
    chosen = [([f[i : i + 1] for f in taps], [f[j : j + 1] for f in taps]) for i, j in zip(left, right, strict=True)]
    return float(torch.stack([perceptual_distance(a, b)[0] for a, b in chosen]).mean())
