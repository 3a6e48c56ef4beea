"""Noise in the generator: new in training, always the same when answers are asked for, one for all styles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from i2i.methods.styled import StyledConfig, serving_nets
from i2i.nets.styled_unet import Grain, StyledUNet, StyledUNetConfig

NOISY = StyledUNetConfig(inputs=1, size=64, style=8, widths=(8, 16, 16, 16), noise=3)


@pytest.fixture
def generator() -> StyledUNet:
    torch.manual_seed(0)
    return StyledUNet(NOISY)


@torch.inference_mode()
def test_noise_is_new_in_training_and_fixed_in_evaluation(generator):
    blank = torch.ones(1, 1, 64, 64)
    assert not torch.equal(generator.encode(blank)[0], generator.encode(blank)[0])
    generator.eval()
    first, second = generator.encode(blank), generator.encode(blank)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@torch.inference_mode()
@pytest.mark.parametrize("levels, seeds", [(5, [0, 1, 2, 3, 4]), (4, [1, 2, 3, 4]), (7, [6, 5, 0, 1, 2, 3, 4])])
def test_the_fixed_numbers_follow_from_the_coarser_levels_alone(levels, seeds):
    generator = StyledUNet(StyledUNetConfig(1, 256, 8, (8,) * levels, noise=3))
    for k, (seed, grain) in enumerate(zip(seeds, generator.grain, strict=True)):
        side = 128 >> k
        wanted = np.random.RandomState(seed).standard_normal((1, 3, side, side))
        assert np.abs(grain.fixed.numpy() - wanted).max() < 1e-6
    assert not [name for name in generator.state_dict() if name.endswith("fixed")]


def test_a_net_without_memory_has_noise_without_memory():
    with torch.device("meta"):
        net = StyledUNet(StyledUNetConfig(1, 4096, 8, (8, 8, 8, 8), noise=1000))  # 17 GB of numbers
    assert all(tensor.is_meta for tensor in (*net.parameters(), *net.buffers()))


@torch.inference_mode()
def test_noise_is_added_at_its_strength():
    grain = Grain(channels=2, noise=1, size=4, coarser=5).eval()
    grain.strength.copy_(torch.tensor([0.5, -2.0]).reshape(2, 1, 1, 1))
    x = torch.randn(3, 2, 4, 4)
    added = grain(x) - x
    assert torch.allclose(added[:, 0], 0.5 * grain.fixed[:, 0].expand(3, -1, -1), atol=1e-6)
    assert torch.allclose(added[:, 1], -2 * grain.fixed[:, 0].expand(3, -1, -1), atol=1e-6)


@torch.inference_mode()
def test_blank_paper_is_no_longer_one_value(generator):
    """Away from the border all features of a blank page are alike; with noise they differ from place to place."""
    blank = torch.ones(1, 1, 64, 64)
    with_noise = generator.eval().encode(blank)[0][0, :, 8:24, 8:24]
    generator.grain = torch.nn.ModuleList()
    without = generator.encode(blank)[0][0, :, 8:24, 8:24]
    assert without.std((1, 2)).max() < 1e-5
    assert with_noise.std((1, 2)).min() > 0.01


@torch.inference_mode()
def test_each_picture_of_a_batch_has_noise_of_its_own_in_training(generator):
    blank = torch.ones(2, 1, 64, 64)
    one, other = generator.encode(blank)[1]
    assert (one - other).abs().mean() > 0.01


def test_gradients_reach_the_strengths(generator):
    for level in generator.levels:
        if level.rgb is not None:
            torch.nn.init.normal_(level.rgb.weight, std=0.03)
    generator(torch.randn(2, 1, 64, 64), torch.randn(2, 8)).square().mean().backward()
    assert all(grain.strength.grad.any() for grain in generator.grain)


def test_without_noise_nothing_is_there():
    assert not serving_nets(StyledConfig(size=64))["generator"].grain
    with pytest.raises(ValueError, match="noise must be at least 0, got -1"):
        StyledConfig(noise=-1)
