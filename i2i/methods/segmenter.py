"""Training a segmentation network on real photos and their label maps: the judge of FCN-scores.

Isola et al., CVPR 2017, section 4.1, take an FCN-8s of Cityscapes; this is a small one for the data set at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from i2i.checks import check_finite, check_least, check_rates, check_shares, check_types, check_widths
from i2i.grids import draw_input, tile
from i2i.nets.segmenter import Segmenter


@dataclass(frozen=True)
class SegmenterConfig:
    """Recipe of the segmentation network.

    Attributes:
        size: height and width of the photos, pixels.
        classes: of the label maps; taken from the palette.
        widths: channels at 1/2, 1/4, ... of the resolution.
        lr, weight_decay: of AdamW; the rate falls linearly to zero.
        recolour: how far brightness, contrast and the three colours vary in training, 0 for not at all.
    """

    size: int = 256
    classes: int = 12
    widths: tuple[int, ...] = (32, 64, 96, 128, 128)
    lr: float = 2e-3
    weight_decay: float = 5e-2
    recolour: float = 0.2

    def __post_init__(self) -> None:
        check_types(self)
        check_rates(self, ("lr",))
        check_widths(self)
        check_least(self, {"size": 1, "classes": 2, "weight_decay": 0})
        check_shares(self, ("recolour",))
        check_finite(self)


def serving_nets(config: SegmenterConfig) -> nn.ModuleDict:
    """The net that a model folder holds."""
    return nn.ModuleDict({"segmenter": Segmenter(config.classes, tuple(config.widths))})


class SegmenterTraining(nn.Module):
    """The network, its optimizer and one training step; `colours` as in `StyledPix2Pix`."""

    method = "segmenter"
    colours: Sequence[Sequence[int]] | None = None
    served = ("segmenter",)

    def __init__(self, config: SegmenterConfig):
        super().__init__()
        self.config = config
        self.nets = serving_nets(config)
        stride = self.nets["segmenter"].stride
        if config.size % stride:
            raise ValueError(f"--size must be a multiple of {stride}, got {config.size}")

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        c = self.config
        return {"segmenter": torch.optim.AdamW(self.nets.parameters(), lr=c.lr, weight_decay=c.weight_decay)}

    def rate(self, progress: float) -> float:
        """Factor of the learning rate: linearly to zero."""
        return 1 - progress

    def _recoloured(self, y: Tensor) -> Tensor:
        """Photos in [-1, 1] with another brightness, contrast and balance of colours, each picture its own."""
        spread = self.config.recolour

        def draw(channels: int) -> Tensor:
            return (2 * torch.rand(len(y), channels, 1, 1, device=y.device) - 1) * spread

        return ((y + draw(1)) * (1 + draw(1)) * (1 + draw(3) / 2)).clamp(-1, 1)

    def step(self, batch: dict[str, Tensor], progress: float, update: Callable) -> dict[str, float]:
        """One step on photos `x` (B, 3, S, S) in [-1, 1] and labels `y` (B, K, S, S), largest at the class."""
        scores = self.nets["segmenter"](self._recoloured(batch["x"])).float()
        wanted = batch["y"].argmax(1)
        loss = F.cross_entropy(scores, wanted)
        update("segmenter", loss)
        right = (scores.argmax(1) == wanted).float().mean()
        return {"loss": float(loss.detach()), "pixel_accuracy": float(right)}

    @torch.no_grad()
    def grid(self, nets: nn.ModuleDict, batch: dict[str, Tensor]) -> Image.Image:
        """A row for each photo: photo, its label map, the one that was found."""
        net = nets["segmenter"]
        training = net.training
        found = net.eval()(batch["x"])
        net.train(training)
        classes = F.one_hot(found.argmax(1), found.shape[1]).permute(0, 3, 1, 2).float()
        maps = [draw_input(labels, self.colours) for labels in (batch["y"], classes)]
        return tile(torch.stack([batch["x"], *maps], 1))
