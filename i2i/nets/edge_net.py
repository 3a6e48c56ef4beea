"""A small holistically-nested edge network (HED, Xie and Tu, ICCV 2015, section 3), trained from scratch.

As in HED every stage has a side output that is supervised by itself, and a learned fusion weighs them. What
differs: the trunk is a narrow residual network instead of VGG-16; a head sees, beside its own stage, the head of
the next coarser stage, so that the fine outputs know the context that a pretrained trunk would bring; and the photo
is folded, four neighbouring pixels into the channels of one, before the first convolution, and the finest output is
unfolded again. Nothing else runs at full resolution, which halves the cost; what is saved goes into context.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm around an identity, at one resolution."""

    def __init__(self, channels: int, dilation: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(x + self.norm2(self.conv2(y)), inplace=True)


class Stage(nn.Module):
    """Halves the resolution (except for the first stage), then residual blocks, one for each of `dilations`."""

    def __init__(self, inputs: int, outputs: int, dilations: tuple[int, ...], stride: int = 2):
        super().__init__()
        self.entry = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.blocks = nn.Sequential(*[ResidualBlock(outputs, d) for d in dilations])

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(F.relu(self.norm(self.entry(x)), inplace=True))


class SideHead(nn.Module):
    """Side output: own stage + coarser head, parallel dilated convolutions, a light spatial attention, the logits."""

    def __init__(self, inputs: int, width: int, coarser: int, dilations: tuple[int, ...], logits: int = 1):
        super().__init__()
        self.reduce = nn.Conv2d(inputs, width, 1)
        self.context = nn.Conv2d(coarser, width, 1) if coarser else None
        self.dilated = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=d, dilation=d, bias=d == dilations[0]) for d in dilations
        )
        self.attention = nn.Conv2d(width, 1, 3, padding=1)
        self.logit = nn.Conv2d(width, logits, 1)
        nn.init.constant_(self.logit.bias, -2.0)  # most pixels are no edge

    def forward(self, x: Tensor, coarser: Tensor | None) -> tuple[Tensor, Tensor]:
        h = self.reduce(x)
        if self.context is not None:
            h = h + F.interpolate(self.context(coarser), size=h.shape[-2:], mode="bilinear", align_corners=False)
        h = F.relu(h)
        h = h + F.relu(sum(conv(h) for conv in self.dilated))
        h = h * torch.sigmoid(self.attention(h))
        return h, self.logit(h)


def fold_norms(net: nn.Module) -> nn.Module:
    """Fold the batch norms of `Stage` and `ResidualBlock` into their convolutions. Returns the net, in eval mode."""
    net.eval()
    pairs = {Stage: [("entry", "norm")], ResidualBlock: [("conv1", "norm1"), ("conv2", "norm2")]}
    for module in net.modules():
        for conv, norm in pairs.get(type(module), []):
            setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
            setattr(module, norm, nn.Identity())
    return net


def mean_fusion(sides: int) -> nn.Conv2d:
    """The learned fusion of side outputs, which begins as their mean."""
    fuse = nn.Conv2d(sides, 1, 1)
    nn.init.constant_(fuse.weight, 1 / sides)
    nn.init.zeros_(fuse.bias)
    return fuse


def side_outputs(heads: nn.ModuleList, fuse: nn.Module, features: list[Tensor], size: tuple[int, int]) -> list[Tensor]:
    """Logits of every head and of their fusion at `size`, each (B, 1, *size); features and heads go from fine to
    coarse, each head sees the next coarser one, and the finest output is unfolded."""
    logits: list[Tensor] = []
    hidden = None
    for k in reversed(range(len(features))):
        hidden, logit = heads[k](features[k], hidden)
        if k == 0:
            logit = F.pixel_shuffle(logit, FOLD)
        else:
            logit = F.interpolate(logit, size=size, mode="bilinear", align_corners=False)
        logits.insert(0, logit)
    return [*logits, fuse(torch.cat(logits, 1))]


FOLD = 2  # the first stage sees blocks of FOLD x FOLD pixels as channels
# Dilations of the heads, fine to coarse: context is cheap, and needed, where the resolution is low.
HEAD_DILATIONS = ((1,), (1, 3), (1, 3, 6), (1, 3, 6, 9))


class EdgeNet(nn.Module):
    """Edge logits of a photo: one map per stage and their fusion.

    Args:
        widths: channels of the stages; stage k runs at 1/2**(k + 1) of the photo's resolution.
        blocks: residual blocks of each stage; every second one of the coarsest stage is dilated.
        head_widths: channels of each side head.
    """

    def __init__(
        self,
        widths: tuple[int, ...] = (24, 48, 96, 96),
        blocks: tuple[int, ...] = (1, 2, 2, 2),
        head_widths: tuple[int, ...] = (16, 32, 32, 32),
    ):
        super().__init__()
        self.stages = nn.ModuleList()
        self.heads = nn.ModuleList()
        last = len(widths) - 1
        for k, width in enumerate(widths):
            inputs = widths[k - 1] if k else 3 * FOLD**2
            dilations = tuple(2 if k == last and b % 2 else 1 for b in range(blocks[k]))
            self.stages.append(Stage(inputs, width, dilations, stride=2 if k else 1))
            coarser = head_widths[k + 1] if k < last else 0
            context = HEAD_DILATIONS[min(k, len(HEAD_DILATIONS) - 1)]
            self.heads.append(SideHead(width, head_widths[k], coarser, context, 1 if k else FOLD**2))
        self.fuse = mean_fusion(len(widths))

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this."""
        return FOLD * 2 ** (len(self.stages) - 1)

    def fold_norms(self) -> EdgeNet:
        """Fold the batch norms into their convolutions, for serving only; the outputs stay the same. Returns self."""
        return fold_norms(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1] -> side logits from fine to coarse, then the fusion; each (B, 1, H, W)."""
        size = x.shape[-2:]
        x = F.pixel_unshuffle(x, FOLD)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return side_outputs(self.heads, self.fuse, features, size)
