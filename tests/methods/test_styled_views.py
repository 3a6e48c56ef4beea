"""What the style encoder and the judges of styled pix2pix see, and recipes that cannot be."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_styled import PLAYERS, TINY, Fields, batch, gradients, make, moved

from i2i.methods import styled
from i2i.methods.styled import StyledConfig


def test_the_style_encoder_sees_views_of_photos_and_of_answers(monkeypatch):
    seen, viewed = [], []

    def marked(y, size, strength):
        viewed.append((size, strength))
        return torch.full_like(y, 0.25 * len(viewed)) + 0 * y

    monkeypatch.setattr(styled, "random_views", marked)
    for views in (0.0, 0.7):
        method = make(replace(TINY, style_views=views))
        method.nets["style_encoder"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
        gradients(method, 0.99)
    assert viewed == [(64, 0.7)] * 2 and len(seen) == 4
    assert torch.equal(seen[0], batch()["y"])
    assert (seen[2] == 0.25).all() and (seen[3] == 0.5).all()  # the photos', then the foreign answers'


def test_all_judges_see_the_same_change_of_a_pair(monkeypatch):
    """Marks instead of changes: whatever reaches a judge or the feature network has gone through them."""

    class Marks:
        def __init__(self, count, share, device):
            assert (count, share) == (4, 0.6)

        def pictures(self, y):
            return y * 0 + 5.0

        def place(self, x):
            return x * 0 + 3.0

    class Seeing(Fields):
        seen = []

        def forward(self, y):
            self.seen.append(y.detach())
            return super().forward(y)

    monkeypatch.setattr(styled, "DiffAugment", Marks)
    features = Seeing()
    method, judged = make(replace(TINY, augment=0.6), features), []
    judge = method._judge
    method._judge = lambda x, y, f: (judged.append((x, y.detach())), judge(x, y, f))[1]
    gradients(method, 0.99)
    assert len(judged) == 3 and len(features.seen) == 2
    assert all((x == 3.0).all() and (y == 5.0).all() for x, y in judged)
    assert all((y == 5.0).all() for y in features.seen)


def test_views_and_augmentation_leave_the_players_their_parts():
    _, order, found = gradients(make(replace(TINY, style_views=1.0, augment=0.5), Fields()))
    assert [player for player, _ in order] == ["discriminator", "generator"]
    assert moved(found["generator"]) >= PLAYERS and moved(found["discriminator"]) == {"patch", "projected"}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"style_views": 1.1}, "style_views must be from 0 to 1, got 1.1"),
        ({"augment": float("nan")}, "augment must be from 0 to 1, got nan"),
        ({"small_until": -0.1}, "small_until must be from 0 to 1, got -0.1"),
        ({"fit_mapping": -1}, "fit_mapping must be at least 0, got -1"),
        ({"latent": 0}, "latent must be at least 1, got 0"),
        ({"lambda_style": -2.0}, "lambda_style must be at least 0, got -2.0"),
        ({"lr": -1.0}, "lr must be above 0 and finite, got -1"),
        ({"lr": 0.0}, "lr must be above 0 and finite, got 0"),
        ({"mapping_rate": float("nan")}, "mapping_rate must be above 0 and finite, got nan"),
        ({"discriminators_first": 1.5}, "discriminators_first must be from 0 to 1, got 1.5"),
        ({"lambda_ground": 1.0, "inputs": 12}, "lambda_ground is for drawings, which have ink: leave it at 0"),
        ({"lambda_lines": 1.0, "inputs": 12}, "lambda_lines is for drawings, which have ink: leave it at 0"),
    ],
)
def test_a_recipe_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        StyledConfig(**options)
