"""A StarGAN v2 small enough for tests of its losses, and a batch for it."""

from __future__ import annotations

import torch

from i2i.methods.starganv2 import StarGANv2, StarGANv2Config

TINY = StarGANv2Config(16, 3, 8, 4, "lean", (8, 8), (8, 8, 8), 1)


def batch(count: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    photos = {k: torch.rand(count, 3, 16, 16, generator=generator) * 2 - 1 for k in ("x", "reference", "reference2")}
    return photos | {"domain": torch.tensor([0, 1, 2, 0])[:count], "target": torch.tensor([1, 1, 0, 2])[:count]}


def make(config: StarGANv2Config = TINY, **options) -> StarGANv2:
    torch.manual_seed(1)
    return StarGANv2(config, **options)
