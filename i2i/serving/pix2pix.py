"""Classic pix2pix: dropout at test time, and batch norm with each picture's own statistics (the paper, section 3.3)."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from i2i.methods import pix2pix
from i2i.nets.layers import use_own_statistics
from i2i.serving.base import Server, noise_of, normal
from i2i.serving.exactly import exactly
from i2i.serving.seen import Sizes


class Pix2PixServer(Server):
    """A seed is the picture's own generator: z first, where there is one, then the dropout masks layer by layer."""

    recipe = pix2pix.Pix2PixConfig

    @classmethod
    def build(cls, config: dict[str, Any]) -> nn.ModuleDict:
        return pix2pix.serving_nets(cls.net_of(config))

    @property
    def sizes(self) -> Sizes:
        return Sizes.of(self.nets["generator"])

    def cast(self, dtype: torch.dtype) -> None:
        super().cast(dtype)
        # A second view of the same weights, so that plain and noisy answers may be asked for at the same time.
        shared = {id(t): t for t in (*self.generator.parameters(), *self.generator.buffers())}
        self.noisy = use_own_statistics(copy.deepcopy(self.generator, shared))

    def _answer(self, x: Tensor, seeds: list[int], direction: str | None, domain: str | None, plain: bool) -> Tensor:
        width = self.net.z
        x = x[None].to(self.device)
        # TF32 and kernels that add in any order would move pictures by more than rounding.
        with exactly(self.device):
            if plain:
                return self._run(self.generator, x, torch.zeros(1, width, dtype=torch.float32, device="cpu"), None)
            generators = [noise_of(seed) for seed in seeds]
            z = torch.stack([normal(width, g) for g in generators])
            parts = [
                self._run(self.noisy, x, z[k : k + self.rows], generators[k : k + self.rows])
                for k in range(0, len(generators), self.rows)
            ]
        return torch.cat(parts)

    def _run(self, net: nn.Module, x: Tensor, z: Tensor, noise: list[torch.Generator] | None) -> Tensor:
        joined = pix2pix.with_z(x.expand(len(z), -1, -1, -1), z.to(self.device)).to(self.dtype)
        return net(joined.contiguous(memory_format=torch.channels_last), noise).float().cpu()
