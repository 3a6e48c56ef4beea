"""One process at a time in a folder that it fills."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from i2i.data.pictures import PrepareError

_HELD: set[Path] = set()  # folders that this process holds


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder for this process, once or within another hold; it is free again when the process ends, however it
    ends.

    Raises:
        PrepareError: where another process holds it.
    """
    place = folder.resolve()
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    if place in _HELD:
        yield
        return
    path = folder / ".lock"
    # Another user's, in a shared folder, may not be written, but it can be locked.
    with path.open("r" if path.is_file() and not os.access(path, os.W_OK) else "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PrepareError(
                f"another process works in {folder}: wait until it ends, or stop it (Ctrl-C there) and go on from "
                "where it was"
            ) from error
        except OSError:  # some network file systems have no locks
            pass
        _HELD.add(place)
        try:
            yield
        finally:
            _HELD.discard(place)
