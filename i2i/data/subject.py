"""Subjects cut out of their photos by a mask, on plain paper, in the middle of a square."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from i2i.checks import check_choice
from i2i.data.formats import FORMATS, image_bytes
from i2i.data.reading import read_picture, read_stored
from i2i.data.resize import LARGEST, colour
from i2i.data.side_by_side import partner_jobs
from i2i.data.tasks import Job, Outcome, Task, jobs_of_folder
from i2i.profiles import to_srgb

_MOST_NUMBERS = 40  # masks with nothing brighter are black to the eye: their levels are numbers


@dataclass(frozen=True)
class Subject(Task):
    """Cut the subject of each photo out onto plain paper and crop to it.

    Attributes:
        size: side of the results in pixels; 0 keeps the scale of the photo.
        margin: paper around the subject, as a share of its longer side.
        paper: colour behind the subject.
        values: numbers in the masks that are subject, such as 1 3 for Oxford-IIIT Pet; without, everything brighter
            than half of the brightest level, with soft borders kept.
        min_share: subjects that cover less of the photo are left out.
        format: of the results: png, webp or jpg.
    """

    command: ClassVar[str] = "subject"

    size: int = 256
    margin: float = 0.1
    paper: str = "white"
    values: tuple[int, ...] = ()
    min_share: float = 0.01
    format: str = "png"

    def __post_init__(self) -> None:
        check_choice("format", self.format, FORMATS)
        colour(self.paper)
        if not 0 <= self.size <= LARGEST or not 0 <= self.margin <= 2 or not 0 <= self.min_share < 1:
            raise ValueError(
                f"got size {self.size}, margin {self.margin} and min-share {self.min_share}, expected a size up to "
                f"{LARGEST}, a margin from 0 to 2 and a share from 0 to below 1"
            )

    def jobs(self, sources: tuple[Path, ...], out: Path) -> tuple[list[Job], list[str]]:
        """Of a folder of photos and one of masks with equal names, or of photos with transparency alone."""
        return partner_jobs(sources, out) if len(sources) == 2 else jobs_of_folder(sources[0], out)

    def do(self, job: Job, contents: tuple[bytes, ...]) -> Outcome:
        picture = read_picture(contents[0], job.sources[0])
        stored = read_stored(contents[-1], job.sources[-1]).image
        if len(contents) == 2:
            alpha, pixels = self._cover(stored), np.asarray(picture.image)
        else:
            alpha, pixels = _transparency(to_srgb(stored))
        if alpha is None:
            why = "it has no transparency: give a folder of masks as well"
            return Outcome(notes=picture.notes, refused=("no mask", why))
        if alpha.shape != pixels.shape[:2]:
            why = f"photo is {pixels.shape[1]}x{pixels.shape[0]}, mask {alpha.shape[1]}x{alpha.shape[0]}"
            return Outcome(notes=picture.notes, refused=("mismatch", f"{why}: they must have the same size"))
        inside = alpha >= 0.5
        share = float(inside.mean())
        facts = {"share": round(share, 4)}
        if share == 0 or share < self.min_share:
            why = f"the subject covers {share:.1%} of the photo, at least {self.min_share:.1%} expected"
            return Outcome(notes=picture.notes, facts=facts, refused=("no subject", why))
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        notes = tuple(note for note in picture.notes if not note.startswith("transparency"))
        edges = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
        cut = [n for n, edge in zip(("top", "bottom", "left", "right"), edges, strict=True) if edge.any()]
        notes += (f"the subject touches the frame: {', '.join(cut)}",) if cut else ()
        paper = np.array(colour(self.paper), np.float32)
        mixed = paper + (pixels - paper) * alpha[..., None].astype(np.float32)
        page = Image.fromarray(np.rint(mixed).astype(np.uint8))
        box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        square = _square(page, box, self.margin, self.paper)
        if self.size and square.width < self.size:
            notes += (f"enlarged from {square.width}x{square.width}",)
        if self.size:
            square = square.resize((self.size, self.size), Image.Resampling.BICUBIC)
        return Outcome({f"{job.name}.{self.format}": image_bytes(square, self.format)}, notes, facts | {"box": box})

    def _cover(self, mask: Image.Image) -> np.ndarray:
        """(H, W) from 0, ground, to 1, subject."""
        if self.values:
            levels = np.asarray(mask if mask.mode in ("L", "P", "I", "I;16", "1") else mask.convert("L"))
            return np.isin(levels, self.values).astype(np.float32)
        if mask.mode in ("RGBA", "LA"):
            low, high = mask.getchannel("A").getextrema()
            # Many programs save masks with an alpha channel that says nothing; then the colours are the mask.
            mask = mask.getchannel("A") if low < high else mask.convert("L" if mask.mode == "LA" else "RGB")
        levels = np.asarray(mask if mask.mode in ("L", "I", "I;16", "1") else mask.convert("L")).astype(np.float32)
        met = np.unique(levels)
        if 1 < met[-1] <= _MOST_NUMBERS and len(met) > 2:
            numbers = " ".join(f"{number:g}" for number in met)
            raise ValueError(f"the mask holds {numbers}, which look like numbers of classes: give --values")
        return levels / max(float(levels.max()), 1.0)


def _transparency(image: Image.Image) -> tuple[np.ndarray | None, np.ndarray]:
    """(cover or None, colours before they are put on any paper)."""
    rgba = np.asarray(image.convert("RGBA"))
    # An alpha channel that is opaque everywhere cuts nothing out.
    transparent = (image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info) and rgba[..., 3].min() < 255
    return rgba[..., 3].astype(np.float32) / 255 if transparent else None, rgba[..., :3]


def _square(page: Image.Image, box: tuple[int, int, int, int], margin: float, paper: str) -> Image.Image:
    """The square around a box with a margin; where it reaches beyond the page there is paper."""
    left, top, right, bottom = box
    side = max(1, round(max(right - left, bottom - top) * (1 + 2 * margin)))
    x, y = left - (side - (right - left)) // 2, top - (side - (bottom - top)) // 2
    square = Image.new("RGB", (side, side), colour(paper))
    square.paste(page, (-x, -y))
    return square
