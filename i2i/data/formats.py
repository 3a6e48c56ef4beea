"""The kinds of files that results are written as, and what these can hold."""

from __future__ import annotations

from PIL import Image

from i2i.data.records import encoded

FORMATS = {"png": {"optimize": False}, "webp": {"quality": 95, "method": 4}, "jpg": {"quality": 95, "subsampling": 0}}
_MOST_PIXELS = {"jpg": 65500, "webp": 16383}  # a side, which is what the formats can hold


class Unwritable(ValueError):
    """A result that its format cannot hold; the message is one line that says what to do."""


def image_bytes(image: Image.Image, kind: str) -> bytes:
    """A picture as a file of one of `FORMATS`.

    Raises:
        Unwritable: for a picture that is too large for the format.
    """
    size, most = f"{image.width}x{image.height}", _MOST_PIXELS.get(kind)
    if most is not None and max(image.size) > most:
        raise Unwritable(f"{size} is more than a {kind} file can hold, {most} pixels a side: use --format png")
    try:
        return encoded(image, "JPEG" if kind == "jpg" else kind.upper(), **FORMATS[kind])
    except (OSError, ValueError) as error:
        raise Unwritable(f"{size} cannot be written as {kind}: {error}; use another --format, or resize it") from error
