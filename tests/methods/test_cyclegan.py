"""CycleGAN: terms against values by hand, what each objective has, the paper's sizes, a run that resumes exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.unpaired import unpaired_pairs
from i2i.methods.cyclegan import OBJECTIVES, CycleGAN, CycleGANConfig, serving_nets, visible

TINY = CycleGANConfig(size=32, generator="resnet_1", width=4, patch=16, patch_width=4, pool=4)
pytestmark = pytest.mark.usefixtures("seeded")


def batch(count: int = 2, size: int = 32, inputs: int = 3, outputs: int = 3) -> dict[str, torch.Tensor]:
    return {"a": torch.rand(count, inputs, size, size) * 2 - 1, "b": torch.rand(count, outputs, size, size) * 2 - 1}


class Affine(nn.Module):
    """A generator whose answers one can work out: x * scale + shift."""

    def __init__(self, scale: float, shift: float):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.tensor(scale)), nn.Parameter(torch.tensor(shift))

    def forward(self, x):
        return x * self.scale + self.shift


class Verdict(nn.Module):
    """A discriminator that says the mean of what it sees."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x.mean((1, 2, 3), keepdim=True) * self.weight


def by_hand(config: CycleGANConfig) -> CycleGAN:
    """G(x) = x / 2 + 0.1 and F(y) = 2 y, with discriminators that take the mean."""
    method = CycleGAN(config)
    method.nets["AtoB"], method.nets["BtoA"] = Affine(0.5, 0.1), Affine(2.0, 0.0)
    for side in method.pools:
        method.nets[f"discriminator_{side}"] = Verdict()
    return method


def constant(a: float, b: float, count: int = 1) -> dict[str, torch.Tensor]:
    return {"a": torch.full((count, 3, 32, 32), a), "b": torch.full((count, 3, 32, 32), b)}


def test_the_terms_by_hand(step):
    """a = 0.6: G(a) = 0.4, F(G(a)) = 0.8; b = -0.3: F(b) = -0.6, G(F(b)) = -0.2; F(a) = 1.2, G(b) = -0.05."""
    logs, seen = step(by_hand(replace(TINY, lambda_cycle=10.0, lambda_identity=0.5)), constant(0.6, -0.3))
    wanted = {
        "forward_cycle": 10 * abs(0.8 - 0.6),
        "backward_cycle": 10 * abs(-0.2 + 0.3),
        "identity_A": 5 * abs(1.2 - 0.6),
        "identity_B": 5 * abs(-0.05 + 0.3),
        "adversarial_B": (0.4 - 1) ** 2,
        "adversarial_A": (-0.6 - 1) ** 2,
    }
    for name, value in wanted.items():
        assert logs[name] == pytest.approx(value, rel=1e-4), name
    assert seen[0][:2] == ("generators", pytest.approx(sum(wanted.values()), rel=1e-4))
    judged = {
        "discriminator_A": 0.5 * ((0.6 - 1) ** 2 + (-0.6) ** 2),
        "discriminator_B": 0.5 * ((-0.3 - 1) ** 2 + 0.4**2),
    }
    for name, value in judged.items():
        assert logs[name] == pytest.approx(value, rel=1e-4), name
    assert seen[1][:2] == ("discriminators", pytest.approx(sum(judged.values()), rel=1e-4))
    assert logs.keys() == wanted.keys() | judged.keys()


def test_weights_scale_their_terms(step):
    logs, _ = step(by_hand(replace(TINY, lambda_cycle=2.0, lambda_identity=0.25)), constant(0.6, -0.3))
    assert logs["forward_cycle"] == pytest.approx(0.4, rel=1e-4)
    assert logs["identity_A"] == pytest.approx(0.3, rel=1e-4)
    without, _ = step(by_hand(replace(TINY, lambda_identity=0.0)), constant(0.6, -0.3))
    assert not any(name.startswith("identity") for name in without)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_what_each_objective_has(step, objective):
    method = CycleGAN(replace(TINY, objective=objective))
    logs, seen = step(method, batch())
    adversarial = "cycle" != objective
    assert ("forward_cycle" in logs) == (objective in ("full", "cycle", "gan+forward"))
    assert ("backward_cycle" in logs) == (objective in ("full", "cycle", "gan+backward"))
    assert ("identity_A" in logs) == ("identity_B" in logs) == (objective == "full")
    assert ("adversarial_A" in logs) == ("discriminator_B" in logs) == ("discriminator_A" in method.nets) == adversarial
    assert [name for name, *_ in seen] == ["generators"] + ["discriminators"] * adversarial
    assert set(method.optimizers()) == {name for name, *_ in seen}
    assert seen[0][2] == {"AtoB", "BtoA"} and method.served == ("AtoB", "BtoA")
    if adversarial:
        assert seen[1][2] == {"discriminator_A", "discriminator_B"}


def test_gan_alone_keeps_the_directions_apart(step):
    """Only cycles tie the two generators together."""
    method, data = CycleGAN(replace(TINY, objective="gan")), batch()
    first = step(method, data)[0]
    with torch.no_grad():
        for p in method.nets["BtoA"].parameters():
            p.add_(0.1)
    second = step(method, data)[0]
    assert first["adversarial_B"] == pytest.approx(second["adversarial_B"]) != second["adversarial_A"]


def test_the_discriminators_see_the_pool(step):
    method = by_hand(replace(TINY, pool=1))
    step(method, constant(0.6, -0.3))
    # The pool is full: half of the time the first answer, 0.4, is judged instead of the latest, 0.1.
    seen = [step(method, constant(0.0, -0.3))[0]["discriminator_B"] for _ in range(12)]
    low, high = (0.5 * (1.69 + fake**2) for fake in (0.1, 0.4))
    assert {round(v, 3) for v in seen} == {round(low, 3), round(high, 3)}
    assert len(method.pools["A"]) == len(method.pools["B"]) == 1
    assert {"pools.A.images", "pools.B.filled"} <= method.state_dict().keys()


def test_the_rate_is_constant_and_then_falls_to_zero():
    method = CycleGAN(TINY)
    assert [method.rate(p) for p in (0.0, 0.3, 0.5)] == [1.0, 1.0, 1.0]
    assert method.rate(0.75) == pytest.approx(0.5) and method.rate(0.999) < 0.01
    assert {(g["lr"], g["betas"]) for o in method.optimizers().values() for g in o.param_groups} == {
        (2e-4, (0.5, 0.999))
    }


def test_the_papers_sizes():
    with torch.device("meta"):
        method = CycleGAN(CycleGANConfig())
        smaller = CycleGAN(CycleGANConfig(size=128, generator="resnet_6"))
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in method.nets.items()}
    assert counts["AtoB"] == counts["BtoA"] == 11_378_179
    assert counts["discriminator_A"] == counts["discriminator_B"] == 2_764_737
    assert sum(p.numel() for p in smaller.nets["AtoB"].parameters()) == 7_837_699
    assert method.receptive_field() == "70 pixels, two discriminators"
    assert method.pools["A"].images.shape == (50, 3, 256, 256)
    convs = [m for m in method.nets["AtoB"].modules() if isinstance(m, nn.Conv2d)]
    assert sum(m.padding_mode == "reflect" for m in convs) == 2 + 18  # entry, exit and the blocks; the rest is strided
    norms = [m for net in method.nets.values() for m in net.modules() if isinstance(m, nn.InstanceNorm2d)]
    assert norms and not any(m.affine or m.track_running_stats for m in norms)


def test_sides_of_different_kinds(step):
    method = CycleGAN(replace(TINY, inputs=5, outputs=3, lambda_identity=0.0, generator="lean", width=8))
    logs, _ = step(method, batch(inputs=5))
    assert all(torch.isfinite(torch.tensor(list(logs.values()))))
    grid = method.grid(method.nets.eval(), batch(inputs=5))
    assert grid.size == (6 * 34 - 2, 2 * 34 - 2)
    assert visible(torch.zeros(1, 1, 4, 4)).shape == visible(torch.zeros(1, 7, 4, 4)).shape == (1, 3, 4, 4)
    assert [visible(torch.zeros(1, k, 4, 4)).shape[1] for k in (1, 2, 3)] == [3, 3, 3]


def test_label_maps_are_shown_in_the_colours_of_their_palette():
    """Three classes look like a photo's channels."""
    method = CycleGAN(replace(TINY, lambda_identity=0.0))
    colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    method.sides = {"kind": "labels", "palette": {"names": ["a", "b", "c"], "colours": colours}}, {"kind": "photo"}
    a = -torch.ones(1, 3, 32, 32)
    a[:, 1] = 1
    size = method.config.size
    pixels = np.asarray(method.grid(method.nets.eval(), {"a": a, "b": torch.full((1, 3, 32, 32), 0.5)}))
    tiles = pixels[:, : 3 * (size + 2)].reshape(size, 3, size + 2, 3)[:, :, :size]
    assert (tiles[:, 0] == colours[1]).all()
    # What it makes of a label map is a photo; what it makes of that, a label map again.
    assert not all(tuple(c) in map(tuple, colours) for c in tiles[:, 1].reshape(-1, 3))
    assert all(tuple(c) in map(tuple, colours) for c in tiles[:, 2].reshape(-1, 3))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"objective": "gan+cycle"}, "unknown objective 'gan\\+cycle'.*full, cycle, gan, gan\\+forward"),
        ({"gan": "wgan"}, "unknown gan 'wgan'"),
        ({"inputs": 4}, "A has 4 channels and B 3.*--lambda-identity 0"),
        ({"generator": "lean", "size": 40}, "multiple of 16 pixels, got size 40: choose --size 32"),
        ({"generator": "vgg"}, "unknown generator 'vgg'"),
        ({"generator": "resnet_6", "size": 30}, "multiple of 4 pixels"),
        ({"patch": 286}, "at least 96, got 32"),
        ({"pool": -2}, "pool of -2"),
        ({"lr": 0.0}, "^got lr 0, expected a rate above 0 and at most 1$"),
        ({"lambda_cycle": -1.0}, "^got lambda_cycle -1, expected 0 or more$"),
        ({"decay_from": 1.5}, "^got decay_from 1.5"),
    ],
)
def test_configurations_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        CycleGAN(replace(TINY, **change))


def test_one_direction_alone():
    assert list(serving_nets(TINY, ("BtoA",))) == ["BtoA"]


def test_training_brings_things_back(optimised):
    logs = optimised(CycleGAN(replace(TINY, objective="cycle", lr=2e-3)), batch(1), 30)
    assert logs[-1]["forward_cycle"] < 0.9 * logs[0]["forward_cycle"]


def test_a_resumed_run_equals_an_unbroken_one(label_pairs, check_resume):
    """With pools that are full, jitter, mirroring and sides of different kinds."""
    data = unpaired_pairs(PairedDataset(label_pairs, "train", 32, PairedConfig(val_fraction=0.2)))
    config = replace(TINY, inputs=4, lambda_identity=0.0, pool=3)
    assert "pools.A.images" in check_resume(lambda: CycleGAN(config), data, steps=6, stop=3)
