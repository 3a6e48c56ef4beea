"""A mapping network that covers what the style encoder has seen.

In a short run the diversity loss has hardly begun to part the seeds when its weight is gone: they all look alike, while
the styles of reference photos differ. Those are the better teacher. As in a run of styled pix2pix
(`i2i.methods.styled`), F is fitted in style space: F(z, y) for random z to the styles E(photo, y) of the domain's
photos, by their energy distance. Styled pix2pix, which has one domain, does so once more when its run is over: in
training its encoder saw views of photos, in the end it sees the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from i2i import losses


@torch.no_grad()
def read_styles(encoder: nn.Module, photos: Sequence[Tensor], domain: int, batch: int = 32) -> Tensor:
    """E's styles (N, S) of photos (3, H, W) in [-1, 1] of one domain."""
    parts = [torch.stack(list(photos[i : i + batch])) for i in range(0, len(photos), batch)]
    return torch.cat([encoder(x, torch.full((len(x),), domain)) for x in parts])


def fit_mapping(
    mapping: nn.Module,
    styles: Sequence[Tensor],
    latent: int,
    steps: int,
    batch: int = 256,
    lr: float = 1e-3,
    seed: int = 0,
) -> tuple[float, float]:
    """Fit F to the styles of each domain.

    Args:
        mapping: F; trained in place.
        styles: (N, S) for each domain in turn, at least two styles each.
        latent: dimensions of z.
        steps: of Adam, each with `batch` latents of every domain; its rate falls linearly to zero.

    Returns:
        The energy distance, the mean over domains, before and after; both of the same latents.
    """
    generator = torch.Generator().manual_seed(seed)

    def distance(z: Tensor) -> Tensor:
        found = [mapping(z, torch.full((len(z),), k)) for k in range(len(styles))]
        return sum(losses.energy_distance(f, s) for f, s in zip(found, styles, strict=True)) / len(styles)

    def measured() -> float:
        with torch.no_grad():
            return float(distance(torch.randn(1024, latent, generator=torch.Generator().manual_seed(seed + 1))))

    before = measured()
    optimizer = torch.optim.Adam(mapping.parameters(), lr=lr, betas=(0.5, 0.99))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        optimizer.zero_grad()
        distance(torch.randn(batch, latent, generator=generator)).backward()
        optimizer.step()
    return before, measured()
