"""Seeds to show first and next, so different that a visitor sees what a model can do; and seeds to pass over."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor

from i2i.images import tensor_to_photo
from i2i.metrics.style import colour_statistics
from i2i.translator import Translator

_ODD = 0.3  # share of the seeds that resemble the others least: far from everything is often a failure
_NEIGHBOURS = 3
_BEYOND = 0.004  # how far answers are out of range, on average over the picture and above the median seed's
_MOST = 0.25  # share of the seeds that may be called overdrawn
_CANDIDATES = 4  # next seeds of which one is shown
_RECENT = 4  # photos on a fresh page, from which the next one is to differ
_AT_ONCE = 32


def farthest_apart(distances: np.ndarray, count: int) -> list[int]:
    """`count` of N things with symmetric distances (N, N), N >= count: the most typical one, then always the one whose
    nearest chosen one is furthest (Gonzalez, 1985). The third that resembles the others least is left out."""
    n = len(distances)
    alone = np.sort(distances, 1)[:, 1 : 1 + _NEIGHBOURS].mean(1)
    kept = np.sort(np.argsort(alone, kind="stable")[: max(count, n - int(_ODD * n))])
    among = distances[np.ix_(kept, kept)]
    chosen = [int(among.mean(1).argmin())]
    while len(chosen) < count:
        nearest = among[:, chosen].min(1)
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
    return kept[chosen].tolist()


@torch.inference_mode()
def overdrawn_seeds(translator: Translator, inputs: Sequence[Tensor], among: int = 128) -> list[int]:
    """Seeds below `among` whose answers leave the range of a picture clearly further than most do, in ascending order.

    The net's output is linear: a style too strong for what is on the paper goes beyond [-1, 1], and what is clipped
    there comes out garish and speckled. A quarter of the seeds at most.

    Args:
        translator: a model whose styles come from seeds alone.
        inputs: a few inputs, each (C, S, S) in [-1, 1].
    """
    styles = torch.from_numpy(translator.styles(range(among))).split(_AT_ONCE)

    def excess(x: Tensor) -> Tensor:
        return torch.cat([(translator.render(x, some).abs() - 1).clamp(min=0).mean((1, 2, 3)) for some in styles])

    beyond = sum(map(excess, inputs)) / len(inputs)
    worst = beyond.topk(int(_MOST * among)).indices
    return sorted(worst[beyond[worst] > beyond.median() + _BEYOND].tolist())


def _colours_apart(translator: Translator, inputs: Sequence[Tensor], seeds: Sequence[int]) -> np.ndarray:
    """How much the answers to n seeds differ in colour, (n, n), mean over the inputs."""
    styles = torch.from_numpy(translator.styles(seeds)).split(_AT_ONCE)
    statistics = []
    for x in inputs:
        answers = [np.stack([np.asarray(tensor_to_photo(p)) for p in translator.render(x, some)]) for some in styles]
        statistics.append(np.concatenate([colour_statistics(some) for some in answers]))
    found = np.stack(statistics)
    return np.sqrt(((found[:, :, None] - found[:, None]) ** 2).sum(-1)).mean(0)


@torch.inference_mode()
def spread_seeds(
    translator: Translator, inputs: Sequence[Tensor], count: int = 4, among: int = 48, without: Collection[int] = ()
) -> list[int]:
    """Seeds below `among` whose answers differ most in colour, the most typical one first.

    Args:
        translator: a model whose styles come from seeds alone.
        inputs: a few inputs, each (C, S, S) in [-1, 1].
        without: seeds that are not to be chosen.
    """
    seeds = [seed for seed in range(among) if seed not in without]
    return [seeds[k] for k in farthest_apart(_colours_apart(translator, inputs, seeds), count)]


def best_candidates(distances: np.ndarray, shown: Sequence[int]) -> list[int]:
    """An order in which neighbours differ, of a part of N things with distances (N, N): of the next four that are
    not in `shown`, always the one whose nearest among the last four shown is furthest (Mitchell, 1991). The other three
    are left out: what most resemble stays common, and is not saved up for the end."""
    coming = [k for k in range(len(distances)) if k not in shown]
    order = list(shown)
    for start in range(0, len(coming) - _CANDIDATES + 1, _CANDIDATES):
        some, recent = coming[start : start + _CANDIDATES], order[-_RECENT:]
        nearest = distances[np.ix_(some, recent)].min(1) if recent else np.zeros(len(some))
        order.append(some[int(nearest.argmax())])
    return order[len(shown) :]


@torch.inference_mode()
def next_seeds(
    translator: Translator,
    inputs: Sequence[Tensor],
    first: Sequence[int],
    among: int = 128,
    without: Collection[int] = (),
) -> list[int]:
    """A quarter of the seeds below `among`, ascending, so that any four in succession differ in colour.

    Args:
        translator: a model whose styles come from seeds alone.
        inputs: a few inputs, each (C, S, S) in [-1, 1].
        first: seeds below `among` that come before them.
        without: seeds that are not to be chosen.
    """
    seeds = [seed for seed in range(among) if seed not in without]
    order = best_candidates(_colours_apart(translator, inputs, seeds), [seeds.index(seed) for seed in first])
    return [seeds[k] for k in order]
