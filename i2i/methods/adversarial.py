"""What pix2pix, BicycleGAN, CycleGAN and StarGAN v2 share: checked choices, players' optimizers, the learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn


def adam(
    nets: nn.ModuleDict, players: Mapping[str, Iterable[str]], lr: float, beta1: float
) -> dict[str, torch.optim.Optimizer]:
    """An Adam for each player, over the parameters of its nets; second momentum 0.999, as in the papers.

    Args:
        nets: all nets of the method.
        players: name of the optimizer -> names of its nets.
        lr, beta1: learning rate and first momentum.
    """
    # Fused: the weights of a U-Net are read once a step, which on a CPU at small batches is a sixth of the whole step.
    return {
        player: torch.optim.Adam(
            [p for name in names for p in nets[name].parameters()], lr=lr, betas=(beta1, 0.999), fused=True
        )
        for player, names in players.items()
    }


def falling_rate(progress: float, decay_from: float) -> float:
    """Factor of the learning rate: one, and from the share `decay_from` of the run on linearly to zero.

    Args:
        progress: share of the run that is done, in [0, 1).
    """
    return min(1.0, (1 - progress) / max(1e-9, 1 - decay_from))
