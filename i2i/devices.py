"""Where a model runs, and in which arithmetic."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# bfloat16 must be this much faster before the CPU uses it: it costs a grey level of accuracy. CPUs that compute in it
# take 0.5 to 0.75 of the time of float32, others more than all of it: a check shall not fall out differently the next
# time.
WORTHWHILE = 0.85
ROUNDS, SURE_AFTER = 5, 3  # at most, and where the two are far apart


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


def faster_dtype(
    cast: Callable[[torch.dtype], None], run: Callable[[], None], device: torch.device, size: int
) -> torch.dtype:
    """bfloat16 on CUDA; on the CPU whichever wins, by a margin, with pictures large enough to matter.

    Args:
        cast: makes the model compute in a dtype.
        run: makes it answer once.
        device: where it runs.
        size: height and width of its pictures, pixels.
    """
    if device.type == "cuda":
        return torch.bfloat16
    if size < 128:
        return torch.float32
    times: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    share = 1.0
    for done in range(1, ROUNDS + 1):  # in turns: other work on the machine shall not meet one of the two alone
        for dtype, rounds in times.items():
            cast(dtype)
            run()
            start = time.perf_counter()
            run()
            rounds.append(time.perf_counter() - start)
        share = min(times[torch.bfloat16]) / min(times[torch.float32])
        if done >= SURE_AFTER and not WORTHWHILE / 1.3 < share < WORTHWHILE * 1.3:
            break
    return torch.bfloat16 if share < WORTHWHILE else torch.float32
