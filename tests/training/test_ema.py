"""The average of the weights: how closely it follows, and what it copies."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from i2i.training.ema import Ema


def test_the_average_follows_closely_at_first_and_slowly_later():
    live = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(live.weight)
    ema = Ema(live, 0.5)
    nn.init.ones_(live.weight)
    ema.update(live, 1)
    assert float(ema.nets.weight) == pytest.approx(9 / 11)  # the past weighs (1 + 1) / (10 + 1)
    ema.update(live, 100)
    assert float(ema.nets.weight) == pytest.approx(1 - 0.5 * 2 / 11)
    assert live.weight.requires_grad and torch.equal(live.weight, torch.ones(1, 1))
    assert not ema.nets.weight.requires_grad


def test_buffers_are_those_of_the_live_nets():
    live = nn.BatchNorm1d(3)
    ema = Ema(live, 0.999)
    live(torch.randn(4, 3) + 7)
    ema.update(live, 1000)
    assert torch.equal(ema.nets.running_mean, live.running_mean) and live.running_mean.all()
    assert torch.equal(ema.nets.running_var, live.running_var)
    assert ema.nets.num_batches_tracked == 1 and not ema.nets.training


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_decay_that_averages_nothing_is_refused(decay):
    with pytest.raises(ValueError, match=r"the EMA decay must be in \[0, 1\)"):
        Ema(nn.Linear(1, 1), decay)
