"""Discriminators: patches of the pair (drawing, photo), and patches of frozen features of the photo."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


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
