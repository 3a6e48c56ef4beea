"""Saved pictures: a photo alone, or everything: drawing and photos on one sheet that holds the page's state.

The state (permalink.py) is JSON in an iTXt chunk named `i2i` of the PNG; dropping the file on the page restores it.
"""

from __future__ import annotations

import io
import json

from PIL import Image, PngImagePlugin

KEY = "i2i"
GAP = 8  # pixels around and between the pictures of a sheet
PAPER = (255, 255, 255)
MAX_TEXT = 4_000_000  # characters of a state
# Number of photos → rows and columns; the drawing is as high as the rows.
SHAPES = {1: (1, 1), 2: (2, 1), 3: (2, 2), 4: (2, 2), 5: (2, 3), 6: (2, 3), 7: (3, 3), 8: (3, 3), 9: (3, 3)}


def sheet(drawing: Image.Image, photos: list[Image.Image], hard: bool = False) -> Image.Image:
    """The drawing on the left, as high as the photos in their rows on the right; photos keep their pixels.

    hard: the drawing is a label map, which has no colours between two classes.
    """
    rows, columns = SHAPES.get(len(photos), (3, 4))
    width, height = photos[0].size
    side = rows * height + (rows - 1) * GAP
    picture = Image.new("RGB", (side + columns * (width + GAP) + 2 * GAP, side + 2 * GAP), PAPER)
    how = Image.Resampling.NEAREST if hard else Image.Resampling.LANCZOS
    picture.paste(drawing.resize((side, side), how).convert("RGB"), (GAP, GAP))
    for k, photo in enumerate(photos):
        row, column = divmod(k, columns)
        picture.paste(photo, (side + 2 * GAP + column * (width + GAP), GAP + row * (height + GAP)))
    return picture


def png_of(picture: Image.Image, state: dict | None = None) -> bytes:
    """A PNG file, with the page's state in it if one is given."""
    info = PngImagePlugin.PngInfo()
    if state is not None:
        info.add_itxt(KEY, json.dumps(state, separators=(",", ":"), ensure_ascii=False))
    stream = io.BytesIO()
    picture.save(stream, "PNG", pnginfo=info, compress_level=6)
    return stream.getvalue()


def state_of(png: bytes) -> dict | None:
    """The state in a PNG file that `png_of` made; None where there is none."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        text = picture.info.get(KEY)
    return json.loads(text) if isinstance(text, str) and len(text) <= MAX_TEXT else None

