"""A translator's model folder becomes its nets, and its method is told how to answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from i2i import model_folder
from i2i.data.paired import channels_of
from i2i.data.paired_files import KINDS
from i2i.model_folder import ModelFolderError
from i2i.serving.bicyclegan import BicycleGANServer
from i2i.serving.cyclegan import CycleGANServer
from i2i.serving.pix2pix import Pix2PixServer
from i2i.serving.starganv2 import StarGANv2Server
from i2i.serving.styled import StyledServer

# Method in config.json -> how it answers.
SERVERS = {
    "styled": StyledServer,
    "pix2pix": Pix2PixServer,
    "bicyclegan": BicycleGANServer,
    "cyclegan": CycleGANServer,
    "starganv2": StarGANv2Server,
}

LARGEST = 4096  # pixels: what config.json may ask for, which may come from anybody
LONGEST_NAME = 200


def load(folder: Path) -> tuple[dict[str, Any], nn.ModuleDict]:
    """config.json and the nets that it describes, with their weights, on the CPU.

    Raises:
        ModelFolderError: naming what is wrong with the folder and what to do.
    """
    config = model_folder.read_config(folder)
    if not isinstance(config["method"], str) or config["method"] not in SERVERS:
        raise ModelFolderError(
            f"{folder} holds method {config['method']!r}, which does not translate drawings; "
            f"bundled models that do: {', '.join(model_folder.bundled_models()) or 'none'}"
        )
    _check(config, folder / model_folder.CONFIG)
    server = SERVERS[config["method"]]

    def build() -> nn.ModuleDict:
        nets = server.build(config)
        _check_channels(config, server.channels(config))
        return nets

    return config, model_folder.load_nets(folder, config, f"a {config['method']} model", build)


def _check(config: dict[str, Any], path: Path) -> None:
    """ModelFolderError where a translator's config.json lacks what any of them has, after an edit for instance."""
    wrong = _wrong(config)
    if wrong:
        raise ModelFolderError(f"{path}: {wrong}; undo the changes in it, or copy the model folder again")


def _wrong(config: dict[str, Any]) -> str:
    """The first thing that is wrong with config.json whatever its method, in words; empty where nothing is."""
    size, net, domains = config.get("size"), config.get("net"), config.get("domains", [])
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= LARGEST:
        return f"size must be a whole number of pixels, at most {LARGEST}, got {size!r}"
    name = config.get("name", "a")
    if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        return f"name must be a text of at most {LONGEST_NAME} letters, got {name!r}"
    if not isinstance(net, dict):
        return f"net must hold the nets' arguments, got {net!r}"
    if net.get("size", size) != size:
        return f"size is {size}, and that of its net {net['size']}"
    for side, described in (("input", config.get("input")), ("output", config.get("output", {"kind": "photo"}))):
        if not isinstance(described, dict) or "kind" not in described:
            return f"{side} must say its kind, got {described!r}"
        if not isinstance(described["kind"], str) or described["kind"] not in KINDS:
            return f"{side} has the kind {described['kind']!r}, expected one of {', '.join(KINDS)}"
        if described["kind"] == "labels" and "palette" not in described:
            return f"{side} must hold the palette of its label maps"
        if (hole := described.get("hole")) is not None and not _is_colour(hole):
            return f"the hole of {side} must be a colour [r, g, b], got {hole!r}"
    if not isinstance(config.get("sides", {}), dict):
        return f"sides must name A and B, got {config['sides']!r}"
    names = isinstance(domains, list) and all(isinstance(name, str) for name in domains)
    if not names or len(set(domains)) < len(domains):
        return f"domains must be a list of different names, got {domains!r}"
    return ""


def _is_colour(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(type(v) is int and 0 <= v <= 255 for v in value)


def _check_channels(config: dict[str, Any], channels: tuple[int, int]) -> None:
    """ValueError where input or output is another kind of picture than the nets take or give."""
    sides = {"input": config["input"], "output": config.get("output", {"kind": "photo"})}
    for (side, described), wanted in zip(sides.items(), channels, strict=True):
        if (found := channels_of(described)) != wanted:
            raise ValueError(f"its {side}, {described['kind']}, has {found} channels, and its nets have {wanted}")
