"""What uploads leave behind: Gradio deletes the files, and keeps the folders, each named by the hash of its file."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path


def sweep(folder: Path, lifetime: float) -> None:
    """Remove the empty folders of uploads in which nothing has changed for `lifetime` seconds.

    Others may use the folder as well: what is not empty, or not named by a hash, stays.
    """
    with contextlib.suppress(FileNotFoundError):  # nobody has sent anything yet
        for place in folder.iterdir():
            if re.fullmatch("[0-9a-f]{64}", place.name):
                with contextlib.suppress(OSError):  # not empty, or gone
                    if time.time() - place.stat().st_mtime > lifetime:
                        place.rmdir()


def keep_swept(folder: Path, every: float, lifetime: float) -> None:
    """`sweep` for as long as the process lives."""
    while True:
        time.sleep(every)
        sweep(folder, lifetime)
