"""Which side of pairs photo|labels holds the label maps, told by the palette."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

import numpy as np
from PIL import Image

from i2i.data.layout import PrepareError
from i2i.data.paired_files import Example, PairedConfig, find_examples
from i2i.palette import TOLERANCE, Palette

LOOKED_AT = 4  # pairs, spread evenly
_SIDE = 256  # pixels of what is looked at; every n-th pixel, since mixtures of two classes would be none


def with_labels_found(root: str | os.PathLike, config: PairedConfig) -> PairedConfig:
    """The same configuration of photos and label maps with the sides exchanged where the pairs have them so.

    Folders called photo and labels are told by their names. Of halves A|B and of folders A and B the label maps are
    the side whose colours are the palette's; where that is not clear, the configuration stays as it is.

    Args:
        root: folder of pairs, see `find_examples`.
        config: one side "labels", the other "photo", and `palette` a file.
    """
    examples: list[Example] = []
    for split in ("train", "val"):  # there may be one alone
        with contextlib.suppress(PrepareError):
            examples = examples or find_examples(root, split, config)[0]
    if examples and not examples[0].halves and {examples[0].a.parent.name, examples[0].b.parent.name} != {"A", "B"}:
        return config
    looked_at = examples[:: max(1, -(-len(examples) // LOOKED_AT))]
    palette = Palette.load(config.palette)
    fits = [[_fit(palette, example, side) for side in "ab"] for example in looked_at]
    fits = [pair for pair in fits if None not in pair]
    if not fits:
        return config
    (known_a, apart_a), (known_b, apart_b) = np.mean(fits, 0)
    labels_are_b = known_b > known_a if abs(known_a - known_b) > 0.1 else apart_b < apart_a
    if labels_are_b == (config.b == "labels"):
        return config
    turned = {"AtoB": "BtoA", "BtoA": "AtoB"}.get(config.direction, config.direction)
    return replace(config, a=config.b, b=config.a, direction=turned)


def _fit(palette: Palette, example: Example, side: str) -> tuple[float, float] | None:
    """(share of the pixels that are some class, mean distance to the nearest) of one side; None if it cannot be
    read, which is said where every picture is.
    """
    try:
        with Image.open(example.a if side == "a" else example.b) as picture:
            half, height = picture.width // 2, picture.height
            if example.halves:
                picture = picture.crop((0, 0, half, height) if side == "a" else (half, 0, 2 * half, height))
            picture.load()
            smaller = min(1.0, _SIDE / max(picture.size))
            size = tuple(max(1, round(n * smaller)) for n in picture.size)
            _, distance = palette.nearest(picture.resize(size, Image.Resampling.NEAREST))
    except (OSError, SyntaxError, ValueError):
        return None
    return float((distance <= TOLERANCE).mean()), float(distance.mean())
