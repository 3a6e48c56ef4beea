"""The published pix2pix U-Net: its size, its skips, its noise."""

from __future__ import annotations

import pytest
import torch

from i2i.nets.unet import UNet


def test_published_number_of_parameters():
    with torch.device("meta"):
        net = UNet()
    assert sum(p.numel() for p in net.parameters()) == 54_413_955


@torch.inference_mode()
@pytest.mark.parametrize("depth, size", [(5, 32), (5, 64), (8, 256)])
def test_shapes_and_range(depth, size):
    net = UNet(inputs=2, outputs=3, width=2, depth=depth).eval()
    y = net(torch.randn(1, 2, size, size))
    assert y.shape == (1, 3, size, size) and y.abs().max() <= 1


@torch.inference_mode()
def test_dropout_is_noise_in_training_only():
    torch.manual_seed(0)
    x = torch.randn(2, 1, 256, 256)
    net = UNet(1, 3, width=2)
    assert (net(x) - net(x)).abs().max() > 1e-3
    net.dropout = 0.0
    assert torch.equal(net(x), net(x))
    net.dropout = 0.5
    net.eval()
    assert torch.equal(net(x), net(x))


@torch.inference_mode()
def test_three_layers_have_dropout_at_full_depth(monkeypatch):
    calls = []

    def dropout(x, rate, training):
        calls.append((x.shape[-1], x.shape[1], rate, training))
        return x

    monkeypatch.setattr("i2i.nets.unet.F.dropout", dropout)
    UNet(1, 3, width=2)(torch.randn(2, 1, 256, 256))
    assert [(channels, rate, training) for _, channels, rate, training in calls] == [(16, 0.5, True)] * 3


@torch.inference_mode()
def test_detail_passes_by_the_middle():
    torch.manual_seed(0)
    net = UNet(1, 3, width=4, depth=5).eval()
    net.down[-1].weight.zero_()  # nothing comes through the 1x1 middle
    x = torch.zeros(1, 1, 32, 32)
    dotted = x.clone()
    dotted[:, :, 20, 9] = 1
    difference = (net(dotted) - net(x)).abs().sum((0, 1))
    row, column = divmod(int(difference.argmax()), 32)
    assert difference.max() > 1e-4 and abs(row - 20) <= 2 and abs(column - 9) <= 2
