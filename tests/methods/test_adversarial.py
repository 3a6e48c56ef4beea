"""What the methods share: an optimizer for each player, the rate."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from i2i.methods.adversarial import adam, falling_rate


def test_each_player_has_its_own_nets_in_their_order():
    nets = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(3, 1, bias=False), "judge": nn.Linear(1, 1)})
    found = adam(nets, {"players": ("b", "a"), "judges": ("judge",)}, lr=0.1, beta1=0.5)
    assert list(found) == ["players", "judges"]
    group = found["players"].param_groups[0]
    assert [p.shape for p in group["params"]] == [(1, 3), (1, 2), (1,)]
    assert group["lr"] == 0.1 and group["betas"] == (0.5, 0.999)
    before = nets["judge"].weight.clone()
    nets["a"](torch.ones(1, 2)).backward()
    found["players"].step()
    assert torch.equal(before, nets["judge"].weight)


def test_the_rate_is_constant_and_then_falls_to_zero():
    assert [falling_rate(p, 0.5) for p in (0.0, 0.25, 0.5)] == [1.0, 1.0, 1.0]
    assert falling_rate(0.75, 0.5) == pytest.approx(0.5) and falling_rate(0.999, 0.5) < 0.01
    assert falling_rate(0.999, 1.0) == 1.0 and falling_rate(0.5, 0.0) == 0.5
