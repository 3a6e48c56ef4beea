"""A run of six tiny steps on pairs of a line and a colour: for tests of the loop and of its states."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch.utils.data import Dataset

from i2i.methods.styled import StyledConfig, StyledPix2Pix
from i2i.training.loop import TrainConfig, train

TINY = StyledConfig(size=64, style=8, latent=4, widths=(8, 8, 8))
HOW = TrainConfig(steps=6, batch=2, warmup=2, grid_every=3, log_every=1, workers=0, save_minutes=1e9)


class Shapes(Dataset):
    """Pairs of one line and a colour; an item is a pure function of its key."""

    def __len__(self):
        return 5

    def __getitem__(self, key):
        index, seed = key
        generator = torch.Generator().manual_seed(seed * 7 + index)
        x = torch.ones(1, 64, 64)
        x[:, 10 + 8 * index] = -1
        y = torch.rand(3, 1, 1, generator=generator).expand(3, 64, 64) * 2 - 1
        return {"x": x, "y": y.contiguous()}


def run(folder, how=HOW, resume=False, config=TINY, **callbacks):
    torch.manual_seed(how.seed)
    method = StyledPix2Pix(config)
    data = Shapes()
    held_out = {k: torch.stack([data[(i, 0)][k] for i in range(2)]) for k in ("x", "y")}
    folder.mkdir(parents=True, exist_ok=True)
    outcome = train(method, data, held_out, folder, how, accelerator=Accelerator(cpu=True), resume=resume, **callbacks)
    return method, outcome


def weights(folder, name):
    return load_file(folder / "state" / f"{name}.safetensors")
