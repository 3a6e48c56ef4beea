"""The generator: shapes, one encoding for many styles, independence of batch-mates, StyleGAN2's convolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from i2i.methods.styled import StyledConfig, serving_nets
from i2i.nets.styled_unet import EncoderBlock, ModulatedConv, StyledUNet, StyledUNetConfig, unit_factor

TINY = StyledUNetConfig(inputs=1, size=64, style=8, widths=(8, 16, 16, 16))


@pytest.fixture
def generator() -> StyledUNet:
    """In training mode, where statistics of a batch would show; every level writes something."""
    torch.manual_seed(0)
    generator = StyledUNet(TINY)
    for level in generator.levels:
        if level.rgb is not None:
            torch.nn.init.normal_(level.rgb.weight, std=0.03)
    return generator


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.rand(3, 1, 64, 64) * 2 - 1, torch.randn(3, 8)


def count(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@torch.inference_mode()
def test_writes_photos_of_every_size(generator, batch):
    assert generator.sizes == [16, 32, 64]
    for size in generator.sizes:
        y = generator(*batch, size)
        assert y.shape == (3, 3, size, size) and y.dtype == torch.float32
        assert y.isfinite().all() and 0.05 < y.std() < 5
    assert torch.equal(generator(*batch), generator(*batch, 64))


@torch.inference_mode()
def test_a_small_photo_stops_before_the_fine_levels(generator, batch):
    before = {size: generator(*batch, size) for size in generator.sizes}
    generator.levels[0].conv1.weight.mul_(-1)
    generator.levels[0].rgb.bias.add_(0.5)
    assert torch.equal(generator(*batch, 32), before[32]) and torch.equal(generator(*batch, 16), before[16])
    assert (generator(*batch, 64) - before[64]).abs().mean() > 0.1


@torch.inference_mode()
def test_coarser_rgb_is_the_base_of_the_finer(generator, batch):
    # With no detail at the finest level, the large photo is the smaller one enlarged.
    generator.levels[0].rgb.weight.zero_()
    small, large = generator(*batch, 32), generator(*batch, 64)
    enlarged = F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    assert (large - enlarged).abs().max() < 1e-5


@torch.inference_mode()
def test_a_fresh_fine_level_adds_nothing_yet(batch):
    # So that training can move on to the larger picture without a jump.
    fresh = StyledUNet(TINY)
    small, large = fresh(*batch, 16), fresh(*batch, 64)
    assert small.std() > 0.01
    for _ in range(2):
        small = F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
    assert (large - small).abs().max() < 1e-5


@torch.inference_mode()
def test_the_output_is_linear(generator, batch):
    # No squashing function: what a level writes arrives at its own strength, beyond [-1, 1] too.
    generator.levels[0].rgb.weight.zero_()
    before = generator(*batch)
    generator.levels[0].rgb.bias.add_(3)
    assert (generator(*batch) - before - 3).abs().max() < 1e-5


@pytest.mark.parametrize("size", [8, 48, 128])
def test_an_unknown_size_is_refused(generator, batch, size):
    with pytest.raises(ValueError, match=rf"size {size} is not among .*\[16, 32, 64\]"):
        generator(*batch, size)


@torch.inference_mode()
def test_one_encoding_serves_every_style(generator, batch):
    x, styles = batch
    features = generator.encode(x)
    kept = [f.clone() for f in features]
    assert [tuple(f.shape) for f in features] == [(3, 4, 32, 32), (3, 16, 16, 16), (3, 16, 8, 8), (3, 16, 4, 4)]
    for style in (styles, styles.flip(0), -styles):
        assert torch.equal(generator.decode(features, style), generator(x, style))
        assert all(torch.equal(a, b) for a, b in zip(features, kept, strict=True)), "decode changed the features"
    for level in generator.levels:  # nothing that reads the style reaches the encoder
        for parameter in level.parameters():
            parameter.add_(1)
    assert all(torch.equal(a, b) for a, b in zip(generator.encode(x), kept, strict=True))


@torch.inference_mode()
def test_a_picture_does_not_depend_on_its_batch_mates(generator, batch):
    x, styles = batch
    together = generator(x, styles)
    alone = torch.cat([generator(x[i : i + 1], styles[i : i + 1]) for i in range(3)])
    assert (together - alone).abs().max() <= 1e-4
    others = torch.cat([x[:1], torch.full_like(x[1:], 5.0)]), torch.cat([styles[:1], 20 * styles[1:]])
    assert (generator(*others)[0] - together[0]).abs().max() <= 1e-4


@torch.inference_mode()
def test_style_and_drawing_both_matter(generator, batch):
    x, styles = batch
    y = generator(x, styles)
    assert (generator(x, styles.roll(1, 0)) - y).abs().mean() > 0.02
    assert (generator(x.roll(1, 0), styles) - y).abs().mean() > 0.02


def test_gradients_reach_every_parameter(generator, batch):
    torch.nn.init.normal_(generator.blocks[1].conv2.weight, std=0.1)  # they start at zero on purpose
    torch.nn.init.normal_(generator.blocks[2].conv2.weight, std=0.1)
    generator(*batch).square().mean().backward()
    assert [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_label_maps_as_input():
    generator = StyledUNet(StyledUNetConfig(inputs=5, size=64, style=8, widths=(8, 8, 8)))
    assert generator(torch.zeros(1, 5, 64, 64), torch.zeros(1, 8)).shape == (1, 3, 64, 64)


def test_parameter_counts_of_the_default_recipe():
    assert count(StyledUNet(StyledUNetConfig())) == 2_955_444
    nets = serving_nets(StyledConfig())
    assert count(nets["generator"]) == 2_955_444
    assert count(nets) < 4_000_000


@torch.inference_mode()
def test_blocks_of_the_encoder_start_as_identity(generator):
    x = torch.randn(2, 16, 8, 8)
    blocks = [b for b in generator.blocks if isinstance(b, EncoderBlock)]
    assert len(blocks) == 2 and all(torch.equal(block(x), x) for block in blocks)
    torch.nn.init.normal_(blocks[0].conv2.weight)
    assert not torch.equal(blocks[0](x), x)


@torch.inference_mode()
def test_loud_features_do_not_make_a_loud_picture(generator, batch):
    features = generator.encode(batch[0])
    plain, loud = (generator.decode([gain * f for f in features], batch[1]) for gain in (1, 1000))
    assert loud.std() < 2 * plain.std()


def test_the_unit_factor_scales_each_picture_by_one_number():
    torch.manual_seed(4)
    x = torch.randn(3, 4, 5, 6) * torch.tensor([0.01, 1.0, 50.0])[:, None, None, None] + 0.02
    factor = unit_factor(x)
    assert factor.shape == (3, 1)
    scaled = x * factor[:, :, None, None]
    assert (scaled.square().mean((1, 2, 3)) - 1).abs().max() < 1e-3
    assert torch.allclose(unit_factor(x[1:]), factor[1:])
    assert torch.isfinite(unit_factor(torch.zeros(1, 2, 3, 3))).all()


@torch.inference_mode()
def test_factor_and_gain_are_taken_along():
    torch.manual_seed(5)
    conv = ModulatedConv(4, 6, 3)
    for batch in (1, 2):  # a single picture has its own path
        x, style, factor = torch.randn(batch, 4, 8, 8), torch.randn(batch, 3), torch.rand(batch, 1) + 0.5
        wanted = conv(x * factor[:, :, None, None], style) * 1.7
        assert (conv(x, style, factor, 1.7) - wanted).abs().max() < 1e-5


@torch.inference_mode()
def test_modulated_convolution_by_hand():
    conv = ModulatedConv(1, 1, 1)
    conv.weight.fill_(1)
    for layer, value in ((conv.scale, 2.0), (conv.shift, 0.5)):
        layer.weight.fill_(value)
        layer.bias.zero_()
    # Style 1: weights 2, brought back by sqrt(9 * 2^2) = 6, so 1/3 each, plus the shift 0.5.
    y = conv(torch.ones(1, 1, 3, 3), torch.ones(1, 1))
    wanted = torch.tensor([[4.0, 6.0, 4.0], [6.0, 9.0, 6.0], [4.0, 6.0, 4.0]]) / 3 + 0.5
    assert (y[0, 0] - wanted).abs().max() < 1e-5


@torch.inference_mode()
def test_modulated_convolution_is_stylegan2s():
    torch.manual_seed(2)
    conv = ModulatedConv(5, 7, 4)
    torch.nn.init.normal_(conv.shift.bias)
    torch.nn.init.normal_(conv.scale.bias)
    x, style = torch.randn(3, 5, 9, 11), torch.randn(3, 4)
    found = conv(x, style)
    for i in range(3):
        scale = conv.scale.weight @ style[i] + conv.scale.bias
        weight = scale[None, :, None, None] * conv.weight  # equation 1
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()  # equations 2 and 3
        wanted = (
            F.conv2d(x[i : i + 1], weight, padding=1) + (conv.shift.weight @ style[i] + conv.shift.bias)[:, None, None]
        )
        assert (found[i : i + 1] - wanted).abs().max() <= 1e-5


@torch.inference_mode()
def test_modulated_convolution_keeps_unit_variance():
    torch.manual_seed(3)
    conv = ModulatedConv(32, 16, 4)
    conv.shift.weight.zero_()
    x = torch.randn(4, 32, 34, 34)
    for strength in (0.1, 1.0, 10.0):
        inside = conv(x, strength * torch.randn(4, 4))[:, :, 1:-1, 1:-1]
        assert 0.9 < inside.std() < 1.1
