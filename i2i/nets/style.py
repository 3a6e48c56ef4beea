"""Where a style comes from: a latent (mapping network) or a photo (style encoder).

StarGAN v2 (Choi et al., CVPR 2020, section 2.1). The style is a vector s; nets that use it do not know its origin.
Styled pix2pix has one domain; StarGAN v2 has several, and then each has its own head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.nets.init import LEAK, he_init


def unit(s: Tensor) -> Tensor:
    """Styles with a root mean square of one, (B, S): their scale carries nothing, so it is fixed."""
    return s * torch.rsqrt(s.square().mean(1, keepdim=True) + 1e-8)


class DomainHeads(nn.ModuleList):
    """One head for each domain (StarGAN v2, section 2.1): features (B, C) and domains (B,) -> (B, style).

    Each picture gets its own domain's head; the others have no part in it, and get no gradient from it.
    """

    def forward(self, h: Tensor, domain: Tensor | None) -> Tensor:
        if domain is None:
            raise ValueError(f"this network has {len(self)} domains: say which one each picture belongs to")
        # All heads on all pictures: they are small, and no call depends on which domains a batch happens to hold.
        every = torch.stack([head(h) for head in self], 1)
        return every[torch.arange(len(h), device=h.device), domain]


class _Perceptron(nn.Sequential):
    """Linear layers with rectifiers between them."""

    def __init__(self, sizes: list[int], leak: float):
        layers: list[nn.Module] = []
        for a, b in zip(sizes, sizes[1:], strict=False):
            layers += [nn.Linear(a, b), nn.LeakyReLU(leak)]
        super().__init__(*layers[:-1])


class MappingNetwork(nn.Module):
    """F: latent z (B, latent), standard normal -> style s (B, style).

    Args:
        latent, style: dimensions of z and s.
        width, layers: of the perceptron.
        domains: with several, the last `own` layers are one perceptron for each domain; the others are shared.
        leak: slope of the rectifiers; 0 as in StarGAN v2.
        normalised: give styles of unit root mean square.

    Forward takes the domains (B,) too where there are several.
    """

    def __init__(
        self,
        latent: int,
        style: int,
        width: int = 128,
        layers: int = 4,
        *,
        domains: int = 1,
        own: int = 1,
        leak: float = LEAK,
        normalised: bool = True,
    ):
        super().__init__()
        if layers < 2 or not 0 < own < layers:
            raise ValueError(f"a mapping network has at least 2 layers, some of them its own, got {layers} and {own}")
        self.domains, self.leak, self.normalised = domains, leak, normalised
        sizes = [latent] + [width] * (layers - 1) + [style]
        shared = len(sizes) - own if domains > 1 else layers
        self.trunk = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:shared], sizes[1:shared], strict=False))
        if domains > 1:
            self.heads = DomainHeads(_Perceptron(sizes[shared - 1 :], leak) for _ in range(domains))
        else:
            self.head = nn.Linear(width, style)
        he_init(self)

    def forward(self, z: Tensor, domain: Tensor | None = None) -> Tensor:
        for layer in self.trunk:
            z = F.leaky_relu(layer(z), self.leak)
        s = self.heads(z, domain) if self.domains > 1 else self.head(z)
        return unit(s) if self.normalised else s


class StyleEncoder(nn.Module):
    """E: photo (B, 3, H, W) in [-1, 1] -> style s (B, style).

    The photo is first averaged down to `size` pixels, and the features are averaged over the whole picture before the
    last layer: a style is colour and texture, not geometry.

    Args:
        style: dimensions of s.
        size, widths: pixels that are looked at, and channels at size, size/2, ...
        domains: with several, the last layer is one for each domain.
        normalised: give styles of unit root mean square.

    Forward takes the domains (B,) too where there are several.
    """

    def __init__(
        self,
        style: int,
        size: int = 64,
        widths: tuple[int, ...] = (24, 48, 80, 112),
        *,
        domains: int = 1,
        normalised: bool = True,
    ):
        super().__init__()
        self.size, self.domains, self.normalised = size, domains, normalised
        self.entry = nn.Conv2d(3, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in zip(widths, widths[1:], strict=False)
        )
        self.hidden = nn.Linear(2 * widths[-1], 2 * widths[-1])
        if domains > 1:
            self.heads = DomainHeads(nn.Linear(2 * widths[-1], style) for _ in range(domains))
        else:
            self.head = nn.Linear(2 * widths[-1], style)
        he_init(self)

    def forward(self, y: Tensor, domain: Tensor | None = None) -> Tensor:
        if y.shape[-1] != self.size or y.shape[-2] != self.size:
            y = F.interpolate(y, size=(self.size, self.size), mode="area")
        y = F.leaky_relu(self.entry(y), LEAK)
        for conv in self.down:
            y = F.leaky_relu(conv(y), LEAK)
        # Mean and spread over the picture: the texture statistics that a mean alone would lose.
        mean = y.mean((2, 3))
        spread = (y - mean[:, :, None, None]).square().mean((2, 3)).add(1e-6).sqrt()
        h = F.leaky_relu(self.hidden(torch.cat([mean, spread], 1)), LEAK)
        s = self.heads(h, domain) if self.domains > 1 else self.head(h)
        return unit(s) if self.normalised else s
