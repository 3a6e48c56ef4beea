"""Features that measures are made of."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor, nn

from i2i.devices import own_precision


def device_of(features: nn.Module) -> torch.device:
    """Where a feature network wants its pictures."""
    return next((p.device for p in features.parameters()), torch.device("cpu"))


def name_of(features: nn.Module) -> str:
    """A feature network's name with the first 8 digits of its weights' sha256: networks of one name may differ."""
    digest = hashlib.sha256()
    for tensor in features.state_dict().values():
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return f"{features.name} {digest.hexdigest()[:8]}"


@own_precision
def pooled(pictures: Tensor, features: nn.Module, batch: int = 16) -> np.ndarray:
    """Features of the last tap, averaged over the picture: (N, D)."""
    where = device_of(features)
    parts = [features(p.to(where))[-1].mean((2, 3)) for p in pictures.split(batch)]
    return torch.cat(parts).cpu().numpy()
