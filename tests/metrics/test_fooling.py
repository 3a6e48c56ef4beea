"""The fooling rate by hand, and its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from i2i.metrics.fooling import fooling_rate


def test_rate_over_all_trials():
    found = fooling_rate({"a": [True, False, False, False], "b": [True, True], "c": []})
    assert found.rate == pytest.approx(3 / 6) and (found.people, found.trials) == (2, 6)
    assert found.low <= found.rate <= found.high and found.by_people


def test_people_who_agree_leave_no_doubt():
    found = fooling_rate({str(k): [True, False, False, False] for k in range(20)})
    assert found.rate == found.low == found.high == 0.25


def test_people_who_differ_do():
    """Half of 20 people always fooled: the spread of a share of 20 draws, 1.96 * sqrt(0.25 / 20) = 0.22."""
    found = fooling_rate({str(k): [k % 2 == 0] * 40 for k in range(20)})
    assert found.low == pytest.approx(0.5 - 0.22, abs=0.05) and found.high == pytest.approx(0.5 + 0.22, abs=0.05)
    # As independent trials, 800 of them would promise far too much.
    alone = fooling_rate({"one": [k % 2 == 0 for k in range(800)]})
    assert not alone.by_people and alone.high - alone.low < 0.1


def test_few_trials():
    one = fooling_rate({"a": [True]})
    assert one.rate == 1 and math.isnan(one.low)
    with pytest.raises(ValueError, match="no trial was answered yet"):
        fooling_rate({"a": []})


def test_the_same_interval_twice():
    votes = {str(k): np.random.default_rng(k).random(10) < 0.3 for k in range(5)}
    assert fooling_rate(votes) == fooling_rate(votes)
