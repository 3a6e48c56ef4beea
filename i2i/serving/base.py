"""What a translator asks of a method's server, and how seeds become noise."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from i2i.devices import own_precision
from i2i.serving.given import checked_seeds
from i2i.serving.seen import Sizes

ROWS = 64  # answers in one pass of the net: what keeps a GPU busy, in a fraction of any GPU's memory

Noise = Tensor | Sequence[int]  # styles (n, D), or n seeds


def noise_of(seed: int) -> torch.Generator:
    """The CPU generator that all noise of one picture comes from, whatever the device."""
    return torch.Generator("cpu").manual_seed(seed)


def normal(length: int, noise: torch.Generator) -> Tensor:
    """So many standard normal numbers, float32 on the CPU, whatever the caller's defaults are."""
    return torch.randn(length, generator=noise, dtype=torch.float32, device="cpu")


def plain_arguments(values: dict[str, Any]) -> dict[str, Any]:
    """config.json's net arguments as a frozen dataclass wants them: lists become tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


class Server:
    """Base class; a method overrides what it has: styles, directions, domains, a plain mode.

    Args:
        name: the model's, for messages.
        config: its config.json.
        nets: what `build` made, with weights, in evaluation mode, on `device`.
        device: where to run.

    Attributes:
        recipe: the method's configuration, a dataclass; what config.json's `net` leaves out has its defaults.
        net: this model's.
        sizes: other sizes than the model's own that it answers at; None: only its own.
        style_length: numbers in a style; 0: the model has no styles.
        directions: direction -> words for it; empty where the model translates one way only.
        rows: answers that one pass makes at most; 1 on a CPU, where a batch is no faster and answers must not depend on
            their batch-mates.
        generator: the net whose arithmetic is in `dtype`; `nets` keeps the weights as stored.
    """

    recipe: type
    sizes: Sizes | None = None
    style_length = 0
    directions: dict[str, str] = {}

    def __init__(self, name: str, config: dict[str, Any], nets: nn.ModuleDict, device: torch.device):
        self.name, self.config, self.nets, self.device = name, config, nets, device
        self.net = self.net_of(config)
        self.rows = 1 if device.type == "cpu" else ROWS
        self.cast(torch.float32)

    @classmethod
    def net_of(cls, config: dict[str, Any]) -> Any:
        """config.json's `net` as a `recipe`; TypeError, KeyError or ValueError where it is none."""
        return cls.recipe(**plain_arguments(config["net"]))

    @classmethod
    def build(cls, config: dict[str, Any]) -> nn.ModuleDict:
        """The nets of config.json, without weights; TypeError, KeyError or ValueError where it does not say."""
        raise NotImplementedError

    @classmethod
    def channels(cls, config: dict[str, Any]) -> tuple[int, int]:
        """What the nets take and give."""
        net = cls.net_of(config)
        return getattr(net, "inputs", 3), getattr(net, "outputs", 3)

    def cast(self, dtype: torch.dtype) -> None:
        """Compute in another precision."""
        self.dtype = dtype
        generator = self.nets["generator"]
        self.generator = generator if dtype == torch.float32 else copy.deepcopy(generator).to(dtype)

    def input(self, direction: str | None = None) -> dict[str, Any]:
        """Kind of x, as in config.json; ValueError for a direction that the model does not have."""
        self._refuse_direction(direction)
        return self.config["input"]

    def output(self, direction: str | None = None) -> dict[str, Any]:
        """Kind of y."""
        self._refuse_direction(direction)
        return self.config.get("output", {"kind": "photo"})

    def blank(self, size: int) -> Tensor:
        """An empty input (C, size, size), to warm up with."""
        return torch.ones(self.net.inputs, size, size, dtype=torch.float32, device="cpu")

    def styles(self, seeds: Sequence[int], domain: str | None = None) -> np.ndarray:
        """Style vectors of seeds, (n, S) float32."""
        raise ValueError(self._no_styles())

    def style_of(self, photo: Image.Image, domain: str | None = None) -> np.ndarray:
        """The style (S,) of a photo, RGB and of any size."""
        raise ValueError(self._no_styles())

    @own_precision
    def answer(
        self,
        x: Tensor,
        seeds: Sequence[int],
        *,
        direction: str | None = None,
        domain: str | None = None,
        plain: bool = False,
    ) -> Tensor:
        """x (C, S, S) -> one answer a seed, (n, C', S, S) float32 on the CPU; `plain`: one answer without noise."""
        self.check(direction, domain)
        return self._answer(x, checked_seeds(seeds), direction, domain, plain)

    def _answer(self, x: Tensor, seeds: list[int], direction: str | None, domain: str | None, plain: bool) -> Tensor:
        """`answer`, with its arguments checked: what a method without styles overrides."""
        if plain:
            raise ValueError(f"{self.name} has no plain mode: its noise is a style; give seeds or a style")
        return self.answer_styles(x, torch.from_numpy(self.styles(seeds, domain)))

    def answer_styles(self, x: Tensor, styles: Tensor, *, direction: str | None = None) -> Tensor:
        """x (C, S, S) and styles (n, D) -> (n, C', S, S) float32 on the CPU."""
        raise ValueError(self._no_styles())

    def answer_many(
        self, jobs: Sequence[tuple[Tensor, Noise]], *, direction: str | None = None, domain: str | None = None
    ) -> list[Tensor]:
        """Inputs (C, S, S), each with its styles (n, D) or seeds -> answers (n, C', S, S) for each; here in turn."""
        return [
            self.answer_styles(x, noise, direction=direction)
            if isinstance(noise, Tensor)
            else self.answer(x, noise, direction=direction, domain=domain)
            for x, noise in jobs
        ]

    @property
    def rows_together(self) -> int:
        """Answers to different inputs that one pass makes at most; 1: `answer_many` answers in turn."""
        return 1

    def cycle(self, x: Tensor, direction: str | None = None) -> tuple[Tensor, Tensor]:
        """x (C, S, S) -> its answer (C', S, S), and the input again as the way back makes it from that answer."""
        raise ValueError(f"{self.name} translates one way only, so there is no way back")

    def _no_styles(self) -> str:
        return (
            f"{self.name} has no styles: {self.config['method']} turns each seed into noise, and nothing into a style; "
            "use seeds"
        )

    def _refuse_direction(self, direction: str | None) -> None:
        if direction is not None:
            raise ValueError(f"{self.name} translates one way only: leave direction out")

    def check(self, direction: str | None, domain: str | None) -> None:
        """ValueError for a direction or domain that the model does not have."""
        self._refuse_direction(direction)
        self._refuse_domain(domain)

    def _refuse_domain(self, domain: str | None) -> None:
        if domain is not None:
            raise ValueError(f"{self.name} knows no domains: leave domain out")
