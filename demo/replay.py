"""The replay: a drawing that grows, and the photos that grow with it, as one looping WebP."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image

from demo.metadata import drawing_picture, sheet
from demo.strokes import length, partial

FRAMES = 24  # at most; a short drawing has fewer
SHORTEST = 24.0  # units of drawing that a frame adds, at least
STEP, REST = 140, 1800  # ms: one frame, and the finished picture
SIDE = 384  # pixels: height of the animation, at most
PHOTOS = 4  # at most
BLANK = (241, 245, 249)  # where no photo answers yet


def shares(strokes: list[dict]) -> list[float]:
    """How much of the drawing's length each frame shows, up to 1; more frames for a longer drawing."""
    count = max(2, min(FRAMES, round(length(strokes) / SHORTEST)))
    return [(k + 1) / count for k in range(count)]


def replay(
    strokes: list[dict], palette, answer: Callable[[list[dict]], list[Image.Image] | None], photos: int, size: int
) -> tuple[bytes, int]:
    """An animated WebP that loops for ever, and its number of frames.

    strokes: checked; palette: as in `strokes.paint`.
    answer: from a partial drawing to its photos, None for one without ink; so many photos of that size in pixels.
    """
    frames, latest = [], [Image.new("RGB", (size, size), BLANK)] * photos
    for share in shares(strokes):
        grown = partial(strokes, share)
        latest = answer(grown) or latest
        drawing = drawing_picture(grown, palette, SIDE)
        frames.append(_fitted(sheet(drawing, latest)))
    stream = io.BytesIO()
    durations = [STEP] * (len(frames) - 1) + [REST]
    frames[0].save(
        stream, "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=82, method=2
    )
    return stream.getvalue(), len(frames)


def _fitted(picture: Image.Image) -> Image.Image:
    """At most SIDE high, so that the file stays small enough to send around."""
    if picture.height <= SIDE:
        return picture
    return picture.resize((round(picture.width * SIDE / picture.height), SIDE), Image.Resampling.LANCZOS)
