"""A mapping network whose answers are spread as photos are.

`mapping_fit` brings the styles of seeds to the styles that photos have, whatever the generator makes of them. It does
not do equally well by all: some come out harder in contrast than any photo, others hardly differ. Here F is fitted
through the generator, which stays as it is, so no picture becomes possible that was not before; seeds only choose
otherwise among them. With f the pooled features of a picture, p the perceptual distance of two answers to one drawing
x, and s a photo's style E(y), F minimises

    D(f(G(x, F(z))), f(y)) + style * D(F(z), s) - diversity * p(G(x, F(z)), G(x, F(z'))) + excess of G's range,

D the energy distance (Szekely and Rizzo, 2013). As in diversity-sensitive training (Yang et al., ICLR 2019) a reward
parts the answers; the first term says where to, and how far.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from i2i import losses
from i2i.checks import MOST_RATE, check_finite, check_least

MOST = 1000  # photos, spread evenly, that the answers are compared with
LOOKED_AT = 128  # pixels of the pictures whose features are compared: finer detail is the generator's own
NEAR_THE_END = 0.9  # of the range from black to white, what lies beyond costs
SHOWN = (-1.02, 1.02)  # where answers are cut off: what nobody sees shall not draw F
RECENT = 12  # steps whose answers stand for the others: a batch alone is too few to see how they are spread
MEASURED = 96  # answers before and after

Pair = Callable[[int], dict[str, Tensor]]  # the i-th: "x" (C, S, S) and "y" (3, S, S) in [-1, 1]


@dataclass(frozen=True)
class AnswerFit:
    """How F is fitted.

    Attributes:
        steps: of Adam; its rate is constant for half of them and then falls linearly to zero.
        diversity: weight of the perceptual distance between answers; 0 fits them to the photos alone.
        style: weight of the distance to the photos' styles, which keeps seeds in the styles that E knows.
        range: weight of the squared excess over nine tenths of the range from black to white, which hard contrast is;
            of the shrunk pictures, so that whiskers and glints may go there.
        inputs, answers: in a step, so many inputs are answered so many times each.
        lr: Adam's learning rate.
        seed: of the choice of inputs and latents.
    """

    steps: int = 120
    diversity: float = 0.3
    style: float = 0.3
    range: float = 20.0
    inputs: int = 8
    answers: int = 3
    lr: float = 5e-4
    seed: int = 0

    def __post_init__(self) -> None:
        check_least(self, {"steps": 1, "diversity": 0, "style": 0, "range": 0, "inputs": 1, "answers": 2, "lr": 0})
        if self.lr > MOST_RATE:
            raise ValueError(f"lr must be at most {MOST_RATE:g}, got {self.lr:g}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}")
        check_finite(self)


def _shrunk(y: Tensor) -> Tensor:
    size = min(LOOKED_AT, y.shape[-1])
    return y if size == y.shape[-1] else F.interpolate(y, size=(size, size), mode="area")


def _pooled(taps: list[Tensor]) -> Tensor:
    """The last two taps, averaged over the picture: (B, D)."""
    return torch.cat([tap.mean((2, 3)) for tap in taps[-2:]], 1)


class _Fit:
    """The nets, the photos that are compared with, and the answers of the steps before."""

    def __init__(self, nets: nn.ModuleDict, features: nn.Module, latent: int, count: int, pair: Pair):
        self.nets, self.features, self.latent, self.count, self.pair = nets, features, latent, count, pair
        self.device = next(nets["mapping"].parameters()).device
        photos, styles = [], []
        with torch.no_grad():
            for i in range(0, count, -(-count // MOST)):
                y = pair(i)["y"][None].to(self.device)
                photos.append(_pooled(features(_shrunk(y))))
                styles.append(nets["style_encoder"](y).float())
        photos, self.styles = torch.cat(photos), torch.cat(styles)
        # Each feature counts by how much it differs among photos; one that hardly does must not count for thousands.
        self.scale = (photos.std(0) + 0.25 * photos.std(0).mean()) * photos.shape[1] ** 0.5
        self.photos = photos / self.scale
        self.recent: list[Tensor] = []

    def answers(self, chosen: list[int], z: Tensor, each: int) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Answers to the chosen inputs, `each` times, shrunk, (B, 3, s, s); their pooled features, and all features."""
        x = torch.stack([self.pair(i)["x"] for i in chosen]).to(self.device)
        with torch.no_grad():
            encoded = [f.repeat_interleave(each, 0) for f in self.nets["generator"].encode(x)]
        y = _shrunk(self.nets["generator"].decode(encoded, self.nets["mapping"](z)).clamp(*SHOWN))
        taps = self.features(y)
        return y, _pooled(taps) / self.scale, taps

    def apart(self, taps: list[Tensor], each: int) -> Tensor:
        """Mean perceptual distance of neighbours among the answers to one input."""
        k = torch.arange(len(taps[0]), device=self.device).view(-1, each)
        a, b = k.flatten(), k.roll(1, 1).flatten()
        return losses.perceptual_distance([t[a] for t in taps], [t[b] for t in taps]).mean()

    @torch.no_grad()
    def measured(self, config: AnswerFit) -> tuple[float, float]:
        """Energy distance of answers from photos, and how far answers to one input are apart; always of the same."""
        generator = torch.Generator().manual_seed(config.seed + 1)
        found, apart = [], []
        for _ in range(-(-MEASURED // (config.inputs * config.answers))):
            chosen = torch.randint(self.count, (config.inputs,), generator=generator).tolist()
            z = torch.randn(config.inputs * config.answers, self.latent, generator=generator).to(self.device)
            _, pooled, taps = self.answers(chosen, z, config.answers)
            found.append(pooled)
            apart.append(float(self.apart(taps, config.answers)))
        return float(losses.energy_distance(torch.cat(found), self.photos)), sum(apart) / len(apart)

    def loss(self, config: AnswerFit, generator: torch.Generator) -> Tensor:
        chosen = torch.randint(self.count, (config.inputs,), generator=generator).tolist()
        z = torch.randn(config.inputs * config.answers, self.latent, generator=generator).to(self.device)
        y, pooled, taps = self.answers(chosen, z, config.answers)
        # The energy distance's two terms that depend on these answers, each for its own place among the recent ones.
        loss = 2 * torch.cdist(pooled, self.photos).mean()
        if self.recent:
            loss = loss - 2 * torch.cdist(pooled, torch.cat(self.recent)).mean()
        self.recent = [*self.recent, pooled.detach()][-RECENT:]
        loss = loss - config.diversity * self.apart(taps, config.answers)
        others = torch.randn(256, self.latent, generator=generator).to(self.device)
        loss = loss + config.style * losses.energy_distance(self.nets["mapping"](others), self.styles)
        return loss + config.range * F.relu(y.abs() - NEAR_THE_END).square().mean()


def fit_answers(
    nets: nn.ModuleDict,
    features: nn.Module,
    latent: int,
    count: int,
    pair: Pair,
    config: AnswerFit,
    on_step: Callable[[int], None] = lambda step: None,
) -> dict[str, float]:
    """Fit the mapping network of a styled model through its generator; in place, and nothing else changes.

    Args:
        nets: `generator`, `style_encoder` and `mapping`, as `i2i.methods.styled.serving_nets` makes them.
        features: frozen feature network, on the nets' device: (B, 3, H, W) in [-1, 1] -> list of features.
        latent: dimensions of z.
        count, pair: how many training pairs, at least two, and the i-th of them.
        config: how.
        on_step: called with the number of steps done.

    Returns:
        "distance before", "distance after": energy distance between features of answers and of photos;
        "diversity before", "diversity after": mean perceptual distance of answers to one input. All of the same inputs
        and latents, by the network that teaches, so they are no measures of quality.

    Raises:
        ValueError: for fewer than two pairs.
    """
    if count < 2:
        raise ValueError(f"got {count} pairs; the spread of photos needs at least 2")
    nets.requires_grad_(False).eval()
    mapping = nets["mapping"].requires_grad_(True)
    fit = _Fit(nets, features, latent, count, pair)
    before = fit.measured(config)
    generator = torch.Generator().manual_seed(config.seed)
    optimizer = torch.optim.Adam(mapping.parameters(), lr=config.lr, betas=(0.5, 0.99))
    for step in range(config.steps):
        optimizer.param_groups[0]["lr"] = config.lr * min(1.0, 2 * (1 - step / config.steps))
        optimizer.zero_grad()
        fit.loss(config, generator).backward()
        optimizer.step()
        on_step(step + 1)
    mapping.requires_grad_(False)
    after = fit.measured(config)
    names = ("distance before", "diversity before", "distance after", "diversity after")
    return {name: round(value, 5) for name, value in zip(names, (*before, *after), strict=True)}
