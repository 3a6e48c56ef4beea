"""How many processes train together, and how long they wait for each other."""

from __future__ import annotations

from datetime import timedelta

import torch
from accelerate import PartialState

LONGEST = timedelta(days=7)  # the main process may draw many photos while the others wait


def processes(cpu: bool = False) -> int:
    """Their number; the first call connects them.

    Args:
        cpu: that they compute on CPUs.
    """
    return PartialState(cpu=cpu or not torch.cuda.is_available(), timeout=LONGEST).num_processes
