"""Picture files as people have them: read into RGB, with a note of whatever had to be done to them."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from i2i.images import NO_HEIC, is_heif, load_image, upright
from i2i.profiles import foreign_profile

_TURNED = {3: "turned 180°", 6: "turned 90°", 8: "turned 90°"} | dict.fromkeys((2, 4, 5, 7), "mirrored")
_PLAIN = ("RGB", "L")
CLEAR = "transparency put on white"
_OF_COLOURS = ("converted", "colours converted", "nearly black")  # what these notes begin with
_DIM = 1 << 13  # levels of 16 bits: cameras of 12 bits and less stay below
TOO_LARGE = "it does not fit into the memory that is free: shrink it first, or try again with --workers 1"


@dataclass(frozen=True)
class Picture:
    """A picture and what was done to read it.

    Attributes:
        image: RGB, turned as its EXIF data say, transparency on white; or as stored, see `read_stored`.
        notes: plain sentences: converted from CMYK, the first of 12 frames, and so on.
    """

    image: Image.Image
    notes: tuple[str, ...]


def read_picture(content: bytes, name: str | os.PathLike) -> Picture:
    """Decode a file's bytes to RGB.

    Args:
        content: the file. name: what it is called, for messages.

    Raises:
        ValueError: for what is no picture, is truncated or damaged, or has too many pixels; says which.
    """
    stored = _open(content, name)
    notes = _notes(stored)
    decoded = _decoded(stored)
    return Picture(decoded, _true_of(stored, notes))


def read_stored(content: bytes, name: str | os.PathLike) -> Picture:
    """Decode a file's bytes and leave its mode and its own palette as they are, for label maps; EXIF is obeyed.

    Raises:
        ValueError: as `read_picture`.
    """
    stored = _open(content, name)
    notes = tuple(note for note in _notes(stored) if not note.startswith(_OF_COLOURS))
    _decoded(stored)  # names what is damaged
    return Picture(upright(stored), _true_of(stored, notes))


def why_unreadable(path: Path) -> str:
    """What is wrong with a picture's file; empty for one that can be read."""
    try:
        read_picture(path.read_bytes(), path)
    except OSError as error:
        return f"cannot read: {error.strerror or error}"
    except ValueError as error:
        return str(error)
    return ""


def _open(content: bytes, name: str | os.PathLike) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content))
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"has more pixels than the limit of {2 * Image.MAX_IMAGE_PIXELS:,}, which guards against files that fill "
            "the memory; shrink it first"
        ) from error
    except UnidentifiedImageError as error:
        if is_heif(content):
            raise ValueError(NO_HEIC) from error
        suffix = Path(name).suffix or "nameless"
        if suffix.lower() in (".heic", ".heif"):
            raise ValueError(f"no HEIC photo that can be read ({len(content)} bytes): export it as JPEG") from error
        raise ValueError(f"not a picture in a known format ({suffix} file of {len(content)} bytes)") from error
    except Exception as error:  # the header readers raise many kinds for broken files
        raise ValueError(f"damaged picture: {error or type(error).__name__}") from error


def _decoded(stored: Image.Image) -> Image.Image:
    try:
        return load_image(stored)
    except MemoryError as error:
        raise ValueError(TOO_LARGE) from error
    except ValueError as error:
        if isinstance(error.__cause__, MemoryError):
            raise ValueError(TOO_LARGE) from error
        raise ValueError(str(error).removeprefix("cannot read image image: ")) from error
    except Exception as error:  # a decoder's own kind of error must not stop the other files
        raise ValueError(f"damaged picture: {error or type(error).__name__}") from error


def _true_of(decoded: Image.Image, notes: tuple[str, ...]) -> tuple[str, ...]:
    """The notes without that of transparency, where every pixel is opaque, which only a decoded picture tells."""
    if CLEAR in notes and decoded.convert("RGBA").getextrema()[3][0] == 255:
        return tuple(note for note in notes if note != CLEAR)
    return notes


def _notes(image: Image.Image) -> tuple[str, ...]:
    notes = []
    # Pillow reads 16 bits a colour as 8: how the pixels lie in the file tells, until EXIF makes it load a PNG.
    deep = any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    frames = _quietly(lambda: getattr(image, "n_frames", 1), 1)
    if frames > 1:
        notes.append(f"the first of {frames} frames")
    turned = _TURNED.get(_quietly(lambda: image.getexif().get(0x0112), None))
    if turned:
        notes.append(f"{turned} as its EXIF data say")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        notes.append(CLEAR)
    if image.mode.startswith("I") or deep:
        notes.append("converted from 16 bits")
        highest = _quietly(lambda: image.getextrema()[1], None)
        if image.mode.startswith("I;16") and highest is not None and highest < _DIM:
            notes.append(f"nearly black: its brightest level is {highest} of 65535")
    elif image.mode not in _PLAIN and image.mode not in ("RGBA", "LA"):
        notes.append(f"converted from mode {image.mode}")
    profile = _quietly(lambda: foreign_profile(image), "")
    if profile:
        notes.append(f"colours converted from {profile}")
    return tuple(notes)


def _quietly(read, otherwise):
    """Damaged extra data, such as EXIF, must not cost the picture."""
    try:
        return read()
    except Exception:
        return otherwise
