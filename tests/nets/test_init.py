"""How weights start: He's initialisation keeps the size of activations, and pix2pix's is N(0, 0.02)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from i2i.nets.init import LEAK, he_init, normal_init


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


def test_normal_init_is_the_papers():
    torch.manual_seed(0)
    net = nn.ModuleList([nn.Conv2d(40, 40, 4), nn.ConvTranspose2d(40, 40, 4), nn.BatchNorm2d(4000)])
    nn.init.ones_(net[2].bias)
    normal_init(net)
    for layer in net[:2]:
        assert abs(layer.weight.std() - 0.02) < 0.001 and abs(layer.weight.mean()) < 0.001 and not layer.bias.any()
    assert abs(net[2].weight.mean() - 1) < 0.002 and abs(net[2].weight.std() - 0.02) < 0.002 and not net[2].bias.any()
