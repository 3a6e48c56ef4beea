"""A generator for small machines: CycleGAN's residual net at half the resolution everywhere, with skips."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.nets.init import LEAK, he_init, normal_init
from i2i.nets.layers import make_norm
from i2i.nets.resnet import ResidualBlock


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, padding_mode="reflect")


class LeanGenerator(nn.Module):
    """Residual blocks at an eighth of the resolution; pixels are folded into channels at the entry and unfolded at the
    exit, as in `i2i.nets.styled_unet`, so nothing runs at full resolution.

    Most of the work is in the blocks. What they need not carry, the fine detail of geometry that stays, reaches
    the decoder over additive skips. The stem is not normalised and is read again by the exit: instance norm takes each
    channel's mean away, and with it the absolute colours, which a cycle must bring back.

    With width 64 and 6 blocks: 1.5 M parameters, 1.9 G multiply-adds at 256 pixels (CycleGAN's nine blocks at a
    quarter: 11.4 M and 49.6 G).

    Args:
        inputs, outputs: channels of x and y.
        width: channels at a quarter of the resolution; a half has 3/8, an eighth 7/4 times as many.
        blocks: residual blocks.
        norm: "instance", "batch" or "none", everywhere but in the stem.

    Forward: x (B, inputs, H, W) in [-1, 1], H and W multiples of 16 -> (B, outputs, H, W) in [-1, 1].
    """

    stride = least = 16  # height and width must be multiples: two places are the least that can be reflected

    def __init__(self, inputs: int = 3, outputs: int = 3, width: int = 64, blocks: int = 6, norm: str = "instance"):
        super().__init__()
        widths = [max(1, width * 3 // 8), width, width * 7 // 4]
        self.stem = _conv(4 * inputs, widths[0])
        self.down = nn.ModuleList(_conv(widths[k], widths[k + 1], stride=2) for k in range(2))
        self.down_norms = nn.ModuleList(make_norm(norm, widths[k + 1]) for k in range(2))
        self.blocks = nn.ModuleList(ResidualBlock(widths[2], norm, 0.0) for _ in range(blocks))
        self.enter = nn.ModuleList(nn.Conv2d(widths[k + 1], widths[k], 1) for k in (1, 0))
        self.up = nn.ModuleList(_conv(widths[k], widths[k]) for k in (1, 0))
        self.up_norms = nn.ModuleList(make_norm(norm, widths[k]) for k in (1, 0))
        self.exit = _conv(2 * widths[0], 4 * outputs)
        he_init(self)
        # Faint at first: a squashed output that starts near black or white has no slope to come back.
        normal_init(self.exit)
        with torch.no_grad():  # the four pixels that unfold from one place start equal, without a checkerboard
            self.exit.weight.copy_(self.exit.weight[::4].repeat_interleave(4, 0))

    def forward(self, x: Tensor) -> Tensor:
        stem = F.leaky_relu(self.stem(F.pixel_unshuffle(x, 2)), LEAK)
        skips, h = [], stem
        for conv, norm in zip(self.down, self.down_norms, strict=True):
            skips.append(h)
            h = F.leaky_relu(norm(conv(h)), LEAK)
        for block in self.blocks:
            h = block(h)
        for enter, conv, norm in zip(self.enter, self.up, self.up_norms, strict=True):
            h = F.interpolate(enter(h), scale_factor=2.0, mode="nearest") + skips.pop()
            h = F.leaky_relu(norm(conv(h)), LEAK)
        return torch.tanh(F.pixel_shuffle(self.exit(torch.cat([h, stem], 1)), 2))
