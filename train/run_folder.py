"""The folder of a run: where it may lie, and what in it is nobody's to write over."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from accelerate import Accelerator

from i2i.data.hold import alone
from i2i.data.out_folder import check_writable, make_folder, refuse_around, refuse_inside
from i2i.training.monitor import Monitor
from i2i.training.state import StateFolder

# Folders that a run fills, each within --out.
MADE = ("model", "state", "grids", "tensorboard")


def check_run_folder(args: argparse.Namespace, *sources: Path) -> None:
    """ValueError where --out lies among the data or the data where the run writes, where it cannot be written to, or
    holds a run that was not asked to go on, or a model or a log that no such run made; nothing is written."""
    refuse_inside(sources, args.out)
    for name in MADE:
        refuse_around(sources, args.out / name)
    check_writable(args.out)
    if args.resume:
        return
    _refuse_run(args)
    # A run saves its state first, so that a model without one is nobody's to write over; nor is another's log.
    others = [args.out / "model"] * os.path.lexists(args.out / "model")
    others += [args.out / "log.jsonl"] * (not Monitor.made(args.out / "log.jsonl"))
    if others:
        raise ValueError(
            f"{others[0]} is there, which this run would write over, and no state to go on from: choose another --out, "
            "or move it away"
        )


def _refuse_run(args: argparse.Namespace) -> None:
    folder = StateFolder(args.out)
    if folder.exists() or folder.path.exists():
        raise ValueError(f"{args.out} already holds a run: add --resume to go on with it, or choose another --out")


@contextlib.contextmanager
def held_alone(accelerator: Accelerator, args: argparse.Namespace) -> Iterator[None]:
    """Hold the run folder (main process) while it is worked in.

    Raises:
        ValueError: where another process works there; or has, since the folder was checked, made a run there that this
            one was not asked to go on with.
    """
    if not accelerator.is_main_process:
        yield
        return
    with alone(args.out):
        if not args.resume:
            _refuse_run(args)
        yield


def begin_run(accelerator: Accelerator, args: argparse.Namespace) -> None:
    """Make the run folder, for all processes, once everything is checked."""
    if accelerator.is_main_process:
        make_folder(args.out)
    accelerator.wait_for_everyone()
