"""Arithmetic that does not move pictures by more than rounding."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch

_lock = threading.Lock()
_within = 0  # callers at this moment
_flags: contextlib.ExitStack | None = None  # puts back what was set before the first of them


@contextlib.contextmanager
def exactly(device: torch.device) -> Iterator[None]:
    """Within, CUDA's convolutions take no TF32 and no kernels that add in any order.

    These switches are the whole process's: of callers in several threads the first one sets them, and the last one puts
    back what was there.
    """
    if device.type != "cuda":
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _within, _flags
    with _lock:
        if _within == 0:
            _flags = contextlib.ExitStack()
            _flags.enter_context(
                torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
            )
        _within += 1


def _leave() -> None:
    global _within
    with _lock:
        _within -= 1
        if _within == 0:
            _flags.close()
