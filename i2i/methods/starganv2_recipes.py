"""StarGAN v2's configuration and its settings: the paper's two, a lean one, and the steps of the paper's component
ablation (table 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from i2i.checks import (
    check_choice,
    check_finite,
    check_least,
    check_rates,
    check_types,
    check_weights,
    check_widths,
)

CHOICES = {
    "style_nets": ("paper", "lean"),
    "condition": ("style", "latent", "domain", "planes"),
    "judge": ("branches", "classifier"),
    "objective": ("logistic", "wgan-gp"),
    "turns": ("both", "alternate"),
    "skips": ("none", "plain"),
}


@dataclass(frozen=True)
class StarGANv2Config:
    """Recipe of StarGAN v2; the defaults are the paper's without the high-pass path.

    Attributes:
        size: height and width of the photos, pixels.
        domains: how many.
        style, latent: dimensions of the style s and of the latent z.
        style_nets: paper (eight layers of 512; residual style encoder) or lean (those of styled pix2pix: four layers of
            128, the photo at 64 pixels, styles of unit length).
        widths: channels of the generator at size, size/2, ... (from size/fold on); none for the paper's.
        judge_widths: the same of the discriminator and the residual style encoder, down to 4 pixels.
        blocks: residual blocks at the coarsest size, in each half of the generator.
        fold: squares of so many pixels are channels inside the nets; 1 in the paper.
        high_pass: gain of the high-pass path, 1 in the paper's setting for faces; 0 for none.
        skips: none, or plain, from the generator's encoder to its decoder, which the paper has not.
        condition: what the generator is given, style (as StarGAN v2), latent (z and the domain), domain (all three
            through AdaIN), or planes (the domain as planes beside the photo, as StarGAN).
        judge: branches (one a domain) or classifier (one critic and a classifier, as StarGAN).
        objective: logistic (non-saturating, with R1) or wgan-gp.
        turns: both, latents and references in each step, or alternate, one of the two in each.
        lr: Adam's learning rate.
        mapping_lr: that of the mapping network.
        beta1, beta2, weight_decay: Adam's.
        lambda_sty, lambda_cyc: weights of the style reconstruction and of the cycle consistency.
        lambda_ds: weight of the diversity loss at the start; it falls linearly to zero.
        ds_until: share of the run after which it is zero; 1 in the paper.
        ds_cell: the diversity loss compares means of squares of so many pixels, so that noise is no diversity; 1 in the
            paper.
        lambda_range: weight of the squared excess of pictures over [-1, 1]; with one, the diversity loss sees them
            clamped to that range, so that nothing beyond it counts. 0 in the paper.
        lambda_r1: weight gamma of R1.
        r1_every: steps from one R1 to the next, which counts so many times more; 1 in the paper.
        lambda_gp, lambda_class: weights of WGAN-GP's penalty and of the classifier.
        decay_from: share of the run after which all learning rates fall linearly to zero; 1, never, in the paper.
        fit_mapping: steps after the run in which F alone is fitted to the styles that E reads off the training photos
            (`i2i.methods.mapping_fit`), so that seeds are as different as the photos; 0 in the paper.
    """

    size: int = 256
    domains: int = 2
    style: int = 64
    latent: int = 16
    style_nets: str = "paper"
    widths: tuple[int, ...] = ()
    judge_widths: tuple[int, ...] = ()
    blocks: int = 2
    fold: int = 1
    high_pass: float = 0.0
    skips: str = "none"
    condition: str = "style"
    judge: str = "branches"
    objective: str = "logistic"
    turns: str = "both"
    lr: float = 1e-4
    mapping_lr: float = 1e-6
    beta1: float = 0.0
    beta2: float = 0.99
    weight_decay: float = 1e-4
    lambda_sty: float = 1.0
    lambda_cyc: float = 1.0
    lambda_ds: float = 1.0
    lambda_r1: float = 1.0
    r1_every: int = 1
    lambda_gp: float = 10.0
    lambda_class: float = 1.0
    ds_until: float = 1.0
    ds_cell: int = 1
    lambda_range: float = 0.0
    decay_from: float = 1.0
    fit_mapping: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        for name, known in CHOICES.items():
            check_choice(name, getattr(self, name), known)
        check_rates(self, ("lr", "mapping_lr"))
        check_weights(self)
        check_widths(self, ("widths", "judge_widths"))
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be a share from 0 to below 1, got {getattr(self, name):g}")
        ones = dict.fromkeys(("fold", "blocks", "r1_every", "style", "latent", "ds_cell"), 1)
        check_least(self, ones | {"domains": 2, "fit_mapping": 0, "high_pass": 0, "weight_decay": 0})
        if not 0 < self.ds_until <= 1 or not 0 <= self.decay_from <= 1:
            raise ValueError(
                f"ds_until and decay_from are shares of the run, at most 1, got {self.ds_until} and {self.decay_from}; "
                "for no diversity loss set lambda_ds to 0"
            )
        if self.size < 16 or self.size & (self.size - 1):
            raise ValueError(f"size must be a power of two from 16 on, got {self.size}")
        if self.ds_cell > self.size:
            raise ValueError(f"ds_cell must not exceed the size, {self.size} pixels, got {self.ds_cell}")
        if self.fit_mapping and self.condition != "style":
            raise ValueError(f"fit_mapping needs styles, and condition {self.condition} has none: set it to 0")
        if self.high_pass and self.condition == "planes":
            raise ValueError("condition planes is StarGAN's, which has no high-pass path: leave high_pass at 0")
        if self.skips != "none" and self.high_pass:
            raise ValueError("plain skips and the high-pass path take each other's place: leave one of them out")
        check_finite(self)

    @property
    def code(self) -> int:
        """Length of what the generator is given beside the photo."""
        return {"style": self.style, "latent": self.latent + self.domains}.get(self.condition, self.domains)

    @property
    def read(self) -> int:
        """How many of these numbers E reads back from a photo."""
        return {"style": self.style, "latent": self.latent}.get(self.condition, 0)


@dataclass(frozen=True)
class StarGANv2Recipe:
    """A setting: `about` in a line, `net` (fields of StarGANv2Config) and `training` (fields of TrainConfig)."""

    about: str
    net: dict[str, Any]
    training: dict[str, Any]

    def at(self, size: int | None = None, fold: int | None = None) -> dict[str, Any]:
        """`net` for photos of another size or fold; none for the recipe's.

        The discriminator goes down to 4 pixels whatever the size: it has the first of its widths, or its last one more
        often. The generator's widths stay, so that a model of small photos can start one of larger photos.
        """
        net = self.net | {k: v for k, v in {"size": size, "fold": fold}.items() if v}
        if "judge_widths" in net:
            halvings = (net["size"] // net.get("fold", 1)).bit_length() - 3
            net["judge_widths"] = (net["judge_widths"] + net["judge_widths"][-1:] * 16)[: halvings + 1]
        return net


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
        "for a small machine: 128 pixels, 2.0 million parameters to serve, plain skips, one turn a step",
        {
            "size": 128, "style_nets": "lean", "fold": 2, "skips": "plain",
            "widths": (32, 64, 128), "judge_widths": (32, 64, 128, 128, 128),
            "turns": "alternate", "r1_every": 2, "lr": 2e-4, "mapping_lr": 3e-5, "decay_from": 0.6,
            "lambda_ds": 0.2, "ds_until": 0.5, "ds_cell": 8, "lambda_range": 1.0,
            "fit_mapping": 1000,
        },
        {"steps": 6_000, "batch": 8},
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


# F is measured as the losses made it.
_OWN = {"fit_mapping": 0}
_NO_DIVERSITY = _OWN | {"lambda_ds": 0.0}
# StarGAN's own weight of the cycle; it goes with the other tunings. Its generator has no high-pass path.
_STARGAN = _NO_DIVERSITY | {"condition": "planes", "high_pass": 0.0, "objective": "wgan-gp", "lambda_cyc": 10.0}

COMPONENTS = {
    "A": Component("baseline, as StarGAN", _STARGAN | {"judge": "classifier"}, 98.4),
    "B": Component("+ multi-task discriminator", _STARGAN | {"judge": "branches"}, 91.4),
    "C": Component("+ tuning: R1, AdaIN", _NO_DIVERSITY | {"condition": "domain"}, 80.5),
    "D": Component("+ latent code injection", _NO_DIVERSITY | {"condition": "latent"}, 32.3, 0.312),
    "E": Component("latent code -> style code", _NO_DIVERSITY | {"condition": "style"}, 17.1, 0.405),
    "F": Component("+ diversity loss", _OWN | {"condition": "style"}, 13.7, 0.452),
}


def find_recipe(name: str) -> StarGANv2Recipe:
    """The recipe called `name`; ValueError that lists them all where there is none."""
    if name not in RECIPES:
        raise ValueError(f"there is no recipe {name!r}: choose one of {', '.join(RECIPES)}")
    return RECIPES[name]
