"""StarGAN v2's settings: what a recipe may say, the lean one at any size, and StarGAN's losses in the ablation."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from tiny_starganv2 import TINY, batch, make

from i2i.methods.starganv2 import StarGANv2, StarGANv2Config, serving_nets
from i2i.methods.starganv2_recipes import COMPONENTS, RECIPES, find_recipe


def test_the_lean_rates_fall_at_the_end():
    c = StarGANv2Config(**RECIPES["lean"].at() | {"domains": 2})
    method = make(replace(TINY, decay_from=c.decay_from))
    assert [method.rate(p) for p in (0.0, 0.6)] == [1, 1] and method.rate(0.8) == pytest.approx(0.5)
    assert (c.mapping_lr, c.ds_until, c.ds_cell, c.lambda_range, c.decay_from) == (3e-5, 0.5, 8, 1.0, 0.6)
    assert (c.skips, c.lambda_ds, c.fit_mapping) == ("plain", 0.2, 1000)
    for name in ("afhq", "celeba_hq"):
        paper = StarGANv2Config(**RECIPES[name].net)
        assert (paper.ds_until, paper.ds_cell, paper.lambda_range, paper.decay_from) == (1, 1, 0, 1)
        assert (paper.skips, paper.fit_mapping) == ("none", 0)


def test_the_baselines_losses_by_hand():
    method, data = make(replace(TINY, **COMPONENTS["A"].net, lambda_gp=3.0, lambda_class=2.0)), batch()
    losses = {}
    torch.manual_seed(2)
    logs = method.step(data, 0.0, lambda player, loss: losses.setdefault(f"{player} {len(losses)}", loss.detach()))
    nets, x, y, target = method.nets, data["x"], data["domain"], data["target"]
    torch.manual_seed(2)
    torch.randn(2, 4, 4)
    share = torch.rand(4, 1, 1, 1)
    fake = nets["generator"](x, F.one_hot(target, 3).float()).detach()
    between = (x + share * (fake - x)).requires_grad_()
    slope = torch.autograd.grad(nets["discriminator"](between)[0].sum(), between)[0].flatten(1).norm(dim=1)
    (real, classes), (faked, of_fakes) = nets["discriminator"](x), nets["discriminator"](fake)
    classified = -classes.log_softmax(1)[torch.arange(4), y].mean()
    wanted = faked.mean() - real.mean() + 3 * (slope - 1).square().mean() + 2 * classified
    assert float(losses["discriminator 0"]) == pytest.approx(wanted.item(), rel=1e-4)
    assert logs["latent_adversarial"] == pytest.approx(-faked.mean().item(), rel=1e-4)
    wrongly = -of_fakes.log_softmax(1)[torch.arange(4), target].mean()
    assert logs["latent_class"] == pytest.approx(2 * wrongly.item(), rel=1e-4)
    back = nets["generator"](fake, F.one_hot(y, 3).float())
    assert logs["latent_cycle"] == pytest.approx(10 * (back - x).abs().mean().item(), rel=1e-4)


def test_branches_are_penalised_between_photos_of_their_own_domain():
    """B: the fake's domain is the target, so what it is mixed with is a photo of the target, not of the source."""
    method, data = make(replace(TINY, **COMPONENTS["B"].net, lambda_gp=3.0)), batch()
    losses = []
    torch.manual_seed(2)
    method.step(data, 0.0, lambda player, loss: losses.append(loss.detach()))
    judge, target = method.nets["discriminator"], data["target"]
    torch.manual_seed(2)
    torch.randn(2, 4, 4)
    share = torch.rand(4, 1, 1, 1)
    fake = method.nets["generator"](data["x"], F.one_hot(target, 3).float()).detach()
    between = ((1 - share) * data["reference"] + share * fake).requires_grad_()
    slope = torch.autograd.grad(judge(between, target).sum(), between)[0].flatten(1).norm(dim=1)
    wanted = judge(fake, target).mean() - judge(data["x"], data["domain"]).mean() + 3 * (slope - 1).square().mean()
    assert float(losses[0]) == pytest.approx(wanted.item(), rel=1e-4)


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_component_trains_in_half_precision(component):
    method, data = make(replace(TINY, **COMPONENTS[component].net)), batch()
    losses = []

    def update(player, loss):
        losses.append(loss.dtype)
        loss.backward()

    with torch.autocast("cpu", torch.bfloat16):
        logs = method.step(data, 0.0, update)
    assert losses and all(torch.tensor(value).isfinite() for value in logs.values())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in method.nets["discriminator"].parameters())


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"condition": "colour"}, "unknown condition 'colour': use one of style, latent"),
        ({"domains": 1}, "domains must be at least 2, got 1"),
        ({"size": 48}, "power of two"),
        ({"condition": "planes", "high_pass": 1.0}, "no high-pass"),
        ({"skips": "plain", "high_pass": 1.0}, "leave one of them out"),
        ({"skips": "some"}, "none, plain"),
        ({"fit_mapping": 5, "condition": "latent"}, "condition latent has none"),
        ({"fit_mapping": -1}, "fit_mapping must be at least 0"),
        ({"ds_until": 0.0}, "for no diversity loss set lambda_ds to 0"),
        ({"decay_from": 1.5}, "shares of the run, at most 1, got 1.0 and 1.5"),
        ({"ds_cell": 0}, "ds_cell must be at least 1"),
        ({"ds_cell": 32}, "must not exceed the size, 16 pixels, got 32"),
        ({"lambda_range": -1.0}, "lambda_range must be at least 0"),
        ({"lambda_cyc": -5.0}, "lambda_cyc must be at least 0, got -5.0"),
        ({"lambda_r1": float("nan")}, "lambda_r1 must be at least 0, got nan"),
        ({"lambda_ds": float("inf")}, "lambda_ds must be finite, got inf"),
        ({"high_pass": -1.0}, "high_pass must be at least 0"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0"),
        ({"beta1": 3.0}, "beta1 must be a share from 0 to below 1, got 3"),
        ({"domains": 2.5}, "domains must be a whole number, got 2.5"),
        ({"widths": (8, 0)}, "widths must be at least 1 each, got 8 0"),
        ({"lr": -1.0}, "lr must be above 0 and finite, got -1"),
        ({"lr": float("nan")}, "lr must be above 0 and finite, got nan"),
        ({"mapping_lr": 0.0}, "mapping_lr must be above 0 and finite, got 0"),
    ],
)
def test_wrong_recipes(wrong, says):
    with pytest.raises(ValueError, match=says):
        replace(TINY, **wrong)


def test_widths_that_do_not_fit():
    with pytest.raises(ValueError, match="cannot be folded by 1 and halved 4 times"):
        serving_nets(replace(TINY, widths=(4, 4, 4, 4, 4)))
    with pytest.raises(ValueError, match="judge_widths has 2 numbers; photos of 16 pixels folded by 1 need 3"):
        make(replace(TINY, judge_widths=(8, 8)))
    with pytest.raises(ValueError, match="there is no recipe 'thin'"):
        find_recipe("thin")


def test_the_lean_recipe_at_other_sizes():
    """The discriminator's depth follows the size; the served nets are the same, so that one can start another."""
    wanted = {64: (32, 64, 128, 128), 128: (32, 64, 128, 128, 128), 256: (32, 64, 128, 128, 128, 128)}
    assert RECIPES["lean"].at(64, 4)["judge_widths"] == (32, 64, 128)
    assert RECIPES["lean"].at() == RECIPES["lean"].net and RECIPES["afhq"].at(128) == {"size": 128, "lambda_ds": 2.0}
    served = {}
    for size, widths in wanted.items():
        config = StarGANv2Config(**RECIPES["lean"].at(size))
        assert (config.size, config.judge_widths) == (size, widths)
        with torch.device("meta"):
            method = StarGANv2(config)
            assert method.nets["discriminator"](torch.empty(1, 3, size, size), torch.zeros(1).long()).shape == (1,)
        served[size] = {
            k: v.shape for name in method.served for k, v in method.nets[name].state_dict(prefix=name).items()
        }
    assert served[64] == served[128] == served[256]
