"""Checks of configurations: a wrong value becomes a sentence that names the field and what it may be."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

MOST_RATE = 1.0  # Adam moves each weight by about its rate in a step, and weights begin well below 1


def check_types(config: Any) -> None:
    """ValueError that names the first field of a configuration that is not of its type: a whole number, a number, a
    text, or several such numbers."""
    for field in dataclasses.fields(config):
        value, wanted = getattr(config, field.name), str(field.type)
        several = re.fullmatch(r"tuple\[(int|float), \.\.\.\]", wanted)
        if several and not isinstance(value, (tuple, list)):
            raise ValueError(f"{field.name} must be several numbers, got {value!r}")
        for one in value if several else (value,):
            _check_type(field.name, one, several[1] if several else wanted)


def _check_type(name: str, value: Any, wanted: str) -> None:
    if wanted == "int" and (not isinstance(value, Integral) or isinstance(value, bool)):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    if wanted == "float" and (not isinstance(value, Real) or isinstance(value, bool)):
        raise ValueError(f"{name} must be a number, got {value!r}")
    if wanted == "str" and not isinstance(value, str):
        raise ValueError(f"{name} must be a text, got {value!r}")


def check_finite(config: Any) -> None:
    """ValueError that names the first number of a configuration that is NaN or infinite."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        for one in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(one, float) and not math.isfinite(one):
                raise ValueError(f"{field.name} must be finite, got {one}")


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    """ValueError that lists what is known where a field has another value."""
    known = tuple(known)
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}: use one of {', '.join(known)}")


def check_least(config: Any, least: Mapping[str, float]) -> None:
    """ValueError that names the first field of a configuration that is below its least value, or not a number."""
    for name, low in least.items():
        if not getattr(config, name) >= low:
            raise ValueError(f"{name} must be at least {low}, got {getattr(config, name)}")


def check_shares(config: Any, names: Iterable[str]) -> None:
    """ValueError that names the first of these fields that is no number from 0 to 1."""
    for name in names:
        if not 0 <= getattr(config, name) <= 1:
            raise ValueError(f"{name} must be from 0 to 1, got {getattr(config, name):g}")


def check_weights(config: Any) -> None:
    """ValueError that names the first weight of a loss (`lambda_...`) below zero."""
    check_least(config, {name: 0 for name in vars(config) if name.startswith("lambda_")})


def check_widths(config: Any, names: Iterable[str] = ("widths",)) -> None:
    """ValueError that names the first of these lists of channels that holds a number below 1."""
    for name in names:
        widths = getattr(config, name)
        if min(widths, default=1) < 1:
            raise ValueError(f"{name} must be at least 1 each, got {' '.join(map(str, widths))}")


def check_rates(config: Any, names: Iterable[str]) -> None:
    """ValueError that names the first of these learning rates that is no number above 0 and at most `MOST_RATE`."""
    names = tuple(names)
    check_positive(config, names)
    for name in names:
        if getattr(config, name) > MOST_RATE:
            value = getattr(config, name)
            raise ValueError(f"{name} must be at most {MOST_RATE:g}, got {value:g}: training would diverge")


def check_positive(config: Any, names: Iterable[str]) -> None:
    """ValueError that names the first of these fields that is no finite number above 0."""
    for name in names:
        if not 0 < getattr(config, name) < math.inf:
            raise ValueError(f"{name} must be above 0 and finite, got {getattr(config, name):g}")
