"""A generator of twice the picture size out of a trained one, after progressive growing (Karras et al., ICLR 2018).

What a net knows of the whole picture lies in its coarse levels. A net of the same levels on pictures twice as large
would see the half of what it saw, and must learn anew which ear goes with which. So the grown net gets one more level,
at its fine end, and all others stay at the resolution that they were trained for. The new level writes nothing yet:
the grown net's answer is the old one's, enlarged.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from i2i.nets.styled_unet import StyledUNet, StyledUNetConfig

# Where a feature of the new entry may look, from its own place: near ones first.
_SHIFTS = sorted(((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)), key=lambda s: (abs(s[0]) + abs(s[1]), s))
_SEEN = range(-2, 4)  # cells of the smaller picture that the old entry sees beside cell 2i for its place i
LEAST_LEVELS = 5  # of fewer, the grown net would not write the coarsest RGB any more


def grown_config(config: StyledUNetConfig) -> StyledUNetConfig:
    """Twice the picture size, and a level more, as wide as the finest.

    Raises:
        ValueError: for a net of fewer than five levels.
    """
    if len(config.widths) < LEAST_LEVELS:
        raise ValueError(f"a net of {len(config.widths)} levels does not grow: it takes {LEAST_LEVELS}")
    return dataclasses.replace(config, size=2 * config.size, widths=(config.widths[0], *config.widths))


def grow(weights: dict[str, Tensor], config: StyledUNetConfig) -> dict[str, Tensor]:
    """Weights of a `StyledUNet` of `grown_config(config)`, from those of one of `config`.

    Exact but for the entry: the old one read pixels of the smaller picture, the new one reads the larger picture,
    and has two convolutions that see a row and a column less. What it cannot see is taken to be like the nearest that
    it sees. A drawing's line, one pixel wide in either picture, covers half of a smaller picture's pixel, so ink counts
    twice.
    """
    grown = StyledUNet(grown_config(config)).state_dict()
    for name, tensor in weights.items():
        part, _, rest = name.partition(".")
        if part != "stem":
            index, _, rest = rest.partition(".")
            # What reads the entry's features reads as many more, that say nothing to it yet.
            grown[f"{part}.{int(index) + 1}.{rest}"] = tensor
    stem = weights["stem.weight"].shape[0]
    for name, axis in (("down.1.weight", 1), ("levels.1.skip.weight", 1), ("grain.1.strength", 0)):
        if name in grown:
            lacking = list(grown[name].shape)
            lacking[axis] = config.widths[0] - stem
            grown[name] = torch.cat([grown[name], grown[name].new_zeros(lacking)], axis)
    _enter(grown, weights["stem.weight"], weights["stem.bias"], config.inputs)
    return grown


def _enter(grown: dict[str, Tensor], weight: Tensor, bias: Tensor, inputs: int) -> None:
    """The new stem and first `down`, which together say what the old stem said: weight (stem, 4 inputs, 3, 3)."""
    stem = len(weight)
    drawing = inputs == 1
    # Features of the new stem: an input channel's average over a cell, for drawings the share of ink. None is
    # negative, so the rectifier leaves them alone.
    features = [(shift, c) for shift in _SHIFTS for c in range(inputs)][:stem]
    for k, ((dy, dx), c) in enumerate(features):
        grown["stem.weight"][k] = 0
        grown["stem.weight"][k, 4 * c : 4 * c + 4, dy + 1, dx + 1] = -0.125 if drawing else 0.25
        grown["stem.bias"][k] = 0.5 if drawing else 0
    grown["down.0.weight"][:stem] = 0
    grown["down.0.bias"][:stem] = bias + weight.sum((1, 2, 3)) if drawing else bias
    # A share of ink of a half is a pixel of ink: -1 instead of +1.
    factor = -4.0 if drawing else 1.0
    ways = [_ways([s for s, of in features if of == c]) for c in range(inputs)]
    for row in _SEEN:
        for column in _SEEN:
            (ky, sub_y), (kx, sub_x) = divmod(row + 2, 2), divmod(column + 2, 2)
            for c, reached in enumerate(ways):
                if not reached:  # more classes than the entry has features: these are learned anew
                    continue
                nearest = min(reached, key=lambda cell: (cell[0] - row) ** 2 + (cell[1] - column) ** 2)
                shift, y, x = reached[nearest]
                k = features.index((shift, c))
                grown["down.0.weight"][:stem, k, y, x] += factor * weight[:, 4 * c + 2 * sub_y + sub_x, ky, kx]


def _ways(shifts: list[tuple[int, int]]) -> dict[tuple[int, int], tuple[tuple[int, int], int, int]]:
    """Cell (row, column) -> by which feature's shift, and where in the kernel of the first `down`, it is reached."""
    ways = {}
    for dy, dx in shifts:
        for y in range(3):
            for x in range(3):
                ways.setdefault((y - 1 + dy, x - 1 + dx), ((dy, dx), y, x))
    return ways
