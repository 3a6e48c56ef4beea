"""Held-out pairs and drawings by people, at whatever size a model or a measure wants them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from i2i.data.index_csv import read_index
from i2i.data.layout import find_photos
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.paired_files import KINDS, find_examples
from i2i.metrics.fcn_score import IGNORED
from i2i.palette import TOLERANCE
from i2i.serving.pictures import DRAWING_SIZE, write

# What a model's folder tells of its pairs, in `data` of config.json: fields of `PairedConfig`.
KEPT = ("a", "b", "direction", "fit", "val_fraction")
_MAPS = 8  # label maps that are looked at before any model is asked


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

    def check(self, count: int) -> None:
        """Read the first `count` pairs; a PrepareError names what cannot be read, which would end measuring late."""
        self._first.check(count)

    @property
    def labels_answered(self) -> bool:
        """Whether label maps are what models answer with."""
        return self.output["kind"] == "labels"

    def which(self) -> str:
        """Folder, split, and the first 8 digits of the sha256 of the pairs' names: which pairs these are."""
        root = self.root.resolve()
        name = root.parent.name if root.name in ("data", "pairs") else root.name
        return f"{name} {self.split} {digest_of(self._first.ids)}"

    def describe(self) -> str:
        """Which pairs these are, and how they become square where that is not the usual way."""
        return self.which() + told_fit(self.config.fit)

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


def digest_of(names: Iterable[str]) -> str:
    """The first 8 digits of the sha256 of names: which pictures these are."""
    return hashlib.sha256(os.fsencode("\n".join(names))).hexdigest()[:8]


def told_fit(fit: str) -> str:
    """How pictures become square, for protocols; nothing for the usual way."""
    return "" if fit == PairedConfig.fit else f", fit {fit}"


class _ByColour(PairedDataset):
    """Label maps of which every pixel counts that is near enough to a class; the others are `IGNORED`."""

    def classes(self, index: int) -> np.ndarray:
        return self._load(index)[0 if self.config.a == "labels" else 1]

    def _pixels(self, picture: Image.Image, kind: str, key: str) -> np.ndarray:
        if kind != "labels":
            return super()._pixels(picture, kind, key)
        try:
            classes, distance = self.palette.nearest(picture)
        except ValueError as error:
            raise ValueError(f"label map {key}: {error}") from error
        return np.where(distance > TOLERANCE, np.uint8(IGNORED), classes)


class ColouredLabels(HeldOut):
    """Pairs for models of photos that take label maps, or answer with them, as plain pictures in colours.

    A pixel has the class of the nearest colour of the palette. It does not count (`IGNORED`) where that is further away
    than `i2i.palette.TOLERANCE`: a class that the palette leaves out, or a border that a JPEG has blurred.

    Args:
        held: the pairs in the model's direction, both sides photos; the palette is its `config.palette`, or
            palette.json beside the pairs.
        side: "a" or "b", whichever holds the label maps.

    Raises:
        ValueError: without a palette, or where less than half of the pixels have one of its colours.
    """

    def __init__(self, held: HeldOut, side: str):
        super().__init__(held.root, held.split, held.config)
        self._labelled = replace(self.config, **{side: "labels"})
        self._given = (side == "a") == (self.config.direction == "AtoB")
        self._maps: dict[int, _ByColour] = {}
        self._left_out: dict[tuple[int, int], float] = {}
        self.palette = self._maps_at(DRAWING_SIZE).palette
        for index in range(min(_MAPS, len(self))):
            self.classes(index, DRAWING_SIZE)
        known = 1 - np.mean(list(self._left_out.values()))
        if known < 0.5:
            raise ValueError(
                f"only {known:.0%} of the pixels of the label maps in {self.root} (side {side.upper()}) have a colour "
                "of the palette: check --palette, and which side holds the label maps, --a labels or --b labels"
            )
        self._left_out.clear()

    def _maps_at(self, size: int) -> _ByColour:
        if size not in self._maps:
            self._maps[size] = _ByColour(self.root, self.split, size, self._labelled, cache=False)
        return self._maps[size]

    @property
    def labels_answered(self) -> bool:
        """Whether label maps are what models answer with."""
        return not self._given

    def describe(self) -> str:
        """As `HeldOut.describe`, and the share of the pixels seen so far that did not count."""
        text = f"{super().describe()}; label maps by the nearest of {len(self.palette)} colours"
        share = np.mean(list(self._left_out.values())) if self._left_out else 0.0
        return f"{text}, {share:.1%} of the pixels further than {TOLERANCE:g} levels from all and left out"

    def classes(self, index: int, size: int) -> np.ndarray:
        """The label map, uint8 (size, size) class indices, `IGNORED` where a pixel has the colour of none."""
        found = self._maps_at(size).classes(index)
        self._left_out[index, size] = float(np.mean(found == IGNORED))
        return found


def see_input(x: Tensor, described: dict[str, Any]) -> Image.Image:
    """A network's input (C, S, S) as an RGB picture; `described` is `input` of config.json."""
    return write(x, described, x).convert("RGB")


def _kinds(config: dict[str, Any]) -> tuple[str, str]:
    return config["input"]["kind"], config.get("output", {}).get("kind", "photo")


def _kept(config: dict[str, Any]) -> dict[str, Any]:
    """Fields of `PairedConfig` that the model's folder tells; folders of older versions tell less."""
    data = config.get("data", {})
    return {name: data[name] for name in KEPT if name in data}


def _given(pairs: PairedConfig | Mapping[str, Any] | None) -> dict[str, Any]:
    """The fields that somebody chose: those of a mapping, or those of a configuration that are not its defaults."""
    if isinstance(pairs, PairedConfig):
        pairs = {f.name: getattr(pairs, f.name) for f in fields(pairs) if getattr(pairs, f.name) != f.default}
    return {name: value for name, value in (pairs or {}).items() if value != "auto"}


def contradictions(config: dict[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Where options differ from those that a model was trained with, in a sentence each; the options hold.

    Args:
        config: the model's config.json.
        given: fields of `PairedConfig` that were asked for.
    """
    name, both_photos = config.get("name", "the model"), _kinds(config) == ("photo", "photo")
    # What a model of photos takes are photos, whatever else their colours stand for.
    compared = {k: v for k, v in _kept(config).items() if not (both_photos and k in ("a", "b"))}
    given = _given(given)
    text = f"{name} was trained with --{{}} {{}}, and is measured with {{}}"
    different = [(k, v, given[k]) for k, v in compared.items() if k in given and given[k] != v]
    return [text.format(k.replace("_", "-"), trained, now) for k, trained, now in different]


def held_out_for(
    config: dict[str, Any],
    root: str | os.PathLike,
    split: str = "val",
    pairs: PairedConfig | Mapping[str, Any] | None = None,
) -> HeldOut:
    """The pairs in `root` in the direction in which a model translates.

    Args:
        config: the model's config.json.
        root, split: see `HeldOut`.
        pairs: what the folder holds: the fields of `PairedConfig` that were asked for, or a `PairedConfig`, whose
            defaults count as not asked for. The others are as the model was trained, so that the pairs are those that
            training kept apart; what its folder does not tell is found out. Of two sides of different kinds, the
            model's own kinds say the direction.

    Raises:
        ValueError: if the pairs are not of the kinds that the model translates, or have another palette; if a direction
            was asked for in which the model does not translate.
    """
    kinds, name = _kinds(config), config.get("name", "the model")
    given = _given(pairs)
    chosen = PairedConfig(**_kept(config) | given)
    made = replace(chosen, a=kinds[0], b=kinds[1], direction="AtoB")
    if made.one_photo:
        return HeldOut(root, split, made)
    wanted = tuple(KINDS[k] for k in kinds)
    if wanted == ("photo", "photo"):  # some photos, such as maps, look like drawings
        chosen = replace(chosen, a="photo", b="photo")
    found = find_examples(root, split, chosen)[1]
    have = KINDS[found.a], KINDS[found.b]
    if wanted not in (have, have[::-1]):
        raise ValueError(
            f"{name} translates {wanted[0]} to {wanted[1]}, but {root} holds pairs of "
            f"{have[0]} and {have[1]}: give pairs of the same kinds"
        )
    direction = chosen.direction if chosen.direction != "auto" else "AtoB"
    if have != have[::-1]:
        direction = "AtoB" if wanted == have else "BtoA"
        if given.get("direction", direction) != direction:
            raise ValueError(
                f"{name} translates {wanted[0]} to {wanted[1]}, which is {direction} in {root}: leave --direction out"
            )
    a, b = kinds if direction == "AtoB" else kinds[::-1]
    held = HeldOut(root, split, replace(found, a=a, b=b, direction=direction))
    for described, own in ((config["input"], held.input), (config.get("output", {}), held.output)):
        if described.get("kind") == "labels" and described.get("palette") != own.get("palette"):
            raise ValueError(f"{root} has another palette than {name}: give the palette.json that it was trained with")
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
        columns, rows = read_index(index)
        if not rows or not {"file", "class"} <= set(columns):
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
