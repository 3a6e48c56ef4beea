"""Settings of StarGAN v2: the paper's two, a lean one, and the steps of the paper's component ablation (table 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StarGANv2Recipe:
    """A setting: `about` in a line, `net` (fields of StarGANv2Config) and `training` (fields of TrainConfig)."""

    about: str
    net: dict[str, Any]
    training: dict[str, Any]


RECIPES = {
    "afhq": StarGANv2Recipe(
        "the paper's for animal faces: 256 pixels, no high-pass path, lambda_ds 2",
        {"size": 256, "lambda_ds": 2.0},
        {"steps": 100_000, "batch": 8},
    ),
    "celeba_hq": StarGANv2Recipe(
        "the paper's for human faces: 256 pixels, high-pass path (without the face masks)",
        {"size": 256, "high_pass": 1.0},
        {"steps": 100_000, "batch": 8},
    ),
    "lean": StarGANv2Recipe(
        "for a small machine: 128 pixels, 2.0 million parameters to serve, one turn a step",
        {
            "size": 128, "style_nets": "lean", "fold": 2,
            "widths": (32, 64, 128), "judge_widths": (32, 64, 128, 128, 128),
            "turns": "alternate", "r1_every": 8, "lr": 2e-4, "mapping_lr": 2e-6,
        },
        {"steps": 30_000, "batch": 8},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Component:
    """A step of the ablation: what it adds, the fields that make it, and the paper's numbers on CelebA-HQ.

    Attributes:
        frechet, lpips: latent-guided; no LPIPS where one photo has one answer.
    """

    about: str
    net: dict[str, Any]
    frechet: float
    lpips: float | None = None


# StarGAN's own weight of the cycle; it goes with the other tunings.
_STARGAN = {"condition": "planes", "objective": "wgan-gp", "lambda_cyc": 10.0, "lambda_ds": 0.0}

COMPONENTS = {
    "A": Component("baseline, as StarGAN", _STARGAN | {"judge": "classifier"}, 98.4),
    "B": Component("+ multi-task discriminator", _STARGAN | {"judge": "branches"}, 91.4),
    "C": Component("+ tuning: R1, AdaIN", {"condition": "domain", "lambda_ds": 0.0}, 80.5),
    "D": Component("+ latent code injection", {"condition": "latent", "lambda_ds": 0.0}, 32.3, 0.312),
    "E": Component("latent code -> style code", {"condition": "style", "lambda_ds": 0.0}, 17.1, 0.405),
    "F": Component("+ diversity loss", {"condition": "style"}, 13.7, 0.452),
}


def find_recipe(name: str) -> StarGANv2Recipe:
    """The recipe called `name`; ValueError that lists them all where there is none."""
    if name not in RECIPES:
        raise ValueError(f"there is no recipe {name!r}: choose one of {', '.join(RECIPES)}")
    return RECIPES[name]
