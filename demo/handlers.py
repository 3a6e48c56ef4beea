"""Sketch → photos, and what the page says about a model: plain functions, testable without a browser.

`translators` is always a dict from the name on the page to a loaded `i2i.translator.Translator`. Every problem
that a person can cause is a `ValueError` in words; `answer` turns it into a message for the page.
"""

from __future__ import annotations

import base64
import binascii
import html
import io
import logging
import time
from pathlib import Path

from PIL import Image, UnidentifiedImageError

PICTURES = 4  # on the page
MAX_PICTURES = 16  # a call of the endpoint
MAX_SEED = 999_999_999
MAX_SIDE = 4096  # pixels; larger sketches are refused before they are decoded
EMPTY = "Draw something, and four different photos answer here."

log = logging.getLogger(__name__)


def pick(translators: dict, model: str):
    """The translator called `model`. ValueError that lists the names when there is none."""
    if model not in translators:
        raise ValueError(f"There is no model {model!r} here. Choose one of: {', '.join(translators)}.")
    return translators[model]


def whole_number(value, name: str, low: int, high: int) -> int:
    """`value` as an int in [low, high]; ValueError that says what came and what was expected."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        raise ValueError(f"The {name} must be a whole number from {low} to {high}, not {value!r}.")
    if not low <= value <= high:
        raise ValueError(f"The {name} must be from {low} to {high}, not {int(value)}.")
    return int(value)


def open_sketch(source) -> Image.Image:
    """A sketch from a file or a binary stream as a decoded PIL image, in whatever mode it has.

    ValueError when it is no picture, broken, or larger than MAX_SIDE on a side.
    """
    try:
        with Image.open(source) as image:
            if max(image.size) > MAX_SIDE:
                raise ValueError(
                    f"The sketch is {image.width} × {image.height} pixels; at most {MAX_SIDE} on a side. Shrink it."
                )
            image.load()
            return image.copy()
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as problem:
        raise ValueError("The sketch could not be read as a picture. Send a whole PNG, JPEG or WebP file.") from problem


def open_data_url(url: str) -> Image.Image:
    """The picture inside a `data:image/png;base64,…` URL, as the drawing surface sends it; ValueError otherwise."""
    head, comma, body = url.partition(",") if isinstance(url, str) else ("", "", "")
    if head != "data:image/png;base64" or not comma:
        raise ValueError("The drawing did not arrive as a PNG data URL. Reload the page and draw again.")
    try:
        data = base64.b64decode(body, validate=True)
    except binascii.Error as problem:
        raise ValueError("The drawing arrived damaged. Draw another line to send it again.") from problem
    return open_sketch(io.BytesIO(data))


def as_data_url(picture: Image.Image) -> str:
    """A picture as a WebP data URL. Equal pictures give equal text."""
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=90, method=2)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")


def sample(translators: dict, sketch, model: str, n: int = PICTURES, seed: int = 0) -> dict:
    """`n` photos of a sketch with the seeds seed, …, seed + n − 1.

    sketch: PIL image, or path of an image file; any size, mode and polarity (the translator normalises it).
    Returns `{"images": [WebP data URL, …], "seeds": [int, …], "model": name, "weights": 8 hex digits,
    "ms": time of the model alone}`. ValueError for an unknown model, a bad number, an unreadable sketch, or a
    drawing without ink.
    """
    translator = pick(translators, model)
    n = whole_number(n, "number of pictures", 1, MAX_PICTURES)
    seed = whole_number(seed, "seed", 0, MAX_SEED)
    if sketch is None:
        raise ValueError("There is no sketch. Send an image file, for example sketch=handle_file('cat.png').")
    if isinstance(sketch, (str, Path)):
        sketch = open_sketch(sketch)
    start = time.perf_counter()
    photos = translator.sample(sketch, n=n, seed=seed)
    ms = (time.perf_counter() - start) * 1000
    return {
        "images": [as_data_url(photo) for photo in photos],
        "seeds": list(range(seed, seed + n)),
        "model": model,
        "weights": translator.weights_id,
        "ms": round(ms, 1),
    }


def nothing_drawn(drawing_id=None) -> dict:
    """What the grid shows before anything is drawn."""
    return {"state": "empty", "message": EMPTY, "drawing": drawing_id}


def answer(translators: dict, drawing: dict | None, model: str, seed) -> dict:
    """The value of the grid for the value of the drawing surface (canvas.py). Never raises.

    `{"state": "pictures", "drawing": id, …}` with what `sample` returns, or `{"state": "empty" | "error",
    "message": words, "drawing": id}`. The model does not run on an empty canvas.
    """
    drawing_id = None
    try:
        if drawing is None:
            return nothing_drawn()
        if not isinstance(drawing, dict):
            raise ValueError("The drawing arrived in an unknown form. Reload the page and draw again.")
        drawing_id = drawing.get("id")
        if not drawing.get("strokes"):
            return nothing_drawn(drawing_id)
        picture = open_data_url(drawing.get("image"))
        if picture.convert("L").getextrema()[0] > 127:  # every line was erased again
            return nothing_drawn(drawing_id)
        return {"state": "pictures", "drawing": drawing_id, **sample(translators, picture, model, PICTURES, seed)}
    except ValueError as problem:
        message = str(problem)
        if message.startswith("empty drawing"):
            return nothing_drawn(drawing_id)
    except Exception:  # a defect of ours or of the machine: the log gets the trace, the page gets words
        log.exception("sampling from model %r failed", model)
        message = "The model could not answer this drawing. The reason is in the log of the server; try another one."
    return {"state": "error", "message": message, "drawing": drawing_id}


def next_seed(seed) -> int:
    """The seed after "new samples": the first one whose pictures have not been shown yet."""
    try:
        following = whole_number(seed, "seed", 0, MAX_SEED) + PICTURES
    except ValueError:
        return 0
    return following if following <= MAX_SEED else 0


def facts(translators: dict, model: str) -> str:
    """What the page says about a model, as HTML: name, first digits of the weights' hash, data and licence, note.

    Data and note come from the model's config (`data.name`, `data.licence`, `note`); what is absent is left out.
    """
    translator = pick(translators, model)
    data = translator.config.get("data")
    data = data if isinstance(data, dict) else {}
    note = translator.config.get("note")
    line = f"<b>{html.escape(model)}</b> · weights <code>{html.escape(translator.weights_id)}</code>"
    if data.get("licence"):
        origin = [str(data[key]) for key in ("name", "licence") if data.get(key)]
        line += f" · data: {html.escape(', '.join(origin))}"
    return f"<p>{line}</p>" + (f"<p>{html.escape(str(note))}</p>" if note else "")
