"""Discriminators: the PatchGANs of pix2pix by receptive field, lean patches of the pair (drawing, photo), and patches
of frozen features of the photo."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from i2i.nets.init import LEAK, normal_init
from i2i.nets.layers import make_norm, needs_bias

# Receptive field in pixels -> strided layers; 1 is made of 1x1 convolutions.
PATCHES = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}


class PatchDiscriminator(nn.Module):
    """The discriminators of pix2pix (section 6.1.2), told apart by what one logit sees.

    1 pixel (PixelGAN): C64-C128. 16: C64-C128. 70: C64-C128-C256-C512; 2.769 M parameters with 6 channels.
    286 (ImageGAN): C64-C128-C256-C512-C512-C512. The first layer is not normalised.

    Args:
        inputs: channels of what is judged: those of y, and of x too where the GAN is conditional.
        width: channels of the first layer (64 in the paper).
        patch: receptive field of a logit, one of `PATCHES`.
        norm: "batch" (the paper), "instance" or "none".

    Forward: (B, inputs, H, W) -> logits (B, 1, h, w); `logits(size)` says h for H.

    Raises:
        ValueError: for a receptive field that no net here has.
    """

    def __init__(self, inputs: int = 6, width: int = 64, patch: int = 70, norm: str = "batch"):
        super().__init__()
        if patch not in PATCHES:
            raise ValueError(f"no discriminator sees {patch} pixels: choose one of {', '.join(map(str, PATCHES))}")
        self.patch = patch
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        strided = PATCHES[patch]
        kernel, padding = (4, 1) if strided else (1, 0)
        widths = [width * min(2**k, 8) for k in range(strided + 1)] if strided else [width, 2 * width]
        for k, w in enumerate(widths):
            above = widths[k - 1] if k else inputs
            bias = k == 0 or needs_bias(norm)
            stride = 2 if k < strided else 1
            self.convs.append(nn.Conv2d(above, w, kernel, stride=stride, padding=padding, bias=bias))
            self.norms.append(make_norm(norm, w) if k else nn.Identity())
        self.logit = nn.Conv2d(widths[-1], 1, kernel, padding=padding)
        normal_init(self)

    def logits(self, size: int) -> int:
        """Logits along a side of `size` pixels; below 1, the picture is too small for this net."""
        for conv in (*self.convs, self.logit):
            size = (size + 2 * conv.padding[0] - conv.kernel_size[0]) // conv.stride[0] + 1
        return size

    def receptive_field(self) -> int:
        """Pixels that one logit sees along a side, from the layers: r = (r - 1) stride + kernel, last layer first."""
        seen = 1
        for conv in (self.logit, *reversed(self.convs)):
            seen = (seen - 1) * conv.stride[0] + conv.kernel_size[0]
        return seen

    def forward(self, pair: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            pair = F.leaky_relu(norm(conv(pair)), LEAK)
        return self.logit(pair)


class MultiScaleDiscriminator(nn.Module):
    """`scales` PatchGANs, each on pictures of half the size of the one before (pix2pixHD, Wang et al., 2018, eq. 3).

    Forward: (B, inputs, H, W) -> list of logits, full size first.
    """

    def __init__(self, inputs: int, width: int = 64, patch: int = 70, norm: str = "instance", scales: int = 2):
        super().__init__()
        self.nets = nn.ModuleList(PatchDiscriminator(inputs, width, patch, norm) for _ in range(scales))

    def forward(self, pair: Tensor) -> list[Tensor]:
        logits = []
        for k, net in enumerate(self.nets):
            pair = F.avg_pool2d(pair, 2) if k else pair
            logits.append(net(pair))
        return logits


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Module:
    return spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=(kernel - 1) // 2))


class ConditionalPatchDiscriminator(nn.Module):
    """PatchGAN (pix2pix, section 3.2.2) on the pair (x, y), pixels folded into channels, spectral norm.

    Forward: x (B, inputs, S, S), y (B, 3, S, S) -> logits (B, 1, S/16, S/16); each sees 80 pixels.
    """

    def __init__(self, inputs: int, width: int = 32):
        super().__init__()
        self.layers = nn.ModuleList(
            [
                _conv((inputs + 3) * 4, width),
                _conv(width, 2 * width, 4, 2),
                _conv(2 * width, 4 * width, 4, 2),
                _conv(4 * width, 4 * width, 4, 2),
            ]
        )
        self.logit = _conv(4 * width, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = F.pixel_unshuffle(torch.cat([x, y], 1), 2)
        for layer in self.layers:
            h = F.leaky_relu(layer(h), 0.2)
        return self.logit(h)


class ProjectedDiscriminator(nn.Module):
    """One small patch head for each tap of a frozen feature network (Projected GANs, Sauer et al., NeurIPS 2021).

    Forward: list of features (B, C_k, H_k, W_k) -> list of logits (B, 1, H_k', W_k').
    """

    def __init__(self, channels: list[int], width: int = 64):
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                _conv(c, width, 1),
                nn.LeakyReLU(0.2),
                _conv(width, width, 3),
                nn.LeakyReLU(0.2),
                _conv(width, 1, 3),
            )
            for c in channels
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return [head(f) for head, f in zip(self.heads, features, strict=True)]
