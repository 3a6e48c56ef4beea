"""ZeroGPU: on such a Space a GPU is lent for the length of one call, out of the visitor's daily minutes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

try:
    import spaces  # before torch touches CUDA: on ZeroGPU it stands in for the device until a call has one
except ImportError:
    spaces = None

SECONDS = 10  # asked of the GPU for one call: a short call goes ahead of longer ones in the Space's queue
ON_ZERO_GPU = spaces is not None and os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
LIVE = not ON_ZERO_GPU  # whether the page may ask while the pen moves; a live preview would burn a visitor's minutes

Function = TypeVar("Function", bound=Callable)


def gpu(function: Function, duration: int = SECONDS) -> Function:
    """Lend `function` a GPU while it runs, at most `duration` seconds; where there is no `spaces`, the function itself.

    On ZeroGPU it runs in a process of its own: arguments and results are pickled (strings, numbers, arrays, pictures;
    no CUDA tensors), what it changes elsewhere is lost, and it must be called while the visitor's request is handled,
    because the request says whose minutes are used. On other Spaces `spaces` is installed too and changes nothing.
    """
    return function if spaces is None else spaces.GPU(duration=duration)(function)
