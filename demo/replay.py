"""Animations: a drawing that grows and the photos with it, and styles that pass into one another; looping WebPs."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from demo.metadata import sheet
from demo.paper import Paper
from demo.strokes import length
from i2i.style_pictures import clip

FRAMES = 24  # at most; a short drawing has fewer
SHORTEST = 24.0  # units of drawing that a frame adds, at least
STEP, REST = 140, 1800  # ms: one frame, and the finished picture
SIDE = 384  # pixels: height of the animation, at most
PHOTOS = 4  # at most
BLANK = (241, 245, 249)  # where no photo answers yet
STOPS = 6  # styles of a clip, at most
BETWEEN = 12  # frames from one style to the next
FRAME = 70  # ms of a clip's frame
SMALLEST = 256  # pixels: smaller photos are enlarged for a clip


def shares(strokes: list[dict]) -> list[float]:
    """How much of the drawing's length each frame shows, up to 1; more frames for a longer drawing."""
    count = max(2, min(FRAMES, round(length(strokes) / SHORTEST)))
    return [(k + 1) / count for k in range(count)]


def replay(
    paper: Paper, answer: Callable[[Paper], list[Image.Image] | None], photos: int, size: int
) -> tuple[bytes, int]:
    """An animated WebP of a drawing that grows; it loops for ever. Also its number of frames.

    answer: from the paper so far to its photos, None for one that is empty; so many photos of that size in pixels.
    """
    frames, latest = [], [Image.new("RGB", (size, size), BLANK)] * photos
    for share in shares(paper.strokes):
        grown = paper.partial(share)
        latest = answer(grown) or latest
        frames.append(_fitted(sheet(grown.shown(SIDE), latest, hard=paper.mode == "labels")))
    stream = io.BytesIO()
    durations = [STEP] * (len(frames) - 1) + [REST]
    frames[0].save(
        stream, "WEBP", save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=82, method=2
    )
    return stream.getvalue(), len(frames)


def style_clip(
    paper: Paper, styles: Sequence[np.ndarray], between: Callable[[np.ndarray, np.ndarray], list[Image.Image]]
) -> tuple[bytes, int]:
    """An animated WebP on the way from each style to the next and back to the first, beside what is on the paper.

    between: photos on the way from one style to another, the first included and the last not.
    """
    frames = []
    for first, second in zip(styles, [*styles[1:], styles[0]], strict=True):
        for photo in between(first, second):
            side = max(SMALLEST, photo.width)
            large = photo if photo.width == side else photo.resize((side, side), Image.Resampling.LANCZOS)
            frames.append(_fitted(sheet(paper.shown(side), [large], hard=paper.mode == "labels")))
    return clip(frames, FRAME), len(frames)


def _fitted(picture: Image.Image) -> Image.Image:
    """At most SIDE high, so that the file stays small enough to send around."""
    if picture.height <= SIDE:
        return picture
    return picture.resize((round(picture.width * SIDE / picture.height), SIDE), Image.Resampling.LANCZOS)
