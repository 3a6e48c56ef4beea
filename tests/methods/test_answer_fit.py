"""Fitting F through the generator: to what photos look like, and apart."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from i2i.methods.answer_fit import AnswerFit, fit_answers
from i2i.nets.style import MappingNetwork


class Painter(nn.Module):
    """The style's first number is the picture's grey, its second an error that only the range tells."""

    def encode(self, x):
        return [x]

    def decode(self, features, style):
        grey = style[:, 0, None, None, None].expand(-1, 3, 8, 8)
        return grey + 0 * features[0].mean()


class Grey(nn.Module):
    """Reads the style back."""

    def forward(self, y):
        return F.pad(y.mean((1, 2, 3))[:, None], (0, 1))


class Eyes(nn.Module):
    """Features of a patch: its grey, and the other way round, so that no picture is without."""

    def forward(self, y):
        small = F.avg_pool2d(y, 4)[:, :1]
        return [torch.cat([1 + small, 1 - small], 1)] * 2


def nets() -> nn.ModuleDict:
    torch.manual_seed(0)
    mapping = MappingNetwork(2, 2, width=16, normalised=False)
    return nn.ModuleDict({"generator": Painter(), "style_encoder": Grey(), "mapping": mapping})


def pair(index: int) -> dict[str, torch.Tensor]:
    """Photos are of a grey from 0.2 to 0.6."""
    return {"x": torch.ones(1, 8, 8), "y": torch.full((3, 8, 8), 0.2 + 0.4 * index / 39)}


def greys(found: nn.ModuleDict) -> torch.Tensor:
    with torch.no_grad():
        return found["mapping"](torch.randn(500, 2, generator=torch.Generator().manual_seed(9)))[:, 0]


def test_answers_come_to_be_spread_as_photos_are():
    found = nets()
    others = {k: v.clone() for k, v in found.state_dict().items() if not k.startswith("mapping")}
    steps = []
    plain = AnswerFit(steps=300, diversity=0, style=0, inputs=4, answers=4, lr=5e-3)
    told = fit_answers(found, Eyes(), 2, 40, pair, plain, steps.append)
    assert steps == list(range(1, 301))
    spread = greys(found)
    assert spread.mean() == pytest.approx(0.4, abs=0.08) and spread.std() == pytest.approx(0.12, abs=0.06)
    assert told["distance after"] < 0.5 * told["distance before"]
    assert all(torch.equal(v, found.state_dict()[k]) for k, v in others.items())
    assert not any(p.requires_grad for p in found.parameters())


def test_diversity_parts_them_and_the_range_holds_them():
    apart, held = nets(), nets()
    common = {"steps": 150, "style": 0.0, "inputs": 4, "answers": 4, "lr": 5e-3}
    plain = nets()
    fit_answers(plain, Eyes(), 2, 40, pair, AnswerFit(**common, diversity=0))
    told = fit_answers(apart, Eyes(), 2, 40, pair, AnswerFit(**common, diversity=20, range=0))
    fit_answers(held, Eyes(), 2, 40, pair, AnswerFit(**common, diversity=20, range=1000))
    assert greys(apart).std() > 1.5 * greys(plain).std() and told["diversity after"] > 0
    assert (greys(held).abs() > 1).float().mean() < 0.5 * (greys(apart).abs() > 1).float().mean()


def test_the_same_seed_gives_the_same_network():
    once, again, other = nets(), nets(), nets()
    for found, seed in ((once, 0), (again, 0), (other, 1)):
        fit_answers(found, Eyes(), 2, 40, pair, AnswerFit(steps=5, seed=seed))
    assert torch.equal(greys(once), greys(again)) and not torch.equal(greys(once), greys(other))


def test_bad_input_names_what_is_wrong():
    with pytest.raises(ValueError, match="got 1 pairs; the spread of photos needs at least 2"):
        fit_answers(nets(), Eyes(), 2, 1, pair, AnswerFit())
    for wrong, message in (
        ({"steps": 0}, "steps must be at least 1"),
        ({"answers": 1}, "answers must be at least 2"),
        ({"lr": 1e9}, r"lr must be at most 1, got 1e\+09"),
        ({"range": float("inf")}, "range must be finite"),
        ({"seed": -1}, "seed must be from 0"),
    ):
        with pytest.raises(ValueError, match=message):
            AnswerFit(**wrong)
