"""The network's view of an input: which sizes and which tensors a model takes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from i2i.serving.given import whole


def checked_size(size: Any, name: str, own: int, stride: int) -> int:
    """Height and width that a model shall answer at.

    Args:
        size: as asked for; None for the model's own.
        name: of the model, for the error's words.
        own: the model's own size, pixels.
        stride: its net takes every multiple of so many pixels; 0 where it takes its own size only.

    Raises:
        ValueError: for a size that the net does not take.
    """
    if size is None or size == own:
        return own
    size = whole(size, "size")
    if not stride:
        raise ValueError(f"{name} answers at {own} pixels only: leave size out")
    if size < stride or size % stride:
        raise ValueError(f"{name} answers at multiples of {stride} pixels, got size {size}")
    return size


def check_seen(x: Any, channels: int, size: int, stride: int) -> None:
    """ValueError for what `Translator.see` would not give.

    Args:
        x: to be a tensor (channels, S, S) without NaN, S as in `checked_size`.
        channels, size: of the model's input.
        stride: as in `checked_size`.
    """
    shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
    if not isinstance(x, Tensor) or x.ndim != 3 or x.shape[1] != x.shape[2]:
        raise ValueError(f"x must be a tensor (C, {size}, {size}), as Translator.see gives it, got {shape}")
    if x.shape[1] != size and (not stride or x.shape[1] % stride):
        raise ValueError(f"x must be {size} pixels high and wide, got {shape}: Translator.see makes it so")
    if x.shape[0] != channels:
        raise ValueError(f"x must have {channels} channels, got {shape}: Translator.see makes it so")
    if not torch.isfinite(x).all():
        raise ValueError("x holds NaN or infinite values")
