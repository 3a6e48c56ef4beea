"""The perceptual study: how often people take a generated picture for the real one.

Isola et al., CVPR 2017, section 4.1: real and generated picture side by side for one second, then the question which is
generated; 10 trials of practice with feedback, then 40 that count. 50 % means that nobody can tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SECONDS = 1.0  # that both pictures are seen
PRACTICE, TRIALS = 10, 40
RESAMPLES = 2000


@dataclass(frozen=True)
class FoolingRate:
    """Share of trials in which the generated picture was taken for the real one.

    Attributes:
        rate: over all trials.
        low, high: 95 % confidence interval (bootstrap); NaN with a single trial.
        people, trials: how many.
        by_people: whether people were resampled, as one person's trials hang together; with one person, trials were.
    """

    rate: float
    low: float
    high: float
    people: int
    trials: int
    by_people: bool


def fooling_rate(fooled: Mapping[str, Sequence[bool]], seed: int = 0) -> FoolingRate:
    """The rate with its interval.

    Args:
        fooled: person -> for each trial whether the generated picture was taken for the real one.
        seed: of the resampling.

    Raises:
        ValueError: without a trial.
    """
    people = [np.asarray(trials, float) for trials in fooled.values() if len(trials)]
    if not people:
        raise ValueError("no trial was answered yet, so there is no rate")
    rng = np.random.default_rng(seed)
    by_people = len(people) > 1
    # With several people, one of them is drawn whole; with one, each trial is a draw of its own.
    units = people if by_people else [np.array([t]) for t in people[0]]
    wrong, asked = np.array([u.sum() for u in units]), np.array([len(u) for u in units])
    picks = rng.integers(0, len(units), (RESAMPLES, len(units)))
    rates = wrong[picks].sum(1) / asked[picks].sum(1)
    low, high = np.percentile(rates, [2.5, 97.5]) if len(units) > 1 else (np.nan, np.nan)
    return FoolingRate(
        rate=float(wrong.sum() / asked.sum()), low=float(low), high=float(high), people=len(people),
        trials=int(asked.sum()), by_people=by_people,
    )  # fmt: skip
