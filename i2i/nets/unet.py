"""The U-Net generator of pix2pix (Isola et al., CVPR 2017, section 6.1.1), as published: 54.414 M parameters at 256."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UNet(nn.Module):
    """Encoder-decoder with a skip at every resolution.

    Args:
        inputs, outputs: channels of x and y.
        width: channels of the first layer (64 in the paper).
        depth: halvings of the resolution; 8 takes 256 pixels down to 1.
        dropout: rate of the noise in the first three decoder layers.

    Forward: x (B, inputs, S, S) in [-1, 1], S a multiple of 2**depth -> (B, outputs, S, S) in [-1, 1].
    """

    def __init__(self, inputs: int = 3, outputs: int = 3, width: int = 64, depth: int = 8, dropout: float = 0.5):
        super().__init__()
        widths = [width * min(2**k, 8) for k in range(depth)]
        self.dropout = dropout
        self.down = nn.ModuleList()
        self.down_norms = nn.ModuleList()
        for k, w in enumerate(widths):
            self.down.append(nn.Conv2d(widths[k - 1] if k else inputs, w, 4, stride=2, padding=1, bias=False))
            # Neither the first layer nor the 1x1 middle is normalised: one value has no spread.
            normed = 0 < k < depth - 1
            self.down_norms.append(nn.BatchNorm2d(w) if normed else nn.Identity())
        self.up = nn.ModuleList()
        self.up_norms = nn.ModuleList()
        for k in reversed(range(depth)):
            above = widths[k] if k == depth - 1 else 2 * widths[k]
            w = widths[k - 1] if k else outputs
            self.up.append(nn.ConvTranspose2d(above, w, 4, stride=2, padding=1, bias=k == 0))
            self.up_norms.append(nn.BatchNorm2d(w) if k else nn.Identity())
        self.noisy = range(min(3, depth - 1))  # decoder layers with dropout: CD512-CD1024-CD1024

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for k, (conv, norm) in enumerate(zip(self.down, self.down_norms, strict=True)):
            x = norm(conv(F.leaky_relu(x, 0.2) if k else x))
            skips.append(x)
        skips.pop()
        for k, (conv, norm) in enumerate(zip(self.up, self.up_norms, strict=True)):
            x = norm(conv(F.relu(x)))
            if k in self.noisy:
                x = F.dropout(x, self.dropout, training=self.training)
            if skips:
                x = torch.cat([skips.pop(), x], 1)
        return torch.tanh(x)
