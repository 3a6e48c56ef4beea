"""CycleGAN: a generator for each direction, and no noise."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from i2i.devices import own_precision
from i2i.methods import cyclegan
from i2i.methods.cyclegan import DIRECTIONS, OPPOSITE
from i2i.serving.base import Server
from i2i.serving.exactly import exactly
from i2i.serving.seen import Sizes


class CycleGANServer(Server):
    """config.json's `input` describes side A, `output` side B; `sides` names them, `directions` says which nets are
    there (both, unless a single net was imported). Every seed gives the same answer."""

    recipe = cyclegan.CycleGANConfig

    @classmethod
    def build(cls, config: dict[str, Any]) -> nn.ModuleDict:
        directions = config.get("directions", DIRECTIONS)
        if not directions or not set(directions) <= set(DIRECTIONS):
            raise ValueError(f"directions are {' and '.join(DIRECTIONS)}, or one of them, got {directions}")
        return cyclegan.serving_nets(cls.net_of(config), directions)

    @property
    def sizes(self) -> Sizes:
        return Sizes.of(next(iter(self.nets.values())))

    @property
    def directions(self) -> dict[str, str]:
        sides = self.config.get("sides", {})
        return {d: f"{sides.get(d[0], d[0])} to {sides.get(d[-1], d[-1])}" for d in self.nets}

    def cast(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        full = dtype == torch.float32
        self.generators = {d: net if full else copy.deepcopy(net).to(dtype) for d, net in self.nets.items()}
        self.generator = self.generators[self._way(None)]

    def input(self, direction: str | None = None) -> dict[str, Any]:
        return self._described(self._way(direction)[0])

    def output(self, direction: str | None = None) -> dict[str, Any]:
        return self._described(self._way(direction)[-1])

    def check(self, direction: str | None, domain: str | None) -> None:
        self._way(direction)
        self._refuse_domain(domain)

    def blank(self, size: int) -> Tensor:
        channels = self.net.inputs if self._way(None) == "AtoB" else self.net.outputs
        return torch.ones(channels, size, size, dtype=torch.float32, device="cpu")

    def _answer(self, x: Tensor, seeds: list[int], direction: str | None, domain: str | None, plain: bool) -> Tensor:
        count = 1 if plain else len(seeds)
        direction = self._way(direction)
        return self._translate(self._as_trained(x, direction), direction).float().cpu().repeat(count, 1, 1, 1)

    @own_precision
    def cycle(self, x: Tensor, direction: str | None = None) -> tuple[Tensor, Tensor]:
        direction = self._way(direction)
        back = OPPOSITE[direction]
        if back not in self.nets:
            raise ValueError(f"{self.name} has no net for the direction {back}, so there is no way back")
        answer = self._translate(self._as_trained(x, direction), direction)
        return answer[0].float().cpu(), self._translate(answer, back)[0].float().cpu()

    def _translate(self, x: Tensor, direction: str) -> Tensor:
        x = x.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        with exactly(self.device):
            return self.generators[direction](x)

    def _as_trained(self, x: Tensor, direction: str) -> Tensor:
        """x (C, S, S) as a batch of one; the nets know one-hot maps as -1 and +1, as they make them themselves."""
        return (x * 2 - 1 if self.input(direction)["kind"] == "labels" else x)[None]

    def _no_styles(self) -> str:
        return f"{self.name} has neither styles nor noise: CycleGAN has one answer to a picture; leave style out"

    def _described(self, side: str) -> dict[str, Any]:
        return self.config["input"] if side == "A" else self.config.get("output", {"kind": "photo"})

    def _way(self, direction: str | None) -> str:
        known = tuple(self.nets)
        if direction is None:
            return "AtoB" if "AtoB" in known else known[0]
        if direction not in known:
            raise ValueError(f"{self.name} translates {' and '.join(known)}, got the direction {direction!r}")
        return direction
