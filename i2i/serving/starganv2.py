"""StarGAN v2: the photo is encoded once, and decoded once for each style of the chosen domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from i2i.devices import own_precision
from i2i.images import fit_square, photo_to_tensor
from i2i.methods import starganv2
from i2i.serving.base import noise_of, normal
from i2i.serving.encoding import EncodingServer
from i2i.serving.given import checked_seeds
from i2i.serving.seen import Sizes


class StarGANv2Server(EncodingServer):
    """A style belongs to a domain: seeds and reference photos become styles through that domain's heads."""

    recipe = starganv2.StarGANv2Config

    @classmethod
    def build(cls, config: dict[str, Any]) -> nn.ModuleDict:
        net = cls.net_of(config)
        if len(config["domains"]) != net.domains:
            raise ValueError(f"it names {len(config['domains'])} domains, its nets have {net.domains}")
        return starganv2.serving_nets(net)

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(self.config["domains"])

    @property
    def sizes(self) -> Sizes:
        return Sizes.of(self.nets["generator"])

    @property
    def style_length(self) -> int:
        return self.net.code

    def blank(self, size: int) -> Tensor:
        return torch.zeros(3, size, size, dtype=torch.float32, device="cpu")

    def check(self, direction: str | None, domain: str | None) -> None:
        self._refuse_direction(direction)
        if domain is not None:
            self._number(domain)

    def _number(self, domain: str | None) -> Tensor:
        """The domain as a batch of one; ValueError that lists the domains where it is none of them."""
        if domain not in self.domains:
            what = "a domain is missing" if domain is None else f"there is no domain {domain!r}"
            raise ValueError(f"{what}: {self.name} translates to {', '.join(self.domains)}; give domain=")
        return torch.tensor([self.domains.index(domain)], device=self.device)

    @own_precision
    def styles(self, seeds: Sequence[int], domain: str | None = None) -> np.ndarray:
        number = self._number(domain)
        latents = [normal(self.net.latent, noise_of(seed)) for seed in checked_seeds(seeds)]
        # A row at a time: matrix kernels may round differently for other batch sizes, a style must not.
        rows = [starganv2.latent_code(self.nets, self.net, z[None].to(self.device), number) for z in latents]
        return torch.cat(rows).float().cpu().numpy()

    @own_precision
    def style_of(self, photo: Image.Image, domain: str | None = None) -> np.ndarray:
        y = photo_to_tensor(fit_square(photo, self.config["size"]))
        number = self._number(domain)
        return starganv2.photo_code(self.nets, self.net, y[None].to(self.device), number)[0].float().cpu().numpy()
