"""What tests of several methods do: look into a step, train a few steps, hold a resumed run against an unbroken one."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from i2i.training.loop import TrainConfig, train

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


@pytest.fixture
def seeded():
    torch.manual_seed(0)


@pytest.fixture
def step():
    """A function: (method, batch) -> the logs of one step without optimizers, and for each update its name, its loss,
    and the nets that got a gradient."""

    def step(method, batch: dict[str, torch.Tensor]) -> tuple[dict[str, float], list[tuple[str, float, set[str]]]]:
        seen = []

        def update(name, loss):
            for net in method.nets.values():
                net.zero_grad(set_to_none=True)
            loss.backward()
            grads = {net: [p.grad for p in method.nets[net].parameters()] for net in method.nets}
            moved = {net for net, found in grads.items() if any(g is not None and g.any() for g in found)}
            seen.append((name, loss.item(), moved))

        return method.step(batch, 0.0, update), seen

    return step


@pytest.fixture
def optimised():
    """A function: (method, batch, steps) -> the logs of each step, with the method's own optimizers."""

    def optimised(method, batch: dict[str, torch.Tensor], steps: int) -> list[dict[str, float]]:
        optimizers = method.optimizers()

        def update(name, loss):
            optimizers[name].zero_grad()
            loss.backward()
            optimizers[name].step()

        return [method.step(batch, 0.0, update) for _ in range(steps)]

    return optimised


@pytest.fixture
def check_resume(tmp_path):
    """A function: (make a method, data, steps, stop after) that trains without a stop and with one.

    Asserts that nets and EMA come out the same to the bit; returns the names of the tensors in nets.safetensors.
    """

    def check_resume(make, data, steps: int, stop: int) -> set[str]:
        how = TrainConfig(steps=steps, batch=2, warmup=0, grid_every=2, log_every=1, workers=0, save_minutes=1e9)

        def run(name: str, **options):
            torch.manual_seed(how.seed)
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            held_out = {k: torch.stack([data[i][k] for i in range(2)]) for k in data[0]}
            return train(make(), data, held_out, folder, how, accelerator=Accelerator(cpu=True), **options)

        run("whole")
        run("broken", on_step=lambda step, logs: os.kill(os.getpid(), signal.SIGINT) if step == stop else None)
        torch.rand(11)  # whatever happens in between
        assert run("broken", resume=True).step == steps
        for name in ("ema", "nets"):
            whole, broken = (load_file(tmp_path / k / "state" / f"{name}.safetensors") for k in ("whole", "broken"))
            assert whole.keys() == broken.keys() and all(torch.equal(whole[k], broken[k]) for k in whole)
        return set(whole)

    return check_resume
