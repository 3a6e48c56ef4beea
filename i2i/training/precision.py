"""In which arithmetic a run computes: bfloat16 where the device is faster in it, float32 elsewhere."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
import torch.nn.functional as F

from i2i.training.loop import TrainConfig

WORTHWHILE = 0.75  # of the time in float32, below which bfloat16 is taken
# Smaller pictures are bound by everything but arithmetic.
LEAST_SIZE = 128


def convolution_seconds(dtype: torch.dtype, device: torch.device) -> float:
    """Least time of three for a 3x3 convolution, forwards and backwards, as a run of 128 pixels is full of them."""
    x = torch.randn(4, 64, 64, 64, device=device).contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(64, 64, 3, 3, device=device).contiguous(memory_format=torch.channels_last).requires_grad_()
    rounds = []
    for _ in range(4):  # the first one warms up
        start = time.perf_counter()
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            y = F.conv2d(x, weight, padding=1)
        torch.autograd.grad(y.float().sum(), (x, weight))
        rounds.append(time.perf_counter() - start)
    return min(rounds[1:])


def resolve_precision(config: TrainConfig, device: torch.device, size: int) -> TrainConfig:
    """`config` with "auto" replaced by what this device is faster in; without "auto", as it is.

    On CUDA that is bfloat16 where the GPU has it; on a CPU a check of a fraction of a second decides, and pictures
    below 128 pixels stay in float32.

    Args:
        device: where the run will train.
        size: height and width of its pictures, pixels.
    """
    if config.mixed_precision != "auto":
        return config
    if device.type == "cuda":
        faster = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        faster = size >= LEAST_SIZE and (
            convolution_seconds(torch.bfloat16, device) < WORTHWHILE * convolution_seconds(torch.float32, device)
        )
    return replace(config, mixed_precision="bf16" if faster else "no")
