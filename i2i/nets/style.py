"""Where a style comes from: a latent (mapping network) or a photo (style encoder).

StarGAN v2 (Choi et al., CVPR 2020, section 2.1). The style is a vector s; nets that use it do not know its origin.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.nets.init import he_init


def unit(s: Tensor) -> Tensor:
    """Styles with a root mean square of one, (B, S): their scale carries nothing, so it is fixed."""
    return s * torch.rsqrt(s.square().mean(1, keepdim=True) + 1e-8)


class MappingNetwork(nn.Module):
    """F: latent z (B, latent), standard normal -> style s (B, style) of unit root mean square."""

    def __init__(self, latent: int, style: int, width: int = 128, layers: int = 4):
        super().__init__()
        sizes = [latent] + [width] * (layers - 1)
        self.trunk = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False))
        self.head = nn.Linear(width, style)
        he_init(self)

    def forward(self, z: Tensor) -> Tensor:
        for layer in self.trunk:
            z = F.leaky_relu(layer(z), 0.2)
        return unit(self.head(z))


class StyleEncoder(nn.Module):
    """E: photo (B, 3, H, W) in [-1, 1] -> style s (B, style) of unit root mean square.

    The photo is first averaged down to `size` pixels, and the features are averaged over the whole picture before the
    last layer: a style is colour and texture, not geometry.
    """

    def __init__(self, style: int, size: int = 64, widths: tuple[int, ...] = (24, 48, 80, 112)):
        super().__init__()
        self.size = size
        self.entry = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in zip(widths, widths[1:], strict=False)
        )
        self.hidden = nn.Linear(2 * widths[-1], 2 * widths[-1])
        self.head = nn.Linear(2 * widths[-1], style)
        he_init(self)

    def forward(self, y: Tensor) -> Tensor:
        if y.shape[-1] != self.size or y.shape[-2] != self.size:
            y = F.interpolate(y, size=(self.size, self.size), mode="area")
        y = F.leaky_relu(self.entry(y), 0.2)
        for conv in self.down:
            y = F.leaky_relu(conv(y), 0.2)
        # Mean and spread over the picture: the texture statistics that a mean alone would lose.
        mean = y.mean((2, 3))
        spread = (y - mean[:, :, None, None]).square().mean((2, 3)).add(1e-6).sqrt()
        return unit(self.head(F.leaky_relu(self.hidden(torch.cat([mean, spread], 1)), 0.2)))
