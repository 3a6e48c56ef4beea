"""The endpoints for other programs, and what the page says about a model: plain functions, testable without a browser.

Every problem that a caller can cause is a ValueError in words. docs/api.md shows the endpoints in use.
"""

from __future__ import annotations

import html
import threading
import time
import uuid
from collections.abc import Callable

import numpy as np
from PIL import Image

from demo import strokes as strokes_
from demo.answers import Answers, pick
from demo.batching import Busy
from demo.examples import first_seeds, first_tiles, next_seeds, passed_seeds
from demo.imports import check_fit, photo_edges
from demo.paper import check_direction, input_of, mode_of, photo_side
from demo.pictures import as_answer_url, as_png_url, open_upload
from demo.stroke_format import hex_colours
from demo.tile_styles import MAX_SEED, check_domain, whole_number
from demo.zero_gpu import gpu
from i2i.palette import Palette

PICTURES = 4  # a call without a number
MAX_PICTURES = 16  # a call
CALLS = 16  # of the endpoints, that wait or are answered at once
CROWDED = "Many are asking just now; try again in a few seconds."


class Endpoints:
    """/sample, /edges and /styles for one set of models and their worker."""

    def __init__(self, answers: Answers):
        self.answers = answers
        self._sample = gpu(self._sample_here)
        self._style = gpu(self._style_here)
        self._styles = gpu(self._styles_here)
        self._calls = threading.BoundedSemaphore(CALLS)

    def sample(
        self,
        sketch,
        model: str | None = None,
        n: int | None = PICTURES,
        seed: int | None = 0,
        styles: list | None = None,
        direction: str | None = None,
        domain: str | None = None,
    ) -> dict:
        """`n` photos of a sketch or photo with the seeds seed, …, seed + n − 1, or one for each of `styles`.

        sketch: path or binary stream of an image file: a sketch of any size, mode and polarity (the translator
            normalises it), or a photo, whose centre square is taken, for a model that translates photos.
        model: the first one unless given; n, seed: `PICTURES` and 0.
        styles: vectors as `styles` gives them, in place of n and seed.
        direction: of a model that translates both ways, "AtoB" unless given.
        domain: of a model that has domains, for the seeds; style vectors know theirs.

        Returns `{"images": [JPEG data URL, or PNG of a label map, …], "seeds": [int, …], "model": name, "weights": 8
        hex digits, "ms": time of the model alone}`; seeds are empty where styles were given. ValueError for an unknown
        model, a bad number, an unreadable sketch, a drawing without ink, styles that do not fit, or a direction or
        domain that the model does not have.
        """
        model = self._first if model is None else model
        translator = pick(self.answers.translators, model)
        n = whole_number(PICTURES if n is None else n, "number of pictures", 1, MAX_PICTURES)
        seed = whole_number(0 if seed is None else seed, "seed", 0, MAX_SEED)
        vectors = None if styles is None else _vectors(styles)
        if vectors is None:
            whole_number(seed + n - 1, "last seed", 0, MAX_SEED)
        direction, domain = check_direction(translator, direction), domain or None
        if vectors is None or domain is not None:
            check_domain(translator, domain)
        picture = open_upload(sketch, "sketch")
        seeds = list(range(seed, seed + n)) if vectors is None else []
        images, ms = self._in_line(lambda: self._sample(model, picture, seeds, vectors, direction, domain))
        return {"images": images, "seeds": seeds, "model": model, "weights": translator.weights_id, "ms": round(ms, 1)}

    def edges(self, photo, fit: str | None = "crop") -> dict:
        """The edges of a photo, as the models' drawings are made.

        photo: path or binary stream of an image file; fit: "crop" unless given, "pad" or "stretch" to a square.

        Returns `{"soft": PNG data URL, white = edge, "drawing": PNG data URL, black on white, one pixel wide,
        "strokes": [{"tool": "pen", "points": [[x, y], …]}, …] in units of 1/256 of the side, "ms": time taken}`.
        ValueError for an unreadable photo or an unknown fit.
        """
        fit = "crop" if fit is None else fit
        check_fit(fit)
        picture = open_upload(photo, "photo")
        (soft, drawing), ms = self._in_line(lambda: _timed(lambda: photo_edges(picture, fit)))
        return {
            "soft": as_png_url(Image.fromarray(np.rint(soft * 255).astype(np.uint8))),
            "drawing": as_png_url(Image.fromarray(drawing)),
            "strokes": strokes_.from_drawing(drawing),
            "ms": round(ms, 1),
        }

    def styles(
        self, model: str | None = None, seeds: list | None = None, photo=None, domain: str | None = None
    ) -> dict:
        """Style vectors of seeds, or of a reference photo (path or binary stream), in a domain where there are some.

        model: the first one unless given.

        Returns `{"styles": [[float, …], …], "seeds": [int, …], "model", "weights"}`; seeds are empty for a photo.
        ValueError for an unknown model, one without styles, an unknown domain, bad seeds, an unreadable photo, or both
        or none of the two.
        """
        model = self._first if model is None else model
        translator = pick(self.answers.translators, model)
        if (photo is None) == (not seeds):
            raise ValueError("Give either seeds, for example [0, 1, 2], or a photo.")
        domain = domain or None
        check_domain(translator, domain)
        if photo is None:
            if not isinstance(seeds, list) or len(seeds) > MAX_PICTURES:
                raise ValueError(f"The seeds are a list of 1 to {MAX_PICTURES} whole numbers.")
            seeds = [whole_number(seed, "seed", 0, MAX_SEED) for seed in seeds]
            vectors = self._in_line(lambda: self._styles(model, seeds, domain))
        else:
            picture = open_upload(photo, "photo")
            vectors = self._in_line(lambda: self._style(model, picture, domain))[None]
        styles = [[float(number) for number in vector] for vector in vectors]
        return {"styles": styles, "seeds": seeds or [], "model": model, "weights": translator.weights_id}

    @property
    def _first(self) -> str:
        return next(iter(self.answers.translators))

    def _in_line(self, job: Callable):
        # Programs leave most places to people, however they call: some of Gradio's routes go past its own queue.
        if not self._calls.acquire(blocking=False):
            raise ValueError(CROWDED)
        try:
            return self.answers.worker.run(("endpoint", uuid.uuid4().hex), job)
        except Busy:
            raise ValueError(CROWDED) from None
        finally:
            self._calls.release()

    def _sample_here(
        self,
        model: str,
        picture: Image.Image,
        seeds: list[int],
        vectors: np.ndarray | None,
        direction: str | None,
        domain: str | None,
    ):
        translator = self.answers.translators[model]
        noise = {"seeds": seeds, "domain": domain} if vectors is None else {"style": vectors}
        noise["direction"] = direction
        photos, ms = _timed(lambda: translator.sample(picture, **noise))
        return [as_answer_url(photo) for photo in photos], ms

    def _styles_here(self, model: str, seeds: list[int], domain: str | None) -> np.ndarray:
        return self.answers.translators[model].styles(seeds, domain=domain)

    def _style_here(self, model: str, picture: Image.Image, domain: str | None) -> np.ndarray:
        return self.answers.translators[model].style_of(picture, domain)


def _timed(work: Callable):
    start = time.perf_counter()
    result = work()
    return result, (time.perf_counter() - start) * 1000


def _vectors(styles) -> np.ndarray:
    try:
        vectors = np.array(styles if _are_numbers(styles) else [], dtype=np.float32)
    except (OverflowError, ValueError):
        vectors = np.empty(0)
    if vectors.ndim != 2 or not 1 <= len(vectors) <= MAX_PICTURES or not np.isfinite(vectors).all():
        raise ValueError(f"The styles are a list of 1 to {MAX_PICTURES} vectors, as /styles gives them.")
    return vectors


def _are_numbers(styles) -> bool:
    """Whether it is a list of lists of numbers: NumPy would read text and truth values as numbers too."""
    if not isinstance(styles, list) or not all(isinstance(vector, list) for vector in styles):
        return False
    return all(isinstance(n, (int, float)) and not isinstance(n, bool) for vector in styles for n in vector)


def check_servable(translator) -> None:
    """ValueError for a model with an input that the page cannot make, in any of its directions."""
    for direction in list(translator.directions) or [None]:
        mode_of(translator, direction)


def _paper_facts(translator, direction: str | None) -> dict:
    """The paper that a model or one of its directions needs."""
    mode, palette = mode_of(translator, direction), None
    if mode == "labels":
        own = Palette.from_json(input_of(translator, direction)["palette"])
        palette = [{"name": n, "color": c} for n, c in zip(own.names, hex_colours(own.colours), strict=True)]
    return {"mode": mode, "palette": palette}


def model_facts(name: str, translator) -> dict:
    """What the page's script knows of a model: names, input and palette, whether there are styles, words about it.

    "ways" are the directions, each with the paper that it needs; "domains" names; "fixed" the tiles of a model without
    noise, which has one answer, else None; "ink" the colour of a hole that people paint, None where none is wanted;
    "first" the seeds that a fresh page shows; "next" those that New samples shows then; "passed" those that it passes
    over; "side" the pixels of a photo on the paper.
    """
    sides = translator.config.get("sides") or {}
    return {
        "name": name,
        "weights": translator.weights_id,
        **_paper_facts(translator, next(iter(translator.directions), None)),
        "side": photo_side(translator),
        "ink": hex_colours([hole])[0] if (hole := input_of(translator).get("hole")) else None,
        "styles": bool(translator.has_styles),
        "ways": [
            {"id": one, "words": words, "start": one[0], "from": sides.get(one[0], one[0]),
             "to": sides.get(one[-1], one[-1]), **_paper_facts(translator, one)}
            for one, words in translator.directions.items()
        ],
        "domains": list(translator.domains),
        "fixed": first_tiles(translator) if translator.directions else None,
        "first": first_seeds(translator),
        "next": next_seeds(translator),
        "passed": passed_seeds(translator),
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
