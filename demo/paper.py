"""What is on the paper, as the picture that a model gets: lines, a label map, or a photo with the drawing on top.

A request carries all of it: `"strokes"`, and for models that take photos `"photo"`, a square as data URL. The server
keeps neither.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from demo import strokes as strokes_
from demo.limits import short
from demo.pictures import open_data_url
from i2i.images import fit_square, load_image
from i2i.palette import Palette
from i2i.translator import DRAWING_SIZE

# Input kind in a model's config → mode of the paper. "gray" and "hole" are photos of which the net sees a part.
MODES = {"edges": "edges", "labels": "labels", "photo": "photo", "gray": "photo", "hole": "photo"}
MAX_SIDE = 1024  # pixels of a photo in a request; the page sends as many as the model takes
EMPTY = "Draw something, and different photos answer here."
NO_PHOTO = "Choose a photo first: this model translates photos."
_FINEST = 512  # pixels; a larger drawing is enlarged from there


def check_direction(translator, direction) -> str | None:
    """The direction, None for the translator's first one; ValueError in words for one that it does not have."""
    if direction in (None, ""):
        return None
    if not isinstance(direction, str) or direction not in translator.directions:
        if not translator.directions:
            raise ValueError(f"{translator.name} translates one way only: leave direction out.")
        raise ValueError(f"{translator.name} translates {' or '.join(translator.directions)}, not {short(direction)}.")
    return direction


def input_of(translator, direction: str | None = None) -> dict[str, Any]:
    """What goes in, as config.json describes it."""
    return translator.sides(direction)[0]


def mode_of(translator, direction: str | None = None) -> str:
    """ "edges", "labels" or "photo"; ValueError for a model whose input the page cannot make."""
    kind = input_of(translator, direction)["kind"]
    if kind not in MODES:
        raise ValueError(
            f"{translator.name} takes {kind} as input, and the page makes {', '.join(MODES)} only; use it from Python: "
            "Translator.sample(picture)"
        )
    return MODES[kind]


def palette_of(translator, direction: str | None = None) -> list | None:
    """Colours (r, g, b) of a label map's classes, the first one the empty paper; None where no label map goes in."""
    if mode_of(translator, direction) != "labels":
        return None
    return list(Palette.from_json(input_of(translator, direction)["palette"]).colours)


def photo_side(translator) -> int:
    """Pixels on a side that a photo is brought to: what the model takes, and never fewer than a drawing has."""
    return min(MAX_SIDE, max(DRAWING_SIZE, translator.image_size))


@dataclass(frozen=True)
class Paper:
    """What lies on the paper, checked.

    Attributes:
        mode: as `mode_of`.
        strokes: settled.
        palette: of a label map, else None.
        photo: under the strokes, RGB and square, at the size that the model gets; None in the other modes.
    """

    mode: str
    strokes: list[dict]
    palette: list | None = None
    photo: Image.Image | None = None

    def partial(self, share: float) -> Paper:
        """The paper when that share of the drawing's length has been drawn; the photo is there from the start."""
        return replace(self, strokes=strokes_.partial(self.strokes, share))

    def picture(self) -> Image.Image | None:
        """What the model gets; None for an empty paper."""
        if self.mode == "photo":
            return self.photo and strokes_.paint_over(self.photo, self.strokes)
        if not self.strokes:
            return None
        picture = strokes_.paint(self.strokes, DRAWING_SIZE, self.palette)
        if self.mode == "edges" and picture.getextrema()[0] > 127:  # every line was erased again
            return None
        return picture

    def shown(self, side: int) -> Image.Image:
        """What people see, for a sheet or a replay: sharper than what the model gets."""
        side = min(side, _FINEST)
        if self.mode == "photo":
            return strokes_.paint_over(self.photo.resize((side, side), Image.Resampling.LANCZOS), self.strokes)
        return strokes_.paint(self.strokes, side, self.palette)

    @property
    def missing(self) -> str:
        """Words for an empty paper."""
        return NO_PHOTO if self.mode == "photo" else EMPTY


def read_paper(translator, asked: dict) -> Paper:
    """What a request has on the paper.

    asked: `{"strokes": […], "photo"?: data URL, "direction"?: text}`; the photo's centre square is taken.

    Raises:
        ValueError: in words, for strokes that are none, a photo that is none or larger than MAX_SIDE, or a photo for a
            model that takes drawings.
    """
    direction = check_direction(translator, asked.get("direction"))
    mode, palette, photo = mode_of(translator, direction), palette_of(translator, direction), asked.get("photo")
    strokes = strokes_.check(asked.get("strokes"), palette)
    if mode != "photo":
        if photo is not None:
            raise ValueError(f"{translator.name} takes drawings: a photo cannot lie under them. Reload the page.")
        return Paper(mode, strokes, palette)
    if photo is None:
        return Paper(mode, strokes)
    opened = open_data_url(photo, "photo", MAX_SIDE)
    return Paper(mode, strokes, None, fit_square(load_image(opened), photo_side(translator)))
