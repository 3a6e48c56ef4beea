"""A subject before ground that is out of focus, as in portraits: where that is, and that an answer leaves it so.

There is nothing on such ground that the drawing could show, so a generator that is asked for photos there by its
discriminators fills it with what it can make of nothing: one figure, repeated. The photo of the pair tells better.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from i2i.methods.plain_ground import away_from_rest, seen_from

WINDOW = 1 / 16  # of the side: contrast is measured within this, and what changes more slowly is no texture
SMOOTH = 0.05  # in [-1, 1], root mean square: six grey levels, as photos' noise


def texture(pictures: Tensor) -> Tensor:
    """Contrast of the fine detail of pictures (B, 3, S, S) around each pixel, of the channel that has most: root mean
    square, (B, 1, S, S)."""
    side = max(1, round(pictures.shape[-1] * WINDOW / 2))

    def around(p: Tensor) -> Tensor:
        return F.avg_pool2d(p, 2 * side + 1, 1, side, count_include_pad=False)

    pictures = pictures.float()
    detail = pictures - around(pictures)
    return around(detail.square()).amax(1, keepdim=True).clamp(min=1e-8).sqrt()


@torch.no_grad()
def soft_ground(x: Tensor, y: Tensor) -> Tensor:
    """Where each photo is out of focus beside or above its subject: (B, 1, S, S), 1 = soft ground.

    It is smooth, and nothing that is not, and no ink, lies between it and the left, the right or the upper side. From
    below a subject is seen whose smooth parts, such as a black coat, are no ground.

    Args:
        x: drawings (B, 1, S, S) in [-1, 1], ink below 0. y: photos (B, 3, S, S) in [-1, 1].
    """
    return away_from_rest(seen_from((texture(y) <= SMOOTH) & (x >= 0), ("left", "right", "top")))


def texture_loss(pictures: Tensor, ground: Tensor) -> Tensor:
    """Texture of pictures (B, 3, S, S) beyond what counts as smooth, on ground (B, 1, S, S); mean of all pixels."""
    return (ground * F.relu(texture(pictures) - SMOOTH)).mean()
