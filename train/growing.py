"""How edges2photo.py begins with a model of smaller pictures than the run's: its generator grows."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from i2i import model_folder
from i2i.nets.styled_growth import LEAST_LEVELS, grow, grown_config
from i2i.nets.styled_unet import StyledUNetConfig
from i2i.translator import Translator


def times_to_grow(source: str | None, shape: dict[str, Any], size: int) -> int:
    """How many levels the model that --init names gets: one for each doubling of its picture size up to `size`.

    shape: what `shape_of` says of it. 0 without --init, for a model of another method (no shape), of pictures as large
    or larger, or of too few levels to grow: these begin as they are, or are refused by `begin_with`.
    """
    if len(shape.get("widths", ())) < LEAST_LEVELS:
        return 0
    return max(0, (size // model_folder.read_config(model_folder.resolve(source))["size"]).bit_length() - 1)


def grown_shape(shape: dict[str, Any], times: int) -> dict[str, Any]:
    """What `shape_of` says of the model, with `times` levels more."""
    for _ in range(times):
        shape = shape | {"widths": grown_config(StyledUNetConfig(widths=tuple(shape["widths"]))).widths}
    return shape


def grown_weights(start: Translator, times: int) -> dict[str, Tensor]:
    """The weights of the nets of `start`, its generator grown `times` times."""
    nets = dict(start.nets)
    generator = nets.pop("generator")
    weights, config = generator.state_dict(), generator.config
    for _ in range(times):
        weights, config = grow(weights, config), grown_config(config)
    return {f"generator.{name}": tensor for name, tensor in weights.items()} | nn.ModuleDict(nets).state_dict()
