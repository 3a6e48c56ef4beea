"""Pictures that cannot be read, named all at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from i2i.data.pictures import PrepareError
from i2i.data.reading import why_unreadable

_LISTED = 5
T = TypeVar("T")


def read_all(read: Callable[[T], object], items: Sequence[T], files: Iterable[Path]) -> list:
    """`read` of each item, in threads.

    Args:
        files: the pictures that are read.

    Raises:
        PrepareError: that names those which cannot be read and what to do, not the first alone.
        ValueError: `read`'s own, where all can be read.
    """
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            return list(pool.map(read, items))
        except (ValueError, OSError) as error:
            files = list(dict.fromkeys(files))
            bad = [(path, why) for path, why in zip(files, pool.map(why_unreadable, files), strict=True) if why]
            if not bad:
                raise
            listed = "; ".join(f"{path}: {why}" for path, why in bad[:_LISTED])
            more = f"; and {len(bad) - _LISTED} more" if len(bad) > _LISTED else ""
            raise PrepareError(
                f"{len(bad)} of {len(files)} pictures cannot be read: {listed}{more}. Remove them; or, of photos, "
                "python train/prepare.py resize PHOTOS --out READABLE leaves them out"
            ) from error
