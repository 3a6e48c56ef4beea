"""What lies in a folder: photos, or ready pairs; and which half of a pair is the drawing."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image

from i2i.data.line_art import drawing_half, drawing_score
from i2i.data.pictures import HELD_OUT, SUFFIXES, PrepareError, find_photos, header_size, key_of, other_files
from i2i.data.two_folders import TwoFolders, find_two_folders

__all__ = [
    "LAYOUTS",
    "OPTIONS",
    "SUFFIXES",
    "Item",
    "PrepareError",
    "detect_layout",
    "drawing_score",
    "find_items",
    "find_photos",
    "other_files",
    "pictures_folder",
    "ready_pairs",
    "side_of",
    "split_sides",
]

LAYOUTS = ("photos", "side_by_side", "two_folders")
SIDES = ("left", "right")
_SPLITS = ("train", *HELD_OUT)
_ALMOST_ALL = 0.9  # share of A|B pairs from which on a folder is one of pairs, and what is no pair a mistake
# How messages spell the options below; scripts give the spelling of theirs.
OPTIONS = {
    "layout": "layout='{}'", "drawing_side": "drawing_side='{}'", "labels": "train/edges2photo.py --labels {}"
}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One training example to be: `key` is its path within the source folder.

    `photo` is the photo's file; `drawing` the file of a ready drawing, which may be the same file (`side`
    then says which half is the drawing), or None where the drawing is still to be made. `split` is "train" or "val"
    for a ready pair that lies in a folder of that name, or of `test`, beside another of them; else empty.
    """

    key: str
    photo: Path
    drawing: Path | None = None
    side: str | None = None
    split: str = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files the example is made of, each once."""
        return (self.photo,) if self.drawing in (None, self.photo) else (self.photo, self.drawing)


def ready_pairs(folder: str | os.PathLike) -> Path | None:
    """The folder of the pairs that `i2i.data.prepare` left in `folder`, or in the run folder `folder`; None where
    there are none.
    """
    made = (Path(folder) / "data", Path(folder))
    # The other commands say which they are.
    ours = (m for m in made if (m / "pairs").is_dir() and "command" not in _settings_of(m, {"command": ""}))
    return next((m / "pairs" for m in ours), None)


def pictures_folder(folder: str | os.PathLike) -> Path:
    """The folder of the pictures themselves where `i2i.data.prepare` made `folder`, or a run did: its pairs, or its
    drawings; without contact sheets and rejected drawings. Any other folder as it is.
    """
    folder = Path(folder)
    pairs = ready_pairs(folder)
    if pairs is not None:
        return pairs
    alone = folder / "drawings"
    return alone if _settings_of(folder).get("output") == "drawings" and alone.is_dir() else folder


def detect_layout(
    folder: str | os.PathLike,
    skip: str | os.PathLike | None = None,
    drawing_side: str = "auto",
    options: Mapping[str, str] = OPTIONS,
) -> str:
    """Tell what a folder holds.

    Pairs that are not whole are an error, since their drawings would else be trained on as photos.

    Args:
        folder, skip, drawing_side, options: as in `find_items`.

    Returns:
        "side_by_side" if every readable picture is twice as wide as high (A|B as in the pix2pix data sets);
        "two_folders" if there are exactly two subfolders, nothing beside them, both hold the same file stems,
        and one of them looks like drawings; otherwise "photos".

    Raises:
        PrepareError: for a folder of label maps, drawings alone, or a run without pairs; for pairs of which some are
            not whole, or whose drawings cannot be told. It says what to do.
    """
    folder = Path(folder)
    say_photos = options["layout"].format("photos")
    _refuse_what_is_neither(folder, options)
    base, files = _base(folder, find_photos(folder, skip))
    parts = {part: find_two_folders(part, _within(part, files), drawing_side) for part in _parts(base, files)}
    for part, found in parts.items():
        if found is not None:
            _refuse_unclear(part, found, options)
    if all(found is not None and found.drawings for found in parts.values()):
        return "two_folders"
    # Pairs in one subfolder of several, at any depth, would go in as photos, drawings and all.
    for below, inside in _folders_of_two(base, files).items():
        if below == base and base not in parts:  # train and val, which may share their names
            continue
        found = parts.get(below) or find_two_folders(below, inside, drawing_side)
        if found is not None and found.drawings:
            raise PrepareError(
                f"{below} holds drawings and photos of equal names, but there are other pictures beside it in {base}: "
                f"give {below} alone, or say {say_photos} to take every picture for a photo"
            )
    return "side_by_side" if _side_by_side(base, files, say_photos) else "photos"


def find_items(
    folder: str | os.PathLike,
    layout: str = "auto",
    drawing_side: str = "auto",
    skip: str | os.PathLike | None = None,
    options: Mapping[str, str] = OPTIONS,
) -> tuple[str, list[Item]]:
    """The layout of a folder and the examples in it, sorted.

    Two folders, or pairs side by side, may lie within `train`, `val` and `test`; where there is `train` and one of the
    others, the pairs keep to that split. Of a folder that `i2i.data.prepare` made, and of a run folder, the pairs are
    taken.

    Args:
        folder: source folder. skip: a folder inside it to leave out.
        layout: "auto", or one of `LAYOUTS`; "photos" takes every picture for a photo.
        drawing_side: for side-by-side pairs "left" or "right"; for two folders the name of the drawings'
            folder; "auto" decides by looking at the pictures.
        options: how messages spell `layout`, `drawing_side` and the way to train on label maps.

    Raises:
        PrepareError: for an unknown layout, no picture at all, sides that cannot be told apart, a side for what holds
            no pairs, or as `detect_layout`.
    """
    folder = Path(folder)
    if layout not in ("auto", *LAYOUTS):
        raise PrepareError(f"unknown layout {layout!r}: expected auto, {', '.join(LAYOUTS)}")
    files = find_photos(folder, skip)
    if not files:
        raise PrepareError(f"{folder} holds no photos: looked for {' '.join(SUFFIXES)} there and in its subfolders")
    if layout == "auto":
        layout = detect_layout(folder, skip, drawing_side, options)
    if layout == "photos":
        if drawing_side != "auto":
            raise PrepareError(
                f"{folder} is taken for photos without drawings, so {options['drawing_side'].format(drawing_side)} "
                "says nothing: leave it out, or say how the pairs lie with "
                + " or ".join(options["layout"].format(kind) for kind in LAYOUTS[1:])
            )
        return layout, [Item(key_of(folder, path), path) for path in files]
    base, files = _base(folder, files)
    if layout == "side_by_side":
        side = drawing_side if drawing_side != "auto" else drawing_half(files)
        if side is None:
            raise PrepareError(
                f"{folder}: the pictures are taken for pairs A|B side by side, but neither half is clearly the drawing "
                f"(white paper, black lines); say {options['drawing_side'].format('left')} or "
                f"{options['drawing_side'].format('right')}; {options['layout'].format('photos')} if these are wide "
                f"photos; or {options['labels'].format('PALETTE.json')} if one half is a label map"
            )
        if side not in SIDES:
            raise PrepareError(f"unknown drawing side {side!r}: expected left or right")
        kept = _split_of(_parts(base, files))
        splits = {path: split for part, split in kept.items() for path in _within(part, files)}
        return layout, [Item(key_of(folder, path), path, path, side, splits[path]) for path in files]
    items = []
    for part, split in _split_of(_parts(base, files)).items():
        found = find_two_folders(part, _within(part, files), drawing_side)
        if found is not None:
            _refuse_unclear(part, found, options)
        if found is None or not found.drawings:
            raise PrepareError(
                f"{part} is not a folder of two subfolders with the same file names, one of drawings and one of "
                "photos; name the drawings' folder 'drawing' and the other 'photo', or say which it is with "
                + options["drawing_side"].format("NAME")
            )
        place = "" if part == folder else f"{key_of(folder, part)}/"
        items += [Item(place + stem, photo, drawing, split=split) for stem, (drawing, photo) in found.pairs.items()]
    return layout, sorted(items, key=lambda item: item.key)


def side_of(items: list[Item]) -> str:
    """Where the drawings of ready pairs are: left, right, or the name of their folder; empty for photos alone."""
    first = items[0]
    if first.side is not None or first.drawing is None:
        return first.side or ""
    return next(a for a, b in zip(first.drawing.parts, first.photo.parts, strict=False) if a != b)


def split_sides(image: Image.Image, side: str) -> tuple[Image.Image, Image.Image]:
    """(drawing, photo) of a side-by-side picture whose drawing is on `side`."""
    half = image.width // 2
    left = image.crop((0, 0, half, image.height))
    right = image.crop((image.width - half, 0, image.width, image.height))
    return (left, right) if side == "left" else (right, left)


def _base(folder: Path, files: list[Path]) -> tuple[Path, list[Path]]:
    """The folder that the pairs lie in, and the files in it: contact sheets and rejected drawings are none."""
    base = ready_pairs(folder)
    return (folder, files) if base is None else (base, _within(base, files))


def _parts(base: Path, files: list[Path]) -> list[Path]:
    """The folders that may hold two folders of pairs each: train, val and test, or the one that is given."""
    names = {path.relative_to(base).parts[0] for path in files}
    return [base / name for name in sorted(names)] if names and names <= set(_SPLITS) else [base]


def _split_of(parts: list[Path]) -> dict[Path, str]:
    """Part -> the split of its pairs, empty where they are not divided yet. One who divided them before, as an earlier
    run did, has trained on one part and will measure on the other."""
    divided = len(parts) > 1 and "train" in {part.name for part in parts}
    return {part: ("train" if part.name == "train" else "val") if divided else "" for part in parts}


def _folders_of_two(base: Path, files: list[Path]) -> dict[Path, list[Path]]:
    """The folders within `base`, and it itself, with pictures in exactly two subfolders, and these pictures."""
    inside: dict[Path, list[Path]] = {}
    for path in files:
        for folder in path.relative_to(base).parents[1:]:  # not the one that it lies in itself
            inside.setdefault(base / folder, []).append(path)
    depth = len(base.parts)
    return {
        folder: found
        for folder, found in sorted(inside.items(), key=lambda item: (len(item[0].parts) - depth, item[0]))
        if len({path.relative_to(folder).parts[0] for path in found}) == 2
    }


def _within(folder: Path, files: list[Path]) -> list[Path]:
    return [path for path in files if folder in path.parents]


def _refuse_what_is_neither(folder: Path, options: Mapping[str, str]) -> None:
    """Label maps, drawings alone, and runs whose pairs lie elsewhere."""
    palette = folder / "palette.json"
    if palette.is_file():
        raise PrepareError(
            f"{palette} says that {folder} holds label maps, which are no photos: say "
            f"{options['labels'].format(palette)}, or {options['layout'].format('photos')} if there are only photos"
        )
    if ready_pairs(folder) is not None:
        return
    if (folder / "state" / "meta.pt").is_file() or (folder / "model" / "config.json").is_file():
        raise PrepareError(f"{folder} is a run folder and holds no pairs: give the folder of photos that it began with")
    if _settings_of(folder).get("output") == "drawings":
        raise PrepareError(
            f"{folder} holds drawings without their photos, made by prepare.py edges --layout drawings-only: give the "
            "folder of the photos"
        )


def _settings_of(folder: Path, missing: Mapping[str, Any] = MappingProxyType({})) -> Mapping[str, Any]:
    """What manifest.json tells of the run that made a folder; `missing` where there is none of ours."""
    try:
        settings = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return missing
    return settings if isinstance(settings, dict) else missing


def _refuse_unclear(folder: Path, found: TwoFolders, options: Mapping[str, str]) -> None:
    a, b = found.names
    say_photos = options["layout"].format("photos")
    if found.unclear:
        raise PrepareError(
            f"{folder}: {a} and {b} share their file names, as pairs of drawing and photo do, but {found.unclear}; say "
            f"{options['drawing_side'].format('NAME')} with the name of the drawings' folder, {say_photos} if both "
            f"hold photos, or {options['labels'].format('PALETTE.json')} if one holds label maps"
        )
    if found.drawings and found.odd:
        raise PrepareError(
            f"{folder}: {a} and {b} hold {len(found.pairs)} pairs of drawing and photo, but {len(found.odd)} "
            f"{'picture has' if len(found.odd) == 1 else 'pictures have'} no partner of the same name, such as "
            f"{found.odd[0]}: remove {'it' if len(found.odd) == 1 else 'them'}, name both alike, or say {say_photos} "
            "to take every picture for a photo"
        )


def _side_by_side(folder: Path, files: list[Path], say_photos: str) -> bool:
    """Whether every readable picture is an A|B pair; PrepareError where nearly all are."""
    pairs, others = 0, []
    for path in files:
        size = header_size(path)
        if size is None:
            continue
        if size[0] == 2 * size[1]:
            pairs += 1
            continue
        others.append((path, size))
        if len(others) > (1 - _ALMOST_ALL) * len(files):  # whatever the rest is
            return False
    if not others:
        return pairs > 0
    path, (width, height) = others[0]
    if pairs < _ALMOST_ALL * (pairs + len(others)):
        return False
    raise PrepareError(
        f"{folder}: {pairs} of {pairs + len(others)} pictures are twice as wide as high, as pairs A|B are, but "
        f"{len(others)} {'is' if len(others) == 1 else 'are'} not, such as {key_of(folder, path)} of "
        f"{width}x{height}: remove {'it' if len(others) == 1 else 'them'}, or say {say_photos} to take every picture "
        "for a photo"
    )
