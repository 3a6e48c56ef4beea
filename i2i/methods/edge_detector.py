"""Training a holistically-nested edge network: deep supervision of every side output and of their fusion."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor, nn

from i2i import losses
from i2i.grids import tile
from i2i.nets.edge_net import EdgeNet


@dataclass(frozen=True)
class EdgeConfig:
    """Recipe of the edge detector.

    Attributes:
        widths, blocks, head_widths: architecture, see `EdgeNet`.
        lr, weight_decay: of AdamW; the rate follows a cosine to zero.
        side_weights: of the side outputs' losses, fine to coarse.
        fusion_weight: of the fusion's loss.
    """

    widths: tuple[int, ...] = (24, 48, 96, 96)
    blocks: tuple[int, ...] = (1, 2, 2, 2)
    head_widths: tuple[int, ...] = (16, 24, 32, 32)
    lr: float = 3e-3
    weight_decay: float = 1e-2
    side_weights: tuple[float, ...] = (0.5, 0.7, 0.7, 0.7)
    fusion_weight: float = 1.5


class EdgeTraining(nn.Module):
    """The network, its optimizer and one training step (HED, equations 1 to 4)."""

    method = "hed"
    served = ("edges",)

    def __init__(self, config: EdgeConfig):
        super().__init__()
        if len(config.side_weights) != len(config.widths):
            raise ValueError(
                f"side_weights needs one number for each of the {len(config.widths)} widths, got {config.side_weights}"
            )
        self.config = config
        self.nets = nn.ModuleDict({"edges": EdgeNet(config.widths, config.blocks, config.head_widths)})

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        c = self.config
        return {"edges": torch.optim.AdamW(self.nets.parameters(), lr=c.lr, weight_decay=c.weight_decay)}

    def rate(self, progress: float) -> float:
        """Factor of the learning rate: a cosine from one to zero."""
        return 0.5 * (1 + math.cos(math.pi * progress))

    def step(self, batch: dict[str, Tensor], progress: float, update: Callable) -> dict[str, float]:
        """One step on `x` (B, 3, S, S) in [-1, 1] and `consensus` (B, 1, S, S)."""
        outputs = self.nets["edges"](batch["x"])
        parts = [losses.balanced_edge_loss(o.float(), batch["consensus"]) for o in outputs]
        weights = (*self.config.side_weights, self.config.fusion_weight)
        loss = sum(w * p for w, p in zip(weights, parts, strict=True))
        update("edges", loss)
        return {"loss": float(loss.detach()), "fusion": float(parts[-1].detach())}

    @torch.no_grad()
    def grid(self, nets: nn.ModuleDict, batch: dict[str, Tensor]) -> Image.Image:
        """A row for each photo: photo, annotators' consensus, detected edges (dark on white)."""
        found = torch.sigmoid(nets["edges"](batch["x"])[-1])
        grey = [1 - 2 * batch["consensus"].clamp(min=0), 1 - 2 * found]
        return tile(torch.stack([batch["x"]] + [g.expand(-1, 3, -1, -1) for g in grey], 1))
