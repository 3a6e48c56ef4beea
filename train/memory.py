"""Whether a machine can hold the batches that a run asks for at all."""

from __future__ import annotations

import os


def memory_here() -> int | None:
    """Bytes of this machine's memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return None


def check_batch(batch: int, size: int) -> None:
    """ValueError for a batch whose pictures alone, (3, size, size) in single precision, are more than the memory holds.

    Each lies there twice, by itself and within the batch. What nets and gradients take comes to it and is not counted,
    so what passes may yet be too much.
    """
    there, needed = memory_here(), 2 * batch * 3 * size**2 * 4
    if there is not None and needed > there:
        raise ValueError(
            f"--batch {batch}: pictures of {size} pixels alone would take {needed / 1e9:,.0f} GB, and this machine has "
            f"{there / 1e9:,.0f} GB of memory: give a smaller --batch"
        )
