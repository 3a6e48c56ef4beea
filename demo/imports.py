"""Pictures from outside → drawings: a photo through the edge network, a sketch as it is, a label map by its colours."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from demo import strokes as strokes_
from demo.batching import Busy, Superseded
from demo.limits import plain_id, short
from demo.pictures import open_data_url
from i2i.edges import detect_edges, normalize_sketch, postprocess
from i2i.images import FITS, fit_square, load_image
from i2i.palette import Palette

KINDS = ("photo", "sketch", "labels")
SIDE = 256  # of a drawing
FOREIGN = 0.5  # share of a label map with unknown colours, from which on it is none
MOST_COLOURS = 256  # of a palette
LONG = 1.05  # sides of a picture: longer ones lose something, and are told so
MIDDLE = "The middle of it is used: the model sees squares."
NOTHING = "No lines were found in this {}. Try one with clearer outlines."
TROUBLE = "This picture could not be turned into a drawing. The reason is in the log of the server; try another one."

log = logging.getLogger(__name__)


def check_fit(fit: Any) -> None:
    """ValueError in words for an unknown way to make a photo square."""
    if not isinstance(fit, str) or fit not in FITS:
        raise ValueError(f"The fit must be one of {', '.join(FITS)}, not {short(fit)}.")


def photo_edges(photo: Image.Image, fit: str = "crop") -> tuple[np.ndarray, np.ndarray]:
    """The soft edge map, float32 (256, 256) in [0, 1], and the drawing, uint8 (256, 256), of a photo.

    Raises:
        ValueError: for an unknown fit, or a photo that cannot be converted.
    """
    check_fit(fit)
    soft = detect_edges(fit_square(load_image(photo), SIDE, fit))
    return soft, postprocess(soft, size=SIDE)


def picture_to_strokes(picture: Image.Image, kind: str, palette: list | None = None) -> tuple[list[dict], str]:
    """Strokes of a picture, and words about what was changed on the way, "" if nothing was.

    kind: "photo", "sketch" or "labels"; palette: the colours of a label map, the first one the empty paper.

    Raises:
        ValueError: in words, for another kind, a picture without lines, or a label map too ragged for a drawing.
    """
    if kind == "labels":
        return _labels(picture, palette)
    if kind == "photo":
        drawing = photo_edges(picture)[1]
    elif kind == "sketch":
        try:
            drawing = normalize_sketch(picture, SIDE)
        except ValueError as problem:
            if str(problem).startswith("empty drawing"):
                raise ValueError(NOTHING.format("sketch")) from None
            raise
    else:
        raise ValueError(f"The picture is of kind {short(kind)}; expected one of {', '.join(KINDS)}.")
    strokes = strokes_.from_drawing(drawing)
    if not strokes:
        raise ValueError(NOTHING.format(kind))
    return strokes, MIDDLE if kind == "photo" and _is_long(picture) else ""


def _check_colours(colours: Any) -> None:
    """ValueError for a palette that is not the page's; checked before anything is made of it."""
    if colours is not None and not (
        isinstance(colours, list)
        and len(colours) <= MOST_COLOURS
        and all(isinstance(colour, str) and re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
    ):
        raise ValueError(f"The palette is no list of at most {MOST_COLOURS} colours '#rrggbb'. Reload the page.")


def _is_long(picture: Image.Image) -> bool:
    return max(picture.size) > LONG * min(picture.size)


def _labels(picture: Image.Image, colours: list | None) -> tuple[list[dict], str]:
    if not colours:
        raise ValueError("This model draws with lines; choose a model with a palette for label maps.")
    rgb = tuple(tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in colours)
    palette = Palette(tuple(colours), rgb)
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = load_image(picture).crop((left, top, left + side, top + side))
    square = square.resize((SIDE, SIDE), Image.Resampling.NEAREST)  # no third class between two
    unknown = palette.unknown(square)
    words = MIDDLE if _is_long(picture) else ""
    if unknown:
        share = sum(count for _, count in unknown) / SIDE**2
        named = ", ".join("#" + bytes(colour).hex() for colour, _ in unknown[:4]) + (", …" if len(unknown) > 4 else "")
        if share > FOREIGN:
            raise ValueError(
                f"This is no label map of this model: {100 * share:.0f} % of it has colours that are not in the "
                f"palette ({named})."
            )
        words = f"Colours that are not in the palette became the nearest ones: {named}. {words}".strip()
    return strokes_.from_labels(palette.nearest(square)[0], colours), words


def answer_upload(in_line: Callable[[Callable[[], Any]], Any], upload: dict) -> dict:
    """The value of the drawing surface for a picture that it sent (canvas.py, "upload"). Never raises.

    in_line: runs a function in the worker and returns its result.
    upload: `{"id", "kind", "data_url", "palette"?: colours}`.
    """
    name = plain_id(upload.get("id"))
    try:
        kind = upload.get("kind")
        if kind not in KINDS:
            raise ValueError(f"The picture is of kind {short(kind)}; expected one of {', '.join(KINDS)}.")
        _check_colours(upload.get("palette"))
        picture = open_data_url(upload.get("data_url"), "picture")
        strokes, words = in_line(lambda: picture_to_strokes(picture, kind, upload.get("palette")))
        return {"load": {"id": name, "strokes": strokes} | ({"note": words} if words else {})}
    except ValueError as problem:
        message = str(problem)
    except Superseded:
        message = "A newer picture is being read."
    except Busy:
        message = "Many people are here just now. Try the picture again in a moment."
    except Exception:
        log.exception("reading a picture failed")
        message = TROUBLE
    return {"load": {"id": name, "error": message}}
