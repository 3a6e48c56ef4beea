"""Where a model runs, and in which arithmetic."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# CPUs that compute in bfloat16 take 0.5 to 0.75 of the time of float32 for our nets, others more than all of it.
BFLOAT16_CPUS = ("avx512_bf16", "amx_bf16")
LEAST_SIZE = 128  # pixels, height and width: with smaller pictures nothing is won on a CPU


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """ "auto": CUDA where there is one, else the CPU.

    Raises:
        ValueError: for an unknown device, or "cuda" without one.
    """
    if isinstance(device, torch.device) and device.type != "cuda":
        return device  # who names one, such as Apple's, has it
    device = str(device)
    if device not in ("auto", "cpu", "cuda") and not device.startswith("cuda:"):
        raise ValueError(f"unknown device {device!r}: use auto, cpu or cuda")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(
            "device cuda was asked for, but torch sees no CUDA GPU: use the device cpu (--device cpu in scripts), or "
            "install a CUDA torch"
        )
    return torch.device(device)


def best_dtype(device: torch.device, size: int) -> torch.dtype:
    """What a model answers in: bfloat16 on CUDA and on CPUs with instructions for it, else float32.

    It is not measured: the same seed shall give the same picture after every start, and a start meets other work.

    Args:
        device: where it runs.
        size: height and width of its pictures, pixels.
    """
    if device.type == "cuda":
        return torch.bfloat16
    able = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch do not tell
    fast = device.type == "cpu" and size >= LEAST_SIZE and any(able.get(name) for name in BFLOAT16_CPUS)
    return torch.bfloat16 if fast else torch.float32


def own_precision(function: Callable) -> Callable:
    """Decorator of what answers or measures: no gradients, and no autocast of the caller's, which would round what is
    promised in float32."""

    @functools.wraps(function)
    def within(*args, **kwargs):
        with torch.inference_mode(), contextlib.ExitStack() as off:
            for kind in ("cpu", "cuda"):
                if torch.is_autocast_enabled(kind):
                    off.enter_context(torch.autocast(kind, enabled=False))
            return function(*args, **kwargs)

    return within
