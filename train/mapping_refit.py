"""The mapping network of a finished run, fitted once more to the styles of its training photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from model_run import tell
from torch import Tensor

from i2i import model_folder
from i2i.methods.mapping_fit import fit_mapping, read_styles
from i2i.translator import Translator

MOST = 1000  # photos of a domain, spread evenly, whose styles are read
AT_ONCE = 32

Photos = tuple[int, Callable[[int], Tensor]]  # how many, and the i-th, (3, H, W) in [-1, 1]


def refit_mapping(
    model: Path, domains: Sequence[Photos], latent: int, steps: int, card: Callable[[dict[str, Any]], str]
) -> dict[str, Any]:
    """Fit the mapping network of a model folder to the styles of the photos of each domain, and save it again.

    Returns:
        What was done, which is also written to `training.fit_mapping` of its config.json. Empty, and nothing done,
        where a domain has fewer than two photos: one style has no spread.
    """
    if any(count < 2 for count, _ in domains):
        return {}
    tell(f"fitting the mapping network to the styles of the training photos, {steps} steps")
    nets = Translator.from_pretrained(model, "cpu", "float32").nets
    styles = []
    for k, (count, photo) in enumerate(domains):
        chosen = range(0, count, -(-count // MOST))
        read = [  # a few photos at a time: all of them may be a gigabyte
            read_styles(nets["style_encoder"], [photo(i) for i in chosen[at : at + AT_ONCE]], k)
            for at in range(0, len(chosen), AT_ONCE)
        ]
        styles.append(torch.cat(read))
    before, after = fit_mapping(nets["mapping"].requires_grad_(True), styles, latent, steps)
    tell(f"mapping network fitted to {sum(map(len, styles))} styles: energy distance {before:.4f}, then {after:.4f}")
    about = model_folder.read_config(model)
    done = {"steps": steps, "energy distance before": round(before, 5), "after": round(after, 5)}
    about["training"]["fit_mapping"] = done
    model_folder.save(model, about, nets, card(about))
    return done
