"""Pictures in and out of the page: limits for what comes in, data URLs for what goes out."""

from __future__ import annotations

import base64
import binascii
import io
from pathlib import Path

from PIL import Image, UnidentifiedImageError

MAX_SIDE = 4096  # pixels; larger pictures are refused before they are decoded
MOST_SCANS = 100  # of a JPEG; progressive ones have about ten
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # what browsers send; Pillow's rarer readers stay shut
_UNREADABLE = (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)
_URL_HEADS = ("data:image/png;base64", "data:image/jpeg;base64", "data:image/webp;base64")


def open_picture(source, what: str = "picture", most: int = MAX_SIDE) -> Image.Image:
    """A picture from a path or a binary stream, decoded, in whatever mode it has.

    Raises:
        ValueError: when it is no picture, broken, or has more than `most` pixels on a side. It names no path.
    """
    try:
        with Image.open(source, formats=FORMATS) as image:
            size = image.size
            if image.format == "JPEG" and (scans := _scans(image)) > MOST_SCANS:
                raise ValueError(f"{scans} scans")
            if max(size) <= most:
                image.load()
                return image.copy()
    except _UNREADABLE as problem:
        raise ValueError(
            f"The {what} could not be read as a picture. Send a whole PNG, JPEG, WebP, GIF or BMP."
        ) from problem
    raise ValueError(f"The {what} is {size[0]} × {size[1]} pixels; at most {most} on a side. Shrink it.")


def _scans(image: Image.Image) -> int:
    """How often a JPEG's data go over the picture; each time costs as much as the first. Nothing is decoded for it."""
    place = image.fp.tell()
    image.fp.seek(0)
    count = image.fp.read().count(b"\xff\xda")  # in compressed data 0xff is never followed by this byte
    image.fp.seek(place)
    return count


def open_data_url(url: str, what: str = "picture", most: int = MAX_SIDE) -> Image.Image:
    """The picture inside a base64 data URL of a PNG, JPEG or WebP; ValueError in words otherwise."""
    head, comma, body = url.partition(",") if isinstance(url, str) else ("", "", "")
    if head not in _URL_HEADS or not comma:
        raise ValueError(f"The {what} did not arrive as a PNG, JPEG or WebP data URL. Reload the page and try again.")
    try:
        data = base64.b64decode(body, validate=True)
    except binascii.Error as problem:
        raise ValueError(f"The {what} arrived damaged. Send it again.") from problem
    return open_picture(io.BytesIO(data), what, most)


def open_upload(source, what: str = "picture") -> Image.Image:
    """`open_picture` for a path that may be missing: ValueError that says how to send a file."""
    if source is None:
        raise ValueError(f"There is no {what}. Send an image file, for example {what}=handle_file('cat.png').")
    return open_picture(source if isinstance(source, io.IOBase) else Path(source), what)


def as_jpeg_url(picture: Image.Image) -> str:
    """A photo as a JPEG data URL; equal photos give equal text.

    Full colour resolution at quality 90 differs from the photo as little as WebP at 90 does, and encoding it takes a
    tenth of the time, which an answer to every stroke feels.
    """
    return "data:image/jpeg;base64," + _base64(picture, "JPEG", quality=90, subsampling=0)


def as_answer_url(picture: Image.Image) -> str:
    """What a model answers with: a photo as a JPEG, a label map as a PNG, whose colours are the palette's own."""
    return as_png_url(picture.convert("RGB")) if picture.mode == "P" else as_jpeg_url(picture.convert("RGB"))


def as_png_url(picture: Image.Image) -> str:
    """A drawing, map or mask as a PNG data URL, nothing lost."""
    return "data:image/png;base64," + _base64(picture, "PNG", compress_level=6)


def _base64(picture: Image.Image, kind: str, **options) -> str:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return base64.b64encode(stream.getvalue()).decode("ascii")
