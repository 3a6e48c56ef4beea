"""Seeds to show first, on points and on a painter whose colours are known."""

from __future__ import annotations

import numpy as np
import torch

from i2i.metrics.spread import best_candidates, farthest_apart, next_seeds, overdrawn_seeds, spread_seeds


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


def test_of_the_next_four_the_one_that_differs_most_comes():
    points = [0.0, 0.1, 0.2, 5.0, 0.3, 0.4, 9.0, 5.1, 5.2, 9.1, 0.5, 9.2, 20.0, 20.1]
    assert best_candidates(apart(points), [0]) == [3, 6, 12]  # of 1 to 4, of 5 to 8, of 9 to 12
    assert best_candidates(apart(points[:12]), [0]) == [3, 6]  # from 9 on there are no four


def test_what_was_shown_long_ago_may_come_again():
    points = [0.0, 1.0, 2.0, 3.0, 4.0, 1.0, 1.0, 0.0, 1.0]
    assert best_candidates(apart(points), [0, 1, 2, 3, 4]) == [7]


def test_seeds_in_succession_differ():
    chosen = next_seeds(Painter(), [torch.zeros(1, 8, 8)], [4, 5], among=98)
    assert len(chosen) == 24 and chosen == sorted(set(chosen)) and set(chosen).isdisjoint((4, 5))
    kinds = [max(3, s % 6) for s in chosen]
    assert all(len(set(kinds[k : k + 4])) > 1 for k in range(20))
    without = [s for s in range(98) if s % 6 == 5]
    assert set(next_seeds(Painter(), [torch.zeros(1, 8, 8)], [4], among=98, without=without)).isdisjoint(without)


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
