"""What training begins with: optimizers, the weight average, and the saved state in both where a run goes on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from i2i.training.ema import Ema
from i2i.training.state import StateFolder


@dataclass(frozen=True)
class Ready:
    """A method that is ready to train.

    Attributes:
        optimizers: of the method.
        rates: the learning rates of each one's groups, before any schedule.
        ema: the average of the served nets.
        meta: what the saved state says of itself; None where the run is new.
    """

    optimizers: dict[str, torch.optim.Optimizer]
    rates: dict[str, list[float]]
    ema: Ema
    meta: dict[str, Any] | None


def make_ready(method: Any, run: Path, decay: float, accelerator: Accelerator, resume: bool) -> Ready:
    """Make the optimizers and the average of a method; with `resume`, load the state of the run folder into all three.

    Nothing is written, so that whoever wants to know beforehand whether a run can begin may ask here too.

    Args:
        method: see `i2i.training.loop.Method`.
        run: run folder.
        decay: of the average.

    Raises:
        StateError: where the state is missing, or does not fit the method.
        ValueError: for settings that an optimizer does not take, such as a learning rate below zero.
    """
    optimizers = method.optimizers()
    rates = {name: [group["lr"] for group in o.param_groups] for name, o in optimizers.items()}
    ema = Ema(nn.ModuleDict({name: method.nets[name] for name in method.served}), decay)
    meta = StateFolder(run).load(accelerator, method, ema, optimizers) if resume else None
    return Ready(optimizers, rates, ema, meta)
