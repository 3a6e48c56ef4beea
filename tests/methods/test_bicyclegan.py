"""BicycleGAN: two cycles, two discriminators, and an encoder that must not hide the latent in the picture."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from i2i.methods.bicyclegan import BicycleGAN, BicycleGANConfig

TINY = BicycleGANConfig(32, 1, 3, "unet_32", width=4, latent=3, patch=16, patch_width=4, scales=1)


def batch(count: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {k: torch.rand(count, c, 32, 32, generator=generator) * 2 - 1 for k, c in (("x", 1), ("y", 3))}


def gradients(config: BicycleGANConfig) -> tuple[dict[str, float], dict[str, dict[str, torch.Tensor]]]:
    """Logs of a step from fixed weights and noise, and player -> net -> all its gradients after that player's loss."""
    torch.manual_seed(1)
    method = BicycleGAN(config)
    found = {}

    def update(name, loss):
        method.zero_grad(set_to_none=True)
        loss.backward()
        found[name] = {
            n: torch.cat([p.grad.flatten() if p.grad is not None else torch.zeros(p.numel()) for p in net.parameters()])
            for n, net in method.nets.items()
        }

    torch.manual_seed(2)
    return method.step(batch(), 0.0, update), found


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_batch_that_cannot_be_halved_is_told(count):
    with pytest.raises(ValueError, match=f"an even batch of at least 2 pairs, got {count}"):
        BicycleGAN(TINY).step(batch(count), 0.0, lambda *_: None)


def loud(config: BicycleGANConfig) -> BicycleGAN:
    """A method whose answers tell latents apart, and whose encoder is surer of some photos than of others."""
    torch.manual_seed(1)
    method = BicycleGAN(config)
    with torch.no_grad():
        for net, factor in (("generator", 8), ("encoder", 6)):
            for p in method.nets[net].parameters():
                p.mul_(factor)
        method.nets["encoder"].log_variance.bias.copy_(torch.tensor([-1.0, 0.5, 1.0]))
    return method


def halved(picture: torch.Tensor) -> torch.Tensor:
    return sum(picture[..., i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4


@pytest.mark.parametrize("scales", [1, 2])
def test_every_loss_by_hand(scales):
    """The terms of section 3, with least squares, computed again from the nets; no update in between."""
    # Every weight another, so that no term can stand in for one of its neighbours.
    method = loud(replace(TINY, scales=scales, lambda_l1=7.0, lambda_z=3.0, lambda_kl=2.0))
    data, losses, nets = batch(), {}, method.nets
    torch.manual_seed(2)
    logs = method.step(data, 0.0, lambda player, loss: losses.setdefault(player, float(loss.detach())))
    (x, x2), (y, y2) = (data[k].split(2) for k in ("x", "y"))
    torch.manual_seed(2)
    noise, z = torch.randn(2, 3), torch.randn(2, 3)

    with torch.no_grad():
        mean, log_variance = nets["encoder"](y)
        deviation = log_variance.exp().sqrt()
        rebuilt, invented = nets["generator"](x, z=mean + deviation * noise), nets["generator"](x, z=z)
        found = nets["encoder"](invented)[0]

        def verdicts(judge, x, y):
            sizes = [(x, y), (halved(x), halved(y))][:scales]
            return [net(torch.cat(pair, 1)) for net, pair in zip(nets[judge].nets, sizes, strict=True)]

        def fooled(fakes):
            return sum((f - 1).square().mean() for f in fakes)

        def told_apart(reals, fakes):
            return sum(0.5 * ((r - 1).square().mean() + f.square().mean()) for r, f in zip(reals, fakes, strict=True))

        fakes = verdicts("encoded_discriminator", x, rebuilt), verdicts("random_discriminator", x, invented)
        reals = verdicts("encoded_discriminator", x, y), verdicts("random_discriminator", x2, y2)
        # Of one dimension (s^2 + m^2 - 1) / 2 - log s, summed over dimensions, averaged over pictures.
        divergence = (deviation**2 + mean**2 - 1) / 2 - deviation.log()
        wanted = {
            "encoded_adversarial": fooled(fakes[0]),
            "random_adversarial": fooled(fakes[1]),
            "l1": 7 * (rebuilt - y).abs().mean(),
            "kl": 2 * divergence.sum(1).mean(),
            "z": 3 * (found - z).abs().mean(),
        }
        discriminator = sum(told_apart(r, f) for r, f in zip(reals, fakes, strict=True))
        # What the test is to tell apart is apart.
        assert (deviation - deviation**2).abs().min() > 0.1
        assert (rebuilt - nets["generator"](x, z=mean + deviation**2 * noise)).abs().mean() > 0.01
    assert logs.keys() == wanted.keys() | {"discriminator"}
    for name, value in wanted.items():
        assert logs[name] == pytest.approx(value.item(), rel=1e-4), name
    assert logs["discriminator"] == pytest.approx(discriminator.item(), rel=1e-4)
    assert losses == {
        "discriminator": pytest.approx(discriminator.item(), rel=1e-4),
        "generator": pytest.approx(sum(wanted.values()).item(), rel=1e-4),
    }


def test_the_divergence_by_hand():
    """KL of N(0, e) from N(0, 1) is (e - 2) / 2 a dimension; a standard normal distribution has none."""
    method = BicycleGAN(replace(TINY, lambda_kl=1.0))
    encoder = method.nets["encoder"]
    for log_variance, wanted in ((1.0, 3 * (math.e - 2) / 2), (0.0, 0.0)):
        for head, value in ((encoder.mean, 0.0), (encoder.log_variance, log_variance)):
            nn.init.zeros_(head.weight)
            nn.init.constant_(head.bias, value)
        logs = method.step(batch(), 0.0, lambda player, loss: None)
        assert logs["kl"] == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_each_player_moves_its_own_nets():
    logs, found = gradients(TINY)
    moved = {player: {n for n, g in nets.items() if g.any()} for player, nets in found.items()}
    assert moved["discriminator"] == {"encoded_discriminator", "random_discriminator"}
    assert moved["generator"] == {"generator", "encoder"}
    assert {"encoded_adversarial", "random_adversarial", "l1", "kl", "z", "discriminator"} == logs.keys()


def test_the_latent_regression_teaches_the_generator_alone():
    with_z, without = (gradients(replace(TINY, lambda_z=weight))[1]["generator"] for weight in (50.0, 0.0))
    assert torch.allclose(with_z["encoder"], without["encoder"], atol=1e-7)
    assert not torch.allclose(with_z["generator"], without["generator"], atol=1e-5)


def test_the_divergence_teaches_the_encoder_alone():
    with_kl, without = (gradients(replace(TINY, lambda_kl=weight))[1]["generator"] for weight in (50.0, 0.0))
    assert torch.allclose(with_kl["generator"], without["generator"], atol=1e-7)
    assert not torch.equal(with_kl["encoder"], without["encoder"])


def test_weights_of_the_paper():
    config = BicycleGANConfig()
    assert (config.lambda_l1, config.lambda_z, config.lambda_kl) == (10, 0.5, 0.01)
    assert (config.latent, config.gan, config.lr, config.beta1) == (8, "lsgan", 2e-4, 0.5)
    logs, _ = gradients(TINY)
    assert gradients(replace(TINY, lambda_l1=20.0))[0]["l1"] == pytest.approx(2 * logs["l1"], rel=1e-4)


def test_the_halves_of_a_batch_have_their_roles():
    """The random branch is compared with the second half; all answers belong to the first half's x."""
    torch.manual_seed(0)
    method, seen = BicycleGAN(TINY), []
    data = batch()

    def judge(name, x, y):
        seen.append((name, x, y))
        return [method.nets[name](torch.cat([x, y], 1))[0]]

    method._judge = judge
    method.step(data, 0.0, lambda name, loss: None)
    (_, x0, y0), (_, x1, _), (name, x2, y2), (_, x3, _) = seen[:4]
    assert torch.equal(x0, data["x"][:2]) and torch.equal(y0, data["y"][:2]) and torch.equal(x1, data["x"][:2])
    assert name == "random_discriminator"
    assert torch.equal(x2, data["x"][2:]) and torch.equal(y2, data["y"][2:]) and torch.equal(x3, data["x"][:2])


def test_the_encoder_ends_at_eight_by_eight():
    with torch.device("meta"):
        for size, blocks in ((64, 2), (128, 3), (256, 4)):
            net = BicycleGAN(replace(TINY, size=size, generator=f"unet_{size}")).nets["encoder"]
            assert len(net.blocks) == blocks and size >> blocks + 1 == 8


@pytest.mark.parametrize(
    "change, message",
    [
        ({"generator": "resnet_9"}, "needs a U-Net"),
        ({"latent": 0}, "without one this is pix2pix"),
        ({"size": 16, "generator": "unet_16"}, "at least 32"),
        ({"gan": "wgan"}, "unknown gan"),
        ({"patch": 70, "scales": 2}, "70 pixels needs pictures of at least 48, got 32: .*, fewer --scales, or"),
    ],
)
def test_configurations_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        BicycleGAN(replace(TINY, **change))


def test_the_receptive_fields_in_words():
    assert "16 and 32 pixels" in BicycleGAN(replace(TINY, scales=2)).receptive_field()
