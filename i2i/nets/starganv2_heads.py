"""The nets of StarGAN v2 that look at a photo and answer for one domain: the discriminator D and the style encoder E
(Choi et al., CVPR 2020, appendix A)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from i2i.nets.init import LEAK, he_init
from i2i.nets.starganv2 import LARGEST, ShrinkingBlock
from i2i.nets.style import DomainHeads

LAST = 4  # pixels a side that the last convolution takes in at once


def paper_trunk_widths(size: int) -> tuple[int, ...]:
    """Channels of D's and E's trunk at size, size/2, ..., 4: 2^14 / size doubling to at most 512."""
    return tuple(min(LARGEST, 2**14 // size * 2**k) for k in range((size // LAST).bit_length()))


class ResidualTrunk(nn.Module):
    """What D and E share: residual blocks without norm down to 4 pixels, then one convolution over all of them.

    Args:
        size: side of the photos, pixels.
        widths: channels at size, size/2, ..., 4 (with `fold`, from size/fold on).
        fold: squares of so many pixels become channels at the entry.

    Forward: (B, 3, size, size) in [-1, 1] -> (B, widths[-1]).

    Raises:
        ValueError: if the widths do not lead to 4 pixels.
    """

    def __init__(self, size: int, widths: tuple[int, ...], fold: int = 1):
        super().__init__()
        if size != LAST * fold * 2 ** (len(widths) - 1):
            raise ValueError(
                f"got {len(widths)} widths for photos of {size} pixels folded by {fold}: halved {len(widths) - 1} "
                f"times, {size // fold} pixels must come to {LAST}"
            )
        self.size, self.fold = size, fold
        self.entry = nn.Conv2d(3 * fold**2, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(
            ShrinkingBlock(a, b, norm=False, down=True) for a, b in zip(widths, widths[1:], strict=False)
        )
        self.last = nn.Conv2d(widths[-1], widths[-1], LAST)

    def forward(self, y: Tensor) -> Tensor:
        h = self.entry(F.pixel_unshuffle(y, self.fold))
        for block in self.blocks:
            h = block(h)
        return F.leaky_relu(self.last(F.leaky_relu(h, LEAK)), LEAK).flatten(1)


class ResidualStyleEncoder(nn.Module):
    """E: photo (B, 3, size, size) and domains (B,) -> styles (B, style), read off each one's own domain's head.

    With one domain there is one head, and no domain is asked for.
    """

    def __init__(self, style: int, domains: int, size: int, widths: tuple[int, ...], fold: int = 1):
        super().__init__()
        self.trunk = ResidualTrunk(size, widths, fold)
        self.heads = DomainHeads(nn.Linear(widths[-1], style) for _ in range(domains))
        he_init(self)

    def forward(self, y: Tensor, domain: Tensor | None = None) -> Tensor:
        if domain is None and len(self.heads) == 1:
            domain = torch.zeros(len(y), dtype=torch.long, device=y.device)
        return self.heads(self.trunk(y), domain)


class DomainDiscriminator(nn.Module):
    """D, multi-task: one branch a domain tells real photos of it from fakes (Liu et al., ICCV 2019, FUNIT).

    Forward: photo (B, 3, size, size) and domains (B,) -> logits (B,), each of its own domain's branch.
    """

    def __init__(self, domains: int, size: int, widths: tuple[int, ...], fold: int = 1):
        super().__init__()
        self.trunk = ResidualTrunk(size, widths, fold)
        self.branches = nn.Linear(widths[-1], domains)
        he_init(self)

    def forward(self, y: Tensor, domain: Tensor) -> Tensor:
        return self.branches(self.trunk(y))[torch.arange(len(y), device=y.device), domain]


class ClassifyingDiscriminator(nn.Module):
    """StarGAN's discriminator (Choi et al., CVPR 2018, section 3.1): one critic for all domains, and a classifier.

    Forward: photo (B, 3, size, size) -> score (B,) and logits of the domains (B, domains).
    """

    def __init__(self, domains: int, size: int, widths: tuple[int, ...], fold: int = 1):
        super().__init__()
        self.trunk = ResidualTrunk(size, widths, fold)
        self.score = nn.Linear(widths[-1], 1)
        self.classes = nn.Linear(widths[-1], domains)
        he_init(self)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        h = self.trunk(y)
        return self.score(h)[:, 0], self.classes(h)


class ProjectedDomainDiscriminator(nn.Module):
    """Small patch heads on frozen features (Projected GANs, Sauer et al., NeurIPS 2021), one output a domain.

    Forward: list of features (B, C_k, H_k, W_k) and domains (B,) -> list of logits (B, places), a tap each.
    """

    def __init__(self, channels: list[int], domains: int, width: int = 64):
        super().__init__()

        def conv(inputs: int, outputs: int, kernel: int) -> nn.Module:
            return spectral_norm(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))

        self.heads = nn.ModuleList(
            nn.Sequential(
                conv(c, width, 1),
                nn.LeakyReLU(LEAK),
                conv(width, width, 3),
                nn.LeakyReLU(LEAK),
                conv(width, domains, 3),
            )
            for c in channels
        )

    def forward(self, features: list[Tensor], domain: Tensor) -> list[Tensor]:
        rows = torch.arange(len(domain), device=domain.device)
        return [head(f)[rows, domain].flatten(1) for head, f in zip(self.heads, features, strict=True)]
