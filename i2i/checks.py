"""Checks of configurations: a wrong value becomes a sentence that names the field and what it may be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any


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


def check_positive(config: Any, names: Iterable[str]) -> None:
    """ValueError that names the first of these fields that is no finite number above 0."""
    for name in names:
        if not 0 < getattr(config, name) < math.inf:
            raise ValueError(f"{name} must be above 0 and finite, got {getattr(config, name):g}")
