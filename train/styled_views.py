"""What card and page show of a finished styled model: a picture of samples, and the seeds that come first."""

from __future__ import annotations

import torch
from PIL import Image

from i2i.data.paired import PairedDataset
from i2i.data.pairs import PairDataset
from i2i.grids import colours_of, draw_input, tile
from i2i.metrics.spread import next_seeds, overdrawn_seeds, spread_seeds
from i2i.translator import Translator

SHOWN_ON = 4  # inputs on which the seeds that the page shows first and next, and those that it passes over, are chosen


def samples_picture(translator: Translator, pairs: PairDataset | PairedDataset, rows: int = 8) -> Image.Image:
    """Inputs of the validation split and four seeds of each; no photo, since its licence may forbid showing it."""
    styles = torch.from_numpy(translator.styles(range(4)))
    colours, table = colours_of(translator.config["input"]), []
    for i in range(min(rows, len(pairs))):
        x = pairs[i]["x"]
        table.append(torch.cat([draw_input(x[None], colours), translator.render(x, styles)]))
    return tile(torch.stack(table))


def seeds_of_page(translator: Translator, pairs: PairDataset | PairedDataset) -> dict[str, list[int]]:
    """For config.json: the seeds that the page passes over, those that it shows first, and those that come next."""
    shown = [pairs[i]["x"] for i in range(min(SHOWN_ON, len(pairs)))]
    passed = overdrawn_seeds(translator, shown)
    first = spread_seeds(translator, shown, without=passed)
    return {
        "passed_over": passed, "first_seeds": first, "next_seeds": next_seeds(translator, shown, first, without=passed)
    }  # fmt: skip
