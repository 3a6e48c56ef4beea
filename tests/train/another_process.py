"""A run folder as if another process worked in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def held_by_another(run: Path) -> Iterator[None]:
    """Locks belong to open files, so a second one in this process is as good as another process."""
    fcntl = pytest.importorskip("fcntl")
    with (run / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
