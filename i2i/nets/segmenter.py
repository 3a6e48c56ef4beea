"""A small segmentation network: photo to class scores. It judges label -> photo models (FCN-score)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.nets.init import he_init


class _Block(nn.Module):
    """Two 3x3 convolutions with batch norm, and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class Segmenter(nn.Module):
    """Residual U-Net on pictures whose pixels were first folded into channels, so that little runs at full resolution.

    Args:
        classes: K.
        widths: channels at 1/2, 1/4, 1/8, ... of the resolution.

    Forward: y (B, 3, H, W) in [-1, 1], H and W multiples of `stride` -> class scores (logits) (B, K, H, W).
    """

    def __init__(self, classes: int, widths: tuple[int, ...] = (32, 64, 96, 128, 128)):
        super().__init__()
        self.stride = 2 ** len(widths)
        above = [12, *widths]
        self.down = nn.ModuleList(
            _Block(a, b, stride=2 if k else 1) for k, (a, b) in enumerate(zip(above, widths, strict=False))
        )
        self.up = nn.ModuleList(
            _Block(widths[k] + widths[k - 1], widths[k - 1]) for k in reversed(range(1, len(widths)))
        )
        self.head = nn.Conv2d(widths[0], 4 * classes, 1)
        he_init(self)

    def forward(self, y: Tensor) -> Tensor:
        y = F.pixel_unshuffle(y, 2)
        skips = []
        for block in self.down:
            y = block(y)
            skips.append(y)
        skips.pop()
        for block in self.up:
            skip = skips.pop()
            y = F.interpolate(y, size=skip.shape[2:], mode="bilinear", align_corners=False)
            y = block(torch.cat([y, skip], 1))
        return F.pixel_shuffle(self.head(y), 2)
