"""Distances of sets of features: known values, no bias, and the least number of pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from i2i.metrics.frechet import frechet_distance, kernel_distance


@pytest.fixture
def features() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) + 3


def test_frechet_of_a_set_to_itself_is_zero(features):
    assert abs(frechet_distance(features, features)) < 1e-6
    assert abs(frechet_distance(features, features[::-1])) < 1e-6


@pytest.mark.parametrize("measure", [frechet_distance, kernel_distance])
def test_features_that_cannot_be_compared_are_told(features, measure):
    for other, message in (
        (features[:, :4], r"got \(500, 6\) and \(500, 4\)"),
        (features[:, 0], r"got \(500, 6\) and \(500,\)"),
        (np.where(features > 3, np.nan, features), "NaN or infinite"),
        (features[:1], "pictures a side, got 500 and 1"),
    ):
        with pytest.raises(ValueError, match=message):
            measure(features, other)
    assert measure(torch.from_numpy(features), features) == pytest.approx(measure(features, features))
    rough = torch.from_numpy(features).bfloat16()  # which numpy does not know
    assert measure(rough, features) == measure(rough.double(), features)
    assert np.isfinite(measure(features[:, :1], features[:, 1:2]))


def test_frechet_of_a_shift_is_its_square(features):
    shift = np.array([1.0, -2.0, 0.0, 0.5, 0.0, 0.0])
    assert frechet_distance(features, features + shift) == pytest.approx(5.25, abs=1e-5)


def test_frechet_of_a_scale(features):
    # Spreads S and 4 S about one mean: tr(S) + 4 tr(S) - 2 * 2 tr(S).
    centred = features - features.mean(0)
    assert frechet_distance(centred, 2 * centred) == pytest.approx(np.trace(np.cov(centred, rowvar=False)), rel=1e-6)


def test_frechet_is_the_published_formula(features):
    other = np.random.default_rng(1).normal(size=(450, 6)) * np.arange(1, 7)
    a, b = np.cov(features, rowvar=False), np.cov(other, rowvar=False)
    gap = features.mean(0) - other.mean(0)
    wanted = gap @ gap + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(features, other) == pytest.approx(wanted, rel=1e-5)
    assert frechet_distance(other, features) == pytest.approx(wanted, rel=1e-5)


def test_frechet_takes_fewer_pictures_than_dimensions():
    # Singular spreads, as features of 512 dimensions have.
    a = np.random.default_rng(0).normal(size=(400, 512)).astype(np.float32)
    assert abs(frechet_distance(a, a)) < 1e-3


@pytest.mark.parametrize("a, b", [(399, 500), (500, 399), (10, 10)])
def test_frechet_below_400_is_refused(a, b):
    with pytest.raises(ValueError, match=rf"400 pictures a side, got {a} and {b}.*kernel"):
        frechet_distance(np.zeros((a, 2)), np.zeros((b, 2)))


def test_kernel_distance_by_hand():
    # Two dimensions, (x.y / 2 + 1)^3. Within a: k = 1; within b: (12 / 2 + 1)^3 = 343.
    a, b = np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[2.0, 0.0], [6.0, 4.0]])
    between = (1 + 1 + (4 / 2 + 1) ** 3 + (12 / 2 + 1) ** 3) / 4
    assert kernel_distance(a, b) == pytest.approx(1 + 343 - 2 * between)


def test_kernel_distance_has_no_bias_for_small_sets():
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(300):
        both = rng.normal(size=(40, 8))
        draws.append(kernel_distance(both[:20], both[20:]))
    # The diagonals, which only a biased estimate includes, would add 2 / 20 * (E k(x, x) - E k(x, x')) > 0.66.
    assert abs(np.mean(draws)) < min(0.06, 4 * np.std(draws) / np.sqrt(300))
    assert min(draws) < 0  # an unbiased estimate of zero falls on both sides


def test_kernel_distance_sees_a_shift():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(100, 8)), rng.normal(size=(80, 8))
    assert kernel_distance(a, b + 0.5) > 10 * abs(kernel_distance(a, b))
    assert kernel_distance(a, b + 0.5) == pytest.approx(kernel_distance(b + 0.5, a))


def test_kernel_distance_needs_two():
    with pytest.raises(ValueError, match="2 pictures a side, got 1 and 5"):
        kernel_distance(np.zeros((1, 3)), np.zeros((5, 3)))
