"""Pictures of pictures: batches of tensors as one image to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def colours_of(described: Mapping[str, Any]) -> Sequence[Sequence[int]] | None:
    """The colours of the classes of a model's input or output, as config.json describes it; None for other pictures."""
    return described.get("palette", {}).get("colours")


def draw_input(x: Tensor, colours: Sequence[Sequence[int]] | None = None) -> Tensor:
    """A network's input as something to look at, (B, 3, H, W) in [-1, 1]: a drawing in grey, labels in colours.

    Args:
        x: (B, 1, H, W) drawings in [-1, 1], or (B, C, H, W) label maps, the largest channel being the class.
        colours: red, green and blue of each of the C classes, 0 to 255; None: hues all around, and one channel is a
            drawing.
    """
    if colours is not None:
        table = torch.tensor(colours, dtype=x.dtype, device=x.device) / 127.5 - 1
        return table[x.argmax(1)].permute(0, 3, 1, 2)
    if x.shape[1] == 1:
        return x.expand(-1, 3, -1, -1)
    hue = torch.linspace(0, 2 * torch.pi, x.shape[1] + 1, device=x.device)[:-1]
    table = torch.stack([hue.cos(), (hue + 2.1).cos(), (hue + 4.2).cos()], 1)
    return table[x.argmax(1)].permute(0, 3, 1, 2)


def tile(pictures: Tensor, gap: int = 2) -> Image.Image:
    """(rows, columns, 3, H, W) in [-1, 1] -> one RGB image with white gaps."""
    rows, columns, _, height, width = pictures.shape
    values = ((pictures.detach().float().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    out = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for r in range(rows):
        for c in range(columns):
            top, left = r * (height + gap), c * (width + gap)
            out[top : top + height, left : left + width] = values[r, c].permute(1, 2, 0).numpy()
    return Image.fromarray(out)
