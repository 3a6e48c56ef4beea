"""Growth: the grown net answers as the old one did, at half its size; its new level says nothing yet."""

from __future__ import annotations

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from i2i.nets.styled_growth import grow, grown_config
from i2i.nets.styled_unet import StyledUNet, StyledUNetConfig

OLD = StyledUNetConfig(inputs=1, size=64, style=8, widths=(32, 12, 16, 16, 16))
INSIDE = slice(2, -2)  # beyond the pictures' borders the two entries pad differently


def trained(config: StyledUNetConfig) -> StyledUNet:
    """Every level writes something, and every bias is one."""
    torch.manual_seed(0)
    net = StyledUNet(config).eval()
    for name, parameter in net.named_parameters():
        if name.endswith(("bias", "strength")) or ".rgb." in name:
            torch.nn.init.normal_(parameter, std=0.05)
    return net


def grown(old: StyledUNet) -> StyledUNet:
    net = StyledUNet(grown_config(old.config)).eval()
    net.load_state_dict(grow(old.state_dict(), old.config))
    return net


def drawings(every: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """The same marks for either net (2, 1, 64, 64) and (2, 1, 128, 128): 2x2 pixels of the smaller picture, and in the
    larger one only each `every`-th row: each second, as a line one pixel wide fills half of a smaller pixel."""
    torch.manual_seed(1)
    marks = (torch.rand(2, 1, 32, 32) < 0.2).float()
    small, large = (F.interpolate(marks, scale_factor=factor) for factor in (2, 4))
    return 1 - 2 * small, 1 - 2 * large * (torch.arange(128) % every == 0)[:, None]


def test_it_gets_a_level_at_the_fine_end():
    assert grown_config(OLD) == StyledUNetConfig(1, 128, 8, (32, 32, 12, 16, 16, 16))
    old, new = trained(OLD), grown(trained(OLD))
    assert (old.sizes, new.sizes) == ([16, 32, 64], [16, 32, 64, 128])
    # Everything but the entry is the old net's, weight for weight.
    kept = {name: tensor for name, tensor in old.state_dict().items() if name.startswith("levels")}
    there = new.state_dict()
    for name, tensor in kept.items():
        _, index, rest = name.split(".", 2)
        found = there[f"levels.{int(index) + 1}.{rest}"]
        assert torch.equal(found[:, : tensor.shape[1]] if tensor.dim() > 1 else found, tensor), name


@torch.inference_mode()
@pytest.mark.parametrize("noise", [0, 3])
def test_the_decoder_answers_as_before_and_the_new_level_adds_nothing(noise):
    old = trained(StyledUNetConfig(1, 64, 8, OLD.widths, noise))
    new = grown(old)
    small, _ = drawings()
    features, style = old.encode(small), torch.randn(2, 8)
    # What the entry has more than the old one is read by nobody yet.
    entry = torch.cat([features[0], torch.randn(2, 16, 32, 32)], 1)
    given = [torch.randn(2, 16, 64, 64), entry, *features[1:]]
    for size in old.sizes:
        assert torch.allclose(new.decode(given, style, size), old.decode(features, style, size), atol=1e-5)
    enlarged = F.interpolate(old.decode(features, style), scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(new.decode(given, style), enlarged, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("noise", [0, 3])
def test_the_entry_sees_lines_as_the_old_one_did(noise):
    old = trained(dataclasses.replace(OLD, noise=noise))
    new = grown(old)
    small, large = drawings()
    wanted, found = old.encode(small), new.encode(large)
    assert torch.allclose(found[1][:, :16, INSIDE, INSIDE], wanted[0][:, :, INSIDE, INSIDE], atol=1e-4)
    # Whatever lies on a border, the pictures are the same to the eye.
    style = torch.randn(2, 8)
    before, after = old.decode(wanted, style), new.decode(found, style, 64)
    assert (before - after).abs().mean() < 0.1 * before.std()
    # It does look: other ink, other features.
    assert (new.encode(drawings(4)[1])[1] - found[1])[:, :16].abs().mean() > 0.05


@torch.inference_mode()
def test_label_maps():
    old = trained(StyledUNetConfig(inputs=3, size=64, style=8, widths=(64, 12, 16, 16, 16)))
    new = grown(old)
    torch.manual_seed(2)
    classes = F.one_hot(torch.randint(3, (1, 16, 16)), 3).movedim(-1, 1).float()
    small, large = (F.interpolate(classes, scale_factor=factor) for factor in (4, 8))
    wanted, found = old.encode(small)[0], new.encode(large)[1][:, :32]
    assert wanted.abs().mean() > 0.1
    # 32 features show three classes at nine places each: all that the kernels reach.
    assert torch.allclose(found[:, :, INSIDE, INSIDE], wanted[:, :, INSIDE, INSIDE], atol=1e-4)


@torch.inference_mode()
def test_more_classes_than_the_entry_has_features():
    old = trained(StyledUNetConfig(inputs=12, size=64, style=8, widths=(16, 12, 16, 16, 16)))
    classes = F.one_hot(torch.randint(12, (1, 16, 16)), 12).movedim(-1, 1).float()
    x = F.interpolate(classes, scale_factor=8)
    y = grown(old)(x, torch.randn(1, 8))
    assert y.shape == (1, 3, 128, 128) and y.isfinite().all()


@torch.inference_mode()
def test_it_grows_twice():
    old = trained(OLD)
    weights = grow(grow(old.state_dict(), OLD), grown_config(OLD))
    new = StyledUNet(grown_config(grown_config(OLD))).eval()
    new.load_state_dict(weights)
    assert new.sizes == [16, 32, 64, 128, 256]
    x, style = F.interpolate(drawings()[1], scale_factor=2), torch.randn(2, 8)
    enlarged = new(x, style, 64)
    for _ in range(2):
        enlarged = F.interpolate(enlarged, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(new(x, style), enlarged, atol=1e-5)


def test_a_net_of_few_levels_is_refused():
    with pytest.raises(ValueError, match="a net of 4 levels does not grow: it takes 5"):
        grown_config(StyledUNetConfig(widths=(8, 16, 16, 16)))
