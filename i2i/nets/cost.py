"""What a net costs, without running it."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def multiply_adds(net: nn.Module, *shape: int) -> int:
    """Multiply-adds of convolutions and matrix products for an input of `shape`, (B, C, H, W).

    A transposed convolution counts at its input's size, where its work is; many published numbers count it at its
    output's, up to four times as much. Nothing is computed: shapes alone pass through a copy of the net.
    """
    ghost = copy.deepcopy(net).to("meta")
    with FlopCounterMode(display=False) as counter:
        ghost(torch.empty(*shape, device="meta"))
    return counter.get_total_flops() // 2
