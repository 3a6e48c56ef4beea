"""The U-Net generator of pix2pix (Isola et al., CVPR 2017, section 6.1.1), as published: 54.414 M parameters at 256."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.nets.init import LEAK, normal_init
from i2i.nets.layers import drop, make_norm, needs_bias


class UNet(nn.Module):
    """Encoder-decoder with a skip at every resolution, or (section 4.3) its twin without.

    Args:
        inputs, outputs: channels of x and y.
        width: channels of the first layer (64 in the paper).
        depth: halvings of the resolution; 8 takes 256 pixels down to 1.
        dropout: rate of the noise in the decoder layers `noisy`.
        norm: "batch" (the paper), "instance" or "none".
        skips: join the encoder's features to the decoder's; without, this is the paper's encoder-decoder.
        latent: dimensions of z, joined to the input of every encoder layer (BicycleGAN, section 4); 0: no z.
        noisy: decoder layers with dropout, 0 the innermost: CD512-CD1024-CD1024 in the paper. Layers that the net
            does not have, and the last one, are left out.

    Forward: x (B, inputs, H, W) in [-1, 1], H and W multiples of 2**depth -> (B, outputs, H, W) in [-1, 1]. `noise`
    as in `i2i.nets.layers.drop`; z (B, latent) where the net has one.
    """

    def __init__(
        self,
        inputs: int = 3,
        outputs: int = 3,
        width: int = 64,
        depth: int = 8,
        dropout: float = 0.5,
        norm: str = "batch",
        skips: bool = True,
        latent: int = 0,
        noisy: Sequence[int] = (0, 1, 2),
    ):
        super().__init__()
        widths = [width * min(2**k, 8) for k in range(depth)]
        self.dropout, self.skips, self.latent = dropout, skips, latent
        self.stride = self.least = 2**depth  # height and width must be multiples of it
        bias = needs_bias(norm)
        self.down = nn.ModuleList()
        self.down_norms = nn.ModuleList()
        for k, w in enumerate(widths):
            above = (widths[k - 1] if k else inputs) + latent
            self.down.append(nn.Conv2d(above, w, 4, stride=2, padding=1, bias=bias))
            # Neither the first layer nor the 1x1 middle is normalised: one value has no spread.
            normed = 0 < k < depth - 1
            self.down_norms.append(make_norm(norm, w) if normed else nn.Identity())
        self.up = nn.ModuleList()
        self.up_norms = nn.ModuleList()
        for k in reversed(range(depth)):
            above = 2 * widths[k] if skips and k < depth - 1 else widths[k]
            w = widths[k - 1] if k else outputs
            self.up.append(nn.ConvTranspose2d(above, w, 4, stride=2, padding=1, bias=bias or k == 0))
            self.up_norms.append(make_norm(norm, w) if k else nn.Identity())
        self.noisy = tuple(k for k in noisy if k < depth - 1)
        normal_init(self)

    def forward(
        self, x: Tensor, noise: Sequence[torch.Generator] | None = None, z: Tensor | None = None
    ) -> Tensor:
        skips = []
        for k, (conv, norm) in enumerate(zip(self.down, self.down_norms, strict=True)):
            x = F.leaky_relu(x, LEAK) if k else x
            if self.latent:
                if z is None:
                    raise ValueError(f"this network has a latent: give z (B, {self.latent})")
                x = torch.cat([x, z[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)
            x = norm(conv(x))
            skips.append(x)
        skips.pop()
        for k, (conv, norm) in enumerate(zip(self.up, self.up_norms, strict=True)):
            x = norm(conv(F.relu(x)))
            if k in self.noisy:
                x = drop(x, self.dropout, self.training, noise)
            if self.skips and skips:
                x = torch.cat([skips.pop(), x], 1)
        return torch.tanh(x)
