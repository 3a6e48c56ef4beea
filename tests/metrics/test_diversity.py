"""The perceptual distance by hand, and its mean over pairs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from i2i.losses import perceptual_distance
from i2i.metrics.diversity import mean_pairwise_distance, path_steps, random_groups


class Pixels(nn.Module):
    """The picture itself as the only tap."""

    def forward(self, y: torch.Tensor) -> list[torch.Tensor]:
        return [y]


def vector(*values: float) -> torch.Tensor:
    """(1, C, 1, 1)."""
    return torch.tensor(values).view(1, -1, 1, 1)


def test_distance_by_hand():
    # Unit vectors at right angles are at squared distance 2; (3, 4) becomes (0.6, 0.8).
    assert perceptual_distance([vector(1, 0)], [vector(0, 1)]).item() == pytest.approx(2)
    assert perceptual_distance([vector(3, 4)], [vector(5, 0)]).item() == pytest.approx(0.4**2 + 0.8**2)
    assert perceptual_distance([vector(1, 2)], [vector(-1, -2)]).item() == pytest.approx(4)


def test_only_the_direction_of_features_counts():
    torch.manual_seed(0)
    a, b = torch.randn(2, 5, 4, 4), torch.randn(2, 5, 4, 4)
    assert perceptual_distance([a], [7 * a]).abs().max() < 1e-10
    assert torch.allclose(perceptual_distance([a], [b]), perceptual_distance([3 * a], [0.2 * b]))
    assert perceptual_distance([torch.zeros(1, 5, 4, 4)], [torch.zeros(1, 5, 4, 4)]).item() == 0


def test_places_and_taps_are_averaged_and_pictures_are_not():
    near, far = vector(1, 0), vector(0, 1)
    half = torch.cat([near, far], 3)  # one of two places differs
    a, b = [near.expand(1, 2, 1, 2), near], [half, far]
    assert perceptual_distance(a, b).item() == pytest.approx((1 + 2) / 2)
    two = perceptual_distance([torch.cat([near, near])], [torch.cat([near, far])])
    assert two.tolist() == pytest.approx([0, 2])


def test_mean_over_all_pairs():
    pictures = torch.cat([vector(1, 0, 0), vector(0, 1, 0), vector(2, 0, 0)])  # distances 2, 0, 2
    assert mean_pairwise_distance(pictures, Pixels()) == pytest.approx(4 / 3)
    assert mean_pairwise_distance(pictures[:2], Pixels()) == pytest.approx(2)
    assert mean_pairwise_distance(pictures[[0, 0, 0]], Pixels()) == 0


def test_one_picture_has_no_pairs():
    with pytest.raises(ValueError, match="at least 2 pictures, got 1"):
        mean_pairwise_distance(vector(1, 0, 0), Pixels())


def test_steps_of_a_path():
    path = torch.cat([vector(1, 0, 0), vector(0, 1, 0), vector(0, 2, 0), vector(0, -1, 0)])
    assert path_steps(path, Pixels()).tolist() == pytest.approx([2, 0, 4])
    with pytest.raises(ValueError, match="at least 2 pictures, got 1"):
        path_steps(path[:1], Pixels())


def test_random_groups_hold_each_index_at_most_once_and_are_always_the_same():
    groups = random_groups(23, 5)
    assert [len(g) for g in groups] == [5] * 4 and len({i for g in groups for i in g}) == 20
    assert groups == random_groups(23, 5) and groups[0] != [0, 1, 2, 3, 4]
    assert [sorted(g) for g in random_groups(3, 10)] == [[0, 1, 2]]
