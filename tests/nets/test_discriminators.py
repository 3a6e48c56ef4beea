"""Both judges: shapes, what they look at, and their Lipschitz bound."""

from __future__ import annotations

import pytest
import torch

from i2i.nets.discriminators import ConditionalPatchDiscriminator, ProjectedDiscriminator


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
        for _ in range(50):  # each call in training refines the estimate
            net(*inputs)
        for conv in convolutions:
            assert abs(torch.linalg.matrix_norm(conv.weight.flatten(1), 2) - 1) < 0.02
