"""Pairs (A, B) of any two kinds of picture as a data set: drawings, label maps, photos, and what is made of photos."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from i2i.colour import photo_to_lab
from i2i.data.grey_maps import any_grey_from
from i2i.data.layout import PrepareError
from i2i.data.paired_files import PairedConfig, find_examples
from i2i.data.unreadable import read_all
from i2i.images import levels_to_tensor, load_image
from i2i.palette import Palette

__all__ = ["PairedConfig", "PairedDataset", "channels_of", "cut_hole", "open_labels"]

CACHE_LIMIT = 4 << 30  # bytes of decoded pictures held in memory; larger sets are read from disk


class PairedDataset(Dataset):
    """Pairs of one split as items for keys (index, seed), or an index alone (seed 0).

    Jitter and mirroring come from a generator keyed by (seed, index) and from nothing else, as in
    `i2i.data.pairs.PairDataset`, so an item is the same whatever order, process or run asks for it.

    Args:
        root: folder of pairs, see `find_examples`.
        split: "train", or "val": never jittered nor mirrored.
        size: side of the items, pixels.
        config: what the folder holds.
        cache: hold the pictures in memory, decoded; None: where they take less than 4 GB.

    Attributes:
        config: with every "auto" resolved; give it to the other split.
        ids: the pairs' names.
        palette: of the labels on either side, or None.
        input, output: the two kinds as a model's config.json tells them.
        inputs, outputs: channels of x and y.

    Raises:
        ValueError: for a folder without pairs, pairs that differ in size, or labels that the palette does not know.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        split: str = "train",
        size: int = 256,
        config: PairedConfig | None = None,
        cache: bool | None = None,
    ):
        self.root, self.split, self.size = Path(root), split, size
        self._examples, self.config = find_examples(root, split, config or PairedConfig())
        c = self.config
        self.ids = [e.key for e in self._examples]
        self.palette = Palette.load(c.palette) if "labels" in (c.a, c.b) else None
        self._indices = self.palette is None or not any_grey_from(self._all_maps(), len(self.palette))
        self.kinds = (c.a, c.b) if c.direction == "AtoB" else (c.b, c.a)
        if self.kinds[0] == "ab":
            raise ValueError("colour alone (ab) is only translated to: reverse it with --direction")
        if self.kinds[1] == "hole":
            raise ValueError("a photo with a hole is only translated from: reverse it with --direction")
        self.input, self.output = (self._describe(kind) for kind in self.kinds)
        self.inputs, self.outputs = (channels_of(d) for d in (self.input, self.output))
        self._augmented = split == "train"
        self.loaded = round(size * c.jitter) if self._augmented else size
        if cache is None:
            cache = len(self) * self.loaded**2 * 4 < CACHE_LIMIT
        self._cached: list[tuple[np.ndarray, np.ndarray]] | None = None
        if cache:
            self._cached = read_all(self._load, range(len(self)), self._files())

    def check(self, count: int) -> None:
        """Read the first `count` pairs once; a PrepareError names the files of these that cannot be read."""
        count = min(count, len(self))
        read_all(lambda index: self._load(index) is None, range(count), self._files(count))

    def _files(self, count: int | None = None) -> list[Path]:
        return [path for example in self._examples[:count] for path in (example.a, example.b) if path is not None]

    def _describe(self, kind: str) -> dict[str, Any]:
        return {"kind": kind} | ({"palette": self.palette.to_json()} if kind == "labels" else {})

    def _all_maps(self) -> Iterator[Path]:
        """The label maps of both splits, which are of one kind; none of pairs side by side, half of which is photo."""
        for split in ("train", "val"):
            with contextlib.suppress(PrepareError):  # a folder of one split
                for example in find_examples(self.root, split, self.config)[0]:
                    if not example.halves:
                        yield example.a if self.config.a == "labels" else example.b

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, key: int | Sequence[int]) -> dict[str, Tensor]:
        """dict(x, y), float32 (C, S, S).

        Photos are RGB in [-1, 1]; edges one channel, paper +1 and ink -1; gray and ab as in `i2i.colour`; a hole is a
        photo with zeros in the middle. Labels are one-hot: 0 and 1 as x, -1 and +1 as y, where tanh can reach them.
        """
        index, seed = (int(key[0]), int(key[1])) if isinstance(key, (tuple, list)) else (int(key), 0)
        if not -len(self) <= index < len(self):
            raise IndexError(f"got index {index}, the data set holds {len(self)} pairs")
        index %= len(self)
        pair = self._load(index) if self._cached is None else self._cached[index]
        if self._augmented:
            rng = np.random.default_rng([seed % 2**64, index])
            top, left = rng.integers(0, self.loaded - self.size + 1, 2)
            mirrored = rng.random() < self.config.flip
            pair = [p[top : top + self.size, left : left + self.size] for p in pair]
            pair = [p[:, ::-1] for p in pair] if mirrored else pair
        x, y = pair if self.config.direction == "AtoB" else (pair[1], pair[0])
        return {"x": self._tensor(x, self.kinds[0], False), "y": self._tensor(y, self.kinds[1], True)}

    def classes(self, index: int) -> np.ndarray:
        """The label map of pair `index` at the items' size: uint8 (S, S) class indices."""
        if self.palette is None:
            raise ValueError(f"{self.root} holds no label maps, only {self.config.a} and {self.config.b}")
        if self._augmented:
            raise ValueError("a training split has no fixed label maps, since its items are jittered: use split='val'")
        pair = self._load(index) if self._cached is None else self._cached[index]
        return pair[0 if self.config.a == "labels" else 1]

    def _tensor(self, pixels: np.ndarray, kind: str, target: bool) -> Tensor:
        if kind == "labels":
            one_hot = self.palette.one_hot(np.ascontiguousarray(pixels))
            return one_hot * 2 - 1 if target else one_hot
        if kind in ("gray", "ab"):
            return photo_to_lab(np.ascontiguousarray(pixels))[kind == "ab"]
        if kind == "edges":
            return levels_to_tensor(pixels[None])
        photo = levels_to_tensor(pixels.transpose(2, 0, 1))
        return cut_hole(photo) if kind == "hole" else photo

    def _load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Both sides at the loaded size: uint8 (L, L, 3) photos, (L, L) drawings and class indices."""
        example = self._examples[index]
        if self.config.one_photo:
            photo = self._fit(np.asarray(load_image(example.a)), "photo")
            return photo, photo
        sides = [
            open_labels(path) if kind == "labels" else load_image(path)
            for path, kind in ((example.a, self.config.a), (example.b, self.config.b))
        ]
        if example.halves:
            half, height = sides[0].width // 2, sides[0].height
            sides = [sides[0].crop((0, 0, half, height)), sides[1].crop((half, 0, 2 * half, height))]
        if sides[0].size != sides[1].size:
            raise ValueError(
                f"{example.key}: A is {sides[0].width}x{sides[0].height} and B {sides[1].width}x{sides[1].height}; "
                "the two sides of a pair must have the same size"
            )
        return tuple(
            self._fit(self._pixels(picture, kind, example.key), kind)
            for picture, kind in zip(sides, (self.config.a, self.config.b), strict=True)
        )

    def _pixels(self, picture: Image.Image, kind: str, key: str) -> np.ndarray:
        if kind == "labels":
            try:
                return self.palette.classes(picture, indices=self._indices)
            except ValueError as error:
                raise ValueError(
                    f"label map {key}: {error}. To list the unknown colours of all maps, and mend borders that are "
                    "blurred: python train/prepare.py labels MAPS --palette PALETTE.json --border 2 --out MENDED"
                ) from error
        return np.asarray(picture.convert("L") if kind == "edges" else picture)

    def _fit(self, pixels: np.ndarray, kind: str) -> np.ndarray:
        height, width = pixels.shape[:2]
        if self.config.fit == "crop" and height != width:
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            pixels = pixels[top : top + side, left : left + side]
        if pixels.shape[:2] == (self.loaded, self.loaded):
            return np.ascontiguousarray(pixels)
        if kind == "labels":
            how = cv2.INTER_NEAREST_EXACT
        elif min(pixels.shape[:2]) >= self.loaded:
            how = cv2.INTER_AREA
        else:
            how = cv2.INTER_LINEAR if kind == "edges" else cv2.INTER_CUBIC
        return cv2.resize(np.ascontiguousarray(pixels), (self.loaded, self.loaded), interpolation=how)


def open_labels(path: str | os.PathLike) -> Image.Image:
    """A label map's file as it is, since index pictures hold classes, not colours; ValueError if it cannot be read."""
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture.copy()
    except (OSError, SyntaxError, ValueError):
        load_image(path)  # says in words what is wrong
        raise


def cut_hole(photo: Tensor) -> Tensor:
    """(..., S, S) with zeros, mid grey, in the central square of half the side."""
    photo = photo.clone()
    size = photo.shape[-1]
    quarter = size // 4
    photo[..., quarter : size - quarter, quarter : size - quarter] = 0
    return photo


def channels_of(described: dict[str, Any]) -> int:
    """Channels of an `input` or `output` entry of config.json."""
    if described["kind"] == "labels":
        return len(Palette.from_json(described["palette"]))
    return {"edges": 1, "gray": 1, "ab": 2}.get(described["kind"], 3)
