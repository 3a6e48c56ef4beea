"""What lies in a folder: photos, or ready pairs; and which half of a pair is the drawing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from i2i.images import load_image

# The last three are reported as unreadable where Pillow lacks their codec, instead of being overlooked.
SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"),
    *(".avif", ".heic", ".heif"),
)
LAYOUTS = ("photos", "side_by_side", "two_folders")
SIDES = ("left", "right")
_SAMPLES = 24  # pictures looked at to tell drawings from photos


class PrepareError(ValueError):
    """A data folder that cannot be used; the message is one line that says why and what to do."""


@dataclass(frozen=True)
class Item:
    """One training example to be: `key` is its path within the source folder.

    `photo` is the photo's file; `drawing` the file of a ready drawing, which may be the same file (`side`
    then says which half is the drawing), or None where the drawing is still to be made.
    """

    key: str
    photo: Path
    drawing: Path | None = None
    side: str | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files the example is made of, each once."""
        return (self.photo,) if self.drawing in (None, self.photo) else (self.photo, self.drawing)


def find_photos(folder: str | os.PathLike, skip: str | os.PathLike | None = None) -> list[Path]:
    """All pictures in a folder and its subfolders, sorted by path.

    Files are told by their suffix (any case), see `SUFFIXES`. Hidden files and folders are ignored, and so is the
    folder `skip` (results written inside the source).

    Raises:
        PrepareError: if the folder does not exist or is a file.
    """
    folder = Path(folder)
    found = [path for path in _files(folder, skip) if path.name.lower().endswith(SUFFIXES)]
    return sorted(found, key=lambda path: _key(folder, path))


def other_files(folder: str | os.PathLike, skip: str | os.PathLike | None = None) -> list[str]:
    """Paths within a folder of the files that `find_photos` passes over because of their suffix, sorted.

    Raises:
        PrepareError: as `find_photos`.
    """
    folder = Path(folder)
    return sorted(_key(folder, path) for path in _files(folder, skip) if not path.name.lower().endswith(SUFFIXES))


def _files(folder: Path, skip: str | os.PathLike | None) -> list[Path]:
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise PrepareError(f"{folder} {what}: give a folder of photos")
    skipped = Path(skip).resolve() if skip is not None else None
    found, seen = [], set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = Path(place).resolve()
        if real in seen or (real == skipped and real != folder.resolve()):
            folders.clear()  # a loop of links, or our own results
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place) / name for name in files if not name.startswith(".")]
    return found


def detect_layout(folder: str | os.PathLike, skip: str | os.PathLike | None = None) -> str:
    """Tell what a folder holds.

    Returns:
        "side_by_side" if every readable picture is twice as wide as high (A|B as in the pix2pix data sets);
        "two_folders" if there are exactly two subfolders, nothing beside them, both hold the same file stems,
        and one of them looks like drawings; otherwise "photos".
    """
    folder = Path(folder)
    files = find_photos(folder, skip)
    if _two_folders(folder, files) is not None:
        return "two_folders"
    readable = 0
    for size in map(_header_size, files):  # stops at the first that is no pair
        if size is not None and size[0] != 2 * size[1]:
            return "photos"
        readable += size is not None
    return "side_by_side" if readable else "photos"


def find_items(
    folder: str | os.PathLike,
    layout: str = "auto",
    drawing_side: str = "auto",
    skip: str | os.PathLike | None = None,
) -> tuple[str, list[Item]]:
    """The layout of a folder and the examples in it, sorted.

    Args:
        folder: source folder. skip: a folder inside it to leave out.
        layout: "auto", or one of `LAYOUTS`.
        drawing_side: for side-by-side pairs "left" or "right"; for two folders the name of the drawings'
            folder; "auto" decides by looking at the pictures.

    Raises:
        PrepareError: for an unknown layout, no picture at all, or sides that cannot be told apart.
    """
    folder = Path(folder)
    if layout not in ("auto", *LAYOUTS):
        raise PrepareError(f"unknown layout {layout!r}: expected auto, {', '.join(LAYOUTS)}")
    files = find_photos(folder, skip)
    if not files:
        raise PrepareError(
            f"{folder} holds no photos: looked for {' '.join(SUFFIXES)} there and in its subfolders"
        )
    if layout == "auto":
        layout = detect_layout(folder, skip)
    if layout == "photos":
        return layout, [Item(_key(folder, path), path) for path in files]
    if layout == "side_by_side":
        side = drawing_side if drawing_side != "auto" else _drawing_half(folder, files)
        if side not in SIDES:
            raise PrepareError(f"unknown drawing side {side!r}: expected left or right")
        return layout, [Item(_key(folder, path), path, path, side) for path in files]
    halves = _two_folders(folder, files, drawing_side)
    if halves is None:
        raise PrepareError(
            f"{folder} is not a folder of two subfolders with the same file names, one of drawings "
            "and one of photos; name the drawings' folder 'drawing' and the other 'photo'"
        )
    drawings, photos = halves
    return layout, [Item(stem, photos[stem], drawings[stem]) for stem in sorted(photos)]


def _key(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _header_size(path: Path) -> tuple[int, int] | None:
    try:
        with Image.open(path) as image:  # reads the header alone
            return image.size
    except Exception:  # whatever a broken header raises: the file is reported when its pixels are read
        return None


def _two_folders(folder: Path, files: list[Path], drawings: str = "auto") -> tuple[dict, dict] | None:
    """({stem: drawing}, {stem: photo}) of exactly two subfolders with equal stems, else None."""
    groups: dict[str, dict[str, Path]] = {}
    for path in files:
        parts = path.relative_to(folder).parts
        if len(parts) < 2:
            return None
        stem = Path(*parts[1:]).with_suffix("").as_posix()
        group = groups.setdefault(parts[0], {})
        if stem in group:
            return None
        group[stem] = path
    if len(groups) != 2:
        return None
    (name_a, a), (name_b, b) = groups.items()
    if a.keys() != b.keys():
        return None
    if drawings != "auto":
        return {name_a: (a, b), name_b: (b, a)}.get(drawings)
    stems = _sample(sorted(a))
    votes_a = sum(1 for stem in stems if _file_is_drawing(a[stem]))
    votes_b = sum(1 for stem in stems if _file_is_drawing(b[stem]))
    if max(votes_a, votes_b) < 0.6 * len(stems):
        return None  # two folders of photos whose names happen to be equal
    if votes_a == votes_b:
        # Both look like drawings, say photos of products on white in black and white: the names decide.
        named = [
            any(word in name.lower() for word in ("edge", "draw", "sketch", "line"))
            for name in (name_a, name_b)
        ]
        if named[0] == named[1]:
            return None
        return (a, b) if named[0] else (b, a)
    return (a, b) if votes_a > votes_b else (b, a)


def _sample(names: list) -> list:
    return names[:: max(1, len(names) // _SAMPLES)][:_SAMPLES]


def _file_is_drawing(path: Path) -> bool:
    try:
        return drawing_score(np.asarray(load_image(path))) >= 0.75
    except ValueError:
        return False


def drawing_score(pixels: np.ndarray) -> float:
    """How much a picture looks like line art, 0 to 1: the share of colourless pixels that are nearly black or
    white, less what one of the two does not clearly outweigh (paper covers most of a drawing).

    Args:
        pixels: uint8 (H, W, 3).
    """
    values = pixels.astype(np.int16)
    colourless = values.max(2) - values.min(2) < 24
    grey = values.mean(2)
    light, dark = np.mean((grey > 225) & colourless), np.mean((grey < 30) & colourless)
    if light + dark == 0:
        return 0.0
    most = max(light, dark) / (light + dark)
    return float((light + dark) * min(1.0, most / 0.75))


def _drawing_half(folder: Path, files: list[Path]) -> str:
    votes = {"left": 0, "right": 0}
    sample = _sample(files)
    for path in sample:
        try:
            pixels = np.asarray(load_image(path))
        except ValueError:
            continue
        half = pixels.shape[1] // 2
        left, right = drawing_score(pixels[:, :half]), drawing_score(pixels[:, half:])
        if max(left, right) >= 0.75 and left != right:
            votes["left" if left > right else "right"] += 1
    best = max(votes, key=votes.get)
    if votes[best] < 0.6 * len(sample):
        raise PrepareError(
            f"{folder}: the pictures are twice as wide as high, but neither half is clearly the drawing "
            "(white paper, black lines); say drawing_side='left' or 'right', or layout='photos'"
        )
    return best


def split_sides(image: Image.Image, side: str) -> tuple[Image.Image, Image.Image]:
    """(drawing, photo) of a side-by-side picture whose drawing is on `side`."""
    half = image.width // 2
    left = image.crop((0, 0, half, image.height))
    right = image.crop((image.width - half, 0, image.width, image.height))
    return (left, right) if side == "left" else (right, left)
