"""Training a holistically-nested edge network: deep supervision of every side output and of their fusion."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from i2i import losses
from i2i.checks import (
    check_choice,
    check_finite,
    check_least,
    check_rates,
    check_types,
    check_weights,
    check_widths,
)
from i2i.grids import tile
from i2i.methods.logs import as_numbers
from i2i.nets.edge_teacher import TRUNKS, make_edge_net

NORMS = ("batch", "frozen")


@dataclass(frozen=True)
class EdgeConfig:
    """Recipe of the edge detector.

    Attributes:
        trunk: residual (`EdgeNet`, the small one) or mobilenet_v1 (`EdgeTeacher`, whose trunk comes pretrained).
        widths, blocks: architecture of the residual trunk, see `EdgeNet`.
        head_widths: channels of each side head, fine to coarse; `EdgeTeacher` has its own. Multiples of 16: in
            bfloat16 on a CPU, weight gradients of dilated convolutions of 24 channels came out as NaN.
        lr, weight_decay: of AdamW; the rate follows a cosine to zero.
        trunk_lr: of a pretrained trunk.
        side_weights: of the side outputs' losses, fine to coarse.
        fusion_weight: of the fusion's loss.
        lambda_taught: weight of the distance to a teacher's maps, where there are some.
        lambda_exact: weight of the cross entropy on plain shapes, where there are some. Classes are not balanced there:
            balanced, a ghost beside a corner costs next to nothing against a gap in an edge.
        norms: batch, or frozen: the statistics of the batch norms stay as they are, for a run that begins with a
            trained net. Plain shapes, or small batches, would shift them.
    """

    trunk: str = "residual"
    widths: tuple[int, ...] = (24, 48, 96, 96)
    blocks: tuple[int, ...] = (1, 2, 2, 2)
    head_widths: tuple[int, ...] = (16, 32, 32, 32)
    lr: float = 3e-3
    weight_decay: float = 1e-2
    trunk_lr: float = 4e-4
    side_weights: tuple[float, ...] = (0.5, 0.7, 0.7, 0.7)
    fusion_weight: float = 1.5
    lambda_taught: float = 1.0
    lambda_exact: float = 1.0
    norms: str = "batch"

    def __post_init__(self) -> None:
        check_types(self)
        check_choice("trunk", self.trunk, tuple(TRUNKS))
        check_choice("norms", self.norms, NORMS)
        check_rates(self, ("lr", "trunk_lr"))
        check_least(self, {"weight_decay": 0, "fusion_weight": 0})
        check_weights(self)
        shape = ("widths", "blocks", "head_widths")
        check_widths(self, shape)
        if len({len(getattr(self, name)) for name in shape}) > 1:
            counts = ", ".join(f"{len(getattr(self, name))} {name}" for name in shape)
            raise ValueError(f"widths, blocks and head_widths need a number for each stage, got {counts}")
        for name in shape:
            if self.trunk != "residual" and getattr(self, name) != getattr(EdgeConfig, name):
                raise ValueError(f"{name} shapes the residual trunk alone: leave it out with trunk {self.trunk}")
        check_finite(self)

    @property
    def net(self) -> dict[str, Any]:
        """What a model folder says of the network."""
        if self.trunk == "residual":
            return {"widths": self.widths, "blocks": self.blocks, "head_widths": self.head_widths}
        return {"trunk": self.trunk}


class EdgeTraining(nn.Module):
    """The network, its optimizer and one training step (HED, equations 1 to 4)."""

    method = "hed"
    served = ("edges",)

    def __init__(self, config: EdgeConfig):
        super().__init__()
        self.config = config
        self.nets = nn.ModuleDict({"edges": make_edge_net(config.net)})
        sides = len(self.nets["edges"].heads)
        if len(config.side_weights) != sides:
            raise ValueError(f"side_weights needs one number for each of the {sides} heads, got {config.side_weights}")
        self.train()

    def train(self, mode: bool = True) -> EdgeTraining:
        super().train(mode)
        if self.config.norms == "frozen":
            for module in self.nets["edges"].modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        c, net = self.config, self.nets["edges"]
        trunk = list(net.trunk.parameters()) if c.trunk != "residual" else []
        known = set(map(id, trunk))
        rest = [p for p in net.parameters() if id(p) not in known]
        groups = [{"params": rest, "lr": c.lr}, *([{"params": trunk, "lr": c.trunk_lr}] if trunk else [])]
        return {"edges": torch.optim.AdamW(groups, weight_decay=c.weight_decay, fused=True)}

    def rate(self, progress: float) -> float:
        """Factor of the learning rate: a cosine from one to zero."""
        return 0.5 * (1 + math.cos(math.pi * progress))

    def step(self, batch: dict[str, Tensor], progress: float, update: Callable) -> dict[str, float]:
        """One step on `x` (B, 3, S, S) in [-1, 1], `consensus` (B, 1, S, S), and where they are there `taught`, a
        teacher's maps, and `exact`, the edges of plain shapes; see `BsdsCrops`.
        """
        outputs = [o.float() for o in self.nets["edges"](batch["x"])]
        weights = (*self.config.side_weights, self.config.fusion_weight)

        def summed(loss: Callable[[Tensor, Tensor], Tensor], target: Tensor) -> tuple[Tensor, Tensor]:
            parts = [loss(o, target) for o in outputs]
            return sum(w * p for w, p in zip(weights, parts, strict=True)), parts[-1]

        loss, fusion = summed(losses.balanced_edge_loss, batch["consensus"])
        logs = {"loss": loss, "fusion": fusion}
        for name, weight in (("taught", self.config.lambda_taught), ("exact", self.config.lambda_exact)):
            if name in batch:
                distance, fusion = summed(losses.soft_edge_loss, batch[name])
                loss = loss + weight * distance
                logs[name] = fusion
        update("edges", loss)
        return as_numbers(logs)

    @torch.no_grad()
    def grid(self, nets: nn.ModuleDict, batch: dict[str, Tensor]) -> Image.Image:
        """A row for each photo: photo, annotators' consensus, detected edges (dark on white)."""
        found = torch.sigmoid(nets["edges"](batch["x"])[-1])
        grey = [1 - 2 * batch["consensus"].clamp(min=0), 1 - 2 * found]
        return tile(torch.stack([batch["x"]] + [g.expand(-1, 3, -1, -1) for g in grey], 1))
