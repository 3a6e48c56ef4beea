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


def test_a_net_with_a_latent_asks_for_it():
    with pytest.raises(ValueError, match=r"this network has a latent: give z \(B, 3\)"):
        UNet(1, 3, width=2, depth=5, latent=3)(torch.zeros(1, 1, 32, 32))


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


def test_instance_norm_brings_biases_and_no_parameters():
    with torch.device("meta"):
        net, batch = UNet(norm="instance"), UNet()
    norms = 2 * sum(m.num_features for m in batch.modules() if isinstance(m, torch.nn.BatchNorm2d))
    biases = sum(c.out_channels for c in (*batch.down, *batch.up[:-1]))
    assert sum(p.numel() for p in net.parameters()) == 54_413_955 - norms + biases


@torch.inference_mode()
def test_the_twin_without_skips_sees_through_the_middle_only():
    torch.manual_seed(0)
    net = UNet(1, 3, width=4, depth=5, skips=False).eval()
    x = torch.randn(2, 1, 32, 32)
    assert (net(x)[0] - net(x)[1]).abs().max() > 0
    net.down[-1].weight.zero_()
    assert torch.equal(net(x)[0], net(x)[1])


@torch.inference_mode()
def test_noise_belongs_to_each_picture():
    torch.manual_seed(0)
    net = UNet(1, 3, width=4, depth=5).eval()

    def noise(*seeds):
        return [torch.Generator().manual_seed(s) for s in seeds]

    x = torch.randn(1, 1, 32, 32).expand(3, -1, -1, -1)
    a, b, c = net(x, noise(1, 2, 1))
    assert torch.allclose(a, c, atol=1e-6) and (a - b).abs().max() > 1e-6
    assert torch.allclose(net(x[:1], noise(2))[0], b, atol=1e-6)


@torch.inference_mode()
@pytest.mark.parametrize("noisy, layers", [((0, 1, 2), 3), ((1, 2, 3), 3), ((1, 2, 4, 9), 2), ((), 0)])
def test_which_layers_are_noisy(noisy, layers, monkeypatch):
    calls = []
    monkeypatch.setattr("i2i.nets.unet.drop", lambda x, *_: calls.append(x.shape[-1]) or x)
    UNet(1, 3, width=2, depth=5, noisy=noisy)(torch.randn(2, 1, 32, 32))
    assert calls == [2 << k for k in noisy if k < 4] and len(calls) == layers


@torch.inference_mode()
def test_the_latent_enters_at_every_level():
    torch.manual_seed(0)
    net = UNet(1, 3, width=4, depth=5, latent=2, dropout=0.0).eval()
    x, z = torch.randn(1, 1, 32, 32), torch.randn(2, 2)
    assert (net(x.expand(2, -1, -1, -1), z=z).diff(dim=0)).abs().max() > 1e-7
    kept = [conv.weight.clone() for conv in net.down]
    for level in range(5):
        for conv, weight in zip(net.down, kept, strict=True):
            conv.weight.copy_(weight)
            conv.weight[:, -2:] = 0  # z is what was joined last
        assert torch.equal(net(x, z=z[:1]), net(x, z=z[1:]))
        net.down[level].weight[:, -2:] = 5.0
        assert not torch.equal(net(x, z=z[:1]), net(x, z=z[1:])), level


@torch.inference_mode()
def test_one_pass_is_the_published_recursion():
    """Written the way the architecture is described: a block goes down, holds the next block, goes up, and joins."""
    torch.manual_seed(0)
    net = UNet(3, 3, width=4, depth=6).eval()
    for norm in (m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)

    def block(x, level=0):
        inner = torch.where(x > 0, x, 0.2 * x) if level else x
        inner = net.down[level](inner)
        if 0 < level < 5:
            inner = net.down_norms[level](inner)
        if level < 5:
            inner = block(inner, level + 1)
        up = net.up[5 - level](inner.clamp(min=0))
        return torch.cat([x, net.up_norms[5 - level](up)], 1) if level else up.tanh()

    x = torch.rand(2, 3, 64, 64) * 2 - 1
    assert torch.allclose(net(x), block(x), atol=1e-6)
