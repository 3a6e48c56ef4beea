"""The lean generator: shapes, size, its share of a ResNet's cost, and what the un-normalised stem is for."""

from __future__ import annotations

import pytest
import torch

from i2i.nets.cost import multiply_adds
from i2i.nets.lean import LeanGenerator
from i2i.nets.resnet import ResNetGenerator


def test_shapes_and_range():
    torch.manual_seed(0)
    net = LeanGenerator(5, 3, width=8, blocks=1)
    y = net(torch.rand(2, 5, 32, 48) * 2 - 1)
    assert y.shape == (2, 3, 32, 48) and y.abs().max() < 1
    # Faint at first, so that tanh has a slope.
    assert 0.02 < y.std() < 0.5
    assert LeanGenerator(3, 3, 8, 1)(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 16, 16)


@torch.no_grad()
def test_it_starts_without_a_checkerboard():
    torch.manual_seed(0)
    y = LeanGenerator(width=8, blocks=1)(torch.rand(1, 3, 32, 32) * 2 - 1)
    same = y[..., ::2, ::2]
    assert all(torch.equal(same, y[..., i::2, j::2]) for i in (0, 1) for j in (0, 1)) and same.std() > 0.02


def test_cost():
    with torch.device("meta"):
        lean, nine, six = LeanGenerator(), ResNetGenerator(blocks=9), ResNetGenerator(blocks=6)
    parameters = sum(p.numel() for p in lean.parameters())
    assert 2 * 2 * parameters < 8e6  # both directions, two bytes each
    assert multiply_adds(lean, 1, 3, 256, 256) == pytest.approx(1.89e9, rel=0.01)
    assert multiply_adds(nine, 1, 3, 256, 256) == pytest.approx(49.6e9, rel=0.01)
    assert 18 < multiply_adds(six, 1, 3, 128, 128) / multiply_adds(lean, 1, 3, 128, 128) < 19


@torch.no_grad()
def test_pictures_do_not_depend_on_their_neighbours():
    torch.manual_seed(0)
    net, x = LeanGenerator(width=8, blocks=1), torch.rand(3, 3, 32, 32) * 2 - 1
    assert torch.allclose(net(x)[1:2], net(x[1:2]), atol=1e-5)


@torch.no_grad()
def test_absolute_colours_reach_the_answer():
    """Instance norm alone would answer a picture and a brighter copy of it alike."""
    torch.manual_seed(0)
    x = torch.rand(1, 3, 32, 32) - 0.5
    lean, resnet = LeanGenerator(width=8, blocks=1), ResNetGenerator(width=8, blocks=1)
    assert (lean(x + 0.4) - lean(x)).abs().mean() > 20 * (resnet(x + 0.4) - resnet(x)).abs().mean()
