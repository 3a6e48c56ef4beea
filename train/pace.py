"""How many steps of a run fit into a time on this machine."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn

from i2i.training.loop import timed_algorithms

TIMED = 3  # steps at each stage of the run, after one that prepares kernels


def seconds_a_step(method: nn.Module, batch: Mapping[str, Tensor], progress: float, accelerator: Accelerator) -> float:
    """The middle one of a few steps' times, by a copy of `method` that is thrown away."""
    method = copy.deepcopy(method).to(accelerator.device)
    for net in method.nets.values():
        net.to(memory_format=torch.channels_last)
    batch = {k: v.to(accelerator.device, memory_format=torch.channels_last) for k, v in batch.items()}
    optimizers = method.optimizers()

    def update(name: str, loss: Tensor) -> None:
        optimizers[name].zero_grad(set_to_none=True)
        accelerator.backward(loss)
        optimizers[name].step()

    times = []
    with timed_algorithms():
        for _ in range(1 + TIMED):
            start = time.perf_counter()
            with accelerator.autocast():
                method.step(batch, progress, update)  # its logs are numbers, so the device is done when it returns
            times.append(time.perf_counter() - start)
    return sorted(times[1:])[TIMED // 2]


def stages(small_until: float, discriminators_first: float) -> dict[float, float]:
    """Progress at which a stage of a `StyledPix2Pix` run begins -> its share of the run.

    A step costs the same within a stage, and little where discriminators learn alone. That ends before the pictures
    become larger, or after.
    """
    bounds = sorted({0.0, small_until, discriminators_first, 1.0})
    return {start: end - start for start, end in zip(bounds, bounds[1:], strict=False)}


def steps_within(
    hours: float,
    method: Any,
    batch: Mapping[str, Tensor],
    stages: Mapping[float, float],
    accelerator: Accelerator,
) -> int:
    """How many steps take about `hours`; the main process's clock decides for all.

    Args:
        hours: wall-clock time of the steps, above 0.
        method: as `i2i.training.loop.train` takes it, before training; it stays as it is.
        batch: a batch of the run's own size, each (B, C, S, S).
        stages: a progress -> share of the run in which a step costs what it costs there.
    """
    mean = sum(share * seconds_a_step(method, batch, at, accelerator) for at, share in stages.items() if share)
    (mean,) = broadcast_object_list([mean])
    return max(1, round(hours * 3600 / mean))


def check_hours(hours: float | None, steps: int | None, resume: bool) -> None:
    """ValueError where --hours cannot say how long a run is."""
    if hours is None:
        return
    if resume:
        raise ValueError("--hours gives a new run its length: a run that goes on keeps its own, or takes --steps")
    if steps is not None:
        raise ValueError("--hours and --steps both say how long the run is: give one of them")
    if not 0 < hours < math.inf:
        raise ValueError(f"--hours must be above 0, got {hours:g}")
