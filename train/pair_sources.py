"""Where edges2photo.py takes its pairs from: photos that are drawn by the edge network, or photos with label maps."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from accelerate import Accelerator
from tqdm import tqdm

from i2i.data.layout import detect_layout, find_items, find_photos
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.pairs import PairDataset
from i2i.data.prepare import draw_with, prepare_pairs
from i2i.edges.detector import EdgeDetector
from i2i.palette import Palette


class DrawnPairs:
    """Photos and their drawings, made here, or ready pairs of drawing and photo.

    Attributes:
        input: of config.json. inputs: channels of it.
        preprocessing: in words, for config.json.
        origin: where the drawings come from, once they are loaded.
        detector: finds edges again in the answers.
    """

    input: dict[str, Any] = {"kind": "edges"}
    inputs = 1
    preprocessing = "drawings: white paper, black ink, one pixel wide (i2i.edges)"

    def __init__(self, args: argparse.Namespace, accelerator: Accelerator, say: Callable[[str], None]):
        self.args, self.accelerator, self.say = args, accelerator, say
        self.origin = ""

    def plan(self) -> str:
        return f"{len(find_photos(self.args.photos))} files, taken for {detect_layout(self.args.photos)}"

    def check(self) -> None:
        """What can be wrong with the input is told before anything is written."""
        self.detector = EdgeDetector(self.args.detector, self.accelerator.device)
        if self.accelerator.is_main_process:
            find_items(self.args.photos, "auto", self.args.drawing_side, skip=self.args.out)

    def load(self, size: int) -> tuple[PairDataset, PairDataset]:
        """Make the pairs (main process), then load them everywhere: training and validation split."""
        args, folder = self.args, self.args.out / "data"
        if self.accelerator.is_main_process:
            self._prepare()
        self.accelerator.wait_for_everyone()
        manifest = json.loads((folder / "manifest.json").read_text())
        self.origin = manifest["settings"]["recipe"] or "ready pairs"
        return (
            PairDataset(folder, "train", size, sketchify_strength=args.sketchify, flip=not args.no_flip),
            PairDataset(folder, "val", size, flip=False),
        )

    def _prepare(self) -> None:
        args, edges = self.args, self.detector
        layout = detect_layout(args.photos)
        bar: tqdm | None = None

        detector, recipe = draw_with(edges, tuple(args.scales))

        def progress(done: int, total: int, counts: dict[str, int]) -> None:
            nonlocal bar
            bar = bar or tqdm(total=total, unit="file", desc="pairs", file=sys.stderr)
            bar.update(done - bar.n)

        report = prepare_pairs(
            args.photos, args.out / "data", fit=args.fit, detector=detector if layout == "photos" else None,
            val_fraction=args.val_fraction, layout=layout, drawing_side=args.drawing_side,
            recipe=recipe if layout == "photos" else "", progress=progress,
        )  # fmt: skip
        if bar:
            bar.close()
        self.say(f"{report.summary()}; see {args.out / 'data' / 'contact_sheet.jpg'}")


class LabelPairs:
    """Photos and label maps, jittered and mirrored in training; the maps are what is translated."""

    preprocessing = "label maps: one-hot, resized to the nearest pixel (i2i.data.paired)"
    origin = "label maps"
    detector = None

    def __init__(self, args: argparse.Namespace):
        self.args = args
        palette = Palette.load(args.labels)
        self.inputs = len(palette)
        self.input = {"kind": "labels", "palette": palette.to_json()}
        self.config = PairedConfig(
            "photo", "labels", "BtoA", palette=args.labels, flip=0.0 if args.no_flip else 0.5, fit=args.fit,
            val_fraction=args.val_fraction,
        )  # fmt: skip

    def plan(self) -> str:
        train, val = (PairedDataset(self.args.photos, split, 8, self.config, cache=False) for split in ("train", "val"))
        return f"{len(train)} training and {len(val)} validation pairs of label map and photo, {self.inputs} classes"

    def check(self) -> None:
        self.plan()

    def load(self, size: int) -> tuple[PairedDataset, PairedDataset]:
        splits = (PairedDataset(self.args.photos, split, size, self.config) for split in ("train", "val"))
        return tuple(splits)
