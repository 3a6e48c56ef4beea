"""Multiply-adds against counts by hand."""

from __future__ import annotations

import torch
from torch import nn

from i2i.nets.cost import multiply_adds


def test_counts_by_hand():
    assert multiply_adds(nn.Conv2d(3, 8, 3, padding=1), 1, 3, 10, 10) == 10 * 10 * 3 * 8 * 9
    assert multiply_adds(nn.Conv2d(3, 8, 3, stride=2, padding=1), 2, 3, 10, 10) == 2 * 5 * 5 * 3 * 8 * 9
    # At the input's size: a transposed convolution spreads each of its inputs once.
    assert multiply_adds(nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1), 1, 8, 5, 5) == 5 * 5 * 8 * 3 * 16


def test_the_net_stays_as_it_is():
    net = nn.Conv2d(3, 3, 1)
    before = net.weight.detach().clone()
    multiply_adds(net, 1, 3, 4, 4)
    assert torch.equal(net.weight, before) and net.weight.device.type == "cpu"
