"""Losses as pure functions: tensors in, scalar out; each names its equation."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def balanced_edge_loss(
    logits: Tensor, consensus: Tensor, positive: float = 0.3, negative_weight: float = 1.1
) -> Tensor:
    """Class-balanced cross entropy (after HED, equation 2) on annotator consensus; a mean by weight, where HED's is a
    sum over pixels, so that it does not grow with the picture.

    Pixels with consensus >= `positive` are edges, those with 0 are not, and those between are left out, since the
    annotators disagree there. Each class is weighted by the share of the other, non-edges `negative_weight` times that
    (1.1, as later detectors have it; 1 in HED).

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


def soft_edge_loss(logits: Tensor, taught: Tensor) -> Tensor:
    """Cross entropy against a teacher's soft map (Hinton et al., 2015, "Distilling the knowledge in a neural network"),
    less the entropy of the map itself, so that zero is reached.

    Args:
        logits, taught: (B, 1, H, W); taught in [0, 1], or negative where there is no image.
    """
    inside = (taught >= 0).float()
    target = taught.clamp(0, 1)
    loss = F.binary_cross_entropy_with_logits(logits, target, inside, reduction="none")
    entropy = torch.special.entr(target) + torch.special.entr(1 - target)
    return (loss - inside * entropy).sum() / inside.sum().clamp(min=1)


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of a discriminator (Lim and Ye, 2017, "Geometric GAN", equation 14), halved as in pix2pix."""
    real, fake = real.float(), fake.float()
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())


def hinge_generator(fake: Tensor) -> Tensor:
    """Generator's side of the hinge loss: -D(fake)."""
    return -fake.float().mean()


def vanilla_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Cross entropy of a discriminator (pix2pix, equation 1, on logits), halved as in section 3.3."""
    real, fake = real.float(), fake.float()
    one, zero = torch.ones_like(real), torch.zeros_like(fake)
    real, fake = (F.binary_cross_entropy_with_logits(v, t) for v, t in ((real, one), (fake, zero)))
    return 0.5 * (real + fake)


def vanilla_generator(fake: Tensor) -> Tensor:
    """Generator's side of the cross entropy: -log D(fake) instead of log(1 - D(fake)) (pix2pix, section 3.3)."""
    return F.binary_cross_entropy_with_logits(fake.float(), torch.ones_like(fake, dtype=torch.float32))


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """LSGAN's discriminator (Mao et al., 2017, equation 9): reals to 1, fakes to 0, halved."""
    real, fake = real.float(), fake.float()
    return 0.5 * ((real - 1).square().mean() + fake.square().mean())


def least_squares_generator(fake: Tensor) -> Tensor:
    """LSGAN's generator: fakes to 1; not halved, as in CycleGAN (Zhu et al., 2017, section 4)."""
    return (fake.float() - 1).square().mean()


# Objective of a GAN -> its discriminator's loss (real, fake) and its generator's loss (fake), on logits; in float32
# where discriminators answer in bfloat16, in which a mean has three digits.
GAN_LOSSES = {
    "vanilla": (vanilla_discriminator, vanilla_generator),
    "lsgan": (least_squares_discriminator, least_squares_generator),
    "hinge": (hinge_discriminator, hinge_generator),
}


def gaussian_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence of N(mean, variance) from N(0, 1): (B, D) each -> sum over dimensions, mean over the batch
    (BicycleGAN, Zhu et al., 2017, section 3.2)."""
    # In bfloat16 near N(0, 1), where training begins, numbers of about one would cancel to nothing.
    mean, log_variance = mean.float(), log_variance.float()
    return -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()


def energy_distance(a: Tensor, b: Tensor) -> Tensor:
    """Energy distance 2 E|a-b| - E|a-a'| - E|b-b'| (Szekely and Rizzo, 2013) of two samples (N, S) and (M, S).

    Unbiased: zero on average when both come from one distribution, so that a single value may be slightly negative, and
    above zero on average otherwise; unlike matched moments it sees every moment.

    Raises:
        ValueError: for fewer than two of either, which have no distance within.
    """
    n, m = len(a), len(b)
    if min(n, m) < 2:
        raise ValueError(f"an energy distance needs at least 2 of each, got {n} and {m}")
    # Of many rows cdist multiplies matrices, which loses digits where all lie far from the origin.
    origin = b.detach().mean(0)
    a, b = a - origin, b - origin
    # cdist's gradient at equal points is zero, so the diagonal needs no mask.
    within_a = torch.cdist(a, a).sum() / (n * (n - 1))
    within_b = torch.cdist(b, b).sum() / (m * (m - 1))
    return 2 * torch.cdist(a, b).mean() - within_a - within_b


def feature_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Perceptual loss: mean absolute difference of features, averaged over taps (Johnson et al., 2016, equation 2)."""
    return sum(F.l1_loss(p, q) for p, q in zip(a, b, strict=True)) / len(a)


def contrasts(y: Tensor, coarsest: int = 8) -> Tensor:
    """Contrast of pictures (B, C, S, S) at each scale: root mean square of what each halving of the size takes away,
    and standard deviation of what is left at `coarsest` pixels, or at the first odd size; (B, C, scales), in the units
    of y."""
    found, y = [], y.float()  # in bfloat16 a faint band would be rounding
    while y.shape[-1] >= 2 * coarsest and not y.shape[-1] % 2:
        coarse = F.avg_pool2d(y, 2)
        found.append(y - F.interpolate(coarse, scale_factor=2.0))
        y = coarse
    found.append(y - y.mean((2, 3), keepdim=True))
    return torch.stack([(band.square().mean((2, 3)) + 1e-6).sqrt() for band in found], 2)


def excess_contrast(pictures: Tensor, photos: Tensor) -> Tensor:
    """By how much pictures are harder in contrast than the photos (B, 3, S, S) whose style they have: the logarithm of
    the ratio where it is above 0.2, averaged over scales, over the channels, and over their differences from grey, in
    which a red spot stands out that hardly changes the contrast of the red channel.

    A fifth more than the photo is free, since the picture shows something else: without that, all would grow pale."""
    least, free = 0.02, 0.2  # in [-1, 1], what is fainter counts as equally plain; in logarithms
    found, allowed = (contrasts(torch.cat([y, y - y.mean(1, keepdim=True)], 1)) + least for y in (pictures, photos))
    return F.relu(torch.log(found / allowed) - free).mean()


def prominence(y: Tensor, reach: int = 2) -> Tensor:
    """How strong the strongest edge within `reach` pixels of each place is, beside the picture's mean: (B, 3, S, S) ->
    (B, 1, S, S). Edges are central differences after averaging over 3 x 3 pixels, which takes fur and grain out."""
    smooth = F.avg_pool2d(F.pad(y.float(), (2, 2, 2, 2), mode="reflect"), 3, 1)
    along_x, along_y = smooth[..., 1:-1, 2:] - smooth[..., 1:-1, :-2], smooth[..., 2:, 1:-1] - smooth[..., :-2, 1:-1]
    slope = (along_x.square() + along_y.square()).sum(1, keepdim=True).add(1e-4).sqrt()
    slope = F.max_pool2d(slope, 2 * reach + 1, 1, reach)
    return slope / slope.mean((2, 3), keepdim=True)


def faint_lines(pictures: Tensor, photos: Tensor, ink: Tensor) -> Tensor:
    """By how much drawn lines stand out less in answers than in the photos of their drawings: the logarithm of the
    ratio of `prominence` where it is above 0.1, averaged over the ink.

    What the photo shows is the measure, not the line: drawings are varied in training, and where a line has wobbled
    away from its edge nothing is asked for.

    Args:
        pictures: answers in any style; photos: (B, 3, S, S) each, in [-1, 1].
        ink: (B, 1, S, S), 1 = ink.
    """
    missing = torch.log(prominence(photos) / prominence(pictures))
    return (ink * F.relu(missing - 0.1)).sum() / ink.sum().clamp(min=1)


def unit_features(taps: list[Tensor]) -> list[Tensor]:
    """Features (B, C_k, H_k, W_k) brought to unit length at each place."""
    # Within the root: at zero it has no slope, and where there is nothing the gradient would be NaN.
    return [f / (f.square().sum(1, keepdim=True) + 1e-16).sqrt() for f in taps]


def features_apart(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Squared distance of features (B, C_k, H_k, W_k), averaged over places, then over taps: (B,)."""
    return sum((p - q).square().sum(1).mean((1, 2)) for p, q in zip(a, b, strict=True)) / len(a)


def perceptual_distance(a: list[Tensor], b: list[Tensor]) -> Tensor:
    """Distance of features (Zhang et al., CVPR 2018, equation 1, with equal weights): (B,).

    Args:
        a, b: features of two batches, each (B, C_k, H_k, W_k); channels are brought to unit length at each place.
    """
    return features_apart(unit_features(a), unit_features(b))


def logistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Cross entropy of a discriminator on logits, not halved (StarGAN v2, equation 1); `vanilla_generator` is its
    non-saturating other side."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Critic of WGAN-GP without the penalty (Gulrajani et al., NIPS 2017, equation 3)."""
    return fake.mean() - real.mean()


def r1_penalty(logits: Tensor, pictures: Tensor) -> Tensor:
    """R1, half the mean squared norm of the discriminator's gradient at real pictures (Mescheder et al., ICML 2018,
    equation 9, gamma = 1).

    Args:
        logits: (B,), one a picture, computed from `pictures`, (B, ...), which require a gradient.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), pictures, create_graph=True)
    return 0.5 * gradient.square().flatten(1).sum(1).mean()


def gradient_penalty(logits: Tensor, pictures: Tensor) -> Tensor:
    """Penalty of WGAN-GP, mean of (|gradient| - 1)^2 at pictures between real and fake (equation 3, lambda = 1);
    arguments as for `r1_penalty`."""
    (gradient,) = torch.autograd.grad(logits.sum(), pictures, create_graph=True)
    # Where the norm is zero, the derivative of its root is not finite.
    norm = gradient.square().flatten(1).sum(1).add(1e-12).sqrt()
    return (norm - 1).square().mean()


def style_difference(a: Tensor, b: Tensor, cell: int = 1) -> Tensor:
    """Mean absolute difference of answers (B, 3, H, W) to one input in two styles (StarGAN v2, equation 3; MSGAN, Mao
    et al., CVPR 2019): what the diversity loss wants large.

    Args:
        cell: pictures are first averaged over squares of so many pixels, so that noise is no diversity.
    """
    if cell > 1:
        a, b = F.avg_pool2d(a, cell), F.avg_pool2d(b, cell)
    return F.l1_loss(a, b)
