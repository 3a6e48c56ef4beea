"""The endpoints for other programs, and what the page says about a model: plain functions, testable without a browser.

Every problem that a caller can cause is a ValueError in words. docs/api.md shows the endpoints in use.
"""

from __future__ import annotations

import html
import time
import uuid
from collections.abc import Callable

import numpy as np
from PIL import Image

from demo import strokes as strokes_
from demo.answers import DRAWABLE, Answers, pick
from demo.batching import Busy
from demo.imports import photo_edges
from demo.pictures import as_jpeg_url, as_png_url, open_upload
from demo.stroke_format import hex_colours
from demo.tile_styles import MAX_SEED, whole_number
from demo.zero_gpu import gpu
from i2i.palette import Palette

PICTURES = 4  # a call without a number
MAX_PICTURES = 16  # a call
CROWDED = "Many are asking just now; try again in a few seconds."


class Endpoints:
    """/sample, /edges and /styles for one set of models and their worker."""

    def __init__(self, answers: Answers):
        self.answers = answers
        self._sample = gpu(self._sample_here)
        self._style = gpu(self._style_here)

    def sample(self, sketch, model: str, n: int = PICTURES, seed: int = 0, styles: list | None = None) -> dict:
        """`n` photos of a sketch with the seeds seed, …, seed + n − 1, or one for each of `styles`.

        sketch: path or binary stream of an image file, of any size, mode and polarity (the translator normalises it).
        styles: vectors as `styles` gives them, in place of n and seed.

        Returns `{"images": [JPEG data URL, …], "seeds": [int, …], "model": name, "weights": 8 hex digits, "ms": time
        of the model alone}`; seeds are empty where styles were given. ValueError for an unknown model, a bad number, an
        unreadable sketch, a drawing without ink, or styles that do not fit.
        """
        translator = pick(self.answers.translators, model)
        n = whole_number(n, "number of pictures", 1, MAX_PICTURES)
        seed = whole_number(seed, "seed", 0, MAX_SEED)
        vectors = None if styles is None else _vectors(styles)
        picture = open_upload(sketch, "sketch")
        seeds = list(range(seed, seed + n)) if vectors is None else []
        images, ms = self._in_line(lambda: self._sample(model, picture, seeds, vectors))
        return {"images": images, "seeds": seeds, "model": model, "weights": translator.weights_id, "ms": round(ms, 1)}

    def edges(self, photo, fit: str = "crop") -> dict:
        """The edges of a photo, as the models' drawings are made.

        photo: path or binary stream of an image file; fit: "crop", "pad" or "stretch" to a square.

        Returns `{"soft": PNG data URL, white = edge, "drawing": PNG data URL, black on white, one pixel wide,
        "strokes": [{"tool": "pen", "points": [[x, y], …]}, …] in units of 1/256 of the side, "ms": time taken}`.
        ValueError for an unreadable photo or an unknown fit.
        """
        picture = open_upload(photo, "photo")
        (soft, drawing), ms = self._in_line(lambda: _timed(lambda: photo_edges(picture, fit)))
        return {
            "soft": as_png_url(Image.fromarray(np.rint(soft * 255).astype(np.uint8))),
            "drawing": as_png_url(Image.fromarray(drawing)),
            "strokes": strokes_.from_drawing(drawing),
            "ms": round(ms, 1),
        }

    def styles(self, model: str, seeds: list | None = None, photo=None) -> dict:
        """Style vectors of seeds, or of a reference photo (path or binary stream).

        Returns `{"styles": [[float, …], …], "seeds": [int, …], "model", "weights"}`; seeds are empty for a photo.
        ValueError for an unknown model, one without styles, bad seeds, an unreadable photo, or both or none of the two.
        """
        translator = pick(self.answers.translators, model)
        if (photo is None) == (not seeds):
            raise ValueError("Give either seeds, for example [0, 1, 2], or a photo.")
        if photo is None:
            if not isinstance(seeds, list) or len(seeds) > MAX_PICTURES:
                raise ValueError(f"The seeds are a list of 1 to {MAX_PICTURES} whole numbers.")
            seeds = [whole_number(seed, "seed", 0, MAX_SEED) for seed in seeds]
            vectors = self._in_line(lambda: translator.styles(seeds))
        else:
            picture = open_upload(photo, "photo")
            vectors = self._in_line(lambda: self._style(model, picture))[None]
        styles = [[float(number) for number in vector] for vector in vectors]
        return {"styles": styles, "seeds": seeds or [], "model": model, "weights": translator.weights_id}

    def _in_line(self, job: Callable):
        try:
            return self.answers.worker.run(("endpoint", uuid.uuid4().hex), job)
        except Busy:
            raise ValueError(CROWDED) from None

    def _sample_here(self, model: str, picture: Image.Image, seeds: list[int], vectors: np.ndarray | None):
        translator = self.answers.translators[model]
        noise = {"seeds": seeds} if vectors is None else {"style": vectors}
        photos, ms = _timed(lambda: translator.sample(picture, **noise))
        return [as_jpeg_url(photo.convert("RGB")) for photo in photos], ms

    def _style_here(self, model: str, picture: Image.Image) -> np.ndarray:
        return self.answers.translators[model].style_of(picture)


def _timed(work: Callable):
    start = time.perf_counter()
    result = work()
    return result, (time.perf_counter() - start) * 1000


def _vectors(styles) -> np.ndarray:
    try:
        vectors = np.array(styles, dtype=np.float32)
    except (TypeError, ValueError):
        vectors = np.empty(0)
    if vectors.ndim != 2 or not 1 <= len(vectors) <= MAX_PICTURES or not np.isfinite(vectors).all():
        raise ValueError(f"The styles are a list of 1 to {MAX_PICTURES} vectors, as /styles gives them.")
    return vectors


def check_drawable(name: str, translator) -> None:
    """ValueError for a model whose input nobody can draw on the page."""
    if translator.input_kind not in DRAWABLE:
        raise ValueError(
            f"{name} takes a {translator.input_kind} as input, and the page draws {' or '.join(DRAWABLE)} only; use it "
            "from Python: Translator.sample(photo)"
        )


def model_facts(name: str, translator) -> dict:
    """What the page's script knows of a model: names, input and palette, whether there are styles, words about it."""
    palette = None
    if translator.input_kind == "labels":
        own = Palette.from_json(translator.config["input"]["palette"])
        palette = [{"name": n, "color": c} for n, c in zip(own.names, hex_colours(own.colours), strict=True)]
    return {
        "name": name,
        "weights": translator.weights_id,
        "mode": translator.input_kind,
        "palette": palette,
        "styles": bool(translator.has_styles),
        "facts": facts(name, translator),
    }


def facts(name: str, translator) -> str:
    """What the page says about a model, as HTML: name, first digits of the weights' hash, data and licence, note.

    Data and note come from the model's config (`data.name`, `data.licence`, `note`); what is absent is left out.
    """
    data = translator.config.get("data")
    data = data if isinstance(data, dict) else {}
    note = translator.config.get("note")
    line = f"<b>{html.escape(name)}</b> · weights <code>{html.escape(translator.weights_id)}</code>"
    if data.get("licence"):
        origin = [str(data[key]) for key in ("name", "licence") if data.get(key)]
        line += f" · data: {html.escape(', '.join(origin))}"
    return f"<p>{line}</p>" + (f"<p>{html.escape(str(note))}</p>" if note else "")
