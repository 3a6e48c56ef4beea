"""What a step logs, as numbers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def as_numbers(logs: Mapping[str, Tensor]) -> dict[str, float]:
    """Single-element tensors of one device as numbers, in one copy: each copy from a GPU waits until it is idle."""
    return dict(zip(logs, torch.stack([value.detach().float() for value in logs.values()]).tolist(), strict=True))
