"""Checks of configurations: which values are refused, in which words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest

from i2i.checks import (
    check_choice,
    check_finite,
    check_least,
    check_positive,
    check_shares,
    check_types,
    check_weights,
    check_widths,
)


def test_unknown_choices_list_the_known_ones():
    check_choice("gan", "hinge", ("vanilla", "hinge"))
    with pytest.raises(ValueError, match="^unknown gan 'wgan': use one of vanilla, hinge$"):
        check_choice("gan", "wgan", {"vanilla": 1, "hinge": 2})


@dataclass
class Numbers:
    steps: int = 1
    rate: float = 1.0
    name: str = "a"
    widths: tuple[int, ...] = (1,)
    weights: tuple[float, ...] = (1.0,)
    lambda_l1: float = 0.0


def test_values_of_another_type_are_named():
    check_types(Numbers(np.int64(3), 2, "b", [1, 2], (1, 0.5)))
    for wrong, message in (
        ({"steps": 1.5}, "steps must be a whole number, got 1.5"),
        ({"steps": True}, "steps must be a whole number, got True"),
        ({"steps": "3"}, "steps must be a whole number, got '3'"),
        ({"rate": "3"}, "rate must be a number, got '3'"),
        ({"rate": None}, "rate must be a number, got None"),
        ({"name": 3}, "name must be a text, got 3"),
        ({"widths": 3}, "widths must be several numbers, got 3"),
        ({"widths": (3, 2.5)}, "widths must be a whole number, got 2.5"),
        ({"weights": ("a",)}, "weights must be a number, got 'a'"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            check_types(Numbers(**wrong))


def test_numbers_that_are_none_are_named():
    check_finite(Numbers())
    for wrong, message in (({"rate": math.nan}, "rate .* nan"), ({"weights": (1.0, math.inf)}, "weights .* inf")):
        with pytest.raises(ValueError, match=message):
            check_finite(Numbers(**wrong))


def test_weights_and_widths_that_cannot_be_are_named():
    check_weights(Numbers())
    check_widths(Numbers(widths=()))
    with pytest.raises(ValueError, match="lambda_l1 must be at least 0, got -1"):
        check_weights(Numbers(lambda_l1=-1.0))
    with pytest.raises(ValueError, match="widths must be at least 1 each, got 4 0"):
        check_widths(Numbers(widths=(4, 0)))


def test_the_first_value_below_its_least_is_named():
    config = SimpleNamespace(steps=1, ds_cell=0, minutes=float("nan"))
    check_least(config, {"steps": 1, "ds_cell": 0})
    with pytest.raises(ValueError, match="^ds_cell must be at least 2, got 0$"):
        check_least(config, {"steps": 1, "ds_cell": 2, "minutes": 0})
    with pytest.raises(ValueError, match="^minutes must be at least 0, got nan$"):
        check_least(config, {"minutes": 0})


def test_the_first_value_that_is_no_share_is_named():
    config = SimpleNamespace(flip=1.0, move=0, augment=-0.25)
    check_shares(config, ["flip", "move"])
    with pytest.raises(ValueError, match="^augment must be from 0 to 1, got -0.25$"):
        check_shares(config, ["move", "augment"])


@pytest.mark.parametrize("value, shown", [(0.0, "0"), (-1.0, "-1"), (float("nan"), "nan"), (float("inf"), "inf")])
def test_the_first_value_that_is_not_above_0_is_named(value, shown):
    config = SimpleNamespace(lr=1e-12, trunk_lr=value)
    check_positive(config, ["lr"])
    with pytest.raises(ValueError, match=f"^trunk_lr must be above 0 and finite, got {shown}$"):
        check_positive(config, ["lr", "trunk_lr"])
