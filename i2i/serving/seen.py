"""The network's view of an input: which sizes and which tensors a model takes."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from i2i.serving.given import whole


class Sizes(NamedTuple):
    """The sides of pictures that a fully convolutional net takes: multiples of `stride` from `least` on, in pixels."""

    stride: int
    least: int

    @classmethod
    def of(cls, net: nn.Module) -> Sizes:
        return cls(net.stride, net.least)

    def __contains__(self, size: object) -> bool:
        return isinstance(size, int) and size >= self.least and size % self.stride == 0

    def __str__(self) -> str:
        return f"multiples of {self.stride} pixels" + (f" from {self.least} on" if self.least > self.stride else "")


def checked_size(size: Any, name: str, own: int, sizes: Sizes | None) -> int:
    """Height and width that a model shall answer at.

    Args:
        size: as asked for; None for the model's own.
        name: of the model, for the error's words.
        own: the model's own size, pixels.
        sizes: that its net takes; None where it takes its own size only.

    Raises:
        ValueError: for a size that the net does not take.
    """
    if size is None or size == own:
        return own
    size = whole(size, "size")
    if sizes is None:
        raise ValueError(f"{name} answers at {own} pixels only: leave size out")
    if size not in sizes:
        raise ValueError(f"{name} answers at {sizes}, got size {size}")
    return size


def check_seen(x: Any, channels: int, size: int, sizes: Sizes | None) -> None:
    """ValueError for what `Translator.see` would not give.

    Args:
        x: to be a tensor (channels, S, S) without NaN, S as in `checked_size`.
        channels, size: of the model's input.
        sizes: as in `checked_size`.
    """
    shape = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
    if not isinstance(x, Tensor) or x.ndim != 3 or x.shape[1] != x.shape[2]:
        raise ValueError(f"x must be a tensor (C, {size}, {size}), as Translator.see gives it, got {shape}")
    if x.shape[1] != size and (sizes is None or x.shape[1] not in sizes):
        raise ValueError(f"x must be {size} pixels high and wide, got {shape}: Translator.see makes it so")
    if x.shape[0] != channels:
        raise ValueError(f"x must have {channels} channels, got {shape}: Translator.see makes it so")
    if not torch.isfinite(x).all():
        raise ValueError("x holds NaN or infinite values")
