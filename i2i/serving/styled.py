"""Styled pix2pix: the input is encoded once, and decoded once for each style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from i2i.devices import own_precision
from i2i.images import fit_square, photo_to_tensor
from i2i.methods import styled
from i2i.serving.base import noise_of, normal
from i2i.serving.encoding import EncodingServer
from i2i.serving.given import checked_seeds


class StyledServer(EncodingServer):
    """A style comes from a seed through the mapping network, or from a photo through the style encoder."""

    recipe = styled.StyledConfig

    @classmethod
    def build(cls, config: dict[str, Any]) -> nn.ModuleDict:
        return styled.serving_nets(cls.net_of(config))

    @property
    def style_length(self) -> int:
        return self.net.style

    @own_precision
    def styles(self, seeds: Sequence[int], domain: str | None = None) -> np.ndarray:
        self._refuse_domain(domain)
        latents = [normal(self.net.latent, noise_of(s)) for s in checked_seeds(seeds)]
        # A row at a time: matrix kernels may round differently for other batch sizes, a style must not.
        rows = [self.nets["mapping"](z[None].to(self.device)) for z in latents]
        return torch.cat(rows).float().cpu().numpy()

    @own_precision
    def style_of(self, photo: Image.Image, domain: str | None = None) -> np.ndarray:
        self._refuse_domain(domain)
        y = photo_to_tensor(fit_square(photo, self.config["size"]))
        return self.nets["style_encoder"](y[None].to(self.device))[0].float().cpu().numpy()
