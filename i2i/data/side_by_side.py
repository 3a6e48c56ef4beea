"""Pairs A|B in one picture, from and to two folders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import ClassVar
from unicodedata import normalize

from PIL import Image

from i2i.checks import check_choice
from i2i.data.formats import FORMATS, image_bytes
from i2i.data.layout import other_files
from i2i.data.reading import Picture, read_picture, why_unreadable
from i2i.data.tasks import PALETTE, Job, Outcome, Task, carry_palette, jobs_of_folder, pair_name, pictures_in, tree_name

LAYOUTS = ("folders", "side-by-side")


@dataclass(frozen=True)
class Combine(Task):
    """Join the pictures of two folders that have equal names: A on the left, B on the right.

    Attributes:
        format: of the results: png, webp or jpg.
    """

    command: ClassVar[str] = "combine"

    format: str = "png"

    def __post_init__(self) -> None:
        check_choice("format", self.format, FORMATS)

    def jobs(self, sources: tuple[Path, ...], out: Path) -> tuple[list[Job], list[str]]:
        jobs, ignored = partner_jobs(sources, out, pair_name)
        # It lies in the folder of the label maps, or beside both folders.
        beside_both = [sources[0].parent] if sources[0].resolve().parent == sources[1].resolve().parent else []
        palette = next((p for p in (f / PALETTE for f in (*sources, *beside_both)) if p.is_file()), None)
        if palette is not None:
            jobs.append(Job(PALETTE, (palette,), PALETTE))
            told = f"{_told_apart(sources).get(palette.parent)}/{PALETTE}"
            ignored = [name for name in ignored if name != told]
        return jobs, ignored

    def places(self, job: Job) -> tuple[str, ...]:
        return (PALETTE,) if job.key == PALETTE else super().places(job)

    def do(self, job: Job, contents: tuple[bytes, ...]) -> Outcome:
        if job.key == PALETTE:
            return Outcome({PALETTE: contents[0]})
        a, b = read_partners(job, contents)
        notes = a.notes + b.notes
        if a.image.size != b.image.size:
            sizes = [f"{p.image.width}x{p.image.height}" for p in (a, b)]
            why = f"A is {sizes[0]}, B is {sizes[1]}: resize both alike first"
            return Outcome(notes=notes, refused=("mismatch", why))
        return Outcome({f"{job.name}.{self.format}": image_bytes(beside(a.image, b.image), self.format)}, notes)


@dataclass(frozen=True)
class SplitPairs(Task):
    """Cut pictures A|B in two and put the halves into two folders.

    Attributes:
        direction: AtoB puts the left half into the first folder; BtoA the right half.
        names: of the two folders, such as edges photo.
        format: of the results: png, webp or jpg.
    """

    command: ClassVar[str] = "split-pairs"

    direction: str = "AtoB"
    names: tuple[str, ...] = ("A", "B")
    format: str = "png"

    def __post_init__(self) -> None:
        check_choice("direction", self.direction, ("AtoB", "BtoA"))
        check_names(self.names)
        check_choice("format", self.format, FORMATS)

    def jobs(self, sources: tuple[Path, ...], out: Path) -> tuple[list[Job], list[str]]:
        jobs, ignored = jobs_of_folder(sources[0], out, pair_name)
        carry_palette(sources[0], jobs, ignored)
        return jobs, ignored

    def places(self, job: Job) -> tuple[str, ...]:
        if job.key == PALETTE:
            return (PALETTE,)
        return pair_places(job.name, "folders", self.names, self.format)

    def do(self, job: Job, contents: tuple[bytes, ...]) -> Outcome:
        if job.key == PALETTE:
            return Outcome({PALETTE: contents[0]})
        picture = read_picture(contents[0], job.sources[0])
        width, height = picture.image.size
        if width % 2 or width < 2:
            return Outcome(notes=picture.notes, refused=("mismatch", f"it is {width} pixels wide: no two equal halves"))
        notes = picture.notes
        if width != 2 * height:
            notes += (f"the halves are {width // 2}x{height}, not square",)
        left = picture.image.crop((0, 0, width // 2, height))
        right = picture.image.crop((width // 2, 0, width, height))
        first, second = (left, right) if self.direction == "AtoB" else (right, left)
        return Outcome(pair_files(job.name, first, second, "folders", self.names, self.format), notes)


def partner_jobs(
    sources: tuple[Path, ...], out: Path, name_of: Callable[[str], str] = tree_name
) -> tuple[list[Job], list[str]]:
    """One job for every name in either of two folders; names are paths without suffix, in whichever of Unicode's
    normal forms they are written. Of files in one folder that only their suffixes tell apart, an unreadable one is
    a job of its own.

    Raises:
        PrepareError: for a folder that is not there or holds no pictures.
    """
    sides: list[dict[str, list[str]]] = []
    jobs = []
    called = _told_apart(sources)
    for source in sources:
        found: dict[str, list[str]] = {}
        for path in pictures_in(source, out):
            key = path.relative_to(source).as_posix()
            found.setdefault(normalize("NFC", tree_name(key)), []).append(key)
        for name, keys in found.items():
            wrong = {key: why_unreadable(source / key) for key in keys} if len(keys) > 1 else {}
            if not all(wrong.values()):
                found[name] = [key for key in keys if not wrong.get(key)]
                jobs += [
                    Job(f"{called[source]}/{key}", (source / key,), name_of(tree_name(key)), ("unreadable", why))
                    for key, why in wrong.items() if why
                ]  # fmt: skip
        sides.append(found)
    for normal in sorted(sides[0].keys() | sides[1].keys()):
        here = [side.get(normal, []) for side in sides]
        stem = tree_name(next(keys[0] for keys in here if keys))
        files = tuple(source / keys[0] for source, keys in zip(sources, here, strict=True) if keys)
        refused = None
        for source, keys in zip(sources, here, strict=True):
            if not keys:
                refused = ("lonely", f"{source} holds no picture of this name")
            elif len(keys) > 1:
                refused = ("clash", f"{source} holds {' and '.join(keys)}: remove all but one")
        jobs.append(Job(stem, files, name_of(stem), refused))
    return jobs, [f"{called[source]}/{name}" for source in sources for name in other_files(source, out)]


def _told_apart(folders: tuple[Path, ...]) -> dict[Path, str]:
    """What to call folders in messages: their names, with as many of the folders around them as tell them apart."""
    whole = [folder.absolute().parts for folder in folders]
    lengths = range(1, max(map(len, whole)) + 1)
    least = next((n for n in lengths if len({parts[-n:] for parts in whole}) == len(folders)), 1)
    return {folder: "/".join(parts[-least:]) for folder, parts in zip(folders, whole, strict=True)}


def read_partners(job: Job, contents: tuple[bytes, ...]) -> tuple[Picture, ...]:
    """The pictures of a job of `partner_jobs`, with notes that say whose they are.

    Raises:
        ValueError: that names the file that is unreadable.
    """
    read = []
    called = _told_apart(tuple(path.parent for path in job.sources))
    for path, content in zip(job.sources, contents, strict=True):
        side = f"{called[path.parent]}/{path.name}"
        try:
            picture = read_picture(content, path)
        except ValueError as error:
            raise ValueError(f"{side}: {error}") from error
        read.append(Picture(picture.image, tuple(f"{side}: {note}" for note in picture.notes)))
    return tuple(read)


def beside(a: Image.Image, b: Image.Image) -> Image.Image:
    """RGB (H, 2 W) of two pictures of one size."""
    both = Image.new("RGB", (a.width + b.width, a.height))
    both.paste(a, (0, 0))
    both.paste(b, (a.width, 0))
    return both


def pair_files(
    name: str, a: Image.Image, b: Image.Image, layout: str, names: tuple[str, ...], kind: str
) -> dict[str, bytes]:
    """The files of a pair, at `pair_places`."""
    images = (beside(a, b),) if layout == "side-by-side" else (a, b)
    places = pair_places(name, layout, names, kind)
    return {place: image_bytes(image, kind) for place, image in zip(places, images, strict=True)}


def pair_places(name: str, layout: str, names: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """A/name and B/name, or A|B as name; a split in front of the name stays in front."""
    if layout == "side-by-side":
        return (f"{name}.{kind}",)
    place = PurePosixPath(name)
    return tuple((place.parent / folder / f"{place.name}.{kind}").as_posix() for folder in names)


def check_names(names: tuple[str, ...]) -> None:
    """Raise a ValueError unless these are names for two folders."""
    plain = all(name and "/" not in name and "\\" not in name and not name.startswith(".") for name in names)
    if len(names) != 2 or names[0] == names[1] or not plain:
        raise ValueError(f"got the folder names {' '.join(names)}, expected two different plain names such as A B")
