"""The judges: shapes, sizes, what they look at, and the lean ones' Lipschitz bound."""

from __future__ import annotations

import pytest
import torch

from i2i.nets.discriminators import (
    PATCHES,
    ConditionalPatchDiscriminator,
    MultiScaleDiscriminator,
    PatchDiscriminator,
    ProjectedDiscriminator,
)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@torch.inference_mode()
@pytest.mark.parametrize("inputs, size", [(1, 64), (5, 64), (1, 128)])
def test_one_logit_for_every_16_pixels(inputs, size):
    net = ConditionalPatchDiscriminator(inputs, width=8)
    logits = net(torch.randn(2, inputs, size, size), torch.randn(2, 3, size, size))
    assert logits.shape == (2, 1, size // 16, size // 16)


@torch.inference_mode()
def test_it_judges_the_pair():
    net = ConditionalPatchDiscriminator(1, width=8).eval()
    x, y = torch.randn(2, 1, 64, 64), torch.randn(2, 3, 64, 64)
    first = net(x, y)
    assert (net(-x, y) - first).abs().max() > 1e-3, "the drawing is not looked at"
    assert (net(x, -y) - first).abs().max() > 1e-3, "the photo is not looked at"
    assert (net(x[:1], y[:1]) - first[:1]).abs().max() < 1e-5, "a verdict depends on batch-mates"


def test_a_logit_sees_80_pixels():
    net = ConditionalPatchDiscriminator(1, width=4).eval()
    y = torch.randn(1, 3, 256, 256, requires_grad=True)
    net(torch.randn(1, 1, 256, 256), y)[0, 0, 8, 8].backward()
    rows = y.grad.abs().sum((0, 1, 3)).nonzero()
    columns = y.grad.abs().sum((0, 1, 2)).nonzero()
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == 80


@torch.inference_mode()
def test_one_head_for_each_tap():
    net = ProjectedDiscriminator([6, 10, 4], width=8).eval()
    features = [torch.randn(2, 6, 16, 16), torch.randn(2, 10, 8, 8), torch.randn(2, 4, 4, 4)]
    logits = net(features)
    assert [tuple(v.shape) for v in logits] == [(2, 1, 16, 16), (2, 1, 8, 8), (2, 1, 4, 4)]
    for k in range(3):
        changed = net([-f if j == k else f for j, f in enumerate(features)])
        assert [not torch.equal(a, b) for a, b in zip(changed, logits, strict=True)] == [j == k for j in range(3)]
    with pytest.raises(ValueError):
        net(features[:2])


@pytest.mark.parametrize(
    "net, inputs",
    [
        (ConditionalPatchDiscriminator(1, width=8), (torch.zeros(1, 1, 32, 32), torch.zeros(1, 3, 32, 32))),
        (ProjectedDiscriminator([6], width=8), ([torch.zeros(1, 6, 8, 8)],)),
    ],
    ids=["conditional", "projected"],
)
def test_every_convolution_has_spectral_norm_one(net, inputs):
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == (5 if isinstance(net, ConditionalPatchDiscriminator) else 3)
    with torch.no_grad():
        for conv in convolutions:
            conv.parametrizations.weight.original.mul_(30)  # however large the weights grow
        for _ in range(500):  # each call in training refines the estimate, slowly where two singular values are near
            net(*inputs)
        for conv in convolutions:
            assert abs(torch.linalg.matrix_norm(conv.weight.flatten(1), 2) - 1) < 0.02


def test_published_number_of_parameters():
    with torch.device("meta"):
        net = PatchDiscriminator(6, 64, 70)
    assert sum(p.numel() for p in net.parameters()) == 2_768_705


@pytest.mark.parametrize("patch", PATCHES)
def test_receptive_field_from_the_layers_and_from_gradients(patch):
    net = PatchDiscriminator(3, 2, patch, norm="none").eval()
    assert net.receptive_field() == patch
    torch.nn.init.constant_(net.logit.weight, 1.0)
    for conv in net.convs:
        torch.nn.init.constant_(conv.weight, 0.1)  # so that no path to a pixel vanishes
    size = 512 if patch > 200 else 256
    picture = torch.rand(1, 3, size, size, requires_grad=True)
    logits = net(picture)
    assert logits.shape == (1, 1, net.logits(size), net.logits(size))
    middle = net.logits(size) // 2
    logits[0, 0, middle, middle].backward()
    for axis in ((0, 1, 3), (0, 1, 2)):
        seen = picture.grad.abs().sum(axis).nonzero()
        assert seen.max() - seen.min() + 1 == patch == len(seen)


def test_the_layers_of_the_paper():
    assert [c.out_channels for c in PatchDiscriminator(6, 64, 286).convs] == [64, 128, 256, 512, 512, 512]
    assert [c.out_channels for c in PatchDiscriminator(6, 64, 70).convs] == [64, 128, 256, 512]
    assert [c.out_channels for c in PatchDiscriminator(6, 64, 16).convs] == [64, 128]
    assert [c.kernel_size for c in PatchDiscriminator(6, 64, 1).convs] == [(1, 1), (1, 1)]
    normed = [isinstance(n, torch.nn.BatchNorm2d) for n in PatchDiscriminator(6, 4, 70).norms]
    assert normed == [False, True, True, True]


def test_a_pixelgan_judges_each_pixel_alone():
    net = PatchDiscriminator(3, 8, 1, norm="none").eval()
    picture = torch.rand(1, 3, 8, 8)
    changed = picture.clone()
    changed[:, :, 2, 5] += 1
    assert ((net(picture) - net(changed)).abs() > 0).nonzero().tolist() == [[0, 0, 2, 5]]


def test_unknown_patches_are_told():
    with pytest.raises(ValueError, match="sees 71 pixels: choose one of 1, 16, 34, 70, 142, 286"):
        PatchDiscriminator(6, 64, 71)


def test_too_small_pictures_get_no_verdict():
    net = PatchDiscriminator(3, 2, 286, norm="none")
    assert net.logits(64) < 1 <= net.logits(128)


@torch.inference_mode()
def test_scales_are_halves():
    net = MultiScaleDiscriminator(4, width=4, patch=16, scales=3).eval()
    logits = net(torch.randn(2, 4, 64, 64))
    assert [tuple(v.shape) for v in logits] == [(2, 1, n, n) for n in (30, 14, 6)]
