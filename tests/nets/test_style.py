"""Where styles come from: the mapping network and the style encoder."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from i2i.nets.style import DomainHeads, MappingNetwork, StyleEncoder, unit


@pytest.fixture
def encoder() -> StyleEncoder:
    torch.manual_seed(0)
    return StyleEncoder(style=6, widths=(4, 8, 8))


def test_unit_fixes_the_scale_and_keeps_the_direction():
    s = torch.tensor([[3.0, 4.0], [-0.3, -0.4], [0.0, 0.0]])
    wanted = torch.tensor([[0.6, 0.8], [-0.6, -0.8], [0.0, 0.0]]) * 2**0.5
    assert (unit(s) - wanted).abs().max() < 1e-5


@torch.inference_mode()
def test_mapping_is_a_perceptron():
    torch.manual_seed(0)
    mapping = MappingNetwork(latent=4, style=6, width=16, layers=3)
    z = torch.randn(5, 4)
    linear = [m for m in mapping.modules() if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(4, 16), (16, 16), (16, 6)]
    h = z
    for layer in linear[:-1]:
        h = h @ layer.weight.t() + layer.bias
        h = torch.where(h > 0, h, 0.2 * h)
    s = h @ linear[-1].weight.t() + linear[-1].bias
    wanted = s / s.square().mean(1, keepdim=True).sqrt()
    assert mapping(z).shape == (5, 6)
    assert (mapping(z) - wanted).abs().max() < 1e-5


@torch.inference_mode()
def test_each_latent_has_a_style_of_its_own():
    torch.manual_seed(0)
    mapping = MappingNetwork(16, 64)
    z = torch.randn(8, 16)
    styles = mapping(z)
    assert styles.shape == (8, 64)
    assert torch.cdist(styles, styles).fill_diagonal_(1).min() > 0.01
    alone = torch.cat([mapping(row[None]) for row in z])
    assert (styles - alone).abs().max() < 1e-5


@torch.inference_mode()
@pytest.mark.parametrize("shape", [(64, 64), (256, 256), (101, 77), (40, 128)])
def test_photos_of_any_size_give_styles(encoder, shape):
    styles = encoder(torch.rand(2, 3, *shape) * 2 - 1)
    assert styles.shape == (2, 6)
    assert (styles.square().mean(1) - 1).abs().max() < 1e-4


@torch.inference_mode()
def test_large_photos_are_averaged_down_to_64(encoder):
    y = torch.rand(2, 3, 192, 192) * 2 - 1
    assert (encoder(y) - encoder(F.avg_pool2d(y, 3))).abs().max() < 1e-5
    assert (encoder(y) - encoder(y[:, :, ::3, ::3])).abs().max() > 1e-3  # taking every third pixel is not averaging
    tall = torch.rand(1, 3, 128, 64) * 2 - 1  # one side alone may be too large
    assert (encoder(tall) - encoder(F.avg_pool2d(tall, (2, 1)))).abs().max() < 1e-5


@torch.inference_mode()
def test_styles_see_colour_and_texture(encoder):
    grey, red = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    red[:, 0] = 1
    rough = torch.zeros(1, 3, 64, 64)
    rough[:, :, ::2] = 1
    rough[:, :, 1::2] = -1  # the same mean as grey
    styles = encoder(torch.cat([grey, red, rough]))
    assert torch.cdist(styles, styles).fill_diagonal_(1).min() > 1e-3


@torch.inference_mode()
def test_the_last_layers_see_mean_and_spread_of_each_channel(encoder):
    seen = {}
    encoder.down[-1].register_forward_hook(lambda module, given, result: seen.update(last=result))
    encoder.hidden.register_forward_pre_hook(lambda module, given: seen.update(hidden=given[0]))
    encoder(torch.rand(2, 3, 64, 64) * 2 - 1)
    features = F.leaky_relu(seen["last"], 0.2).flatten(2)
    wanted = torch.cat([features.mean(2), features.std(2, correction=0)], 1)
    assert (seen["hidden"] - wanted).abs().max() < 1e-4


@torch.inference_mode()
def test_a_style_does_not_depend_on_batch_mates(encoder):
    y = torch.rand(4, 3, 64, 64) * 2 - 1
    assert (encoder(y) - torch.cat([encoder(p[None]) for p in y])).abs().max() < 1e-5


def test_the_gradient_of_a_flat_picture_is_finite(encoder):
    # Without spread, the derivative of its square root would be infinite.
    torch.nn.init.zeros_(encoder.down[-1].weight)
    y = torch.zeros(1, 3, 64, 64, requires_grad=True)
    encoder(y).sum().backward()
    assert y.grad.isfinite().all()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_one_domain_is_the_plain_network():
    torch.manual_seed(3)
    plain = MappingNetwork(4, 6, 16, 3), StyleEncoder(6, widths=(4, 8, 8))
    torch.manual_seed(3)
    of_domains = MappingNetwork(4, 6, 16, 3, domains=1), StyleEncoder(6, widths=(4, 8, 8), domains=1)
    for a, b in zip(plain, of_domains, strict=True):
        assert a.state_dict().keys() == b.state_dict().keys()
        assert all(torch.equal(v, b.state_dict()[k]) for k, v in a.state_dict().items())
    assert {k.split(".")[0] for k in plain[0].state_dict()} == {"trunk", "head"}


@torch.inference_mode()
def test_heads_go_by_domain():
    heads = DomainHeads(torch.nn.Linear(3, 2) for _ in range(4))
    h, domain = torch.randn(5, 3), torch.tensor([2, 0, 3, 2, 1])
    wanted = torch.cat([heads[k](row[None]) for row, k in zip(h, domain.tolist(), strict=True)])
    assert (heads(h, domain) - wanted).abs().max() < 1e-6
    with pytest.raises(ValueError, match="4 domains: say which"):
        heads(h, None)


@pytest.mark.parametrize("of", ["mapping", "encoder"])
def test_only_the_chosen_head_learns(of):
    torch.manual_seed(0)
    if of == "mapping":
        net, x = MappingNetwork(4, 6, 16, 6, domains=3, own=2, leak=0.0, normalised=False), torch.randn(5, 4)
    else:
        net, x = StyleEncoder(6, widths=(4, 8), domains=3, normalised=False), torch.rand(5, 3, 64, 64)
    net(x, torch.tensor([1, 1, 1, 1, 1])).square().sum().backward()
    learned = [sum(float(p.grad.abs().sum()) for p in head.parameters()) for head in net.heads]
    assert learned[1] > 0 and learned[0] == learned[2] == 0
    assert all(p.grad.abs().sum() > 0 for name, p in net.named_parameters() if not name.startswith("heads"))


@torch.inference_mode()
def test_a_mapping_of_domains_shares_its_first_layers():
    net = MappingNetwork(4, 6, 16, 6, domains=2, own=4, leak=0.0, normalised=False)
    assert [(layer.in_features, layer.out_features) for layer in net.trunk] == [(4, 16), (16, 16)]
    z = torch.randn(3, 4)
    for k in range(2):
        own = [layer for layer in net.heads[k] if isinstance(layer, torch.nn.Linear)]
        assert [layer.out_features for layer in own] == [16, 16, 16, 6]
        h = z
        for layer in (*net.trunk, *own[:-1]):
            h = layer(h).clamp(min=0)
        assert (net(z, torch.full((3,), k)) - own[-1](h)).abs().max() < 1e-5
