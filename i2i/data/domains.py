"""Photos of several domains as a data set: a photo, and two references of a domain that it shall move to."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from i2i.data.index_csv import read_index
from i2i.data.layout import SUFFIXES, PrepareError, find_photos
from i2i.data.pictures import HELD_OUT
from i2i.data.unreadable import read_all
from i2i.images import levels_to_tensor, load_image

CACHE_LIMIT = 4 << 30  # bytes of decoded photos held in memory; larger sets are read from disk
FEWEST = 2  # photos of a domain in a split: references come in pairs
_LEAST_AREA = 0.8  # of a photo, that a random crop keeps
_ASPECT = 0.9, 1.1  # of a random crop, before it is resized to a square


@dataclass(frozen=True)
class DomainConfig:
    """Which photos are in which domain, and how they become items.

    Attributes:
        index: CSV file with the photos' paths in the column `file` and their domains in another; left empty, each
            subfolder is a domain.
        column: name of the column that holds the domains.
        domains: which of them, in this order; none for all, sorted by name.
        fit: how photos become square, crop (the centre) or stretch.
        crop: share of the training photos that is cropped at random, to 80 % of the area at least.
        flip: share of them that is mirrored.
        val_fraction: share of the photos kept for validation where there is no folder val (or valid, dev, test).
    """

    index: str = ""
    column: str = ""
    domains: tuple[str, ...] = ()
    fit: str = "crop"
    crop: float = 0.5
    flip: float = 0.5
    val_fraction: float = 0.1

    def __post_init__(self) -> None:
        if self.fit not in ("crop", "stretch"):
            raise ValueError(f"unknown fit {self.fit!r}: use crop or stretch")
        for name in ("crop", "flip", "val_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share from 0 to 1, got {getattr(self, name)}")
        if bool(self.index) != bool(self.column):
            raise ValueError("index and column belong together: a CSV file, and its column that holds the domains")
        if len(set(self.domains)) < len(self.domains):
            raise ValueError(f"a domain is named twice: {' '.join(self.domains)}")


def find_domains(root: str | os.PathLike, split: str, config: DomainConfig) -> dict[str, list[Path]]:
    """The photos of a split by domain.

    `root` holds one subfolder a domain, perhaps within folders `train` and `val` (or another of `HELD_OUT`); or photos
    anywhere, and `config.index` says which domain each belongs to. Its paths are relative to `root`, or to the CSV
    file.

    Raises:
        PrepareError: for fewer than two domains, a domain with fewer than two photos in this split, photos that are
            listed but not there, or names that do not exist; says what there is.
    """
    root = Path(root)
    if not root.is_dir():
        raise PrepareError(f"{root} is no folder: give a folder with one subfolder of photos for each domain")
    if split not in ("train", "val"):
        raise PrepareError(f"unknown split {split!r}: use train or val")
    apart = None
    if config.index:
        found = _from_index(root, config)
    else:
        apart = next((root / name for name in HELD_OUT if (root / name).is_dir()), None)
        inner = root / "train" if _divided(root) else root
        apart = apart if inner != root else None
        found = _from_folders(apart if apart and split == "val" else inner, config)
    if len(found) < 2:
        where = f"{config.index}, column {config.column}" if config.index else f"{root}, which should hold subfolders"
        raise PrepareError(f"two domains are the least, got {', '.join(found) or 'none'} in {where}")
    chosen = {
        name: files if apart else _held_out(files, root, split, config.val_fraction) for name, files in found.items()
    }
    for name, files in chosen.items():
        if len(files) < FEWEST:
            raise PrepareError(
                f"domain {name} has {len(files)} photos for the split {split} (of {len(found[name])}): "
                f"add photos, leave it out with --domains, or change --val-fraction"
            )
    return chosen


def _choose(names: Sequence[str], config: DomainConfig, where: str) -> list[str]:
    unknown = [name for name in config.domains if name not in names]
    if unknown:
        raise PrepareError(f"{where} has no domain {', '.join(unknown)}, only {', '.join(sorted(names)) or 'none'}")
    return list(config.domains) or sorted(names)


def _from_folders(folder: Path, config: DomainConfig) -> dict[str, list[Path]]:
    below = {p.name: p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")}
    found = {name: find_photos(below[name]) for name in _choose(below, config, str(folder))}
    empty = [name for name, files in found.items() if not files]
    if empty:
        raise PrepareError(f"{folder / empty[0]} holds no photos: looked for {' '.join(SUFFIXES)}")
    return found


def _from_index(root: Path, config: DomainConfig) -> dict[str, list[Path]]:
    path = next((p for p in (Path(config.index), root / config.index) if p.is_file()), None)
    if path is None:
        raise PrepareError(f"there is no file {config.index}, neither here nor in {root}")
    columns, rows = read_index(path)
    missing = [name for name in ("file", config.column) if name not in columns]
    if missing:
        raise PrepareError(f"{path} has no column {missing[0]!r}, only {', '.join(columns) or 'none'}")
    names = sorted({row[config.column] for row in rows if row[config.column]})
    found: dict[str, list[Path]] = {name: [] for name in _choose(names, config, f"{path}, column {config.column},")}
    lost = []
    for row in rows:
        if row[config.column] in found:
            file = next((p for p in (root / row["file"], path.parent / row["file"]) if p.is_file()), None)
            if file is None:
                lost.append(row["file"])
            else:
                found[row[config.column]].append(file)
    if lost:
        raise PrepareError(f"{path} lists {len(lost)} photos that are not in {root}, such as {lost[0]}")
    return {name: sorted(files) for name, files in found.items()}


def _divided(root: Path) -> bool:
    """Whether `train` is a part to train with: it holds folders, or nothing is beside it but parts to validate with. A
    domain may be called so, too.
    """
    if not (root / "train").is_dir():
        return False
    inside, beside = (
        {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
        for folder in (root / "train", root)
    )
    return bool(inside) or beside <= {"train", *HELD_OUT}


def _held_out(files: list[Path], root: Path, split: str, fraction: float) -> list[Path]:
    """One part of a domain's photos, by a hash of each one's name: adding photos never moves one to the other split.

    Where so few photos leave less than two to validate with, the nearest ones are; nearer ones may take their place.
    """

    def place(path: Path) -> float:
        return int.from_bytes(hashlib.sha256(os.fsencode(path.stem)).digest()[:8], "big") / 2**64

    by_place = sorted(files, key=place)
    count = sum(place(p) < fraction for p in files)
    if fraction > 0 and len(files) >= 2 * FEWEST:
        count = max(count, FEWEST)
    val = set(by_place[:count])
    return [p for p in files if (p in val) == (split == "val")]


class DomainDataset(Dataset):
    """Photos of several domains, each domain equally often, as items for keys (index, seed), or an index alone.

    Index i belongs to domain i mod K, so that every epoch shows each domain equally often, however many photos it has;
    the largest domain's photos come once, those of smaller ones again and again. Crops, mirroring, and which references
    come along follow from (seed, index) and from nothing else, so an item is the same whatever order, process or run
    asks for it.

    Args:
        root, split, config: see `find_domains`; "val" is neither cropped at random nor mirrored.
        size: side of the items, pixels.
        cache: hold the photos in memory, decoded; None: where they take less than 4 GB.

    Attributes:
        config: with the domains named; give it to the other split.
        domains: their names, in the order of their numbers.
        files: the photos of each.

    Raises:
        ValueError: as `find_domains`, and for photos that cannot be read.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        split: str = "train",
        size: int = 256,
        config: DomainConfig | None = None,
        cache: bool | None = None,
    ):
        self.root, self.split, self.size = Path(root), split, size
        found = find_domains(root, split, config or DomainConfig())
        self.domains, self.files = tuple(found), list(found.values())
        self.config = replace(config or DomainConfig(), domains=self.domains)
        self._augmented = split == "train"
        # A crop of 80 % of a photo that is kept at this size needs no enlarging.
        self.kept = round(size / _LEAST_AREA**0.5) if self._augmented and self.config.crop else size
        if cache is None:
            cache = self.photos * self.kept**2 * 3 < CACHE_LIMIT
        self._cached: dict[Path, np.ndarray] | None = None
        if cache:
            every = [path for files in self.files for path in files]
            self._cached = dict(zip(every, read_all(self._load, every, every), strict=True))

    @property
    def photos(self) -> int:
        """How many there are in all."""
        return sum(map(len, self.files))

    def describe(self) -> str:
        """The domains and how many photos each has, in words."""
        counts = zip(self.domains, self.files, strict=True)
        return ", ".join(f"{name} {len(files)}" for name, files in counts)

    def __len__(self) -> int:
        return len(self.domains) * max(map(len, self.files))

    def __getitem__(self, key: int | Sequence[int]) -> dict[str, Tensor]:
        """dict(x, domain, target, reference, reference2): photos float32 (3, S, S) in [-1, 1], domains int64 ().

        `target` is any domain, all being equally likely; the references are two different photos of it.
        """
        index, seed = (int(key[0]), int(key[1])) if isinstance(key, (tuple, list)) else (int(key), 0)
        if not -len(self) <= index < len(self):
            raise IndexError(f"got index {index}, the data set holds {len(self)} items")
        index %= len(self)
        rng = np.random.default_rng([seed % 2**64, index])
        domain, target = index % len(self.domains), int(rng.integers(len(self.domains)))
        files, place = self.files[domain], index // len(self.domains)
        # What is left of an epoch after whole rounds through a smaller domain is drawn, or its first photos would gain.
        if place >= max(map(len, self.files)) // len(files) * len(files):
            place = int(rng.integers(len(files)))
        first, further = int(rng.integers(len(self.files[target]))), int(rng.integers(1, len(self.files[target])))
        second = (first + further) % len(self.files[target])
        return {
            "x": self.photo(domain, place % len(files), rng),
            "domain": torch.tensor(domain),
            "target": torch.tensor(target),
            "reference": self.photo(target, first, rng),
            "reference2": self.photo(target, second, rng),
        }

    def photo(self, domain: int, place: int, rng: np.random.Generator | None = None) -> Tensor:
        """One photo, (3, S, S) in [-1, 1]; `rng` crops and mirrors training photos, without one they are whole."""
        path = self.files[domain][place]
        pixels = self._load(path) if self._cached is None else self._cached[path]
        if rng is not None and self._augmented:
            if rng.random() < self.config.crop:
                pixels = self._crop(pixels, rng)
            if rng.random() < self.config.flip:
                pixels = pixels[:, ::-1]
        return levels_to_tensor(_resize(pixels, self.size).transpose(2, 0, 1))

    def _crop(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A random part of a square photo."""
        side = len(pixels)
        area, aspect = rng.uniform(_LEAST_AREA, 1), np.exp(rng.uniform(*np.log(_ASPECT)))
        height = min(side, round(side * (area / aspect) ** 0.5))
        width = min(side, round(side * (area * aspect) ** 0.5))
        top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
        return pixels[top : top + height, left : left + width]

    def _load(self, path: Path) -> np.ndarray:
        """A photo as a square, uint8 (L, L, 3); L is its own shorter side where that lies between size and `kept`."""
        pixels = np.asarray(load_image(path))
        height, width = pixels.shape[:2]
        side = min(height, width)
        if self.config.fit == "crop":
            top, left = (height - side) // 2, (width - side) // 2
            pixels = pixels[top : top + side, left : left + side]
        return _resize(pixels, min(max(side, self.size), self.kept))


def _resize(pixels: np.ndarray, side: int) -> np.ndarray:
    """uint8 (H, W, 3) -> (side, side, 3): averaged where it shrinks, bicubic where it grows."""
    if pixels.shape[:2] == (side, side):
        return np.ascontiguousarray(pixels)
    how = cv2.INTER_AREA if min(pixels.shape[:2]) >= side else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(pixels), (side, side), interpolation=how)
