"""StarGAN v2's step: every loss by hand, who learns from what, turns, R1 now and then, and the ablation."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from tiny_starganv2 import TINY, batch, make
from torch import nn

from i2i.methods.starganv2 import StarGANv2, StarGANv2Config, latent_code, photo_code, serving_nets
from i2i.methods.starganv2_recipes import COMPONENTS, RECIPES


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
    sooner = [gradients(make(replace(TINY, ds_until=0.5)), p)[0]["latent_diversity"] for p in (0.0, 0.25, 0.5, 0.75)]
    assert sooner == pytest.approx([values[0], values[0] / 2, 0, 0], rel=1e-4)


def test_diversity_cannot_be_won_beyond_what_can_be_shown():
    """Lean: means of squares of pixels, clamped to [-1, 1]; what lies beyond costs its square."""
    config = replace(TINY, lambda_range=3.0, ds_cell=4, lambda_ds=2.0)
    method, data = make(config), batch()
    with torch.no_grad():
        method.nets["generator"].exit.weight.mul_(20)
    logs, _ = gradients(method, 0.25, data)
    torch.manual_seed(2)
    z, z2 = torch.randn(2, 4, 4)
    mapping, generator, target = method.nets["mapping"], method.nets["generator"], data["target"]
    a, b = (generator(data["x"], mapping(latent, target)).detach() for latent in (z, z2))
    assert a.abs().max() > 2
    excess = (a.abs() - 1).clamp(min=0).square().mean()
    assert logs["latent_range"] == pytest.approx(3 * excess.item(), rel=1e-4)
    apart = (F.avg_pool2d(a.clamp(-1, 1), 4) - F.avg_pool2d(b.clamp(-1, 1), 4)).abs().mean()
    assert logs["latent_diversity"] == pytest.approx(-2 * 0.75 * apart.item(), rel=1e-4)
    paper, _ = gradients(make(replace(TINY, lambda_ds=2.0)), 0.25, data)
    assert "latent_range" not in paper


def by_hand(method: StarGANv2, data, progress: float) -> list[dict[str, torch.Tensor]]:
    """Gradients of the players' loss in both turns, by equations 1 to 4 alone: name of the parameter -> gradient."""
    nets, c, x, y, target = method.nets, method.config, data["x"], data["domain"], data["target"]
    generator, encoder = nets["generator"], nets["style_encoder"]
    torch.manual_seed(2)
    z, z2 = torch.randn(2, 4, 4)
    found = []
    for guide in ("latent", "reference"):
        if guide == "latent":
            s, s2 = nets["mapping"](z, target), nets["mapping"](z2, target)
            learning = ("generator", "mapping", "style_encoder")
        else:
            s, s2 = encoder(data["reference"], target), encoder(data["reference2"], target)
            learning = ("generator",)
        fake = generator(x, s)
        loss = softplus(-nets["discriminator"](fake, target)).mean()
        loss = loss + c.lambda_sty * (encoder(fake, target) - s).abs().mean()
        loss = loss - c.lambda_ds * (1 - progress) * (fake - generator(x, s2).detach()).abs().mean()
        loss = loss + c.lambda_cyc * (generator(fake, encoder(x, y)) - x).abs().mean()
        parameters = {n: p for n, p in nets.named_parameters() if n.split(".")[0] in learning}
        slopes = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        found.append({n: g for n, g in zip(parameters, slopes, strict=True) if g is not None})
    return found


def test_the_gradients_are_those_of_the_equations():
    """What is detached: the second picture of the diversity loss, and nothing else; styles and cycle teach F and E."""
    method, data = make(replace(TINY, lambda_ds=2.0, lambda_sty=3.0, lambda_cyc=5.0)), batch()
    turns = []

    def update(player, loss):
        method.zero_grad(set_to_none=True)
        loss.backward()
        if player == "generator":
            turns.append({n: p.grad.clone() for n, p in method.nets.named_parameters() if p.grad is not None})

    torch.manual_seed(2)
    method.step(data, 0.25, update)
    for found, wanted in zip(turns, by_hand(method, data, 0.25), strict=True):
        assert found.keys() == wanted.keys()
        # Norms take the effect of some biases away: what is left of their gradients is rounding.
        rounding = 1e-6 * max(float(slope.abs().max()) for slope in wanted.values())
        for name, slope in wanted.items():
            assert (found[name] - slope).abs().max() <= 1e-4 * slope.abs().max() + rounding, name


def test_turns_alternate_and_r1_comes_now_and_then():
    method = make(replace(TINY, turns="alternate", r1_every=2))
    logs = [gradients(method)[0] for _ in range(4)]
    assert [next(iter(row)).split("_")[0] for row in logs] == ["latent", "reference", "reference", "latent"]
    assert int(method.count) == 4
    # What comes half as often counts twice.
    losses = [gradients(make(replace(TINY, r1_every=n, lambda_r1=w)))[1][0][1] for n, w in ((1, 2.0), (2, 1.0))]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    # Steps without one are those of a run without R1, but for the logs: these repeat the last.
    without = make(replace(TINY, turns="alternate", lambda_r1=0.0))
    bare = [gradients(without) for _ in range(2)]
    again = make(replace(TINY, turns="alternate", r1_every=2))
    seen = [gradients(again) for _ in range(2)]
    assert seen[1][1][0][1] == bare[1][1][0][1] and seen[0][1][0][1] > bare[0][1][0][1]
    assert "reference_r1" not in bare[1][0] and seen[1][0]["reference_r1"] == seen[0][0]["latent_r1"] > 0


def test_the_lean_recipe_logs_r1_in_every_line():
    """Lines are written at steps 20, 40, ...; R1 falls into other steps."""
    assert RECIPES["lean"].net["r1_every"] == 2
    method = make(replace(TINY, turns="alternate", r1_every=2))
    logs = [gradients(method)[0] for _ in range(4)]
    assert all(any(name.endswith("_r1") for name in row) for row in logs)
    # A resumed run's lines are those of an unbroken one; an older run's state has none (`added`).
    state = method.state_dict()
    again = make(method.config)
    again.load_state_dict(state)
    assert again.last_r1 == method.last_r1 > 0
    assert "last_r1" in method.added


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


def test_half_precision_on_the_cpu():
    """Four steps with R1 in bf16, each beside the same step in float32."""
    method = make(replace(TINY, turns="alternate", r1_every=2))
    optimizers = method.optimizers()

    def update(player, loss):
        optimizers[player].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[player].step()

    for k in range(4):
        exact, _ = gradients(copy.deepcopy(method))
        torch.manual_seed(2)
        with torch.autocast("cpu", torch.bfloat16):
            half = method.step(batch(), 0.0, update)
        assert half.keys() == exact.keys() and half != exact
        for name in (n for n in half if n.split("_")[1] not in ("real", "fake", "r1")):
            assert half[name] == pytest.approx(exact[name], rel=0.05), (k, name)
        if k % 2 == 0:
            (name,) = (n for n in half if n.endswith("_r1"))
            assert half[name] == pytest.approx(exact[name], rel=0.05) and half[name] > 0
    assert all(p.isfinite().all() for p in method.parameters())


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


@pytest.mark.parametrize("net", [{}, COMPONENTS["A"].net])
def test_a_second_judge_leaves_the_first_ones_balance(net):
    """R1, gradient penalty and classifier weigh as much beside D's adversarial loss as they do without --features."""

    def slopes(method) -> list[torch.Tensor]:
        found = []

        def update(player, loss):
            if player == "discriminator":
                found.append(torch.autograd.grad(loss, list(method.nets["discriminator"].parameters())))

        torch.manual_seed(2)
        method.step(batch(), 0.0, update)
        return found[0]

    config = replace(TINY, **net)
    for alone, joined in zip(slopes(make(config)), slopes(make(config, features=Fields())), strict=True):
        assert (alone - 3 * joined).abs().max() <= 1e-4 * alone.abs().max() + 1e-7  # three judges: D and two heads


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


def test_the_grid_shows_latents_and_references():
    method, data = make(), batch()
    held_out = {"x": data["x"][:2], "reference": data["reference"][:3], "target": torch.arange(3)}
    picture = method.grid(method.nets, held_out)
    assert picture.size == (10 * 18 - 2, 3 * 18 - 2)  # itself, two for each of three domains, three references
