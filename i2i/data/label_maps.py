"""Label maps against a palette: clean palette PNGs, or the list of the colours that are no class."""

from __future__ import annotations

import colorsys
import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt

from i2i.data.formats import image_bytes
from i2i.data.grey_maps import any_grey_from
from i2i.data.layout import PrepareError
from i2i.data.out_folder import refuse_to_overwrite
from i2i.data.reading import read_stored
from i2i.data.records import write_atomically
from i2i.data.tasks import PALETTE, Job, Outcome, Task, jobs_of_folder, pair_name, pictures_in
from i2i.images import load_image
from i2i.palette import TOLERANCE, Palette

LISTED = 20  # unknown colours that a record names
_RARE = 2e-4  # share of all pixels below which a colour is no class of its own
_MOST_INDICES = 64  # grey maps with no level above this hold class indices


@dataclass(frozen=True)
class LabelOptions:
    """Check label maps against a palette and write them as palette PNGs.

    Attributes:
        palette: JSON file with names and colours of the classes; left empty, palette.json in the folder of the maps,
            else the one of an earlier run, else one made of the colours that occur.
        tolerance: largest distance in RGB, levels, at which a colour still is a class.
        border: unknown colours at most this many pixels away from a known one become that class, which mends
            antialiased borders (1 or 2) and those of JPEGs (8); 0 refuses them.
    """

    palette: str = ""
    tolerance: float = TOLERANCE
    border: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < math.inf or self.border < 0:
            raise ValueError(f"got tolerance {self.tolerance} and border {self.border}, expected 0 or more")

    def task(self, source: Path, out: Path) -> tuple[LabelMaps, str]:
        """The task with its palette, and where that came from.

        Raises:
            ValueError: for a palette that cannot be read, maps that none can be made of, or another palette in `out`
                that no earlier run put there.
        """
        for path in [Path(self.palette)] if self.palette else [source / PALETTE, out / PALETTE]:
            if self.palette or path.is_file():
                palette = Palette.load(path)
                if not (out / "manifest.json").exists() and path.resolve() != (out / PALETTE).resolve():
                    refuse_to_overwrite(out, [PALETTE], ())
                return self._of(palette, source, out), str(path)
        palette = collect_palette(pictures_in(source, out), self.tolerance)
        return self._of(palette, source, out), "made of the colours that occur: give the classes names"

    def _of(self, palette: Palette, source: Path, out: Path) -> LabelMaps:
        indices = not any_grey_from(pictures_in(source, out), len(palette))
        return LabelMaps(palette, self.tolerance, self.border, indices)


@dataclass(frozen=True)
class LabelMaps(Task):
    """The task of `LabelOptions`, with the palette itself.

    Attributes:
        indices: whether grey maps with low levels alone hold class indices: not where others of the folder are colours.
            An empty mask of a folder of black and white ones is black, whichever class that is.
    """

    command: ClassVar[str] = "labels"

    palette: Palette
    tolerance: float = TOLERANCE
    border: int = 0
    indices: bool = True

    def settings(self) -> dict[str, Any]:
        # Names may be given later: the maps stay the same.
        return {
            "command": self.command, "colours": [list(c) for c in self.palette.colours],
            "tolerance": self.tolerance, "border": self.border,
        } | ({} if self.indices else {"indices": False})  # fmt: skip

    def jobs(self, sources: tuple[Path, ...], out: Path) -> tuple[list[Job], list[str]]:
        jobs, ignored = jobs_of_folder(sources[0], out, pair_name)
        return jobs, [name for name in ignored if name != PALETTE]

    def places(self, job: Job) -> tuple[str, ...]:
        place = PurePosixPath(job.name)
        return ((place.parent / "labels" / f"{place.name}.png").as_posix(),)  # a side of a pair, beside a folder photo

    def do(self, job: Job, contents: tuple[bytes, ...]) -> Outcome:
        picture = read_stored(contents[0], job.sources[0])
        try:
            classes, distance = self.palette.nearest(picture.image, self.indices)
        except ValueError as error:
            return Outcome(notes=picture.notes, refused=("unknown colours", str(error)))
        classes, mended, lost = mend(classes, distance > self.tolerance, self.border)
        if lost.any():
            unknown = _colours_at(picture.image, lost)
            listed = [[f"#{colour:06x}", n] for colour, n in unknown.most_common(LISTED)]
            first = ", ".join(f"{colour} ({n} px)" for colour, n in listed[:3])
            more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
            why = f"{len(unknown)} colours ({lost.mean():.1%} of the pixels) are not in the palette: {first}{more}"
            return Outcome(notes=picture.notes, facts={"unknown": listed}, refused=("unknown colours", why))
        counts = np.bincount(classes.ravel(), minlength=len(self.palette)).tolist()
        notes = picture.notes + ((f"{mended} pixels at borders became the class beside them",) if mended else ())
        image = self.palette.image(classes)
        (path,) = self.places(job)
        return Outcome({path: image_bytes(image, "png")}, notes, {"pixels": counts})


def mend(classes: np.ndarray, unsure: np.ndarray, border: int) -> tuple[np.ndarray, int, np.ndarray]:
    """Give unsure pixels the class of the nearest sure one, if that is close.

    Args:
        classes: (H, W) class indices. unsure: bool (H, W). border: the largest distance, pixels.

    Returns:
        (classes, number of pixels mended, bool (H, W) of those that stay unsure).
    """
    if not unsure.any() or border == 0 or unsure.all():
        return classes, 0, unsure
    apart, (rows, columns) = distance_transform_edt(unsure, return_indices=True)
    lost = apart > border
    return classes[rows, columns], int(np.count_nonzero(unsure & ~lost)), lost


def collect_palette(files: Iterable[Path], tolerance: float = TOLERANCE) -> Palette:
    """Make a palette of the colours that label maps hold, the most frequent first.

    Colours within the tolerance of a more frequent one, and very rare ones, are no classes of their own. Of maps that
    hold class indices, dark grey pictures, each index becomes a class with a made-up colour.

    Raises:
        PrepareError: if no map is readable, or there are more than 256 colours.
    """
    counts = np.zeros(1 << 24, np.int64)
    indices_only, most = True, 0
    for path in files:
        try:
            image = read_stored(path.read_bytes(), path).image
        except (ValueError, OSError):
            continue  # reported when the map itself is read
        if image.mode == "L" and indices_only:
            most = max(most, int(np.asarray(image).max()))
        else:
            indices_only = False
        for colour, n in _colours_at(image, None).items():
            counts[colour] += n
    if not counts.any():
        raise PrepareError("none of the label maps can be read: see the files, and give a palette with --palette")
    if indices_only and most < _MOST_INDICES:
        return _made_up(most + 1)
    frequent = np.flatnonzero(counts >= max(1, _RARE * counts.sum()))
    frequent = frequent[np.argsort(-counts[frequent], kind="stable")]
    colours = np.stack([frequent >> 16, frequent >> 8 & 255, frequent & 255], 1)
    taken: list[np.ndarray] = []
    while len(colours):
        if len(taken) == 256:
            raise PrepareError(
                "the maps hold more than 256 clearly different colours, which are no classes: are these photos? "
                "Give the palette with --palette"
            )
        taken.append(colours[0])
        colours = colours[np.linalg.norm(colours - colours[0], axis=1) > tolerance]
    found = tuple(tuple(int(c) for c in colour) for colour in taken)
    return Palette(tuple(f"class {i}" for i in range(len(found))), found)


def _made_up(count: int) -> Palette:
    """Colours far from each other, hues a golden angle apart in three lightnesses; class 0 is black."""
    colours = [(0, 0, 0)]
    for i in range(1, count):
        levels = colorsys.hsv_to_rgb(i * 0.618034 % 1, 0.9 - 0.2 * (i // 3 % 3), 1 - 0.25 * (i % 3))
        colours.append(tuple(round(255 * level) for level in levels))
    return Palette(tuple(f"class {i}" for i in range(count)), tuple(colours))


def _colours_at(image: Image.Image, where: np.ndarray | None) -> Counter[int]:
    plain = image.copy()
    plain.info.pop("icc_profile", None)  # as `Palette` sees it
    pixels = np.asarray(load_image(plain)).astype(np.int64)
    pixels = pixels.reshape(-1, 3) if where is None else pixels[where]
    values, counts = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
    return Counter(dict(zip(values.tolist(), counts.tolist(), strict=True)))


def unknown_colours(files: list[dict], limit: int = 12) -> list[tuple[str, int, int]]:
    """(colour, pixels, files) of the most frequent unknown colours of all maps, from their records."""
    pixels, maps = Counter(), Counter()
    for record in files:
        for colour, n in record.get("unknown", ()):
            pixels[colour] += n
            maps[colour] += 1
    return [(colour, n, maps[colour]) for colour, n in pixels.most_common(limit)]


def class_shares(files: list[dict], palette: Palette) -> list[tuple[str, float]]:
    """(name, share of all pixels) of every class over the written maps, from their records."""
    counts = np.array([record["pixels"] for record in files if "pixels" in record] or [[0] * len(palette)]).sum(0)
    return [(name, float(n / max(counts.sum(), 1))) for name, n in zip(palette.names, counts, strict=True)]


def write_palette(out: Path, palette: Palette) -> None:
    """Write OUT/palette.json, where training looks for it."""
    write_atomically(out / PALETTE, json.dumps(palette.to_json(), indent=1).encode())
