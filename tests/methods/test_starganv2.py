"""StarGAN v2's step: every loss by hand, who learns from what, turns, R1 now and then, and the ablation."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from i2i.methods.starganv2 import StarGANv2, StarGANv2Config, latent_code, photo_code, serving_nets
from i2i.methods.starganv2_recipes import COMPONENTS, RECIPES, find_recipe

TINY = StarGANv2Config(16, 3, 8, 4, "lean", (8, 8), (8, 8, 8), 1)


def batch(count: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    photos = {k: torch.rand(count, 3, 16, 16, generator=generator) * 2 - 1 for k in ("x", "reference", "reference2")}
    return photos | {"domain": torch.tensor([0, 1, 2, 0])[:count], "target": torch.tensor([1, 1, 0, 2])[:count]}


def make(config: StarGANv2Config = TINY, **options) -> StarGANv2:
    torch.manual_seed(1)
    return StarGANv2(config, **options)


def gradients(method: StarGANv2, progress: float = 0.0, data=None):
    """Logs of a step, and for each loss in its order: the player, the loss, and the nets that it moved."""
    found = []

    def update(player, loss):
        method.zero_grad(set_to_none=True)
        loss.backward()
        moved = {name for name, p in method.nets.named_parameters() if p.grad is not None and p.grad.any()}
        found.append((player, float(loss.detach()), {name.split(".")[0] for name in moved}))

    torch.manual_seed(2)
    return method.step(data or batch(), progress, update), found


def test_latents_teach_all_three_players_and_references_the_generator():
    _, found = gradients(make())
    assert [(player, moved) for player, _, moved in found] == [
        ("discriminator", {"discriminator"}),
        ("generator", {"generator", "mapping", "style_encoder"}),
        ("discriminator", {"discriminator"}),
        ("generator", {"generator"}),
    ]
    assert all(p.requires_grad for p in make().parameters())


def test_nothing_stays_frozen_after_a_step():
    method = make()
    gradients(method)
    assert all(p.requires_grad for p in method.parameters())


def softplus(values: torch.Tensor) -> torch.Tensor:
    return (1 + values.exp()).log()


def test_every_loss_by_hand():
    """Equations 1 to 4 and R1, computed again from the nets, for both turns; no update in between."""
    method, data = make(replace(TINY, lambda_ds=2.0, lambda_sty=3.0, lambda_cyc=5.0, lambda_r1=0.5)), batch()
    losses = {}
    torch.manual_seed(2)
    logs = method.step(data, 0.25, lambda player, loss: losses.setdefault(f"{player} {len(losses)}", loss.detach()))
    nets, x, y, target = method.nets, data["x"], data["domain"], data["target"]
    rows = torch.arange(4)
    torch.manual_seed(2)
    z, z2 = torch.randn(2, 4, 4)
    encoder, generator, judge = nets["style_encoder"], nets["generator"], nets["discriminator"]
    styles = {
        "latent": (nets["mapping"](z, target), nets["mapping"](z2, target)),
        "reference": (encoder(data["reference"], target), encoder(data["reference2"], target)),
    }
    for turn, (guide, (s, s2)) in enumerate(styles.items()):
        fake = generator(x, s)
        every = judge.branches(judge.trunk(fake))[rows, target]
        real_x = x.clone().requires_grad_()
        real = judge.branches(judge.trunk(real_x))[rows, y]
        slope = torch.autograd.grad(real.sum(), real_x)[0].flatten(1)
        r1 = 0.5 * slope.norm(dim=1).square().mean()
        loss_d = softplus(-real).mean() + softplus(every).mean()
        assert float(losses[f"discriminator {2 * turn}"]) == pytest.approx((loss_d + 0.5 * r1).item(), rel=1e-4)
        wanted = {
            "adversarial": softplus(-every).mean(),
            "style": 3 * (encoder(fake, target) - s).abs().mean(),
            "diversity": -2 * 0.75 * (fake - generator(x, s2)).abs().mean(),
            "cycle": 5 * (generator(fake, encoder(x, y)) - x).abs().mean(),
        }
        for name, value in wanted.items():
            assert logs[f"{guide}_{name}"] == pytest.approx(value.item(), rel=1e-4), (guide, name)
        assert float(losses[f"generator {2 * turn + 1}"]) == pytest.approx(sum(wanted.values()).item(), rel=1e-4)
        assert logs[f"{guide}_r1"] == pytest.approx(float(r1), rel=1e-4)


def test_the_diversity_weight_falls_to_zero():
    values = [gradients(make(), progress)[0]["latent_diversity"] for progress in (0.0, 0.5, 1.0)]
    assert values[0] < 0 and values[1] == pytest.approx(values[0] / 2, rel=1e-4) and values[2] == 0


def test_turns_alternate_and_r1_comes_now_and_then():
    method = make(replace(TINY, turns="alternate", r1_every=2))
    logs = [gradients(method)[0] for _ in range(4)]
    assert [next(iter(row)).split("_")[0] for row in logs] == ["latent", "reference", "reference", "latent"]
    assert [any(name.endswith("_r1") for name in row) for row in logs] == [True, False, True, False]
    assert int(method.count) == 4
    # What comes half as often counts twice.
    losses = [gradients(make(replace(TINY, r1_every=n, lambda_r1=w)))[1][0][1] for n, w in ((1, 2.0), (2, 1.0))]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_the_optimizers_are_the_papers():
    method = make(StarGANv2Config(16, 3, widths=(8, 8), judge_widths=(8, 8, 8)))
    optimizers = method.optimizers()
    assert {g["betas"] for o in optimizers.values() for g in o.param_groups} == {(0.0, 0.99)}
    assert {g["weight_decay"] for o in optimizers.values() for g in o.param_groups} == {1e-4}
    player, mapping = optimizers["generator"].param_groups
    assert (player["lr"], mapping["lr"]) == (1e-4, 1e-6)
    assert {id(p) for p in mapping["params"]} == {id(p) for p in method.nets["mapping"].parameters()}
    assert {id(p) for g in (player, mapping) for p in g["params"]} == {
        id(p) for name in ("generator", "mapping", "style_encoder") for p in method.nets[name].parameters()
    }
    assert method.rate(0.0) == method.rate(0.99) == 1
    c = method.config
    assert (c.lambda_sty, c.lambda_cyc, c.lambda_ds, c.lambda_r1) == (1, 1, 1, 1)
    assert (c.latent, c.style, RECIPES["afhq"].net["lambda_ds"]) == (16, 64, 2.0)


def test_references_leave_encoder_and_mapping_where_they_are():
    method = make(replace(TINY, turns="alternate"))
    method.count += 1  # a turn with references
    optimizers = method.optimizers()
    before = copy.deepcopy(method.nets.state_dict())

    def update(player, loss):
        optimizers[player].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[player].step()

    method.step(batch(), 0.0, update)
    changed = {k.split(".")[0] for k, v in method.nets.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"generator", "discriminator"}


def test_the_weights_start_as_he_says():
    nets = serving_nets(StarGANv2Config(32, 2))
    for net in nets.values():
        for name, p in net.named_parameters():
            if name.endswith("bias"):
                assert not p.any(), name
            elif p.dim() > 1 and p.numel() > 4000:
                fan_in = p[0].numel()
                assert float(p.detach().std()) == pytest.approx((2 / 1.04 / fan_in) ** 0.5, rel=0.1), name


class Fields(nn.Module):
    channels = [3, 3]

    def forward(self, y):
        return [F.avg_pool2d(y, 2), F.avg_pool2d(y, 4)]


def test_a_projected_discriminator_joins_in():
    method = make(features=Fields())
    logs, found = gradients(method)
    assert found[0][2] == {"discriminator", "projected"} and found[1][2] == {"generator", "mapping", "style_encoder"}
    assert not any("features" in name for name in method.state_dict())
    assert set(method.optimizers()["discriminator"].param_groups[0]["params"]) == {
        p for name in ("discriminator", "projected") for p in method.nets[name].parameters()
    }


@pytest.mark.parametrize("key", COMPONENTS)
def test_the_ablation_adds_one_thing_at_a_time(key):
    config = replace(TINY, **COMPONENTS[key].net)
    logs, found = gradients(make(config))
    names = {name.removeprefix("latent_") for name in logs if name.startswith("latent_")}
    assert ("r1" in names) == (key in "CDEF")
    assert ("class" in names) == (key == "A")
    assert ("style" in names) == (key in "DEF")
    assert ("diversity" in names) == (key == "F")
    players = {"generator"} | ({"style_encoder"} if key in "DEF" else set()) | ({"mapping"} if key in "EF" else set())
    assert [moved for _, _, moved in found][1] == players
    assert config.code == {"D": 4 + 3, "E": 8, "F": 8}.get(key, 3)
    nets = make(config).nets
    z, domain = torch.randn(2, 4), torch.tensor([0, 2])
    codes = latent_code(nets, config, z, domain), photo_code(nets, config, torch.rand(2, 3, 16, 16), domain)
    assert all(code.shape == (2, config.code) for code in codes)
    if key in "ABC":
        assert torch.equal(codes[0], F.one_hot(domain, 3).float()) and torch.equal(codes[0], codes[1])
    if key == "D":
        assert torch.equal(codes[0], torch.cat([z, F.one_hot(domain, 3).float()], 1))


def test_the_baselines_losses_by_hand():
    method, data = make(replace(TINY, **COMPONENTS["A"].net)), batch()
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
    wanted = faked.mean() - real.mean() + 10 * (slope - 1).square().mean() + classified
    assert float(losses["discriminator 0"]) == pytest.approx(wanted.item(), rel=1e-4)
    assert logs["latent_adversarial"] == pytest.approx(-faked.mean().item(), rel=1e-4)
    wrongly = -of_fakes.log_softmax(1)[torch.arange(4), target].mean()
    assert logs["latent_class"] == pytest.approx(wrongly.item(), rel=1e-4)
    back = nets["generator"](fake, F.one_hot(y, 3).float())
    assert logs["latent_cycle"] == pytest.approx(10 * (back - x).abs().mean().item(), rel=1e-4)


def test_the_grid_shows_latents_and_references():
    method, data = make(), batch()
    held_out = {"x": data["x"][:2], "reference": data["reference"][:3], "target": torch.arange(3)}
    picture = method.grid(method.nets, held_out)
    assert picture.size == (10 * 18 - 2, 3 * 18 - 2)  # itself, two for each of three domains, three references


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"condition": "colour"}, "unknown condition 'colour': use one of style, latent"),
        ({"domains": 1}, "domains must be at least 2, got 1"),
        ({"size": 48}, "power of two"),
        ({"condition": "planes", "high_pass": 1.0}, "no high-pass"),
    ],
)
def test_wrong_recipes(wrong, says):
    with pytest.raises(ValueError, match=says):
        replace(TINY, **wrong)


def test_widths_that_do_not_fit():
    with pytest.raises(ValueError, match="cannot be folded by 1 and halved 4 times"):
        serving_nets(replace(TINY, widths=(4, 4, 4, 4, 4)))
    with pytest.raises(ValueError, match="there is no recipe 'thin'"):
        find_recipe("thin")
