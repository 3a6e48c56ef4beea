"""HED (Xie and Tu, ICCV 2015) on a trunk that knows ImageNet: a teacher for the small network.

As the paper's, its trunk is pretrained and learns on; MobileNet v1 takes the place of VGG-16. The heads are those of
`EdgeNet`; the finest one reads, beside the trunk at half the resolution, the photo's own pixels.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i.nets.edge_net import FOLD, EdgeNet, SideHead, Stage, fold_norms, mean_fusion, side_outputs
from i2i.nets.mobilenet import MobileNetTrunk

TAPS = (1, 3, 5, 11)  # the last blocks at 1/2, 1/4, 1/8 and 1/16
DILATIONS = ((1, 2), (1, 3), (1, 3, 6), (1, 3, 6, 9))


class EdgeTeacher(nn.Module):
    """Edge logits of a photo: one map per tap and their fusion. 1.9 M parameters.

    Args:
        head_widths: channels of the four heads, fine to coarse.
        fine: channels that the finest head gets straight from the pixels.
    """

    multiple = 16  # height and width must be multiples of this

    def __init__(self, head_widths: tuple[int, ...] = (32, 32, 48, 64), fine: int = 24):
        super().__init__()
        if len(head_widths) != len(TAPS):
            raise ValueError(f"head_widths needs {len(TAPS)} numbers, got {head_widths}")
        self.trunk = MobileNetTrunk(TAPS)
        self.fine = Stage(3 * FOLD**2, fine, (1,), stride=1)
        inputs = [self.trunk.channels[0] + fine, *self.trunk.channels[1:]]
        coarser = [*head_widths[1:], 0]
        self.heads = nn.ModuleList(
            SideHead(inputs[k], width, coarser[k], DILATIONS[k], 1 if k else FOLD**2)
            for k, width in enumerate(head_widths)
        )
        self.fuse = mean_fusion(len(TAPS))

    def fold_norms(self) -> EdgeTeacher:
        """As `EdgeNet.fold_norms`; the trunk has none."""
        return fold_norms(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1] -> side logits from fine to coarse, then the fusion; each (B, 1, H, W)."""
        finest, *rest = self.trunk(x)
        finest = torch.cat([finest, self.fine(F.pixel_unshuffle(x, FOLD))], 1)
        return side_outputs(self.heads, self.fuse, [finest, *rest], x.shape[-2:])


TRUNKS = {"residual": EdgeNet, "mobilenet_v1": EdgeTeacher}


def make_edge_net(net: dict[str, Any]) -> EdgeNet | EdgeTeacher:
    """The network that the `net` of a detector's config.json describes."""
    shape = {k: tuple(v) if isinstance(v, list) else v for k, v in net.items() if k != "trunk"}
    return TRUNKS[net.get("trunk", "residual")](**shape)
