"""Seeds to show first, on points and on a painter whose colours are known."""

from __future__ import annotations

import numpy as np
import torch

from i2i.metrics.spread import farthest_apart, overdrawn_seeds, spread_seeds


def apart(points) -> np.ndarray:
    points = np.array(points, float).reshape(len(points), -1)
    return np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1))


def test_one_of_each_cluster_the_largest_first():
    points = [5.0 + 0.01 * k for k in range(10)] + [0.01 * k for k in range(5)] + [9.0 + 0.01 * k for k in range(5)]
    chosen = farthest_apart(apart(points), 3)
    assert chosen[0] < 10 and {0 if points[k] < 1 else 1 if points[k] < 6 else 2 for k in chosen} == {0, 1, 2}


def test_what_resembles_nothing_is_left_out():
    points = [0.1 * k for k in range(18)] + [100.0, -50.0]
    assert {18, 19}.isdisjoint(farthest_apart(apart(points), 4))
    assert sorted(farthest_apart(apart([0.0, 1.0, 100.0]), 3)) == [0, 1, 2]  # unless all are wanted


def test_equal_things_are_still_different_ones():
    assert len(set(farthest_apart(np.zeros((8, 8)), 4))) == 4


class Painter:
    """Answers in one of three greys, by the seed; most of them dark."""

    def styles(self, seeds) -> np.ndarray:
        return np.array([[(-0.8, -0.8, -0.8, -0.8, 0.0, 0.8)[s % 6]] for s in seeds], np.float32)

    def render(self, x, styles):
        return styles[:, :, None, None].expand(-1, 3, 8, 8) + 0 * x.mean()


def test_seeds_show_all_that_a_model_can_do():
    chosen = spread_seeds(Painter(), [torch.zeros(1, 8, 8), torch.ones(1, 8, 8)], count=3)
    assert chosen[0] % 6 < 4 and {max(3, s % 6) for s in chosen} == {3, 4, 5}
    assert all(0 <= s < 48 for s in chosen)


def test_seeds_that_are_left_out_are_not_chosen():
    inputs = [torch.zeros(1, 8, 8)]
    white = [s for s in range(48) if s % 6 == 5]
    chosen = spread_seeds(Painter(), inputs, count=3, without=white)
    assert {max(3, s % 6) for s in chosen} <= {3, 4} and set(chosen).isdisjoint(white) and len(set(chosen)) == 3


def test_what_leaves_the_range_furthest_is_overdrawn():
    """Either way, on all inputs together; what nearly all do is none, and a quarter at most is."""

    class Loud(Painter):
        def styles(self, seeds):
            return np.array([[{3: 1.5, 4: -1.4, 9: 1.2, 11: 1.002}.get(s, 0.9)] for s in seeds], np.float32)

        def render(self, x, styles):
            return super().render(x, styles) + 0.3 * x.mean()

    inputs = [torch.zeros(1, 8, 8), torch.ones(1, 8, 8)]
    assert overdrawn_seeds(Loud(), inputs[:1], among=16) == [3, 4, 9]  # not 11, though a quarter would have room for it
    assert overdrawn_seeds(Loud(), inputs, among=12) == [3, 4, 9]
    assert overdrawn_seeds(Loud(), inputs[:1], among=8) == [3, 4]
    assert overdrawn_seeds(Loud(), [inputs[1]], among=3) == []

    class Alike(Loud):
        def styles(self, seeds):
            return np.full((len(seeds), 1), 1.5, np.float32)

    assert overdrawn_seeds(Alike(), inputs, among=16) == []
