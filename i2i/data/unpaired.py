"""Two sets of pictures that have nothing to do with each other pair by pair (CycleGAN's data)."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from i2i.data.index_csv import read_index
from i2i.data.layout import SUFFIXES, PrepareError, find_photos
from i2i.data.paired import CACHE_LIMIT, PairedDataset
from i2i.data.pictures import HELD_OUT
from i2i.data.unreadable import read_all
from i2i.images import fit_square, levels_to_tensor, load_image

SPLITS = ("train", "val")
_INDEX = "index.csv"


@dataclass(frozen=True)
class UnpairedConfig:
    """How two folders become items.

    Attributes:
        select_a, select_b: which photos of the folder, COLUMN=VALUE or COLUMN=VALUE,VALUE,... of its index.csv, whose
            column `file` names them; left empty, all.
        jitter: pictures are enlarged by this factor and cropped at random, 286/256 in the paper; 1 for none.
        flip: share of the items that is mirrored.
        fit: how pictures become square, crop (the centre) or stretch.
        val_fraction: share of each folder kept for validation where there is no folder for it.
    """

    select_a: str = ""
    select_b: str = ""
    jitter: float = 286 / 256
    flip: float = 0.5
    fit: str = "crop"
    val_fraction: float = 0.1

    def __post_init__(self) -> None:
        if self.fit not in ("crop", "stretch"):
            raise ValueError(f"unknown fit {self.fit!r}: use one of crop, stretch")
        if not 1 <= self.jitter <= 2:
            raise ValueError(f"got jitter {self.jitter}, expected a factor from 1 (none) to 2")
        if not 0 < self.val_fraction < 1:
            raise ValueError(f"got val_fraction {self.val_fraction}, expected a share between 0 and 1")


def find_side(folder: str | os.PathLike, split: str, select: str = "", val_fraction: float = 0.1) -> list[Path]:
    """The photos of one side and split, sorted.

    A folder may be nested. If it holds `train` and `val` (or another of `HELD_OUT`), or is called trainA, say, with
    valA (or testA) beside it, these are the splits. Otherwise a hash of each path decides, so that adding photos never
    moves one from one split to the other, but where so few leave a split empty: it then gets the one that is nearest.

    Args:
        folder: one side. split: "train" or "val". select: as in `UnpairedConfig`.

    Raises:
        PrepareError: for a folder that is not there or has no photo for the split, or a selection that fits nothing.
    """
    folder = Path(folder)
    if split not in SPLITS:
        raise PrepareError(f"unknown split {split!r}: use train or val")
    if select:
        return _split(_selected(folder, select), folder, split, val_fraction, f"with {select}")
    inner = folder / "train" if (folder / "train").is_dir() else folder
    kept_apart = _kept_apart(inner)
    if kept_apart is None:
        _refuse_others(folder, inner)
        return _split(find_photos(inner), inner, split, val_fraction, f"(looked for {' '.join(SUFFIXES)})")
    chosen = inner if split == "train" else kept_apart
    found = find_photos(chosen)
    if not found:
        raise PrepareError(f"{chosen} holds no photos: looked for {' '.join(SUFFIXES)}")
    return found


def _refuse_others(folder: Path, inner: Path) -> None:
    """PrepareError where a subfolder `train`, which may be of a kind that is called so, would hide photos beside it."""
    other = next((path for path in find_photos(folder) if inner not in path.parents), None) if inner != folder else None
    if other is not None:
        raise PrepareError(
            f"{folder} holds train and, beside it, {other.relative_to(folder).as_posix()}: if train is a part to train "
            "with, put val beside it, or move the rest out of the folder; if not, rename it"
        )


def _kept_apart(folder: Path) -> Path | None:
    """The validation photos beside a folder of training photos: val or test for train, testA for trainA."""
    place = folder.resolve()
    if not place.name.startswith("train"):
        return None
    beside = [place.with_name(place.name.replace("train", kept, 1)) for kept in HELD_OUT]
    return next((path for path in beside if path.is_dir()), None)


def _split(files: list[Path], folder: Path, split: str, fraction: float, about: str) -> list[Path]:
    if len(files) < 2:
        raise PrepareError(f"{folder} holds {len(files)} photos {about}: at least 2 are needed, one to validate with")

    def place(path: Path) -> float:
        key = path.relative_to(folder).as_posix()
        return int.from_bytes(hashlib.sha256(os.fsencode(key)).digest()[:8], "big") / 2**64

    # At least one on either side, however small the folder.
    order = sorted(files, key=place)
    count = min(max(1, sum(place(path) < fraction for path in files)), len(files) - 1)
    val = set(order[:count])
    return [path for path in files if (path in val) == (split == "val")]


def _selected(folder: Path, select: str) -> list[Path]:
    """The files of a folder's index.csv that a selection names, sorted."""
    column, _, wanted = select.partition("=")
    values = {value.strip() for value in wanted.split(",") if value.strip()}
    if not values:
        raise PrepareError(f"got the selection {select!r}, expected COLUMN=VALUE or COLUMN=VALUE,VALUE")
    index = folder / _INDEX
    if not index.is_file():
        raise PrepareError(f"{folder} has no {_INDEX} to select {select} from: add one with the column file, or leave "
                           "the selection out")  # fmt: skip
    columns, rows = read_index(index)
    if "file" not in columns or column not in columns:
        raise PrepareError(f"{index} has the columns {', '.join(columns) or 'none'}: file and {column} are needed")
    counts = Counter(row[column] for row in rows)
    unknown = sorted(values - counts.keys())
    if unknown:
        known = ", ".join(f"{value} ({count})" for value, count in counts.most_common(20))
        raise PrepareError(f"{index} has no {column} {unknown[0]!r}: there are {known}")
    files = sorted({folder / row["file"] for row in rows if row[column] in values})
    gone = next((path for path in files if not path.is_file()), None)
    if gone is not None:
        raise PrepareError(f"{index} names {gone.relative_to(folder)}, which is not there: correct the index")
    return files


class PhotoSide(Dataset):
    """Photos as items for keys (index, seed): float32 (3, S, S) in [-1, 1].

    Photos may differ in size and mode; each is made square, as in serving. Crop and mirroring come from a generator
    keyed by (seed, index) and from nothing else.

    Args:
        files: the photos.
        size: side of the items, pixels.
        config: jitter, flip, fit.
        augmented: whether items are jittered and mirrored.
        cache: hold the photos in memory, decoded; None: where they take less than 2 GB.

    Raises:
        PrepareError: that names the photos which cannot be read; without a cache, only if one is no picture at all.
    """

    described: dict[str, Any] = {"kind": "photo"}
    channels = 3

    def __init__(
        self, files: list[Path], size: int, config: UnpairedConfig, augmented: bool, cache: bool | None = None
    ):
        self.files, self.size, self.config, self.augmented = files, size, config, augmented
        self.loaded = round(size * config.jitter) if augmented else size
        if cache is None:
            cache = len(files) * self.loaded**2 * 3 < CACHE_LIMIT // 2
        self._cached: list[np.ndarray] | None = None
        if cache:
            self._cached = read_all(self._load, files, files)
        else:
            # A run must not find out after hours that a file is no picture.
            read_all(_look, files, files)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, key: int | Sequence[int]) -> Tensor:
        index, seed = _key(key, len(self))
        pixels = self._load(self.files[index]) if self._cached is None else self._cached[index]
        if self.augmented:
            rng = np.random.default_rng([seed % 2**64, index])
            top, left = rng.integers(0, self.loaded - self.size + 1, 2)
            pixels = pixels[top : top + self.size, left : left + self.size]
            pixels = pixels[:, ::-1] if rng.random() < self.config.flip else pixels
        return levels_to_tensor(pixels.transpose(2, 0, 1))

    def _load(self, path: Path) -> np.ndarray:
        """uint8 (L, L, 3)."""
        return np.asarray(fit_square(load_image(path), self.loaded, self.config.fit))


def _look(path: Path) -> None:
    """Read a picture's header; ValueError where it has none."""
    try:
        with Image.open(path):
            pass
    except Exception:  # the header readers raise many kinds for broken files
        load_image(path)  # says in words what is wrong


class PairSide(Dataset):
    """One side of pairs as items for keys (index, seed): float32 (C, S, S), one-hot maps as -1 and +1.

    Args:
        pairs: both sides.
        side: "x" or "y".
    """

    def __init__(self, pairs: PairedDataset, side: str):
        self.pairs, self.side = pairs, side
        self.described = pairs.input if side == "x" else pairs.output
        self.channels = pairs.inputs if side == "x" else pairs.outputs
        if self.described["kind"] not in ("photo", "labels", "edges"):
            raise ValueError(
                f"{self.described['kind']} is no picture that can be translated back: use photo, labels or edges"
            )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: int | Sequence[int]) -> Tensor:
        picture = self.pairs[key][self.side]
        return picture * 2 - 1 if self.side == "x" and self.described["kind"] == "labels" else picture


class UnpairedDataset(Dataset):
    """Pictures of A and B, drawn apart: items dict(a, b) for keys (index, seed), or an index alone (seed 0).

    As long as the larger side. Training walks through that side, so that an epoch shows each of its pictures once, and
    draws from the other at random; validation walks through both, the smaller one again and again.

    Args:
        a, b: `PhotoSide` or `PairSide`.
        shuffled: draw the smaller side at random (training).
    """

    def __init__(self, a: Dataset, b: Dataset, shuffled: bool):
        self.a, self.b, self.shuffled = a, b, shuffled

    def __len__(self) -> int:
        return max(len(self.a), len(self.b))

    def __getitem__(self, key: int | Sequence[int]) -> dict[str, Tensor]:
        index, seed = _key(key, len(self))
        if not self.shuffled:
            return {"a": self.a[index % len(self.a)], "b": self.b[index % len(self.b)]}
        rng = np.random.default_rng([seed % 2**64, index])
        places = [index, int(rng.integers(min(len(self.a), len(self.b))))]
        # A seed for each side: strangers must not share crop and mirroring.
        seeds = rng.integers(2**62, size=2)
        if len(self.a) < len(self.b):
            places.reverse()
        return {"a": self.a[(places[0], int(seeds[0]))], "b": self.b[(places[1], int(seeds[1]))]}


def _key(key: int | Sequence[int], length: int) -> tuple[int, int]:
    """(index, seed) of a key; IndexError outside of the data set, which also ends iteration."""
    index, seed = (int(key[0]), int(key[1])) if isinstance(key, (tuple, list)) else (int(key), 0)
    if not -length <= index < length:
        raise IndexError(f"got index {index}, the data set holds {length} items")
    return index % length, seed


def unpaired_folders(
    a: str | os.PathLike, b: str | os.PathLike, split: str, size: int, config: UnpairedConfig, cache: bool | None = None
) -> UnpairedDataset:
    """Two folders of photos as a data set; see `find_side`.

    Raises:
        PrepareError: as `find_side`, or if both sides are the same photos, or share some.
        ValueError: as `PhotoSide`.
    """
    sides = [
        find_side(folder, split, select, config.val_fraction)
        for folder, select in ((a, config.select_a), (b, config.select_b))
    ]
    shared = {path.resolve() for path in sides[0]} & {path.resolve() for path in sides[1]}
    if shared:
        raise PrepareError(
            f"A and B share {len(shared)} photos, such as {min(shared).name}: give two folders, or choose from one by "
            "its index.csv with --select-a and --select-b"
        )
    train = split == "train"
    return UnpairedDataset(*(PhotoSide(files, size, config, train, cache) for files in sides), shuffled=train)


def unpaired_pairs(pairs: PairedDataset) -> UnpairedDataset:
    """Pairs taken apart: A is what they translate from, B what they translate to."""
    return UnpairedDataset(PairSide(pairs, "x"), PairSide(pairs, "y"), shuffled=pairs.split == "train")
