"""Pictures of one size: cropped, padded or stretched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image, ImageColor

from i2i.checks import check_choice
from i2i.data.formats import FORMATS, image_bytes
from i2i.data.reading import read_picture, read_stored
from i2i.data.tasks import PALETTE, Job, Outcome, Task, carry_palette, jobs_of_folder
from i2i.images import FITS

LARGEST = 16384  # pixels a side


@dataclass(frozen=True)
class Resize(Task):
    """Bring every picture to one size.

    Attributes:
        size: side in pixels, or width and height.
        fit: crop (cut the centre out), pad (keep everything) or stretch.
        fill: what pad puts beside the picture: mirror, or a colour such as white or "#8090a0".
        kind: photo; or labels, whose colours are never mixed and whose own palette is kept.
        format: of the results: png, webp or jpg.
    """

    command: ClassVar[str] = "resize"

    size: tuple[int, ...] = (256,)
    fit: str = "crop"
    fill: str = "mirror"
    kind: str = "photo"
    format: str = "png"

    def __post_init__(self) -> None:
        if len(self.size) not in (1, 2) or not all(1 <= side <= LARGEST for side in self.size):
            raise ValueError(f"got the size {self.size}, expected one side or width and height, 1 to {LARGEST} pixels")
        check_choice("fit", self.fit, FITS)
        check_choice("kind", self.kind, ("photo", "labels"))
        check_choice("format", self.format, FORMATS)
        if self.fill != "mirror":
            colour(self.fill)
        if self.kind == "labels" and (self.format != "png" or self.fill != "mirror"):
            raise ValueError("label maps are written as png and padded by mirroring: leave --format and --fill out")

    def jobs(self, sources: tuple[Path, ...], out: Path) -> tuple[list[Job], list[str]]:
        jobs, ignored = jobs_of_folder(sources[0], out)
        if self.kind == "labels":
            carry_palette(sources[0], jobs, ignored)
        return jobs, ignored

    def places(self, job: Job) -> tuple[str, ...]:
        return (PALETTE,) if job.key == PALETTE else super().places(job)

    def do(self, job: Job, contents: tuple[bytes, ...]) -> Outcome:
        if job.key == PALETTE:
            return Outcome({PALETTE: contents[0]})
        labels = self.kind == "labels"
        picture = (read_stored if labels else read_picture)(contents[0], job.sources[0])
        width, height = self.size[0], self.size[-1]
        image = picture.image
        notes = picture.notes
        smaller = (image.width < width, image.height < height)
        # pad fits the picture into the frame; crop and stretch fill the frame on both sides.
        if all(smaller) if self.fit == "pad" else any(smaller):
            notes += (f"enlarged from {image.width}x{image.height}",)
        how = Image.Resampling.NEAREST if labels else Image.Resampling.BICUBIC
        fitted = fit_to(image, (width, height), self.fit, self.fill, how)
        return Outcome({f"{job.name}.{self.format}": image_bytes(fitted, self.format)}, notes)


def colour(text: str) -> tuple[int, int, int]:
    """RGB of a colour's name or #rrggbb.

    Raises:
        ValueError: for what is no colour.
    """
    try:
        return ImageColor.getcolor(text, "RGB")
    except ValueError as error:
        raise ValueError(f'got the colour {text!r}, expected a name such as white, or "#rrggbb"') from error


def fit_to(
    image: Image.Image,
    size: tuple[int, int],
    fit: str = "crop",
    fill: str = "mirror",
    resampling: Image.Resampling = Image.Resampling.BICUBIC,
) -> Image.Image:
    """Fit an image to (width, height); for squares and "mirror" the same as `i2i.images.fit_square`.

    Args:
        image: PIL image of any mode that the resampling allows.
        size: of the result. fit: one of `i2i.images.FITS`. fill: "mirror" or a colour, for "pad".
        resampling: antialiased bicubic, or nearest for label maps.
    """
    (width, height), (old_width, old_height) = size, image.size
    if image.size == size:
        return image.copy()
    if fit == "stretch":
        return image.resize(size, resampling)
    if fit == "crop":
        cut_width = max(1, min(old_width, round(old_height * width / height)))
        cut_height = max(1, min(old_height, round(old_width * height / width)))
        left, top = (old_width - cut_width) // 2, (old_height - cut_height) // 2
        return image.resize(size, resampling, box=(left, top, left + cut_width, top + cut_height))
    scale = min(width / old_width, height / old_height)
    new_width = min(width, max(1, round(old_width * scale)))
    new_height = min(height, max(1, round(old_height * scale)))
    inner = image.resize((new_width, new_height), resampling)
    left, top = (width - new_width) // 2, (height - new_height) // 2
    if fill != "mirror":
        page = Image.new(image.mode, size, colour(fill))
        page.paste(inner, (left, top))
        return page
    pixels = np.asarray(inner)
    borders = [(top, height - new_height - top), (left, width - new_width - left)] + [(0, 0)] * (pixels.ndim - 2)
    padded = Image.fromarray(np.pad(pixels, borders, mode="reflect"))
    if image.mode == "P":
        padded.putpalette(image.getpalette("RGB"))
    return padded
