"""What the classic generators share: the norm switch, batch norm of single pictures, and dropout as keyed noise."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORMS = ("batch", "instance", "none")


class BatchNorm(nn.BatchNorm2d):
    """Batch norm that can be served with each picture's own statistics.

    pix2pix (section 3.3) normalises test pictures by the statistics of the test batch, of size one: instance norm with
    batch norm's affine. With `own_statistics` that is what evaluation mode does, whatever the batch; without, the
    running statistics of training are used, as everywhere else.
    """

    own_statistics = False

    def forward(self, x: Tensor) -> Tensor:
        if self.own_statistics and not self.training:
            return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)
        return super().forward(x)


def make_norm(kind: str, channels: int) -> nn.Module:
    """Normalisation of (B, channels, H, W): "batch" (affine), "instance" (not affine, as in CycleGAN) or "none".

    Raises:
        ValueError: for another kind.
    """
    if kind == "batch":
        return BatchNorm(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels)
    if kind == "none":
        return nn.Identity()
    raise ValueError(f"unknown norm {kind!r}: use {', '.join(NORMS)}")


def needs_bias(norm: str) -> bool:
    """Whether a convolution before this norm has a bias: batch norm brings its own."""
    return norm != "batch"


def use_own_statistics(net: nn.Module, on: bool = True) -> nn.Module:
    """Serve every `BatchNorm` in `net` with each picture's own statistics (or again with the running ones)."""
    for layer in net.modules():
        if isinstance(layer, BatchNorm):
            layer.own_statistics = on
    return net


@contextlib.contextmanager
def as_served(net: nn.Module) -> Iterator[nn.Module]:
    """`net` in evaluation mode, with each picture's own statistics, as it is served; afterwards as it was before."""
    modes = [(layer, layer.training) for layer in net.modules()]
    own = [(layer, layer.own_statistics) for layer in net.modules() if isinstance(layer, BatchNorm)]
    try:
        yield use_own_statistics(net.eval())
    finally:
        for layer, training in modes:
            layer.training = training
        for layer, on in own:
            layer.own_statistics = on


def drop(x: Tensor, rate: float, training: bool, noise: Sequence[torch.Generator] | None = None) -> Tensor:
    """Dropout of (B, C, H, W): pix2pix's noise, in training and (section 3.1) at test time.

    Args:
        rate: share of values set to zero; the others are scaled by 1 / (1 - rate).
        training: draw one mask for the batch from the device's generator, as usual.
        noise: outside of training, one CPU generator for each picture: picture i's mask depends on its own generator
            alone, so neither batch-mates nor the device move it. None: no dropout.
    """
    if training or noise is None or not rate:
        return F.dropout(x, rate, training=training)
    masks = torch.stack([torch.rand(x.shape[1:], generator=g) >= rate for g in noise])
    return x * masks.to(x.device, x.dtype).div_(1 - rate)
