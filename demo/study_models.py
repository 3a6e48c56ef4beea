"""What a perceptual study shows: the answers of models beside real pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from PIL import Image

from i2i.metrics.fooling import SECONDS
from i2i.metrics.held_out import HeldOut
from i2i.serving.pictures import write
from i2i.translator import Translator

_REAL = {"labels": "label map", "edges": "drawing"}  # kind of answers; all others become photos
Pictures = dict[str, tuple[bytes, bytes]]


@dataclass(frozen=True)
class Contestant:
    """One model's answers.

    Attributes:
        name: for people who read the results; those who vote do not see it.
        protocol: what was shown, for the results.
        pictures: pair -> PNG of the real and of the generated picture, of one size.
        practice: the same for trials that do not count, if these have pairs of their own.
        real: what the real pictures are, for people who vote: photo, label map or drawing.
    """

    name: str
    protocol: str
    pictures: Pictures
    practice: Pictures = field(default_factory=dict)
    real: str = "photo"


def as_png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.convert("RGB").save(data, "PNG")  # without loss: a codec's traces on one side would tell
    return data.getvalue()


def answers(translator: Translator, held: HeldOut, count: int, prefix: str = "") -> Pictures:
    """Answers (seed = index) to the first `count` pairs beside their real pictures."""
    size, pictures = translator.image_size, {}
    for i in range(min(count, len(held))):
        x = held.x(i, size)
        answer = write(translator.answer(x, [i])[0], translator.config.get("output", {"kind": "photo"}), x)
        pictures[f"{prefix}{i}"] = as_png(held.photo(i, size)), as_png(answer)
    return pictures


def make_contestant(
    translator: Translator, held: HeldOut, count: int, drill: HeldOut | None = None, practice: int = 0
) -> Contestant:
    """A model's answers to the first `count` held-out pairs, and to `practice` pairs of `drill` where that is given."""
    pictures = answers(translator, held, count)
    protocol = f"{held.describe()}; {len(pictures)} pairs at {translator.image_size} px, seed = index; "
    protocol += f"seen for {SECONDS:g} s"
    more = answers(translator, drill, practice, "train ") if drill is not None else {}
    real = _REAL.get(held.output["kind"], "photo")
    return Contestant(f"{translator.name} {translator.weights_id}", protocol, pictures, more, real)
