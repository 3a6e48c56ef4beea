"""What callers give as jobs, seeds, counts and styles, checked and brought to one form."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

JOB = {"x", "n", "seed", "seeds", "style"}  # what may differ from input to input in one call


def whole(value: Any, name: str) -> int:
    """`value` as an int; ValueError for anything that is no whole number, 1.7 and True among them."""
    try:
        if isinstance(value, bool):
            raise TypeError
        if isinstance(value, (float, np.floating)) and float(value).is_integer():
            return int(value)
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, got {value!r}") from None


def checked_seeds(seeds: Iterable[int]) -> list[int]:
    """Seeds as ints.

    Raises:
        ValueError: if there is none, or one is no whole number from 0 to 2**63 - 1.
    """
    if isinstance(seeds, str) or not isinstance(seeds, Iterable):
        raise ValueError(f"seeds are a list of whole numbers, such as [0, 1, 2], got {seeds!r}")
    seeds = [whole(seed, "each seed") for seed in seeds]
    if not seeds:
        raise ValueError("seeds is empty: give at least one")
    for seed in seeds:
        if not 0 <= seed < 2**63:
            raise ValueError(f"seeds are whole numbers from 0 to 2**63 - 1, got {seed}")
    return seeds


def seeds_of(n: Any, seed: Any, seeds: Any) -> list[int]:
    """The seeds that n, seed and seeds say, None where one is not given; ValueError where they contradict."""
    if seeds is not None:
        check_beside("seeds", seed, None)
        seeds = checked_seeds(seeds)
        check_count("seeds", n, len(seeds))
        return seeds
    n = 4 if n is None else whole(n, "n")
    seed = 0 if seed is None else whole(seed, "seed")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    return checked_seeds(range(seed, seed + n))


def check_beside(given: str, seed: Any, seeds: Any) -> None:
    """ValueError where seed or seeds are given beside what they would say otherwise."""
    if seeds is not None:
        raise ValueError(f"give seeds or {given}, not both")
    if seed is not None:
        raise ValueError(f"seed and n are short for seeds: leave seed out beside {given}")


def check_count(given: str, n: Any, count: int) -> None:
    """ValueError where n is given and is not the number of pictures that seeds or styles ask for."""
    if n is not None and n != count:
        raise ValueError(f"n is {n}, but {given} gives {count}, one for each picture: leave n out")


def checked_jobs(jobs: Any) -> list[Mapping[str, Any]]:
    """Jobs of `Translator.sample_many` as a list; ValueError for anything but mappings of x and what may go with it."""
    if isinstance(jobs, (str, Mapping)) or not isinstance(jobs, Iterable):
        raise ValueError(f"jobs is {type(jobs).__name__}: give a list of dicts such as {{'x': input}}")
    jobs = list(jobs)
    for k, job in enumerate(jobs):
        if not isinstance(job, Mapping):
            raise ValueError(f"job {k} is {type(job).__name__}: give a list of dicts such as {{'x': input}}")
        if "x" not in job or not set(job) <= JOB:
            held = ", ".join(job) or "nothing"
            raise ValueError(f"job {k} has {held}: give x, and with it seeds, style, n or seed")
    return jobs


def _numbers(value: Any) -> Any:
    """Tensors and (nested) lists of numbers as arrays; anything else as it is."""
    if isinstance(value, Tensor):
        return value.detach().cpu().float().numpy()
    if isinstance(value, (list, tuple)) and value:
        if all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in value):
            return np.asarray(value, np.float32)
        rows = [_numbers(v) for v in value]
        if all(_is_vector(row) for row in rows) and len({len(row) for row in rows}) == 1:
            return np.stack(rows).astype(np.float32)
    return value


def _is_vector(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 1


def split_styles(style: Any, length: int) -> list[Any]:
    """A style argument as a list whose items are vectors (length,) float32, or photos, which are left as they are.

    Args:
        style: a vector (length,) or a stack (n, length), as array, tensor or lists of numbers; a photo; or a sequence
            of vectors and photos. A float array of two dimensions is a stack: a grey photo as an array is uint8.

    Raises:
        ValueError: for vectors of another length, with NaN or infinite values, or an empty list.
    """
    style = _numbers(style)
    if isinstance(style, (list, tuple)):
        if not style:
            raise ValueError("style is an empty list: give at least one vector or photo")
        return [row for item in style for row in _rows(_numbers(item), length)]
    return _rows(style, length)


def _rows(style: Any, length: int) -> list[Any]:
    stack = isinstance(style, np.ndarray) and (
        style.ndim < 2 or style.ndim == 2 and np.issubdtype(style.dtype, np.floating)
    )
    if not stack:
        return [style]
    if style.shape[-1:] != (length,):
        raise ValueError(f"a style of this model has {length} numbers, got an array of shape {style.shape}")
    rows = np.atleast_2d(style).astype(np.float32)
    if not len(rows):
        raise ValueError("style is an empty stack: give at least one vector or photo")
    if not np.isfinite(rows).all():
        raise ValueError("the style holds NaN or infinite values")
    return list(rows)
