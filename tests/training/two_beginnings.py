"""What test_loop.py starts in two processes whose nets begin with other weights: what each ends with is kept."""

import dataclasses
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from tiny_runs import HOW, TINY, Shapes

from i2i.methods.styled import StyledPix2Pix
from i2i.training.loop import train

folder, accelerator, data = Path(sys.argv[1]), Accelerator(cpu=True), Shapes()
torch.manual_seed(accelerator.process_index)
method = StyledPix2Pix(TINY)
held_out = {k: torch.stack([data[(i, 0)][k] for i in range(2)]) for k in ("x", "y")}
train(method, data, held_out, folder / "run", dataclasses.replace(HOW, steps=2), accelerator=accelerator)
torch.save(method.nets.state_dict(), folder / f"{accelerator.process_index}.pt")
