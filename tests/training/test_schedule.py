"""When a run does what: learning rates, the progress that methods are told, saved states, and seconds."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn
from torch.utils.data import Dataset

from i2i.training import loop
from i2i.training.loop import TrainConfig, train

HOW = TrainConfig(steps=6, batch=2, warmup=4, grid_every=9, log_every=9, workers=0, save_minutes=1e9)


class Numbers(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, key):
        return {"x": torch.full((1, 1, 1), float(key[0]))}


class Noting(nn.Module):
    """A method of two nets, the second with four times the first one's rate, which notes what each step is told.

    Each step takes a minute by `clock`, in seconds.
    """

    served = ("one", "two")

    def __init__(self, clock: list[float]):
        super().__init__()
        self.nets = nn.ModuleDict({name: nn.Linear(1, 1) for name in self.served})
        self.clock, self.seen = clock, []

    def optimizers(self):
        groups = [{"params": list(self.nets[name].parameters()), "lr": lr} for name, lr in (("one", 0.1), ("two", 0.4))]
        self.optimizer = torch.optim.SGD(groups)
        return {"both": self.optimizer}

    def rate(self, progress):
        return 1 - progress / 2

    def step(self, batch, progress, update):
        self.clock[0] += 60
        self.seen.append((progress, *(group["lr"] for group in self.optimizer.param_groups)))
        loss = sum(net(batch["x"].flatten(1)).square().mean() for net in self.nets.values())
        update("both", loss)
        return {"loss": float(loss.detach())}

    def grid(self, nets, batch):
        return Image.new("RGB", (8, 8))


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.fixture
def run(tmp_path, clock):
    """A function: (configuration, options of `train`) -> the method, the outcome, and (step, seconds) of each save."""

    def run(how: TrainConfig, **options):
        torch.manual_seed(0)
        method, saved = Noting(clock), []
        outcome = train(
            method, Numbers(), {}, tmp_path, how, accelerator=Accelerator(cpu=True),
            on_save=lambda step, nets, seconds: saved.append((step, seconds)), **options,
        )  # fmt: skip
        return method, outcome, saved

    return run


def test_rates_rise_to_the_schedule_s_and_each_group_keeps_its_own(run):
    method, _, _ = run(HOW)
    assert [progress for progress, *_ in method.seen] == pytest.approx([k / 6 for k in range(6)])
    warm = [0.25, 0.5, 0.75, 1, 1, 1]
    wanted = [(1 - k / 12) * share for k, share in enumerate(warm)]
    assert [one for _, one, _ in method.seen] == pytest.approx([0.1 * factor for factor in wanted])
    assert [two for _, _, two in method.seen] == pytest.approx([0.4 * factor for factor in wanted])


def test_a_state_is_saved_now_and_then_and_at_the_end(run):
    _, _, saved = run(TrainConfig(**vars(HOW) | {"save_minutes": 1.5}))
    assert saved == [(2, 120.0), (4, 240.0), (6, 360.0)]
    assert run(HOW)[2] == [(6, 360.0)]


def test_the_seconds_of_all_calls_add_up(run):
    _, first, saved = run(TrainConfig(**vars(HOW) | {"minutes": 1.5}))
    assert (first.step, first.reason, first.seconds) == (2, "time", 120.0) and saved == [(2, 120.0)]
    method, second, saved = run(HOW, resume=True)
    assert (second.step, second.reason, second.seconds) == (6, "finished", 360.0) and saved == [(6, 360.0)]
    assert method.seen[0] == pytest.approx((2 / 6, 0.1 * 0.75 * 5 / 6, 0.4 * 0.75 * 5 / 6))
