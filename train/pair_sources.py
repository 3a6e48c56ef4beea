"""Where edges2photo.py takes its pairs from: photos that are drawn by the edge network, or photos with label maps."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from same_data import digest_of, how_to_go_on
from tqdm import tqdm

from i2i.data.folder_jobs import status_lines
from i2i.data.label_side import with_labels_found
from i2i.data.layout import Item, find_items, ready_pairs
from i2i.data.manifest import Manifest, settings_of
from i2i.data.pair_plan import PairPlan, plan_pairs
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.pairs import PairDataset
from i2i.data.prepare import draw_with, prepare_pairs
from i2i.edges.detector import EdgeDetector
from i2i.metrics.held_out import KEPT
from i2i.palette import Palette

# How errors about the photos' folder spell the options of edges2photo.py.
OPTIONS = {"layout": "--layout {}", "drawing_side": "--drawing-side {}", "labels": "--labels {}"}


class DrawnPairs:
    """Photos and their drawings, made here, or ready pairs of drawing and photo.

    Attributes:
        input: of config.json. inputs: channels of it.
        preprocessing: in words, for config.json.
        origin: where the drawings come from, once they are loaded.
        detector: finds edges again in the answers.
        count: files that may become pairs, once they are checked (main process).
        split: what `data` of config.json tells of the pairs' sides and split; nothing, since the run folder's are
            split.
    """

    input: dict[str, Any] = {"kind": "edges"}
    inputs = 1
    split: dict[str, Any] = {}
    preprocessing = "drawings: white paper, black ink, one pixel wide (i2i.edges)"

    def __init__(
        self,
        args: argparse.Namespace,
        accelerator: Accelerator,
        say: Callable[[str], None],
        drawn_by: str | None = None,  # what the run that goes on began with: its `origin`, where it is known
    ):
        self.args, self.accelerator, self.say, self.drawn_by = args, accelerator, say, drawn_by
        self.origin, self.layout, self.count = "", "", 0
        self._plan: PairPlan | None = None

    def check(self) -> None:
        """Raise a ValueError for whatever can be wrong with the input; nothing is drawn or written."""
        args = self.args
        self.detector = EdgeDetector(args.detector, self.accelerator.device)
        self._draw, self._recipe = draw_with(self.detector, tuple(args.scales))
        if not self.accelerator.is_main_process:
            return
        self.layout, items = find_items(args.photos, args.layout, args.drawing_side, args.out, OPTIONS)
        self.count = len(items)
        if self.count < 2:
            raise ValueError(f"{args.photos} holds one picture; at least two are needed, one of them for validation")
        made = args.resume and (args.out / "data" / "manifest.json").exists()
        if made:
            self._refuse_other_files(items)
        if args.resume and self.layout == "photos":
            self._keep_to_recipe(settings_of(args.out / "data")["recipe"] if made else "")
        if made:
            self._keep_to_division(settings_of(args.out / "data"))
        self._plan = plan_pairs(args.photos, args.out / "data", **self._how())
        self._plan.check()
        if self._draw is _refuse_to_draw and self._plan.todo:
            _refuse_to_draw(self._plan.todo)

    def _how(self) -> dict[str, Any]:
        """What determines the pairs."""
        args = self.args
        return {
            "fit": args.fit, "val_fraction": args.val_fraction, "layout": self.layout,
            "drawing_side": args.drawing_side,
            "recipe": self._recipe if self.layout == "photos" else recipe_of(args.photos),
        }  # fmt: skip

    def _keep_to_recipe(self, made_by: str) -> None:
        """A run goes on with the drawings that it began with, also where the detector's weights have changed since.

        Args:
            made_by: the recipe of the drawings that are there, if there are any.

        Raises:
            ValueError: where they are gone, or where other options than the run's are given.
        """
        began, now = self.drawn_by or made_by or self._recipe, self._recipe
        if began == now:
            return
        run = self.args.out
        if _without_weights(began) != _without_weights(now):
            raise ValueError(
                f"the drawings of {run} were made by {began!r}, and these options ask for {now!r}: leave --scales and "
                f"--detector out. {how_to_go_on(run)}"
            )
        if made_by != began:
            raise ValueError(
                f"the drawings that {run} began with were made by {began!r} and are gone; now they would be drawn by "
                f"{now!r}. {how_to_go_on(run)}"
            )
        self.say(f"the drawings of {run} were made by {began!r} and are kept; drawings made now would be {now!r}")
        self._recipe, self._draw = began, _refuse_to_draw

    def _keep_to_division(self, settings: Mapping[str, Any]) -> None:
        """ValueError where the pairs that are there were made square, or divided, otherwise than the options ask."""
        for name in ("fit", "val_fraction"):
            began, now = settings.get(name), getattr(self.args, name)
            if began not in (None, now):
                raise ValueError(
                    f"{self.args.out} began with --{name.replace('_', '-')} {began}, and {now} would make other pairs: "
                    f"leave it out. {how_to_go_on(self.args.out)}"
                )

    def _refuse_other_files(self, items: list[Item]) -> None:
        """A run goes on with the pairs that it began with: to make others would remove those."""
        data = self.args.out / "data"
        earlier = Manifest(data, settings_of(data))
        changes = earlier.changes(items)
        kept = {record["file"] for record in earlier.kept()}
        # A file that was left out may go; another file may become a pair.
        found = {"added": changes.added, "removed": [key for key in changes.removed if key in kept]}
        found["changed"] = changes.changed
        if any(found.values()):
            raise ValueError(
                f"{self.args.photos} is not the folder that {self.args.out} began with: {_named(found)}. "
                + how_to_go_on(self.args.out)
            )

    def plan(self) -> str:
        return f"{self.count} files, taken for {self.layout}"

    def made(self, size: int) -> tuple[PairDataset, PairDataset] | None:
        """The pairs as `load` gives them, without making any; None where some are still to be made (main process)."""
        return self._read(size) if self._plan is not None and self._plan.done else None

    def load(self, size: int) -> tuple[PairDataset, PairDataset]:
        """Make the pairs (main process), then load them everywhere: training and validation split."""
        if self.accelerator.is_main_process:
            self._prepare()
        self.accelerator.wait_for_everyone()
        return self._read(size)

    def _read(self, size: int) -> tuple[PairDataset, PairDataset]:
        args, folder = self.args, self.args.out / "data"
        self.origin = settings_of(folder)["recipe"] or "ready pairs"
        return (
            PairDataset(folder, "train", size, flip=not args.no_flip),
            PairDataset(folder, "val", size, flip=False),
        )

    def vary(self, pairs: PairDataset) -> None:
        """Let the training pairs vary as the options say, once these are settled (`settle_variation`)."""
        pairs.sketchify_strength, pairs.move = self.args.sketchify, self.args.move

    def as_they_are(self, size: int) -> PairDataset:
        """The training pairs, neither varied nor mirrored nor held in memory; after `load`."""
        return PairDataset(self.args.out / "data", "train", size, flip=False, cache=False)

    def _prepare(self) -> None:
        args = self.args
        bar: tqdm | None = None

        def progress(done: int, total: int, counts: dict[str, int]) -> None:
            nonlocal bar
            bar = bar or tqdm(total=total, unit="file", desc="pairs", file=sys.stderr)
            bar.update(done - bar.n)

        detector = self._draw if self.layout == "photos" else None
        report = prepare_pairs(
            args.photos, args.out / "data", detector=detector, progress=progress, again=not args.resume, **self._how()
        )
        if bar:
            bar.close()
        for line in status_lines(report.files):
            self.say(line)
        self.say(f"{report.summary()}; see {args.out / 'data' / 'contact_sheet.jpg'}")


class LabelPairs:
    """Photos and label maps, jittered and mirrored in training; the maps are what is translated."""

    preprocessing = "label maps: one-hot, resized to the nearest pixel (i2i.data.paired)"
    origin = "label maps"
    detector = None
    layout = "label maps"

    def __init__(self, args: argparse.Namespace):
        self.args, self.count = args, 0
        palette = Palette.load(args.labels)
        self.inputs = len(palette)
        self.input = {"kind": "labels", "palette": palette.to_json()}
        self.config = PairedConfig(
            "photo", "labels", "BtoA", palette=args.labels, flip=0.0 if args.no_flip else 0.5, fit=args.fit,
            val_fraction=args.val_fraction,
        )  # fmt: skip

    @property
    def split(self) -> dict[str, Any]:
        """By what measures find the pairs that training kept apart; after `check`."""
        return {name: getattr(self.config, name) for name in KEPT}

    def check(self) -> None:
        """Raise a ValueError for whatever can be wrong with the input; nothing is written."""
        self.config = with_labels_found(self.args.photos, self.config)
        self._lengths = [
            len(PairedDataset(self.args.photos, split, 8, self.config, cache=False)) for split in ("train", "val")
        ]
        self.count = sum(self._lengths)

    def plan(self) -> str:
        train, val = self._lengths
        return f"{train} training and {val} validation pairs of label map and photo, {self.inputs} classes"

    def load(self, size: int) -> tuple[PairedDataset, PairedDataset]:
        """Training and validation split, every picture read; nothing is written."""
        splits = (PairedDataset(self.args.photos, split, size, self.config) for split in ("train", "val"))
        return tuple(splits)

    made = load  # these pairs need no making

    def vary(self, pairs: PairedDataset) -> None:
        """Label maps do not vary."""

    def as_they_are(self, size: int) -> PairedDataset:
        """The training pairs, neither jittered nor mirrored nor held in memory."""
        return PairedDataset(self.args.photos, "train", size, replace(self.config, jitter=1.0, flip=0.0), cache=False)


def recipe_of(folder: Path) -> str:
    """What drew the pairs that prepare.py or a run left in a folder; empty for other pairs."""
    pairs = ready_pairs(folder)
    return settings_of(pairs.parent).get("recipe", "") if pairs is not None else ""


def refuse_other_pairs(
    args: argparse.Namespace, recipe: Mapping[str, Any], train: Iterable[str], val: Iterable[str]
) -> None:
    """ValueError where the pairs are not those that the run which goes on began with.

    Args:
        recipe: what the run has kept; without a digest of its pairs, as version 0.1 had none, any pairs will do.
        train, val: ids of both splits.
    """
    train, val = list(train), list(val)
    if recipe.get("pairs_digest") in (None, digest_of({"train": train, "val": val})):
        return
    share = recipe["options"]["val_fraction"]
    if args.val_fraction != share:
        raise ValueError(
            f"--val-fraction {args.val_fraction:g} divides the pairs otherwise than {share:g}, which {args.out} began "
            f"with: leave it out. {how_to_go_on(args.out)}"
        )
    data = args.out / "data"
    made = "" if args.labels else f" (they lie in {data} now: delete that before you go on with the first)"
    raise ValueError(
        f"the {len(train)} training and {len(val)} validation pairs of {args.photos} are not those that {args.out} "
        f"began with{made}. {how_to_go_on(args.out)}"
    )


def _without_weights(recipe: str) -> str:
    """What `draw_with` calls a recipe, less the digits that tell the detector's weights."""
    return re.sub(r" [0-9a-f]{8}\b", "", recipe, count=1)


def _refuse_to_draw(photos: Collection[Any]) -> list[Any]:
    raise ValueError(
        "some drawings are missing, and the detector that made the others is not this one: bring them back, or begin "
        "another run with another --out"
    )


def _named(found: dict[str, Iterable[str]], limit: int = 3) -> str:
    parts = []
    for what, keys in found.items():
        keys = list(keys)
        more = ", ..." if len(keys) > limit else ""
        parts += [f"{len(keys)} {what} ({', '.join(keys[:limit])}{more})"] if keys else []
    return ", ".join(parts)
