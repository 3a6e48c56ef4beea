"""What a folder of pairs (A, B) holds: its layout, its splits, and the kinds of its two sides."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from unicodedata import normalize

import numpy as np

from i2i.data.layout import SUFFIXES, PrepareError, drawing_score
from i2i.data.pictures import HELD_OUT, find_photos, header_size, key_of
from i2i.images import load_image

# Kind of picture -> what its file holds.
KINDS = {"edges": "edges", "labels": "labels", "photo": "photo", "gray": "photo", "ab": "photo", "hole": "photo"}
# Folder names of two-folder pairs; A and B, as in the published pix2pix archives, are understood too.
FOLDERS = {
    "edges": ("edges", "edge", "drawing", "drawings", "sketch", "sketches"),
    "labels": ("labels", "label"),
    "photo": ("photo", "photos", "image", "images"),
}


@dataclass(frozen=True)
class PairedConfig:
    """What a folder of pairs holds and how its pictures become items.

    Attributes:
        a, b: what the left half (or folder A) and the right half (or folder B) hold, edges, labels or photo; gray, ab
            (lightness, and colour in Lab) and hole (the centre is missing) are made from photos; auto finds out.
        direction: AtoB or BtoA; auto translates from edges or labels to photos.
        palette: JSON file with names and colours of the labels; left empty, palette.json beside the pairs.
        jitter: pictures are enlarged by this factor and cropped at random, 286/256 in the paper; 1 for none.
        flip: share of the items that is mirrored.
        fit: how pictures become square, crop (the centre) or stretch (as the paper does).
        val_fraction: share of the pairs kept for validation where there is no folder val (or valid, dev, test).
    """

    a: str = "auto"
    b: str = "auto"
    direction: str = "auto"
    palette: str = ""
    jitter: float = 286 / 256
    flip: float = 0.5
    fit: str = "crop"
    val_fraction: float = 0.1

    def __post_init__(self) -> None:
        kinds = ("auto", *KINDS)
        choices = {"a": kinds, "b": kinds, "direction": ("auto", "AtoB", "BtoA"), "fit": ("crop", "stretch")}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}: use one of {', '.join(known)}")
        if not 1 <= self.jitter <= 2:
            raise ValueError(f"got jitter {self.jitter}, expected a factor from 1 (none) to 2")
        if not 0 <= self.flip <= 1:
            raise ValueError(f"got flip {self.flip}, expected a share from 0 to 1")
        if not 0 <= self.val_fraction < 1:
            raise ValueError(f"got val_fraction {self.val_fraction}, expected a share from 0 to below 1")

    @property
    def one_photo(self) -> bool:
        """Whether both sides are made from one and the same photo, so that a folder of photos is enough."""
        pair = (self.a, self.b)
        return all(KINDS.get(kind) == "photo" for kind in pair) and pair != ("photo", "photo")


@dataclass(frozen=True)
class Example:
    """One pair: the files of A and B; where they are the same file, `halves` says that A is its left half."""

    key: str
    a: Path
    b: Path
    halves: bool = False


def find_examples(root: str | os.PathLike, split: str, config: PairedConfig) -> tuple[list[Example], PairedConfig]:
    """The pairs of a split, sorted by key, and the configuration with every "auto" resolved.

    `root` holds pictures A|B side by side; or two folders with equal file stems; or photos alone where both sides are
    made from them; each of these perhaps within folders `train` and `val` (or another of `HELD_OUT`), or, to measure
    with, in one of the latter alone. The run folder of `train/edges2photo.py`, and its `data` folder, are understood
    too.

    Raises:
        PrepareError: that names the folder, what was found, and what was expected.
    """
    root = Path(root)
    if not root.is_dir():
        raise PrepareError(f"{root} is no folder: give a folder of pairs")
    base = next(p for p in (root / "data" / "pairs", root / "pairs", root) if p.is_dir())
    if split not in ("train", "val"):
        raise PrepareError(f"unknown split {split!r}: use train or val")
    kept_apart = next((base / name for name in HELD_OUT if (base / name).is_dir()), None)
    folders = {p.name for p in _visible(base) if p.is_dir()}
    alone = kept_apart is not None and folders <= set(HELD_OUT) and not _pictures(base)
    if alone and split == "train":
        raise PrepareError(f"{base} holds {kept_apart.name} alone, pairs to measure with: put others into {base}/train")
    if alone or (kept_apart is not None and (base / "train").is_dir()):
        examples, config = _in_folder(base / "train" if split == "train" else kept_apart, config)
    else:
        examples, config = _in_folder(base / "train" if (base / "train").is_dir() else base, config)
        examples = _held_out(examples, split, config.val_fraction)
    if not examples:
        raise PrepareError(f"{base} has no pairs for the split {split}: check the folder, and --val-fraction")
    if config.direction == "auto":
        drawn = ("labels", "edges", "gray", "hole")
        back = config.b in drawn and config.a not in drawn
        config = replace(config, direction="BtoA" if back else "AtoB")
    if not config.palette and "labels" in (config.a, config.b):
        known = [p / "palette.json" for p in (root, base, base.parent) if (p / "palette.json").is_file()]
        if not known:
            raise PrepareError(
                f"{root} has label maps but no palette.json: give --palette FILE, or take the maps as plain pictures "
                "with --a photo --b photo"
            )
        config = replace(config, palette=str(known[0]))
    return examples, config


def _held_out(examples: list[Example], split: str, fraction: float) -> list[Example]:
    """One part of the pairs, by a hash of each key: adding pairs never moves one from one split to the other.

    Where so few pairs leave none to validate with, the nearest one is; one that is nearer may take its place.
    """

    def place(example: Example) -> float:
        return int.from_bytes(hashlib.sha256(os.fsencode(example.key)).digest()[:8], "big") / 2**64

    val = {e.key for e in examples if place(e) < fraction}
    if not val and fraction > 0 and len(examples) > 1:
        val = {min(examples, key=place).key}
    return [e for e in examples if (e.key in val) == (split == "val")]


def _visible(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if not p.name.startswith("."))


def _pictures(folder: Path) -> dict[str, Path]:
    """stem -> file of the pictures in a folder."""
    found: dict[str, Path] = {}
    for path in _visible(folder):
        if path.suffix.lower() in SUFFIXES:
            if path.stem in found:
                raise PrepareError(f"{folder} holds {found[path.stem].name} and {path.name}: remove one of the two")
            found[path.stem] = path
    return found


def _flat_pictures(folder: Path) -> dict[str, Path]:
    """`_pictures`, of a folder without any in subfolders: passed over, they would be missed."""
    below = [path for path in find_photos(folder) if path.parent != folder]
    # Thumbnails of network drives lie in folders such as @eaDir.
    nested = next((path for path in below if "@" not in {part[0] for part in path.relative_to(folder).parts}), None)
    if nested is not None:
        raise PrepareError(
            f"{folder} holds pictures in subfolders too, such as {key_of(folder, nested)}, which would be passed over: "
            "give the pairs in one folder, or move the others out of it"
        )
    return _pictures(folder)


def _nested_photos(folder: Path) -> dict[str, Path]:
    """Path within the folder without suffix -> file of the photos in a folder and its subfolders."""
    found: dict[str, Path] = {}
    for path in find_photos(folder):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in found:
            raise PrepareError(f"{path.parent} holds {found[stem].name} and {path.name}: remove one of the two")
        found[stem] = path
    return found


def _in_folder(folder: Path, config: PairedConfig) -> tuple[list[Example], PairedConfig]:
    below = {p.name: p for p in _visible(folder) if p.is_dir()}
    if config.one_photo:
        photos = next((below[name] for name in FOLDERS["photo"] if name in below), folder)
        # Beside folders that stand for sides or splits, what lies deeper is not simply more photos.
        told = {"A", "B", "train", *HELD_OUT, *(name for names in FOLDERS.values() for name in names)}
        files = _nested_photos(photos) if photos != folder or not told & below.keys() else _pictures(folder)
        if not files and "B" in below:
            raise PrepareError(
                f"{folder} holds no photos but pairs, and {config.a} and {config.b} are made of one photo: leave "
                f"--recipe, --a and --b out to train on the pairs, or give the whole photos alone, such as {below['B']}"
            )
        if not files:
            raise PrepareError(f"{photos} holds no photos: looked for {' '.join(SUFFIXES)}")
        if photos == folder:
            _refuse_pairs(folder, list(files.values()), config)
        return [Example(stem, path, path) for stem, path in files.items()], config
    sides = _two_folders(below, config)
    if sides is not None:
        (kind_a, a), (kind_b, b) = sides
        config = replace(config, a=kind_a, b=kind_b)
        # Some systems write é as one sign, others as two.
        files_a, files_b = (
            {normalize("NFC", stem): path for stem, path in _flat_pictures(below[side]).items()} for side in (a, b)
        )
        lonely = sorted(files_a.keys() ^ files_b.keys())
        if lonely:
            raise PrepareError(
                f"{folder}: {len(lonely)} pictures of {a} and {b} have no partner of the same name, such as "
                f"{lonely[0]}: remove them, or name both alike"
            )
        examples = [Example(path.stem, path, files_b[stem]) for stem, path in files_a.items()]
        if not examples:
            raise PrepareError(f"{below[a]} holds no pictures: looked for {' '.join(SUFFIXES)}")
        return examples, _look(examples, config)
    files = _flat_pictures(folder) if _pictures(folder) else {}
    if not files and "model" in below and "state" in below:
        raise PrepareError(f"{folder} is a run folder and holds no pairs: give the folder of pairs that it began with")
    if not files:
        kinds = {KINDS.get(kind) for kind in (config.a, config.b)}
        named = " and ".join(sorted(kinds)) if None not in kinds and len(kinds) == 2 else f"two of {', '.join(FOLDERS)}"
        raise PrepareError(
            f"{folder} holds no pairs: expected pictures A|B side by side, or two folders with equal file names (A and "
            f"B, or {named}); found the folders {', '.join(below) or 'none'} and no pictures"
        )
    for path in files.values():
        # What cannot be read is named with all others like it, when pictures are read.
        width, height = header_size(path) or (2, 1)
        if width != 2 * height and config.fit != "stretch":
            raise PrepareError(
                f"{path} is {width}x{height}, which is no pair A|B of squares: use --fit stretch for halves that are "
                "not square; photos alone are for pix2pix.py --recipe bw2color or inpainting"
            )
    examples = [Example(stem, path, path, halves=True) for stem, path in files.items()]
    return examples, _look(examples, config)


def _refuse_pairs(folder: Path, files: list[Path], config: PairedConfig) -> None:
    """PrepareError where nearly all of the photos have the shape of pairs A|B, whose seam would be learned."""
    some = files[:: max(1, len(files) // 64)]
    sizes = (header_size(path) or (1, 1) for path in some)
    wide = sum(width == 2 * height for width, height in sizes)
    if wide > 0.9 * len(some):
        raise PrepareError(
            f"{folder} holds pictures twice as wide as high, as pairs A|B are, but {config.a} and {config.b} are both "
            "made from one photo: take the right halves with train/prepare.py split-pairs PAIRS --names other photo "
            "--out OUT (--direction BtoA: the left ones) and give OUT; if these are wide photos, put them into a "
            "folder called photo"
        )


def _two_folders(below: dict[str, Path], config: PairedConfig) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """((kind, folder) of A, the same of B), or None where there are no two such folders."""
    if "A" in below and "B" in below:
        return (config.a, "A"), (config.b, "B")
    named = {kind: next((n for n in names if n in below), None) for kind, names in FOLDERS.items()}
    found = {kind: name for kind, name in named.items() if name is not None}
    # As the published archives order them: drawing|shoe, but facade|labels.
    published = ["photo", "labels"] if "labels" in found else ["edges", "photo"]
    wanted = [config.a, config.b]
    if wanted == ["auto", "auto"]:
        wanted = published
    elif "auto" in wanted:
        known = KINDS[next(k for k in wanted if k != "auto")]
        rest = next((k for k in found if k != known), "photo")
        wanted = [rest if k == "auto" else k for k in wanted]
    # Two photos: the maps or drawings of the other folder are taken as plain pictures.
    folders = published if wanted == ["photo", "photo"] else [KINDS[k] for k in wanted]
    if any(f not in found for f in folders) or folders[0] == folders[1]:
        return None
    return (wanted[0], found[folders[0]]), (wanted[1], found[folders[1]])


def _look(examples: list[Example], config: PairedConfig) -> PairedConfig:
    """What is still "auto" is edges where most of the pictures look like line art, else photos."""
    kinds = {"a": config.a, "b": config.b}
    for side in (name for name, kind in kinds.items() if kind == "auto"):
        votes = []
        for example in examples[:: max(1, len(examples) // 16)]:
            try:
                pixels = np.asarray(load_image(example.a if side == "a" else example.b))
            except ValueError:  # named with all others like it, when pictures are read
                continue
            if example.halves:
                half = pixels.shape[1] // 2
                pixels = pixels[:, :half] if side == "a" else pixels[:, half:]
            votes.append(drawing_score(pixels) >= 0.75)
        kinds[side] = "edges" if sum(votes) > 0.6 * len(votes) else "photo"
    return replace(config, **kinds)
