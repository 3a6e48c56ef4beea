"""Residual nets: the generator of CycleGAN, and the encoder of BicycleGAN."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.nets.init import LEAK, normal_init
from i2i.nets.layers import drop, make_norm, needs_bias


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with reflected borders, added to their input."""

    def __init__(self, channels: int, norm: str, dropout: float):
        super().__init__()
        self.dropout = dropout
        bias = needs_bias(norm)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=bias)
        self.norm1 = make_norm(norm, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=bias)
        self.norm2 = make_norm(norm, channels)

    def forward(self, x: Tensor, noise: Sequence[torch.Generator] | None = None) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        if self.dropout:
            y = drop(y, self.dropout, self.training, noise)
        return x + self.norm2(self.conv2(y))


class ResNetGenerator(nn.Module):
    """The generator of Johnson et al. (2016) as CycleGAN uses it (Zhu et al., ICCV 2017, appendix 7.2).

    c7s1-64, d128, d256, `blocks` times R256, u128, u64, c7s1-3; 11.378 M parameters with 9 blocks and instance norm.

    Args:
        inputs, outputs: channels of x and y.
        width: channels of the first layer (64 in the paper).
        blocks: residual blocks; the paper has 6 for 128 pixels and 9 for 256.
        norm: "instance" (the paper), "batch" or "none".
        dropout: rate of the noise inside the residual blocks; CycleGAN has none, pix2pix 0.5.

    Forward: x (B, inputs, H, W) in [-1, 1], H and W multiples of 4 from 8 on -> (B, outputs, H, W) in [-1, 1]; `noise`
    as in `i2i.nets.layers.drop`.
    """

    stride = 4  # height and width must be multiples of it
    least = 8  # one place at the coarsest can be neither reflected nor normalised

    def __init__(
        self,
        inputs: int = 3,
        outputs: int = 3,
        width: int = 64,
        blocks: int = 9,
        norm: str = "instance",
        dropout: float = 0.0,
    ):
        super().__init__()
        bias = needs_bias(norm)
        self.entry = nn.Conv2d(inputs, width, 7, padding=3, padding_mode="reflect", bias=bias)
        self.entry_norm = make_norm(norm, width)
        self.down = nn.ModuleList(
            nn.Conv2d(width << k, width << k + 1, 3, stride=2, padding=1, bias=bias) for k in range(2)
        )
        self.down_norms = nn.ModuleList(make_norm(norm, width << k + 1) for k in range(2))
        self.blocks = nn.ModuleList(ResidualBlock(4 * width, norm, dropout) for _ in range(blocks))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(width << k + 1, width << k, 3, stride=2, padding=1, output_padding=1, bias=bias)
            for k in (1, 0)
        )
        self.up_norms = nn.ModuleList(make_norm(norm, width << k) for k in (1, 0))
        self.exit = nn.Conv2d(width, outputs, 7, padding=3, padding_mode="reflect")
        normal_init(self)

    def forward(self, x: Tensor, noise: Sequence[torch.Generator] | None = None) -> Tensor:
        x = F.relu(self.entry_norm(self.entry(x)))
        for conv, norm in zip(self.down, self.down_norms, strict=True):
            x = F.relu(norm(conv(x)))
        for block in self.blocks:
            x = block(x, noise)
        for conv, norm in zip(self.up, self.up_norms, strict=True):
            x = F.relu(norm(conv(x)))
        return torch.tanh(self.exit(x))


class _ShrinkingBlock(nn.Module):
    """Residual block that halves the resolution by averaging."""

    def __init__(self, inputs: int, outputs: int, norm: str):
        super().__init__()
        bias = needs_bias(norm)
        self.norm1 = make_norm(norm, inputs)
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1, bias=bias)
        self.norm2 = make_norm(norm, inputs)
        self.conv2 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.leaky_relu(self.norm1(x), LEAK))
        y = F.avg_pool2d(self.conv2(F.leaky_relu(self.norm2(y), LEAK)), 2)
        return y + self.shortcut(F.avg_pool2d(x, 2))


class ResNetEncoder(nn.Module):
    """E of BicycleGAN (Zhu et al., NeurIPS 2017, section 4): photo -> mean and log variance of the latent.

    Args:
        inputs: channels of the photo.
        latent: dimensions of z.
        width: channels of the first layer; later ones have at most four times as many.
        blocks: halvings after the first; 4 take 256 pixels down to 8, 3 take 128.
        norm: "instance", "batch" or "none".

    Forward: y (B, inputs, S, S) in [-1, 1] -> mean (B, latent), log variance (B, latent).
    """

    def __init__(self, inputs: int = 3, latent: int = 8, width: int = 64, blocks: int = 4, norm: str = "instance"):
        super().__init__()
        self.entry = nn.Conv2d(inputs, width, 4, stride=2, padding=1)
        widths = [width * min(4, k + 1) for k in range(blocks + 1)]
        self.blocks = nn.ModuleList(_ShrinkingBlock(a, b, norm) for a, b in zip(widths, widths[1:], strict=False))
        self.mean = nn.Linear(widths[-1], latent)
        self.log_variance = nn.Linear(widths[-1], latent)
        normal_init(self)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        y = self.entry(y)
        for block in self.blocks:
            y = block(y)
        y = F.leaky_relu(y, LEAK).mean((2, 3))
        return self.mean(y), self.log_variance(y)
