"""A subject on plain ground, as products are photographed: where the ground is, and that an answer leaves it plain.

The drawing of such a pair says where the subject is, and the photo says where it is not. An answer in a foreign style
has no photo to be compared with, so without this a generator may put a part of another shape beside the subject.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = 0.08  # how far ground may be from the border's colour, in [-1, 1]: ten grey levels
PLAIN = 0.75  # least share of a plain border that is so: a subject may touch it
MARGIN = 1 / 32  # of the side, around all that is not ground: shadows, and lines that `sketchify` has moved


def plain_border(y: Tensor) -> tuple[Tensor, Tensor]:
    """Whether the rim of photos (B, 3, S, S) is plain, bool (B,), and its colour, the median, (B, 3)."""
    rows, columns = torch.cat([y[:, :, :2], y[:, :, -2:]], 2), torch.cat([y[..., :2], y[..., -2:]], 3)
    rim = torch.cat([rows.flatten(2), columns.flatten(2)], 2).float()
    colour = rim.median(2).values
    near = (rim - colour[..., None]).abs().amax(1) <= TOLERANCE
    return near.float().mean(1) >= PLAIN, colour


@torch.no_grad()
def plain_ground(x: Tensor, y: Tensor) -> Tensor:
    """Where the ground of each photo is, well away from its subject: (B, 1, S, S), 1 = ground.

    Ground has the colour of the border, and nothing but ground, and no ink, lies between it and one of the four sides.
    A photo whose border is not plain has none.

    Args:
        x: drawings (B, 1, S, S) in [-1, 1], ink below 0; shrunk by area averaging, ink that fills half of a pixel.
        y: photos (B, 3, S, S) in [-1, 1].
    """
    plain, colour = plain_border(y)
    near = (y.float() - colour[:, :, None, None]).abs().amax(1, keepdim=True) <= TOLERANCE
    free = (near & (x >= 0) & plain[:, None, None, None]).float()
    seen = torch.zeros_like(free)
    for side in (2, 3):
        from_near, from_far = free.cumprod(side), free.flip(side).cumprod(side).flip(side)
        seen = torch.maximum(seen, torch.maximum(from_near, from_far))
    reach = max(1, round(y.shape[-1] * MARGIN))
    return 1 - F.max_pool2d(1 - seen, 2 * reach + 1, 1, reach)


def ground_loss(pictures: Tensor, ground: Tensor) -> Tensor:
    """Mean distance of each picture's ground from one colour, its own mean there, over all pixels.

    Args:
        pictures: answers (B, 3, S, S). ground: (B, 1, S, S), as `plain_ground` gives it.
    """
    area = ground.sum((2, 3), keepdim=True).clamp(min=1)
    colour = (pictures * ground).sum((2, 3), keepdim=True) / area
    return (ground * (pictures - colour.detach()).abs()).mean()
