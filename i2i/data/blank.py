"""Pairs for inpainting: a photo with a hole, and the photo."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from i2i.checks import check_choice
from i2i.data.formats import FORMATS
from i2i.data.reading import read_picture
from i2i.data.resize import colour
from i2i.data.side_by_side import LAYOUTS, check_names, pair_files, pair_places
from i2i.data.tasks import Job, Outcome, Task, jobs_of_folder, pair_name


@dataclass(frozen=True)
class Blank(Task):
    """Make pairs of a photo with a rectangular hole (A) and the photo itself (B).

    Attributes:
        hole: centre, or random: anywhere within the photo, the same in every run.
        share: width and height of the hole, as a share of the photo's.
        fill: what the hole holds: a colour such as white or "#808080".
        seed: of random holes.
        layout: folders, or side-by-side.
        names: of the two folders.
        format: of the results: png, webp or jpg.
    """

    command: ClassVar[str] = "blank"

    hole: str = "centre"
    share: float = 0.5
    fill: str = "white"
    seed: int = 0
    layout: str = "folders"
    names: tuple[str, ...] = ("A", "B")
    format: str = "png"

    def __post_init__(self) -> None:
        check_choice("hole", self.hole, ("centre", "random"))
        check_choice("layout", self.layout, LAYOUTS)
        check_choice("format", self.format, FORMATS)
        check_names(self.names)
        colour(self.fill)
        if not 0 < self.share < 1:
            raise ValueError(f"got the share {self.share}, expected a number between 0 and 1")

    def jobs(self, sources: tuple[Path, ...], out: Path) -> tuple[list[Job], list[str]]:
        return jobs_of_folder(sources[0], out, pair_name)

    def places(self, job: Job) -> tuple[str, ...]:
        return pair_places(job.name, self.layout, self.names, self.format)

    def do(self, job: Job, contents: tuple[bytes, ...]) -> Outcome:
        picture = read_picture(contents[0], job.sources[0])
        photo = picture.image
        width, height = (max(1, round(side * self.share)) for side in photo.size)
        free_x, free_y = photo.width - width, photo.height - height
        if self.hole == "centre":
            left, top = free_x // 2, free_y // 2
        else:
            # From the content, so that neither the name nor the order of the files matters.
            digest = hashlib.sha256(f"{self.seed}:".encode() + contents[0]).digest()
            rng = np.random.default_rng(np.frombuffer(digest, np.uint32))
            left, top = int(rng.integers(0, free_x + 1)), int(rng.integers(0, free_y + 1))
        holed = photo.copy()
        holed.paste(colour(self.fill), (left, top, left + width, top + height))
        files = pair_files(job.name, holed, photo, self.layout, self.names, self.format)
        return Outcome(files, picture.notes, {"hole": [left, top, width, height]})
