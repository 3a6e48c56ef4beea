"""How many steps fit into a time, as a few timed ones tell."""

from __future__ import annotations

import time

import pytest
import torch
from accelerate import Accelerator
from torch import nn


class Slower(nn.Module):
    """A method whose steps take 2 s by `clock` before two thirds of the run, and 6 s after; the first one 50 s more."""

    def __init__(self, clock: list[float]):
        super().__init__()
        self.nets = nn.ModuleDict({"net": nn.Conv2d(3, 3, 1)})
        self.clock = clock

    def __deepcopy__(self, memo) -> Slower:
        twin = Slower(self.clock)
        twin.load_state_dict(self.state_dict())
        twin.cold = True
        return twin

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"net": torch.optim.SGD(self.nets["net"].parameters(), lr=1.0)}

    def step(self, batch, progress, update) -> dict[str, float]:
        loss = self.nets["net"](batch["x"]).square().mean()
        update("net", loss)
        self.clock[0] += (2.0 if progress < 2 / 3 else 6.0) + 50 * self.cold
        self.cold = False
        return {"loss": float(loss.detach())}


@pytest.fixture
def pace(load_script):
    return load_script("pace")


def test_the_steps_of_each_stage_are_timed_by_a_copy(pace, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    method = Slower(clock)
    before = {k: v.clone() for k, v in method.state_dict().items()}
    batch = {"x": torch.randn(2, 3, 8, 8)}
    steps = pace.steps_within(1.0, method, batch, {0.0: 0.75, 0.99: 0.25}, Accelerator(cpu=True))
    assert steps == 1200  # 3600 s at 0.75 * 2 + 0.25 * 6 = 3 s
    assert clock[0] == 2 * 50 + 4 * (2 + 6)
    assert all(torch.equal(v, before[k]) for k, v in method.state_dict().items())
    alone = pace.steps_within(0.5, method, batch, {0.0: 1.0, 0.99: 0.0}, Accelerator(cpu=True))
    assert alone == 900 and clock[0] == 132 + 50 + 4 * 2
    assert pace.steps_within(1e-9, method, batch, {0.0: 1.0}, Accelerator(cpu=True)) == 1


@pytest.mark.parametrize(
    "small_until, first, shares",
    [
        (0.65, 0.0, {0.0: 0.65, 0.65: 0.35}),
        (0.65, 0.25, {0.0: 0.25, 0.25: 0.4, 0.65: 0.35}),
        (0.25, 0.75, {0.0: 0.25, 0.25: 0.5, 0.75: 0.25}),
        (0.5, 0.5, {0.0: 0.5, 0.5: 0.5}),
        (0.0, 0.0, {0.0: 1.0}),
        (1.0, 0.1, {0.0: 0.1, 0.1: 0.9}),
        (0.0, 1.0, {0.0: 1.0}),
    ],
)
def test_discriminators_alone_are_a_stage_of_their_own(pace, small_until, first, shares):
    assert pace.stages(small_until, first) == pytest.approx(shares)


@pytest.mark.parametrize(
    "hours, steps, resume, message",
    [
        (0, None, False, "--hours must be above 0, got 0"),
        (float("inf"), None, False, "--hours must be above 0, got inf"),
        (float("nan"), None, False, "--hours must be above 0, got nan"),
        (1.0, 5, False, "--hours and --steps both say how long the run is"),
        (1.0, None, True, "--hours gives a new run its length"),
    ],
)
def test_hours_that_say_nothing(pace, hours, steps, resume, message):
    with pytest.raises(ValueError, match=message):
        pace.check_hours(hours, steps, resume)
    pace.check_hours(None, steps, resume)
    pace.check_hours(0.5, None, False)
