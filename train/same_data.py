"""A run goes on with the data that it began with: what is kept to tell, and what is said where they differ."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any


def digest_of(splits: Mapping[str, Iterable[str]]) -> str:
    """A run's data in 16 digits: which items are in which split (or side, or domain)."""
    lines = [f"{split} {name}" for split, names in splits.items() for name in sorted(names)]
    return sha256(os.fsencode("\n".join(lines))).hexdigest()[:16]


def names_of(photos: Iterable[Path]) -> list[str]:
    """What tells photos apart without reading them: name and size in bytes; folders may move."""
    return [f"{path.name} {path.stat().st_size}" for path in photos]


def refuse_other_data(
    args: argparse.Namespace, recipe: Mapping[str, Any] | None, digest: str, what: str, options: str
) -> None:
    """ValueError where the data are not those that the run which goes on began with.

    Args:
        recipe: what the run has kept; None for a new run. Runs of old versions kept no digest: any data will do.
        what: the data in words. options: those that divide or choose them.
    """
    if recipe is None or recipe.get("data_digest") in (None, digest):
        return
    raise ValueError(
        f"{what} are not those that {args.out} began with, or are divided otherwise: give the same folders, in the "
        f"same order, and leave {options} out. {how_to_go_on(args.out)}"
    )


def how_to_go_on(run: Path) -> str:
    """What to do where the data are not those that a run began with."""
    return (
        "--resume goes on with the same pictures only: bring them back; or train on these in a new folder, with "
        f"--out NEW --init {run / 'model'} from where the run is, or with --out NEW from the start"
    )
