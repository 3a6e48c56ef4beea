"""What edges2photo.py checks, and says of its data, before a run begins."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from loss_features import loss_features
from model_run import check_steps, features_or_none
from pace import check_hours
from run_folder import check_run_folder
from torch import nn

from i2i.data.paired import PairedDataset
from i2i.data.pairs import PairDataset
from i2i.methods.plain_ground import plain_border
from i2i.training.loop import TrainConfig

OF_DRAWINGS = ("move", "sketchify", "detector", "scales", "layout", "drawing_side")
# A batch of two is the least that has a foreign style in it.
LEAST_BATCH = 2
SIZES = (64, 128, 256)  # pairs are made at 256 and may be shrunk
FEW_PAIRS = 100
LOOKED_AT = 48  # photos whose background is looked at
VARIED_AT = 160_000  # pictures: the default run


def check_options(args: argparse.Namespace, how: TrainConfig, size: int) -> None:
    """ValueError for a number out of range, or a run folder that cannot be taken; nothing is written."""
    check_hours(args.hours, args.steps, args.resume)
    check_steps(args, how)
    if how.batch < LEAST_BATCH:
        raise ValueError(f"--batch must be at least {LEAST_BATCH}, since the second style comes from another pair")
    if size not in SIZES:
        raise ValueError(f"--size must be one of {', '.join(map(str, SIZES))}; got {size}")
    for name, value in (("sketchify", args.sketchify), ("move", args.move)):
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"--{name} must be from 0 to 1; got {value:g}")
    if args.labels and (given := [name for name in OF_DRAWINGS if name in args.given]):
        raise ValueError(
            f"--{given[0].replace('_', '-')} is for drawings: leave it out; label maps are found by the palette, and "
            "jittered and mirrored in training"
        )
    if not 0 < args.val_fraction < 1:
        raise ValueError(f"--val-fraction must be above 0 and below 1; got {args.val_fraction:g}")
    if not all(0.1 <= scale <= 4 for scale in args.scales):
        raise ValueError(f"--scales must be from 0.1 to 4; got {' '.join(f'{scale:g}' for scale in args.scales)}")
    check_run_folder(args, args.photos)


def settle_variation(args: argparse.Namespace, pictures: int) -> None:
    """Give --sketchify and --move their values where they are left to the run: 0.8 each in a run of `VARIED_AT`
    pictures or more, or one that starts from a model; down to 0.5 and 0 the shorter the run is, which has drawings as
    they are to learn first.
    """
    share = 1.0 if args.init else min(1.0, pictures / VARIED_AT)
    if args.sketchify is None:
        args.sketchify = round(0.5 + 0.3 * share, 2)
    if args.move is None:
        args.move = round(0.8 * share, 2)


def find_features(args: argparse.Namespace, say: Callable[[str], None], taught: str | None) -> nn.Module | None:
    """The feature network of the losses, as `loss_features`; the file of the measures' must be there too, which would
    otherwise be missed when training is over."""
    if args.measure_features not in ("torchvision", "none"):
        features_or_none(args.measure_features, "measure")
        if args.features not in ("torchvision", "none") and Path(args.features).samefile(args.measure_features):
            say(f"{args.features} teaches and measures: a network that has taught flatters what it taught")
    return loss_features(args, say, taught)


def shown_features(source: str) -> str:
    """Where a feature network would come from, for the plan."""
    if source != "torchvision":
        return source
    place = Path(torch.hub.get_dir()) / "checkpoints"
    return f"torchvision's, from {place}, or fetched once where it is not there"


def advice_on_few(count: int, args: argparse.Namespace, say: Callable[[str], None]) -> None:
    if count < FEW_PAIRS and not args.init and not args.resume:
        say(
            f"{count} pairs are few: below {FEW_PAIRS} a model mostly repeats its photos; add photos, or start from a "
            "model of a similar subject with --init MODEL (edges2cats, say)"
        )


def advice_on_background(
    pairs: PairDataset | PairedDataset, args: argparse.Namespace, say: Callable[[str], None]
) -> None:
    """Products on white want other options than the defaults."""
    if args.lambda_ground or args.labels or args.resume:
        return
    photos = torch.stack([pairs[i]["y"] for i in range(0, len(pairs), -(-len(pairs) // LOOKED_AT))])
    plain, _ = plain_border(photos)
    if plain.float().mean() > 0.5:
        say(
            "most photos show their subject on a plain background: --lambda-ground 10 --noise 0 --move 1 teaches the "
            "model to put nothing beside a drawing, to leave paper without grain, and to answer drawings in other "
            "places, sizes and proportions"
        )
