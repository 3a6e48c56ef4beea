"""What was done to the photos that pairs translate from, told by looking: their colours are gone, or a part of them.

A model of such pairs gets whole photos in colour from people, and must know.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from i2i.data.paired import PairedDataset

LOOKED_AT = 16  # pairs, spread evenly
LEVEL = 2 / 255  # one grey level in a tensor
COLOURLESS = 2 * LEVEL  # mean distance of the channels
_APART, _FLAT, _ALIKE = 24 * LEVEL, 6 * LEVEL, 4 * LEVEL  # in the hole; its spread; outside of it
_BORDER = 2  # pixels around a hole that resizing mixes
_LEAST = 0.01  # share of the picture


def colourless(photo: Tensor) -> bool:
    """Whether a photo (3, H, W) in [-1, 1] is grey, but for what a JPEG does to it."""
    return bool((photo.amax(0) - photo.amin(0)).mean() < COLOURLESS)


def seen_in(pairs: PairedDataset) -> dict[str, Any]:
    """What `input` of config.json says beside its kind, where photos become photos.

    Returns:
        {"grey": True} where every input that was looked at is grey; {"hole": [r, g, b]} where each is its photo with a
        rectangle of that colour; else {}.
    """
    if pairs.kinds != ("photo", "photo"):
        return {}
    items = [pairs[i] for i in range(0, len(pairs), max(1, -(-len(pairs) // LOOKED_AT)))]
    if all(colourless(item["x"]) for item in items):
        return {"grey": True}
    holes = [_hole(item["x"], item["y"]) for item in items]
    if any(hole is None for hole in holes) or max((a - b).abs().max() for a in holes for b in holes) > _APART:
        return {}
    colour = (torch.stack(holes).median(0).values + 1) * 127.5
    return {"hole": [round(float(level)) for level in colour]}


def _hole(x: Tensor, y: Tensor) -> Tensor | None:
    """The colour (3,) of the rectangle that is all that parts x from y, both (3, S, S); None without one."""
    apart = (x - y).abs().amax(0)
    rows, columns = (torch.nonzero((apart > _APART).any(axis)).flatten() for axis in (1, 0))
    if not len(rows):
        return None
    (top, bottom), (left, right) = ((int(side[0]), int(side[-1]) + 1) for side in (rows, columns))
    if (bottom - top) * (right - left) < _LEAST * apart.numel():
        return None
    inside = x[:, top + _BORDER : bottom - _BORDER, left + _BORDER : right - _BORDER].flatten(1)
    around = torch.ones_like(apart, dtype=torch.bool)
    around[max(0, top - _BORDER) : bottom + _BORDER, max(0, left - _BORDER) : right + _BORDER] = False
    if not inside.numel() or not around.any() or inside.std(1, correction=0).max() > _FLAT:
        return None
    return inside.median(1).values if apart[around].mean() < _ALIKE else None
