"""Losses as pure functions: tensors in, scalar out; each names its equation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def balanced_edge_loss(
    logits: Tensor, consensus: Tensor, positive: float = 0.3, negative_weight: float = 1.1
) -> Tensor:
    """Class-balanced cross entropy (HED, equation 2) on annotator consensus.

    Pixels with consensus >= `positive` are edges, those with 0 are not, and those between are left out, since the
    annotators disagree there. Each class is weighted by the share of the other.

    Args:
        logits, consensus: (B, 1, H, W); consensus in [0, 1], or negative where there is no image.
    """
    edge = (consensus >= positive).float()
    rest = (consensus == 0).float()
    edges, rests = edge.sum((1, 2, 3), keepdim=True), rest.sum((1, 2, 3), keepdim=True)
    total = (edges + rests).clamp(min=1)
    weight = edge * (rests / total) + rest * (negative_weight * edges / total)
    loss = F.binary_cross_entropy_with_logits(logits, edge, weight, reduction="none")
    return loss.sum() / weight.sum().clamp(min=1)


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of a discriminator (Lim and Ye, 2017, "Geometric GAN", equation 14), halved as in pix2pix."""
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())


def hinge_generator(fake: Tensor) -> Tensor:
    """Generator's side of the hinge loss: -D(fake)."""
    return -fake.mean()


def energy_distance(a: Tensor, b: Tensor) -> Tensor:
    """Energy distance 2 E|a-b| - E|a-a'| - E|b-b'| (Szekely and Rizzo, 2013) of two samples (N, S) and (M, S).

    Zero exactly when both come from one distribution; unlike matched moments it sees every moment.
    """
    n, m = len(a), len(b)
    # cdist's gradient at equal points is zero, so the diagonal needs no mask.
    within_a = torch.cdist(a, a).sum() / (n * (n - 1))
    within_b = torch.cdist(b, b).sum() / (m * (m - 1))
    return 2 * torch.cdist(a, b).mean() - within_a - within_b


def feature_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Perceptual loss: mean absolute difference of features, averaged over taps (Johnson et al., 2016, equation 2)."""
    return sum(F.l1_loss(p, q) for p, q in zip(a, b, strict=True)) / len(a)
