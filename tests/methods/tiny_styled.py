"""A tiny styled pix2pix, a batch for it, and what one of its steps gives."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from i2i.methods.styled import StyledConfig, StyledPix2Pix

# The style encoder sees the photos themselves, so that losses can be computed again.
TINY = StyledConfig(size=64, style=8, latent=4, widths=(8, 8, 8), style_views=0.0)
# Every weight another, so that no term can stand in for one of its neighbours.
WEIGHTS = {
    "lambda_l1": 7.0, "lambda_perceptual": 3.0, "lambda_range": 5.0, "lambda_style": 2.0, "lambda_diversity": 1.5,
    "lambda_ground": 6.0, "lambda_contrast": 4.0, "lambda_lines": 9.0,
}  # fmt: skip
NO_WEIGHTS = dict.fromkeys(WEIGHTS, 0.0)
PLAYERS = {"generator", "mapping", "style_encoder"}


class Fields(nn.Module):
    """A feature network without weights, of two taps."""

    channels = [3, 3]

    def forward(self, y):
        return [F.avg_pool2d(y.square(), 2), F.avg_pool2d(y.abs(), 4)]


RIM = 12  # pixels of plain ground around a photo's noise


def batch(seed: int = 5, count: int = 4) -> dict[str, torch.Tensor]:
    """Noise on another colour in each photo, so that photos differ in style, within a plain rim without ink."""
    generator = torch.Generator().manual_seed(seed)
    x, noise = (torch.rand(count, c, 64, 64, generator=generator) * 2 - 1 for c in (1, 3))
    inside = F.pad(torch.ones(64 - 2 * RIM, 64 - 2 * RIM), (RIM,) * 4)
    colour = 0.6 * (torch.rand(count, 3, 1, 1, generator=generator) * 2 - 1)
    return {"x": torch.where(inside > 0, x, 1.0), "y": 0.4 * noise * inside + colour}


def make(config: StyledConfig = TINY, features: nn.Module | None = None, cls: type = StyledPix2Pix) -> StyledPix2Pix:
    """A method whose pictures leave the range that can be shown, and react to the style."""
    torch.manual_seed(1)
    method = cls(config, features)
    with torch.no_grad():
        for level in method.nets["generator"].levels:
            level.rgb.weight.normal_(std=0.15)
    # Spectral norm goes on with its power iteration in every call of training, so no verdict could be computed again.
    return method.eval()


def gradients(method: StyledPix2Pix, progress: float = 0.0, data: dict[str, torch.Tensor] | None = None):
    """Logs of a step; (player, loss) in their order; player -> net -> all gradients of that player's loss."""
    order, found = [], {}

    def update(player, loss):
        method.zero_grad(set_to_none=True)
        loss.backward()
        order.append((player, loss.item()))
        found[player] = {
            name: torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in ps])
            for name, ps in ((name, list(net.parameters())) for name, net in method.nets.items())
        }

    torch.manual_seed(2)
    return method.step(data or batch(), progress, update), order, found


def moved(found: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, gradient in found.items() if gradient.any()}
