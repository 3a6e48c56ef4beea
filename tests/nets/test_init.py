"""He's initialisation: activations keep their size through many layers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from i2i.nets.init import LEAK, he_init


@torch.inference_mode()
def test_activations_keep_their_size():
    torch.manual_seed(0)
    net = nn.ModuleList([nn.Conv2d(64, 64, 3, padding=1, padding_mode="circular") for _ in range(12)])
    he_init(net)
    x = start = torch.randn(4, 64, 8, 8)
    for conv in net:
        assert not conv.bias.any()
        x = conv(F.leaky_relu(x, LEAK))
    assert 0.5 < x.std() / start.std() < 2
    linear = nn.Linear(400, 300)
    he_init(linear)
    assert abs(linear.weight.std() * (400 * (1 + LEAK**2) / 2) ** 0.5 - 1) < 0.02
