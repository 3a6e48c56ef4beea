"""Pairs for colourising: the lightness of a photo, and the photo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from i2i.checks import check_choice
from i2i.colour import AB_SPAN, photo_to_lab
from i2i.data.formats import FORMATS
from i2i.data.reading import read_picture
from i2i.data.side_by_side import LAYOUTS, check_names, pair_files, pair_places
from i2i.data.tasks import Job, Outcome, Task, jobs_of_folder, pair_name


@dataclass(frozen=True)
class Grayscale(Task):
    """Make pairs of a photo's lightness, L of CIE Lab as a grey picture (A), and the photo in colour (B).

    Attributes:
        min_colour: photos with less colour are left out, since they teach nothing; mean distance from grey in Lab,
            where 2 is hardly visible and vivid photos have 20 to 40; 0 keeps all.
        layout: folders, or side-by-side.
        names: of the two folders.
        format: of the results: png, webp or jpg.
    """

    command: ClassVar[str] = "grayscale"

    min_colour: float = 2.0
    layout: str = "folders"
    names: tuple[str, ...] = ("A", "B")
    format: str = "png"

    def __post_init__(self) -> None:
        check_choice("layout", self.layout, LAYOUTS)
        check_choice("format", self.format, FORMATS)
        check_names(self.names)

    def jobs(self, sources: tuple[Path, ...], out: Path) -> tuple[list[Job], list[str]]:
        return jobs_of_folder(sources[0], out, pair_name)

    def places(self, job: Job) -> tuple[str, ...]:
        return pair_places(job.name, self.layout, self.names, self.format)

    def do(self, job: Job, contents: tuple[bytes, ...]) -> Outcome:
        picture = read_picture(contents[0], job.sources[0])
        lightness, ab = (tensor.numpy() for tensor in photo_to_lab(np.asarray(picture.image)))
        colourfulness = round(float(np.hypot(*ab).mean() * AB_SPAN), 2)
        facts = {"colour": colourfulness}
        if colourfulness < self.min_colour:
            why = f"its colour is {colourfulness:g} on average, at least {self.min_colour:g} expected"
            return Outcome(notes=picture.notes, facts=facts, refused=("colourless", why))
        grey = Image.fromarray(np.rint((lightness[0] + 1) * 127.5).astype(np.uint8))
        files = pair_files(job.name, grey, picture.image, self.layout, self.names, self.format)
        return Outcome(files, picture.notes, facts)
