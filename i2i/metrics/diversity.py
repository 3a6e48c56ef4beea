"""How different the answers to one drawing are: a perceptual distance in the manner of LPIPS, without its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from i2i.devices import own_precision
from i2i.losses import features_apart, unit_features
from i2i.metrics.features import device_of


@own_precision
def mean_pairwise_distance(pictures: Tensor, features: nn.Module) -> float:
    """Mean perceptual distance over all pairs of pictures (N, 3, H, W) in [-1, 1]; N >= 2."""
    if len(pictures) < 2:
        raise ValueError(f"pairs need at least 2 pictures, got {len(pictures)}")
    taps = unit_features(features(pictures.to(device_of(features))))
    # One picture against those after it: all pairs at once would not fit in memory.
    rows = [features_apart([f[k : k + 1] for f in taps], [f[k + 1 :] for f in taps]) for k in range(len(pictures) - 1)]
    return float(torch.cat(rows).mean())


@own_precision
def path_steps(pictures: Tensor, features: nn.Module) -> Tensor:
    """Perceptual distances (N - 1,) from each picture (N, 3, H, W) of a path to the next; N >= 2.

    A smooth path has steps of about one length; one that holds and jumps has a step much longer than the mean
    (compare perceptual path length: Karras et al., CVPR 2019, section 4.1).
    """
    if len(pictures) < 2:
        raise ValueError(f"a path needs at least 2 pictures, got {len(pictures)}")
    taps = unit_features(features(pictures.to(device_of(features))))
    return features_apart([f[:-1] for f in taps], [f[1:] for f in taps])


def random_groups(count: int, size: int) -> list[list[int]]:
    """Indices 0 to count - 1 in random order (always the same), in groups of `size`; what is left over is left out."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).tolist()
    size = min(size, count)
    return [order[k : k + size] for k in range(0, count - size + 1, size)]
