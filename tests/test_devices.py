"""The arithmetic that a CPU is given, whatever else the machine does meanwhile."""

import pytest
import torch

from i2i import devices


class Machine:
    """A clock, and a net whose answers take as long as `cost` says; while other work runs, three times as long."""

    def __init__(self, monkeypatch, cost: dict[torch.dtype, float], busy: range):
        self.cost, self.busy, self.runs, self.now, self.dtype = cost, busy, 0, 0.0, None
        monkeypatch.setattr(devices.time, "perf_counter", lambda: self.now)

    def cast(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def run(self) -> None:
        self.now += self.cost[self.dtype] * (3 if self.runs in self.busy else 1)
        self.runs += 1


@pytest.mark.parametrize("busy", [range(0), range(8), range(5, 13), range(12, 20), range(9, 10), range(11, 12)])
@pytest.mark.parametrize(("share", "chosen"), [(0.75, torch.bfloat16), (1.0, torch.float32), (4.0, torch.float32)])
def test_a_while_of_other_work_changes_nothing(monkeypatch, busy, share, chosen):
    machine = Machine(monkeypatch, {torch.float32: 1.0, torch.bfloat16: share}, busy)
    assert devices.faster_dtype(machine.cast, machine.run, torch.device("cpu"), 256) == chosen


def test_small_pictures_and_gpus_are_not_timed():
    assert devices.faster_dtype(None, None, torch.device("cpu"), 64) == torch.float32
    assert devices.faster_dtype(None, None, torch.device("cuda"), 256) == torch.bfloat16
