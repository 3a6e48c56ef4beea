"""BicycleGAN: the style is the latent z itself, from a seed or from the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from i2i.devices import own_precision
from i2i.images import fit_square, photo_to_tensor
from i2i.methods import bicyclegan
from i2i.nets.layers import use_own_statistics
from i2i.serving.base import Server, noise_of, normal
from i2i.serving.exactly import exactly
from i2i.serving.given import checked_seeds
from i2i.serving.seen import Sizes


class BicycleGANServer(Server):
    """z reaches every level of the encoder, so each answer is a whole pass."""

    recipe = bicyclegan.BicycleGANConfig

    @classmethod
    def build(cls, config: dict[str, Any]) -> nn.ModuleDict:
        return bicyclegan.serving_nets(cls.net_of(config))

    @property
    def sizes(self) -> Sizes:
        return Sizes.of(self.nets["generator"])

    @property
    def style_length(self) -> int:
        return self.net.latent

    def cast(self, dtype: torch.dtype) -> None:
        use_own_statistics(self.nets)
        super().cast(dtype)

    def styles(self, seeds: Sequence[int], domain: str | None = None) -> np.ndarray:
        """z of seeds, (n, latent): the standard normal numbers that training drew."""
        self._refuse_domain(domain)
        latents = [normal(self.style_length, noise_of(seed)) for seed in checked_seeds(seeds)]
        return torch.stack(latents).numpy()

    @own_precision
    def style_of(self, photo: Image.Image, domain: str | None = None) -> np.ndarray:
        """The mean of E(photo)."""
        self._refuse_domain(domain)
        if self.output()["kind"] != "photo":
            raise ValueError(f"{self.name} answers with {self.output()['kind']}, so photos have no style here")
        y = photo_to_tensor(fit_square(photo, self.config["size"]))
        return self.nets["encoder"](y[None].to(self.device))[0][0].float().cpu().numpy()

    @own_precision
    def answer_styles(self, x: Tensor, styles: Tensor, *, direction: str | None = None) -> Tensor:
        self._refuse_direction(direction)
        x = x[None].to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        parts = styles.to(self.device, self.dtype).split(self.rows)
        with exactly(self.device):
            answers = [self.generator(x.expand(len(part), -1, -1, -1), z=part) for part in parts]
        return torch.cat(answers).float().cpu()
