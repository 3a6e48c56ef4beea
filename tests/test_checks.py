"""Checks of configurations: which values are refused, in which words."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from i2i.checks import check_choice, check_least, check_positive, check_shares


def test_unknown_choices_list_the_known_ones():
    check_choice("gan", "hinge", ("vanilla", "hinge"))
    with pytest.raises(ValueError, match="^unknown gan 'wgan': use one of vanilla, hinge$"):
        check_choice("gan", "wgan", {"vanilla": 1, "hinge": 2})


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
