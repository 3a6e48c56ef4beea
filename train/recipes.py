"""The tasks of the pix2pix paper as recipes: what the two halves hold, and how long it trained (section 6.2).

A and B are the halves of the published archives, so `--direction` means what it means there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """A task: `about` in a line, `pairs` (fields of PairedConfig), `batch`, `epochs`, and `net` where it differs."""

    about: str
    pairs: dict[str, Any]
    epochs: int
    batch: int
    net: dict[str, Any] = field(default_factory=dict)


RECIPES = {
    "labels2street": Recipe(
        "label maps to street scenes (Cityscapes, 2,975 pairs: photo | labels, as pictures)",
        {"a": "photo", "b": "photo", "direction": "BtoA", "fit": "stretch"},
        epochs=200,
        batch=1,
    ),
    "labels2facade": Recipe(
        "label maps to facades (CMP, 400 pairs: photo | labels, with palette.json)",
        {"a": "photo", "b": "labels", "direction": "BtoA"},
        epochs=200,
        batch=1,
    ),
    "photo2labels": Recipe(
        "photos to label maps, segmentation (photo | labels, with palette.json)",
        {"a": "photo", "b": "labels", "direction": "AtoB"},
        epochs=200,
        batch=1,
    ),
    "aerial2map": Recipe(
        "aerial photos to maps (1,096 pairs: aerial | map); --direction BtoA for maps to aerial photos",
        {"a": "photo", "b": "photo", "direction": "AtoB"},
        epochs=200,
        batch=1,
    ),
    "bw2color": Recipe(
        "lightness to colour, in Lab (any photos; the paper: 1.2 million)",
        {"a": "gray", "b": "ab", "direction": "AtoB", "jitter": 1.0},
        epochs=6,
        batch=4,
    ),
    "day2night": Recipe(
        "day to night (17,823 pairs: night | day)",
        {"a": "photo", "b": "photo", "direction": "BtoA"},
        epochs=17,
        batch=4,
    ),
    "edges2photo": Recipe(
        "drawings to photos (shoes: 49,825 pairs, handbags: 138,567: edges | photo)",
        {"a": "edges", "b": "photo", "direction": "AtoB"},
        epochs=15,
        batch=4,
    ),
    "inpainting": Recipe(
        "photos without their centre to whole ones (any photos; the paper: 14,900 of Paris)",
        {"a": "hole", "b": "photo", "direction": "AtoB", "jitter": 1.0},
        epochs=25,
        batch=4,
    ),
}


def find_recipe(name: str) -> Recipe:
    """The recipe called `name`; ValueError that lists them all where there is none."""
    if name not in RECIPES:
        raise ValueError(f"there is no recipe {name!r}: choose one of {', '.join(RECIPES)}")
    return RECIPES[name]
