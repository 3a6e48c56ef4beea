"""Exponential moving average of nets, buffers included."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Ema:
    """Keeps `nets`, a detached copy whose parameters follow the live nets' slowly and whose buffers are theirs.

    Args:
        live: the nets that train.
        decay: weight of the past per step; at the start it is smaller, (1 + t) / (10 + t), so that the random
            initial weights are forgotten quickly.
    """

    def __init__(self, live: nn.Module, decay: float):
        if not 0 <= decay < 1:
            raise ValueError(f"the EMA decay must be in [0, 1), got {decay}")
        self.nets = copy.deepcopy(live).requires_grad_(False).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, live: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        # One kernel for all: a GPU would spend longer on starting a few hundred than on the sums.
        torch._foreach_lerp_(list(self.nets.parameters()), list(live.parameters()), 1 - decay)
        for slow, fast in zip(self.nets.buffers(), live.buffers(), strict=True):
            slow.copy_(fast)
