"""Differentiable augmentation: of what discriminators see (DiffAugment, Zhao et al., NeurIPS 2020, section 3.3), and of
what a style encoder sees."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SHIFT = 8  # pictures are shifted by up to 1/8 of their side, as in the paper
WINDOWS = (0.6, 1.5)  # sides of the windows of `random_views`, in sides of the picture


def random_views(y: Tensor, size: int, strength: float) -> Tensor:
    """A random view of each photo (B, 3, S, S) -> (B, 3, size, size): half of them mirrored, through a window of 0.6 to
    1.5 times the photo's side that lies anywhere inside it, or that it lies anywhere inside of; what is outside of the
    photo is its reflection.

    Args:
        strength: 1 for windows of that range, less for a narrower one; above 0.
    """
    # Sampling reads the four nearest pixels only. So large photos are averaged first, and a window is sampled twice as
    # finely as needed, then averaged: no more than 1.5 pixels lie between two samples, and nothing is skipped.
    while y.shape[-1] >= 4 * size:
        y = F.avg_pool2d(y, 2)
    draws = torch.rand(4, len(y), device=y.device)
    low, high = (math.log(w) * strength for w in WINDOWS)
    window = torch.exp(low + (high - low) * draws[0])
    centre = (draws[1:3] * 2 - 1) * (1 - window).abs()
    mirror = torch.where(draws[3] < 0.5, -1.0, 1.0)
    zero = torch.zeros_like(window)
    rows = [window * mirror, zero, centre[0], zero, window, centre[1]]
    with torch.autocast(y.device.type, enabled=False):  # where the affine grid would be bfloat16: off by whole pixels
        grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), [len(y), 3, 2 * size, 2 * size], align_corners=False)
        fine = F.grid_sample(y.float(), grid, padding_mode="reflection", align_corners=False)
        return F.avg_pool2d(fine, 2)


class DiffAugment:
    """One random change of colour and place for each of `count` pairs, the same for all pictures of a pair.

    Real and generated pictures, and the drawing, of one pair are changed alike, so that discriminators learn nothing
    that the change itself would show, and features of a picture and of its reconstruction stay comparable.

    Args:
        count: pairs B.
        share: probability that a pair is changed at all. The paper's cutout is left out.
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
