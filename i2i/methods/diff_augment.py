"""Differentiable augmentation of what discriminators see (DiffAugment, Zhao et al., NeurIPS 2020, section 3.3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SHIFT = 8  # pictures are shifted by up to 1/8 of their side, as in the paper


class DiffAugment:
    """One random change of colour and place for each of `count` pairs, the same for all pictures of a pair.

    Real and generated pictures, and the drawing, of one pair are changed alike, so that discriminators learn nothing
    that the change itself would show, and features of a picture and of its reconstruction stay comparable.

    Args:
        count: pairs B.
        share: probability that a pair is changed at all.
        device: of the pictures.
    """

    def __init__(self, count: int, share: float, device: torch.device):
        self.count = count
        changed = torch.rand(count, device=device) < share
        # Brightness, saturation, contrast, and the shift down and right, in sides.
        draws = torch.rand(5, count, device=device)
        self.brightness = torch.where(changed, draws[0] - 0.5, 0.0)
        self.saturation = torch.where(changed, draws[1] * 2, 1.0)
        self.contrast = torch.where(changed, draws[2] + 0.5, 1.0)
        self.shift = torch.where(changed, (draws[3:] * 2 - 1) / SHIFT, 0.0)

    def pictures(self, y: Tensor) -> Tensor:
        """Photos (k * B, 3, S, S) in [-1, 1], k blocks of the same pairs -> the same shape, colour and place changed.

        What a shift uncovers is mid-grey, 0."""
        repeats = len(y) // self.count
        add, saturate, stretch = (
            v.repeat(repeats)[:, None, None, None].to(y.dtype)
            for v in (self.brightness, self.saturation, self.contrast)
        )
        y = y + add
        grey = y.mean(1, keepdim=True)
        y = (y - grey) * saturate + grey
        mean = y.mean((1, 2, 3), keepdim=True)
        return self.place((y - mean) * stretch + mean)

    def place(self, x: Tensor) -> Tensor:
        """Drawings, label maps or photos (k * B, C, S, S) -> the same shape, shifted; 0 where nothing was."""
        size, most = x.shape[-1], x.shape[-1] // SHIFT
        down, right = (self.shift * size).round().long().repeat(1, len(x) // self.count)
        steps = torch.arange(size, device=x.device) + most
        rows = (steps[None] + down[:, None])[:, :, None]
        columns = (steps[None] + right[:, None])[:, None, :]
        padded = F.pad(x, (most,) * 4).permute(0, 2, 3, 1)
        which = torch.arange(len(x), device=x.device)[:, None, None]
        return padded[which, rows, columns].permute(0, 3, 1, 2)
