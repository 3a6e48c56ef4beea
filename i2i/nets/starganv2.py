"""The generator of StarGAN v2 (Choi et al., CVPR 2020, appendix A): a photo is encoded once, and decoded once for each
style.

Residual blocks with instance norm shrink the photo, residual blocks with adaptive instance norm (AdaIN) grow it again.
No skip leads from the one half to the other, so the style may change shapes, but for the optional high-pass path of the
CelebA-HQ setting; and, in the lean setting only, plain skips, which keep the shapes. Nothing shares statistics between
the pictures of a batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.nets.init import LEAK, he_init

HALF = 0.5**0.5  # brings the sum of two branches back to the variance of one
LARGEST = 512  # channels at most in the paper's nets


def paper_widths(size: int, levels: int) -> tuple[int, ...]:
    """Channels of the paper's nets at size, size/2, ...: 2^14 / size doubling to at most 512; `levels` + 1 numbers."""
    return tuple(min(LARGEST, 2**14 // size * 2**k) for k in range(levels + 1))


class InstanceNorm(nn.InstanceNorm2d):
    """Affine instance norm that takes the style's place in the argument list and ignores it."""

    def __init__(self, channels: int):
        super().__init__(channels, affine=True)

    def forward(self, x: Tensor, s: Tensor | None = None) -> Tensor:
        return super().forward(x)


class AdaIN(nn.Module):
    """Instance norm whose scale and shift are read off the style (Huang and Belongie, ICCV 2017, equation 8).

    x (B, channels, H, W), s (B, style) -> (B, channels, H, W). The scale starts at about one.
    """

    def __init__(self, channels: int, style: int):
        super().__init__()
        self.affine = nn.Linear(style, 2 * channels)

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        scale, shift = self.affine(s)[:, :, None, None].chunk(2, 1)
        return torch.addcmul(shift, F.instance_norm(x), 1 + scale)


class ShrinkingBlock(nn.Module):
    """Residual block before activation: norm, rectifier and convolution, twice.

    (B, inputs, H, W) -> (B, outputs, H/2, W/2), or the same height and width without `down`. `norm`: instance norm,
    which the generator has, the discriminator and the style encoder have not.
    """

    def __init__(self, inputs: int, outputs: int, norm: bool, down: bool):
        super().__init__()
        self.down = down
        self.norm1 = InstanceNorm(inputs) if norm else nn.Identity()
        self.conv1 = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.norm2 = InstanceNorm(inputs) if norm else nn.Identity()
        self.conv2 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.leaky_relu(self.norm1(x), LEAK))
        if self.down:
            h, x = F.avg_pool2d(h, 2), F.avg_pool2d(x, 2)
        h = self.conv2(F.leaky_relu(self.norm2(h), LEAK))
        return (h + self.shortcut(x)) * HALF


class GrowingBlock(nn.Module):
    """Residual block with AdaIN: (B, inputs, H, W) and s (B, style) -> (B, outputs, 2H, 2W), or H and W without `up`.

    Args:
        style: dimensions of s; 0: plain instance norm, and no s.
        residual: add the shortcut. Appendix A takes it away where there is a high-pass path. Its weights stay, as they
            do in the published networks, whose parameters are counted with them.
    """

    def __init__(self, inputs: int, outputs: int, style: int, up: bool, residual: bool = True):
        super().__init__()
        self.up, self.residual = up, residual
        self.norm1 = AdaIN(inputs, style) if style else InstanceNorm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = AdaIN(outputs, style) if style else InstanceNorm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else nn.Identity()

    def _grown(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0, mode="nearest") if self.up else x

    def forward(self, x: Tensor, s: Tensor | None) -> Tensor:
        h = self.conv1(self._grown(F.leaky_relu(self.norm1(x, s), LEAK)))
        h = self.conv2(F.leaky_relu(self.norm2(h, s), LEAK))
        return (h + self._grown(self.shortcut(x))) * HALF if self.residual else h


class HighPass(nn.Module):
    """A Laplacian times `gain`, channel by channel: (B, C, H, W) -> (B, C, H, W), the fine structure alone."""

    def __init__(self, gain: float):
        super().__init__()
        kernel = torch.full((3, 3), -1.0)
        kernel[1, 1] = 8.0
        self.register_buffer("kernel", kernel * gain, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.kernel.to(x.dtype).expand(x.shape[1], 1, 3, 3)
        return F.conv2d(x, kernel, padding=1, groups=x.shape[1])


class StarGANv2Generator(nn.Module):
    """G: photo x (B, 3, S, S) in [-1, 1] and style s (B, style) -> photo (B, 3, S, S), about in [-1, 1].

    Args:
        style: dimensions of s.
        widths: channels at S, S/2, ... (with `fold`, at S/fold, ...).
        blocks: residual blocks at the coarsest size, in each half.
        fold: squares of so many pixels become channels at the entry, and pixels again at the exit: a cheaper net, since
            nothing is computed at full resolution; 1 in the paper.
        high_pass: gain of the high-pass path, which adds the fine structure of the encoder's features to the decoder's
            at S/2, S/4 and S/8; 0: no such path. The paper has it for faces, and weights it with a map of the face's
            parts; here it is the same everywhere.
        skips: the encoder's features are added to the decoder's of the same size, and the exit reads the entry again,
            which no norm has touched; the last norm is adaptive. Not in the paper. The pictures are the photo from the
            first steps on, so that a short run is enough to learn what a style changes.
        inputs: channels of x.

    Attributes:
        stride: sides of pictures must be multiples of it.
        least: the smallest side: instance norm needs more than one place.
    """

    def __init__(
        self,
        style: int,
        widths: tuple[int, ...],
        blocks: int = 2,
        fold: int = 1,
        high_pass: float = 0.0,
        skips: bool = False,
        inputs: int = 3,
    ):
        super().__init__()
        self.fold, self.stride, self.skips = fold, fold * 2 ** (len(widths) - 1), skips
        self.least = 2 * self.stride
        self.entry = nn.Conv2d(inputs * fold**2, widths[0], 3, padding=1)
        pairs = list(zip(widths, widths[1:], strict=False))
        self.encoder = nn.ModuleList(
            [ShrinkingBlock(a, b, norm=True, down=True) for a, b in pairs]
            + [ShrinkingBlock(widths[-1], widths[-1], norm=True, down=False) for _ in range(blocks)]
        )
        residual = not high_pass
        self.decoder = nn.ModuleList(
            [GrowingBlock(widths[-1], widths[-1], style, up=False, residual=residual) for _ in range(blocks)]
            + [GrowingBlock(b, a, style, up=True, residual=residual) for a, b in reversed(pairs)]
        )
        self.exit_norm = AdaIN(widths[0], style) if skips and style else InstanceNorm(widths[0])
        # A 1x1 convolution would unfold every square of pixels on its own.
        exit_inputs = widths[0] * (2 if skips else 1)
        self.exit = nn.Conv2d(exit_inputs, 3 * fold**2, 1 if fold == 1 else 3, padding=0 if fold == 1 else 1)
        self.high_pass = HighPass(high_pass) if high_pass else None
        # Blocks of the encoder that read S/2, S/4 and S/8; with skips, all that halve.
        self.tapped = [k for k in range(len(pairs)) if skips or (high_pass and 2 <= fold * 2**k <= 8)]
        he_init(self)
        if skips:
            with torch.no_grad():  # the pixels that unfold from one place start equal, without a checkerboard
                self.exit.weight.copy_(self.exit.weight[:: fold**2].repeat_interleave(fold**2, 0))

    def encode(self, x: Tensor) -> list[Tensor]:
        """Features of the photo, coarsest first, and those that the decoder adds, coarse to fine; none sees a style."""
        h = self.entry(F.pixel_unshuffle(x, self.fold))
        taps = []
        for k, block in enumerate(self.encoder):
            if k in self.tapped:
                taps.append(self.high_pass(h) if self.high_pass else h)
            h = block(h)
        return [h, *reversed(taps)]

    def decode(self, encoded: list[Tensor], s: Tensor | None) -> Tensor:
        """Photo for features that `encode` gave, one style for each."""
        h, *taps = encoded
        for block in self.decoder:
            h = block(h, s)
            if taps and block.up and h.shape == taps[0].shape:
                tap = taps.pop(0)
                h = (h + tap) * HALF if self.skips else h + tap
        h = F.leaky_relu(self.exit_norm(h, s), LEAK)
        if self.skips:
            h = torch.cat([h, encoded[-1]], 1)  # the finest tap is the entry
        return F.pixel_shuffle(self.exit(h), self.fold)

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        return self.decode(self.encode(x), s)


class PlanesGenerator(StarGANv2Generator):
    """The same net as StarGAN conditions it (Choi et al., CVPR 2018, section 3.1): the target's code is joined to the
    photo as constant planes, and no norm is adaptive. Encoding therefore waits for the code."""

    def __init__(self, code: int, widths: tuple[int, ...], blocks: int = 2, fold: int = 1, skips: bool = False):
        super().__init__(0, widths, blocks, fold, skips=skips, inputs=3 + code)

    def encode(self, x: Tensor) -> list[Tensor]:
        return [x]

    def decode(self, encoded: list[Tensor], s: Tensor) -> Tensor:
        (x,) = encoded
        planes = s[:, :, None, None].expand(-1, -1, *x.shape[2:]).to(x.dtype)
        return super().decode(super().encode(torch.cat([x, planes], 1)), None)
