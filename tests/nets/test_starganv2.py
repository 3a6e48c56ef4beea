"""The nets of StarGAN v2: the published sizes, what each block computes, and who sees what."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from i2i.methods.starganv2 import StarGANv2, StarGANv2Config
from i2i.methods.starganv2_recipes import RECIPES
from i2i.nets.starganv2 import (
    AdaIN,
    GrowingBlock,
    HighPass,
    PlanesGenerator,
    ShrinkingBlock,
    StarGANv2Generator,
    paper_widths,
)
from i2i.nets.starganv2_heads import (
    ClassifyingDiscriminator,
    DomainDiscriminator,
    ProjectedDomainDiscriminator,
    ResidualStyleEncoder,
    ResidualTrunk,
    paper_trunk_widths,
)


@pytest.mark.parametrize(
    "recipe, domains, wanted",
    [
        ("celeba_hq", 2, [43_467_395, 2_438_272, 20_916_928, 20_852_290]),
        ("afhq", 3, [33_892_995, 3_259_072, 20_949_760, 20_852_803]),
    ],
)
def test_the_published_sizes(recipe, domains, wanted):
    with torch.device("meta"):
        nets = StarGANv2(StarGANv2Config(**RECIPES[recipe].net | {"domains": domains})).nets
    assert list(nets) == ["generator", "mapping", "style_encoder", "discriminator"]
    assert [sum(p.numel() for p in net.parameters()) for net in nets.values()] == wanted


def test_the_lean_model_fits_into_eight_megabytes():
    with torch.device("meta"):
        method = StarGANv2(StarGANv2Config(**RECIPES["lean"].net | {"domains": 4}))
    assert sum(p.numel() for name in method.served for p in method.nets[name].parameters()) * 2 < 8e6


def test_widths_of_the_paper():
    assert paper_widths(256, 4) == (64, 128, 256, 512, 512)
    assert paper_widths(128, 3) == (128, 256, 512, 512)
    assert paper_trunk_widths(256) == (64, 128, 256, 512, 512, 512, 512)


@torch.inference_mode()
def test_adain_by_hand():
    norm = AdaIN(2, 3)
    x, s = torch.randn(2, 2, 4, 4) * 3 + 1, torch.randn(2, 3)
    scale, shift = norm.affine(s)[:, :2], norm.affine(s)[:, 2:]
    flat = x.flatten(2)
    even = (flat - flat.mean(2, keepdim=True)) / (flat.var(2, correction=0, keepdim=True) + 1e-5).sqrt()
    wanted = even * (1 + scale)[:, :, None] + shift[:, :, None]
    assert (norm(x, s).flatten(2) - wanted).abs().max() < 1e-5


@torch.inference_mode()
def test_blocks_without_their_convolutions_are_their_shortcut():
    for block, given in ((ShrinkingBlock(4, 6, True, True), ()), (GrowingBlock(4, 6, 3, True), (torch.randn(2, 3),))):
        x = torch.randn(2, 4, 8, 8)
        for parameter in block.conv2.parameters():
            parameter.zero_()
        if isinstance(block, ShrinkingBlock):
            wanted = F.avg_pool2d(block.shortcut(x), 2) * 0.5**0.5
        else:
            wanted = block.shortcut(F.interpolate(x, scale_factor=2.0)) * 0.5**0.5
        assert (block(x, *given) - wanted).abs().max() < 1e-5
    bare = GrowingBlock(4, 6, 3, True, residual=False)
    for parameter in bare.conv2.parameters():
        parameter.zero_()
    assert bare(torch.randn(2, 4, 8, 8), torch.randn(2, 3)).abs().max() == 0


def normed(h: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Instance norm, then scale and shift (C,) or (B, C)."""
    mean, spread = h.mean((2, 3), keepdim=True), h.var((2, 3), correction=0, keepdim=True)
    return (h - mean) / (spread + 1e-5).sqrt() * scale[..., None, None] + shift[..., None, None]


def leaky(h: torch.Tensor) -> torch.Tensor:
    return torch.where(h > 0, h, 0.2 * h)


def convolved(h: torch.Tensor, conv: nn.Conv2d) -> torch.Tensor:
    return F.conv2d(h, conv.weight, conv.bias, padding=conv.padding)


def averaged(h: torch.Tensor) -> torch.Tensor:
    return h.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).mean((3, 5))


def doubled(h: torch.Tensor) -> torch.Tensor:
    return h.repeat_interleave(2, 2).repeat_interleave(2, 3)


def shaken(net: nn.Module) -> nn.Module:
    """With parameters that are all different, the norms' and biases too."""
    for p in net.parameters():
        p.copy_(torch.randn_like(p) * 0.5)
    return net


@torch.inference_mode()
@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("down", [True, False])
def test_a_shrinking_block_by_hand(norm, down):
    torch.manual_seed(0)
    block, x = shaken(ShrinkingBlock(4, 6, norm, down)), torch.randn(2, 4, 8, 8)
    answer = block(x)
    h = normed(x, block.norm1.weight, block.norm1.bias) if norm else x
    h = convolved(leaky(h), block.conv1)
    h, x = (averaged(h), averaged(x)) if down else (h, x)
    h = normed(h, block.norm2.weight, block.norm2.bias) if norm else h
    wanted = (convolved(leaky(h), block.conv2) + convolved(x, block.shortcut)) / 2**0.5
    assert (answer - wanted).abs().max() < 1e-4 * wanted.abs().max()


@torch.inference_mode()
@pytest.mark.parametrize("up, residual", [(True, True), (False, True), (True, False)])
def test_a_growing_block_by_hand(up, residual):
    torch.manual_seed(0)
    block, x, s = shaken(GrowingBlock(4, 6, 3, up, residual)), torch.randn(2, 4, 8, 8), torch.randn(2, 3)

    def styled(h: torch.Tensor, norm: AdaIN) -> torch.Tensor:
        scale, shift = (s @ norm.affine.weight.T + norm.affine.bias).chunk(2, 1)
        return normed(h, 1 + scale, shift)

    grown = doubled if up else lambda h: h
    h = convolved(grown(leaky(styled(x, block.norm1))), block.conv1)
    h = convolved(leaky(styled(h, block.norm2)), block.conv2)
    wanted = (h + grown(convolved(x, block.shortcut))) / 2**0.5 if residual else h
    assert (block(x, s) - wanted).abs().max() < 1e-3 * wanted.abs().max()


@torch.inference_mode()
@pytest.mark.parametrize("fold", [1, 2])
def test_the_trunk_by_hand(fold):
    torch.manual_seed(0)
    trunk, y = shaken(ResidualTrunk(8 * fold, (4, 6), fold)), torch.randn(2, 3, 8 * fold, 8 * fold)
    # Channel by channel, the pixels of a square in reading order.
    folded = y.unflatten(2, (-1, fold)).unflatten(4, (-1, fold)).permute(0, 1, 3, 5, 2, 4).flatten(1, 3)
    h = trunk.blocks[0](convolved(folded, trunk.entry))
    h = torch.einsum("bchw,ochw->bo", leaky(h), trunk.last.weight) + trunk.last.bias
    assert (h < 0).any() and (trunk(y) - leaky(h)).abs().max() < 1e-4 * h.abs().max()


@torch.inference_mode()
def test_the_generator_ends_by_hand():
    """Norm, leaky rectifier and a convolution, of one pixel where nothing is folded; no squashing function."""
    torch.manual_seed(0)
    net = shaken(StarGANv2Generator(3, (4, 6), 1))
    x, s, seen = torch.randn(2, 3, 16, 16), torch.randn(2, 3), []
    net.decoder[-1].register_forward_hook(lambda block, given, h: seen.append(h))
    y = net(x, s)
    wanted = convolved(leaky(normed(seen[0], net.exit_norm.weight, net.exit_norm.bias)), net.exit)
    assert (y - wanted).abs().max() < 1e-4 * wanted.abs().max()


@torch.inference_mode()
def test_the_high_pass_keeps_what_is_fine():
    path = HighPass(2.0)
    flat = torch.full((1, 3, 6, 6), 5.0)
    assert path(flat)[:, :, 1:-1, 1:-1].abs().max() < 1e-5
    dot = torch.zeros(1, 2, 5, 5)
    dot[:, 1, 2, 2] = 1
    found = path(dot)
    assert found[0, 0].abs().max() == 0  # channel by channel
    assert found[0, 1, 2, 2] == 16 and found[0, 1, 1, 2] == -2 and found[0, 1].sum() == 0
    assert not path.state_dict()


@torch.inference_mode()
@pytest.mark.parametrize("high_pass", [0.0, 1.0])
@pytest.mark.parametrize("fold, widths", [(1, (4, 8, 8, 8)), (2, (4, 8, 8))])
def test_encoding_sees_no_style_and_no_batch_mate(high_pass, fold, widths):
    torch.manual_seed(0)
    net = StarGANv2Generator(6, widths, 1, fold, high_pass)
    x, s = torch.rand(3, 3, 32, 32) * 2 - 1, torch.randn(3, 6)
    y = net(x, s)
    assert y.shape == x.shape
    alone = torch.cat([net.decode(net.encode(p[None]), t[None]) for p, t in zip(x, s, strict=True)])
    assert (y - alone).abs().max() < 1e-4
    assert (net(x, s) - net(x, s.flip(0))).abs().mean() > 1e-3
    coarse, *fine = net.encode(x)
    assert coarse.shape == (3, 8, 4, 4)
    # S/4 and S/2; at S/8 no block of so small a net shrinks any further.
    assert [f.shape[-1] for f in fine] == ([8, 16] if high_pass else [])


@torch.inference_mode()
def test_nothing_passes_the_bottleneck_but_high_frequencies():
    """Without the path, the decoder knows the photo by its coarsest features alone; with it, edges come through."""
    torch.manual_seed(0)
    x, s = torch.rand(1, 3, 32, 32), torch.randn(1, 6)
    for high_pass in (0.0, 1.0):
        net = StarGANv2Generator(6, (4, 8, 8, 8), 1, 1, high_pass)
        encoded = net.encode(x)
        blank = [torch.zeros_like(encoded[0]), *encoded[1:]]
        other = [torch.zeros_like(encoded[0]), *(f.roll(3, -1) for f in encoded[1:])]
        changed = (net.decode(blank, s) - net.decode(other, s)).abs().max()
        assert (changed > 1e-4) == (high_pass > 0)


@torch.inference_mode()
def test_plain_skips_by_hand():
    """Features of every size are added; the last norm is adaptive; the exit reads the entry beside it."""
    torch.manual_seed(0)
    net = shaken(StarGANv2Generator(3, (4, 6, 8), 1, 2, skips=True))
    x, s = torch.randn(2, 3, 32, 32), torch.randn(2, 3)
    entry = convolved(F.pixel_unshuffle(x, 2), net.entry)
    finer = net.encoder[0](entry)
    h = net.encoder[2](net.encoder[1](finer))
    assert [f.shape for f in net.encode(x)] == [h.shape, finer.shape, entry.shape]
    h = net.decoder[0](h, s)
    h = (net.decoder[1](h, s) + finer) * 0.5**0.5
    h = (net.decoder[2](h, s) + entry) * 0.5**0.5
    wanted = F.pixel_shuffle(convolved(torch.cat([leaky(net.exit_norm(h, s)), entry], 1), net.exit), 2)
    assert isinstance(net.exit_norm, AdaIN)
    assert (net(x, s) - wanted).abs().max() < 1e-4 * wanted.abs().max()


@torch.inference_mode()
def test_plain_skips_begin_without_a_checkerboard():
    x, s = torch.rand(1, 3, 32, 32), torch.randn(1, 3)
    squares = F.pixel_unshuffle(StarGANv2Generator(3, (4, 8, 8), 1, 2, skips=True)(x, s), 2).unflatten(1, (3, 4))
    assert (squares - squares[:, :, :1]).abs().max() < 1e-6 and squares.std() > 1e-3
    planes = PlanesGenerator(2, (4, 8, 8), 1, 2, skips=True)
    assert planes(x, s[:, :2]).shape == x.shape and not isinstance(planes.exit_norm, AdaIN)


@torch.inference_mode()
def test_planes_are_what_the_baseline_sees():
    net = PlanesGenerator(3, (4, 8, 8), 1)
    x = torch.rand(2, 3, 16, 16)
    one, two = torch.eye(3)[:1].expand(2, -1), torch.eye(3)[1:2].expand(2, -1)
    assert net.encode(x)[0] is x
    assert (net(x, one) - net(x, two)).abs().max() > 1e-3
    assert not any(isinstance(m, AdaIN) for m in net.modules())


@torch.inference_mode()
def test_trunks_that_do_not_end_at_four_pixels_are_refused():
    assert ResidualTrunk(32, (4, 4, 8, 8), 1)(torch.rand(2, 3, 32, 32)).shape == (2, 8)
    assert ResidualTrunk(32, (4, 4, 8), 2)(torch.rand(2, 3, 32, 32)).shape == (2, 8)
    with pytest.raises(ValueError, match="3 widths for photos of 32 pixels"):
        ResidualTrunk(32, (4, 4, 8), 1)


def test_branches_go_by_domain_and_only_the_chosen_one_learns():
    torch.manual_seed(0)
    net = DomainDiscriminator(3, 16, (4, 8, 8))
    y, domain = torch.rand(4, 3, 16, 16), torch.tensor([2, 0, 2, 2])
    every = net.branches(net.trunk(y))
    logits = net(y, domain)
    assert torch.equal(logits, torch.stack([every[0, 2], every[1, 0], every[2, 2], every[3, 2]]))
    logits.sum().backward()
    assert (net.branches.weight.grad.abs().sum(1) > 0).tolist() == [True, False, True]
    assert net.branches.bias.grad.tolist() == [1, 0, 3]


@torch.inference_mode()
def test_the_other_heads():
    y, domain = torch.rand(2, 3, 16, 16), torch.tensor([1, 0])
    encoder = ResidualStyleEncoder(5, 2, 16, (4, 8, 8))
    assert (encoder(y, domain)[0] - encoder.heads[1](encoder.trunk(y))[0]).abs().max() < 1e-6
    with pytest.raises(ValueError, match="2 domains"):
        encoder(y)
    assert ResidualStyleEncoder(5, 1, 16, (4, 8, 8))(y).shape == (2, 5)
    score, classes = ClassifyingDiscriminator(3, 16, (4, 8, 8))(y)
    assert score.shape == (2,) and classes.shape == (2, 3)
    projected = ProjectedDomainDiscriminator([4, 6], 2, width=8).eval()
    features = [torch.rand(2, 4, 8, 8), torch.rand(2, 6, 4, 4)]
    logits = projected(features, domain)
    assert [tuple(part.shape) for part in logits] == [(2, 64), (2, 16)]
    assert torch.equal(logits[1][0], projected.heads[1](features[1])[0, 1].flatten())
