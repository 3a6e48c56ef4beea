"""Held-out pairs and drawings by people, at whatever size a model or a measure wants them."""

from __future__ import annotations

import csv
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from i2i.data.layout import find_photos
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.paired_files import KINDS, find_examples
from i2i.serving.pictures import DRAWING_SIZE, write


class HeldOut:
    """The pairs of one split.

    Args:
        root: folder of pairs, as in `i2i.data.paired.find_examples`.
        split: "val", or "train" (not jittered here) to see how much a model has learned by heart.
        config: what the folder holds.
    """

    def __init__(self, root: str | os.PathLike, split: str = "val", config: PairedConfig | None = None):
        # Without jitter and mirroring a training pair is the same each time.
        self.root, self.split = Path(root), split
        self.config = replace(config or PairedConfig(), jitter=1.0, flip=0.0)
        self._sets: dict[int, PairedDataset] = {}
        self._latest: dict[tuple[int, int], dict[str, Tensor]] = {}  # a pair is asked for several times in a row
        self._first = self.at(DRAWING_SIZE)
        self.input, self.output, self.palette = self._first.input, self._first.output, self._first.palette

    def __len__(self) -> int:
        return len(self._first)

    def describe(self) -> str:
        """Folder, split, and the first 8 digits of the sha256 of the pairs' names: which pairs these are."""
        root = self.root.resolve()
        name = root.parent.name if root.name in ("data", "pairs") else root.name
        digest = hashlib.sha256("\n".join(self._first.ids).encode()).hexdigest()[:8]
        return f"{name} {self.split} {digest}"

    def at(self, size: int) -> PairedDataset:
        """The data set with items of `size` pixels, read from disk each time."""
        if size not in self._sets:
            self._sets[size] = PairedDataset(self.root, self.split, size, self.config, cache=False)
        return self._sets[size]

    def item(self, index: int, size: int) -> dict[str, Tensor]:
        """x (C, size, size) and y (C', size, size) of a pair."""
        key = (index, size)
        if key not in self._latest:
            while len(self._latest) >= 4:
                self._latest.pop(next(iter(self._latest)))
            self._latest[key] = self.at(size)[index]
        return self._latest[key]

    def x(self, index: int, size: int) -> Tensor:
        """A model's input, (C, size, size)."""
        return self.item(index, size)["x"]

    def photo(self, index: int, size: int) -> Image.Image:
        """The real picture as one sees it, RGB."""
        item = self.item(index, size)
        return write(item["y"], self.output, item["x"]).convert("RGB")

    def input_picture(self, index: int, size: int) -> Image.Image:
        """What is translated, as one sees it, RGB."""
        return see_input(self.x(index, size), self.input)

    def drawing(self, index: int) -> np.ndarray:
        """The drawing, uint8 (256, 256), ink 0 and paper 255; ValueError where the input is none."""
        if self.input["kind"] != "edges":
            raise ValueError(f"{self.root} translates {self.input['kind']}, which are no drawings")
        x = self.x(index, DRAWING_SIZE)[0]
        return np.where(x.numpy() > 0, np.uint8(255), np.uint8(0))

    def classes(self, index: int, size: int) -> np.ndarray:
        """The label map, uint8 (size, size) class indices; ValueError where neither side is one."""
        item = self.item(index, size)
        if self.input["kind"] == "labels":
            return item["x"].argmax(0).to(torch.uint8).numpy()
        if self.output["kind"] == "labels":
            return item["y"].argmax(0).to(torch.uint8).numpy()
        raise ValueError(f"{self.root} holds no label maps, only {self.config.a} and {self.config.b}")


def see_input(x: Tensor, described: dict[str, Any]) -> Image.Image:
    """A network's input (C, S, S) as an RGB picture; `described` is `input` of config.json."""
    return write(x, described, x).convert("RGB")


def held_out_for(
    config: dict[str, Any],
    root: str | os.PathLike,
    split: str = "val",
    direction: str = "auto",
    pairs: PairedConfig | None = None,
) -> HeldOut:
    """The pairs in `root` in the direction in which a model translates.

    Args:
        config: the model's config.json.
        root, split: see `HeldOut`.
        direction: AtoB or BtoA for two sides of the same kind; auto takes the one that the model was trained in.
        pairs: what the folder holds, where it cannot be found out.

    Raises:
        ValueError: if the pairs are not of the kinds that the model translates, or have another palette.
    """
    kinds = config["input"]["kind"], config.get("output", {}).get("kind", "photo")
    pairs = pairs or PairedConfig()
    made = replace(pairs, a=kinds[0], b=kinds[1], direction="AtoB")
    if made.one_photo:
        return HeldOut(root, split, made)
    wanted = tuple(KINDS[k] for k in kinds)
    if wanted == ("photo", "photo"):  # some photos, such as maps, look like drawings
        pairs = replace(pairs, a="photo", b="photo")
    found = find_examples(root, split, pairs)[1]
    have = found.a, found.b
    if wanted == have[::-1] != have:
        direction = "BtoA"
    elif wanted == have != have[::-1]:
        direction = "AtoB"
    elif wanted == have:
        direction = config.get("data", {}).get("direction", "AtoB") if direction == "auto" else direction
    else:
        raise ValueError(
            f"{config.get('name', 'the model')} translates {wanted[0]} to {wanted[1]}, but {root} holds pairs of "
            f"{have[0]} and {have[1]}: give pairs of the same kinds"
        )
    held = HeldOut(root, split, replace(found, direction=direction))
    for described, own in ((config["input"], held.input), (config.get("output", {}), held.output)):
        if described.get("kind") == "labels" and described.get("palette") != own.get("palette"):
            raise ValueError(
                f"{root} has another palette than {config.get('name', 'the model')}: give the palette.json that it was "
                "trained with"
            )
    return held


def find_sketches(folder: str | os.PathLike, classes: tuple[str, ...] = ()) -> dict[str, list[Path]]:
    """Drawings by people: group -> files, sorted.

    Args:
        folder: pictures, in subfolders or not. Where it has an index.csv with the columns file and class, `classes`
            chooses among them.
        classes: which; none: all.

    Returns:
        A group is the folder of the file within `folder`, such as "tuberlin/cat": collections differ in what they show
        (heads or whole bodies) and are told apart.

    Raises:
        ValueError: for a folder without drawings, or a class that is not there.
    """
    folder = Path(folder)
    index = folder / "index.csv"
    if index.is_file():
        with index.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        if not rows or not {"file", "class"} <= rows[0].keys():
            raise ValueError(f"{index} has no columns file and class: remove it, or add them")
        known = {row["class"] for row in rows}
        unknown = [c for c in classes if c not in known]
        if unknown:
            raise ValueError(f"{index} has no class {unknown[0]!r}, only {', '.join(sorted(known))}")
        files = [folder / row["file"] for row in rows if not classes or row["class"] in classes]
    elif classes:
        raise ValueError(f"{folder} has no index.csv to choose classes by: leave --classes out")
    else:
        files = find_photos(folder)
    if not files:
        raise ValueError(f"{folder} holds no drawings")
    groups: dict[str, list[Path]] = {}
    for path in sorted(files):
        name = path.parent.relative_to(folder).as_posix()
        groups.setdefault("all" if name == "." else name, []).append(path)
    return groups
