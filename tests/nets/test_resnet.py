"""The ResNet generator of CycleGAN and the encoder of BicycleGAN: published sizes, shapes, borders, noise."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from i2i.nets.layers import BatchNorm
from i2i.nets.resnet import ResNetEncoder, ResNetGenerator


def parameters(net) -> int:
    return sum(p.numel() for p in net.parameters())


def test_published_number_of_parameters():
    with torch.device("meta"):
        assert parameters(ResNetGenerator()) == 11_378_179
        # Three blocks of two 3x3 convolutions with biases between 256 channels less.
        assert parameters(ResNetGenerator(blocks=6)) == 11_378_179 - 3 * 2 * (256 * 256 * 9 + 256)


@torch.inference_mode()
@pytest.mark.parametrize("size", [(32, 32), (64, 64), (32, 48)])
def test_it_is_fully_convolutional(size):
    net = ResNetGenerator(2, 5, width=4, blocks=1).eval()
    y = net(torch.randn(1, 2, *size))
    assert y.shape == (1, 5, *size) and y.abs().max() <= 1


@torch.inference_mode()
def test_the_encoders_blocks_rectify_with_a_slope():
    """By hand, without norms and with weights that pass values on: what is below zero leaves a fifth of itself."""
    block = ResNetEncoder(inputs=1, latent=2, width=1, blocks=1, norm="none").blocks[0]
    for conv in (block.conv1, block.conv2, block.shortcut):
        conv.weight.zero_()
        conv.bias.zero_()
    block.conv1.weight[0, 0, 1, 1] = block.conv2.weight[0, 0, 1, 1] = 1
    y = block(torch.full((1, 1, 2, 2), -5.0))
    torch.testing.assert_close(y, torch.tensor([-5 * 0.2**2, 0.0]).view(1, 2, 1, 1))


@torch.inference_mode()
def test_norm_switch():
    for norm, kind, biases in (("batch", BatchNorm, False), ("instance", torch.nn.InstanceNorm2d, True)):
        net = ResNetGenerator(1, 3, width=4, blocks=2, norm=norm)
        assert sum(isinstance(m, kind) for m in net.modules()) == 1 + 2 + 2 * 2 + 2
        assert (net.entry.bias is not None) == (net.up[0].bias is not None) == biases
        assert net.exit.bias is not None
        net(torch.randn(2, 1, 16, 16))


@torch.inference_mode()
def test_borders_are_reflected():
    """Away from the strided layers a constant stays constant up to the border: no zeros come in."""
    torch.manual_seed(0)
    net = ResNetGenerator(1, 3, width=4, blocks=1, norm="none").eval()
    h = net.blocks[0](torch.full((1, 16, 8, 8), 0.7))
    assert (h - h[:, :, 4:5, 4:5]).abs().max() < 1e-6
    h = net.entry(torch.full((1, 1, 16, 16), 0.7))
    assert (h - h[:, :, 8:9, 8:9]).abs().max() < 1e-6


@torch.inference_mode()
def test_dropout_is_keyed_noise():
    torch.manual_seed(0)
    net = ResNetGenerator(1, 3, width=4, blocks=2, dropout=0.5).eval()
    x = torch.randn(1, 1, 16, 16).expand(2, -1, -1, -1)
    a, b = net(x, [torch.Generator().manual_seed(s) for s in (0, 1)])
    again = net(x[:1], [torch.Generator().manual_seed(1)])[0]
    assert (a - b).abs().max() > 1e-4 and torch.allclose(b, again, atol=1e-6)
    assert torch.equal(net(x)[0], net(x)[1])


@torch.inference_mode()
def test_the_encoder_takes_any_size_and_tells_photos_apart():
    torch.manual_seed(0)
    net = ResNetEncoder(3, latent=5, width=4, blocks=2).eval()
    y = torch.randn(2, 3, 64, 64)
    mean, log_variance = net(y)
    assert mean.shape == log_variance.shape == (2, 5)
    assert not torch.allclose(mean[0], mean[1]) and torch.allclose(net(y[:1])[0], mean[:1], atol=1e-6)
    assert net(torch.randn(1, 3, 32, 32))[0].shape == (1, 5)


def test_the_encoders_widths_stop_at_four_times_the_first():
    net = ResNetEncoder(3, 8, width=4, blocks=4)
    assert [block.conv2.out_channels for block in net.blocks] == [8, 12, 16, 16]


@torch.inference_mode()
def test_one_pass_is_the_published_one():
    torch.manual_seed(0)
    net = ResNetGenerator(3, 3, width=4, blocks=2).eval()

    def conv(layer, x, border=0, stride=1):
        x = F.pad(x, [border] * 4, mode="reflect") if border else x
        return F.conv2d(x, layer.weight, layer.bias, stride, 0 if border else 1)

    x = start = torch.rand(2, 3, 32, 32) * 2 - 1
    x = F.instance_norm(conv(net.entry, x, 3)).relu()
    for layer in net.down:
        x = F.instance_norm(conv(layer, x, stride=2)).relu()
    for block in net.blocks:
        x = x + F.instance_norm(conv(block.conv2, F.instance_norm(conv(block.conv1, x, 1)).relu(), 1))
    for layer in net.up:
        x = F.instance_norm(F.conv_transpose2d(x, layer.weight, layer.bias, 2, 1, 1)).relu()
    assert torch.allclose(net(start), conv(net.exit, x, 3).tanh(), atol=1e-5)
