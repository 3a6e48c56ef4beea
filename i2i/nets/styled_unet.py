"""The styled U-Net: a drawing is encoded once, then decoded once for each style.

The paired U-Net of pix2pix (Isola et al., CVPR 2017, section 3.2.1) meets the modulated convolutions of StyleGAN2
(Karras et al., CVPR 2020, section 2.2). Only the decoder sees the style, so n samples cost one encoding and n
decodings. Nothing here shares statistics between the pictures of a batch: picture i depends on drawing i and style i.

Little runs at full resolution: pixels are folded into channels at the entry and unfolded at the exit, and each level
adds its own RGB on top of the coarser levels' (the skip generator of StyleGAN2), so training may start on smaller
pictures by stopping at a coarser level.

Blank paper tells a decoder nothing that fur or grass could be made of. So noise may join the drawing's features
(StyleGAN, Karras et al., CVPR 2019, section 3.2, adds it in the decoder): then it is the same for every style.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.nets.init import LEAK, he_init

# Gain that keeps the variance of a leaky rectifier's output at that of its input (He et al., ICCV 2015, equation 15).
GAIN = (2 / (1 + LEAK**2)) ** 0.5
LEVELS = 5  # of the default; the noise of its models is drawn from their numbers


@dataclass(frozen=True)
class StyledUNetConfig:
    """Architecture of `StyledUNet`.

    Attributes:
        inputs: channels of the drawing (1) or label map (number of classes).
        size: height and width of drawing and photo, pixels.
        style: dimensions of the style vector.
        widths: channels at size/2, size/4, ...; the decoder uses all, the encoder all but the first.
        noise: channels of noise at each of these resolutions (`Grain`); 0 for none.
    """

    inputs: int = 1
    size: int = 256
    style: int = 64
    widths: tuple[int, ...] = (32, 80, 128, 144, 144)
    noise: int = 0


def activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, LEAK)


def unit_factor(x: Tensor) -> Tensor:
    """(B, 1): what brings features (B, C, H, W) to a root mean square of one over each picture's channels and places.

    Demodulation (StyleGAN2, equation 3) presumes inputs of unit variance; nothing else would keep an encoder without
    normalisation, and the skips from it, at that scale. One number a picture: no channel or place is evened out.
    """
    mean_square = torch.linalg.vector_norm(x, dim=(1, 2, 3)).square() / x[0].numel()
    return torch.rsqrt(mean_square + 1e-8)[:, None]


class EncoderBlock(nn.Module):
    """Residual block without normalisation; `StyledUNet` starts its second convolution at zero, so it is identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(activate(self.conv1(activate(x))))


class Grain(nn.Module):
    """Noise times a learned strength for the features of one level.

    Drawn anew for each picture in training; in evaluation mode always the same numbers, so that a drawing and a style
    have one answer, and a line that is added to a drawing leaves fur elsewhere as it was.

    Args:
        channels: of the features.
        noise: channels of the noise.
        size: height and width of the features.
        coarser: levels below this one; what the fixed numbers follow from, so that a net which gets a finer level
            keeps those that it had.
    """

    # Strengths that begin at zero grow too slowly at the learning rates of the rest.
    start = 0.1

    def __init__(self, channels: int, noise: int, size: int, coarser: int):
        super().__init__()
        self.strength = nn.Parameter(torch.randn(channels, noise, 1, 1) * self.start)
        # Counted from the fine end of a net of `LEVELS` levels.
        seed = LEVELS - 1 - coarser if coarser < LEVELS else coarser
        shape = (1, noise, size, size)
        if self.strength.is_meta:  # a net without memory
            fixed = torch.empty(shape)
        else:
            fixed = torch.from_numpy(np.random.RandomState(seed).standard_normal(shape).astype(np.float32))
        self.register_buffer("fixed", fixed, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Features (B, channels, size, size) -> the same with noise."""
        noise = self.fixed
        if self.training:
            noise = torch.randn(len(x), *noise.shape[1:], device=x.device, dtype=x.dtype)
        return x + F.conv2d(noise.to(x.dtype), self.strength)


class ModulatedConv(nn.Module):
    """3x3 convolution whose inputs are scaled by the style and whose outputs are brought back to unit variance.

    StyleGAN2, equations 1-3, plus a style-dependent shift of the outputs. Scaling the activations instead of the
    weights is the same function and lets all pictures of a batch share one convolution.
    """

    def __init__(self, inputs: int, outputs: int, style: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3) / (inputs * 9) ** 0.5)
        self.scale = nn.Linear(style, inputs)
        self.shift = nn.Linear(style, outputs)
        nn.init.normal_(self.scale.weight, std=0.5 / style**0.5)
        nn.init.ones_(self.scale.bias)
        nn.init.normal_(self.shift.weight, std=0.1 / style**0.5)
        nn.init.zeros_(self.shift.bias)

    def forward(self, x: Tensor, style: Tensor, factor: Tensor | float = 1.0, gain: float = 1.0) -> Tensor:
        """x (B, inputs, H, W), style (B, style) -> (B, outputs, H, W).

        `factor` (B, 1) multiplies x and `gain` the result; taken along with the style they cost no pass of their own.
        """
        scale = self.scale(style)
        # Var of output o for unit inputs: sum over i of scale_i^2 * sum of w_oi^2 (equation 3).
        power = self.weight.square().sum((2, 3))
        demodulation = torch.rsqrt(scale.square() @ power.t() + 1e-8) * gain
        scale, shift = scale * factor, self.shift(style) * gain
        if len(x) == 1 and not torch.is_grad_enabled():
            # A single picture, as in serving on the CPU: modulate the weights, which are fewer than the activations.
            weight = self.weight * scale[0, :, None, None] * demodulation[0, :, None, None, None]
            return F.conv2d(x, weight, shift[0], padding=1)
        y = F.conv2d(x * scale[:, :, None, None], self.weight, padding=1)
        return torch.addcmul(shift[:, :, None, None], y, demodulation[:, :, None, None])


class DecoderLevel(nn.Module):
    """Doubles the resolution (not at the coarsest level), joins the encoder's features, two modulated convolutions."""

    def __init__(self, inputs: int, skip: int, outputs: int, style: int, inputs_of_rgb: bool):
        super().__init__()
        self.enter = nn.Conv2d(inputs, outputs, 1) if inputs else None
        self.skip = nn.Conv2d(skip, outputs, 1)
        self.conv1 = ModulatedConv(outputs, outputs, style)
        self.conv2 = ModulatedConv(outputs, outputs, style)
        # 12 channels unfold into 3 channels at twice the level's resolution.
        self.rgb = nn.Conv2d(outputs, 12, 3, padding=1) if inputs_of_rgb else None

    def forward(self, x: Tensor | None, skip: Tensor, style: Tensor) -> Tensor:
        y = self.skip(skip)
        if self.enter is not None:
            y = y + F.interpolate(self.enter(x), scale_factor=2.0, mode="nearest")
        # A gain before the rectifier is a gain after it.
        y = F.leaky_relu(self.conv1(y, style, unit_factor(y), GAIN), LEAK, inplace=True)
        return F.leaky_relu(self.conv2(y, style, gain=GAIN), LEAK, inplace=True)


class StyledUNet(nn.Module):
    """x: drawing (B, inputs, S, S) in [-1, 1]; s: style (B, style) -> photo (B, 3, S, S), about in [-1, 1].

    The output is linear, as in StyleGAN2: a squashing function has no slope where it saturates, and a picture driven
    to pure black or white would never come back. Whoever shows the photo clamps it.
    """

    def __init__(self, config: StyledUNetConfig):
        super().__init__()
        self.config = config
        widths = config.widths
        # All decoder levels but the coarsest two write RGB; of the five of the default, size/4, size/2 and size.
        self.rgb_levels = max(3, len(widths) - 2)
        stem = widths[0] // 2
        self.stem = nn.Conv2d(config.inputs * 4, stem, 3, padding=1)
        skips = [stem]
        self.down = nn.ModuleList()
        self.blocks = nn.ModuleList()
        for width in widths[1:]:
            self.down.append(nn.Conv2d(skips[-1], width, 3, stride=2, padding=1))
            # At size/4 the strided convolution alone reads the lines; residual blocks start below it.
            self.blocks.append(EncoderBlock(width) if len(skips) > 1 else nn.Identity())
            skips.append(width)
        he_init(self)
        for block in self.blocks:
            if isinstance(block, EncoderBlock):
                nn.init.zeros_(block.conv2.weight)
        self.levels = nn.ModuleList()
        for k, width in enumerate(widths):
            inputs = widths[k + 1] if k + 1 < len(widths) else 0
            self.levels.append(DecoderLevel(inputs, skips[k], width, config.style, k < self.rgb_levels))
            if k < self.rgb_levels:
                rgb = self.levels[-1].rgb
                nn.init.normal_(rgb.weight, std=0.3 / (width * 9) ** 0.5)
                nn.init.zeros_(rgb.bias)
                if k < self.rgb_levels - 1:
                    # A finer level starts as what the coarser one shows, so training can move on to it smoothly.
                    nn.init.zeros_(rgb.weight)
        self.grain = nn.ModuleList()
        if config.noise:
            for k, channels in enumerate(skips):
                self.grain.append(Grain(channels, config.noise, config.size >> k + 1, len(skips) - 1 - k))

    @property
    def sizes(self) -> list[int]:
        """Picture sizes that the generator can write, smallest first."""
        return [self.config.size >> k for k in reversed(range(self.rgb_levels))]

    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of the drawing, with noise where there is any, fine to coarse; they do not depend on the style."""
        x = self.stem(F.pixel_unshuffle(x, 2))
        features = [activate(x)]
        for down, block in zip(self.down, self.blocks, strict=True):
            features.append(activate(block(down(features[-1]))))
        if self.grain:
            features = [grain(x) for grain, x in zip(self.grain, features, strict=True)]
        return features

    def decode(self, features: list[Tensor], style: Tensor, size: int | None = None) -> Tensor:
        """Photo of `size` pixels (default: the full size) for features that `encode` gave, one style for each."""
        size = size or self.config.size
        if size not in self.sizes:
            raise ValueError(f"size {size} is not among this generator's sizes {self.sizes}")
        x = rgb = None
        for k in reversed(range(len(self.levels))):
            if self.config.size >> k > size:
                break
            level = self.levels[k]
            x = level(x, features[k], style)
            if level.rgb is not None:
                detail = F.pixel_shuffle(level.rgb(x), 2)
                coarse = 0 if rgb is None else F.interpolate(rgb, scale_factor=2, mode="bilinear", align_corners=False)
                rgb = detail + coarse
        return rgb

    def forward(self, x: Tensor, style: Tensor, size: int | None = None) -> Tensor:
        return self.decode(self.encode(x), style, size)
