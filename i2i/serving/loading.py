"""A translator's model folder becomes its nets, and its method is told how to answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from i2i import model_folder
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


def load(folder: Path) -> tuple[dict[str, Any], nn.ModuleDict]:
    """config.json and the nets that it describes, with their weights, on the CPU.

    Raises:
        ModelFolderError: naming what is wrong with the folder and what to do.
    """
    config = model_folder.read_config(folder)
    if config["method"] not in SERVERS:
        raise ModelFolderError(
            f"{folder} holds method {config['method']!r}, which does not translate drawings; "
            f"bundled models that do: {', '.join(model_folder.bundled_models()) or 'none'}"
        )
    _check(config, folder / model_folder.CONFIG)
    with model_folder.describing(folder, f"a {config['method']} model"):
        nets = SERVERS[config["method"]].build(config)
    model_folder.load_weights(folder, config, nets)
    return config, nets


def _check(config: dict[str, Any], path: Path) -> None:
    """ModelFolderError where a translator's config.json lacks what any of them has, after an edit for instance."""
    size, given = config.get("size"), config.get("input")
    wrong = ""
    if not isinstance(size, int) or size < 1:
        wrong = f"size must be a whole number of pixels, got {size!r}"
    elif not isinstance(given, dict) or "kind" not in given:
        wrong = f"input must say its kind, got {given!r}"
    elif given["kind"] == "labels" and "palette" not in given:
        wrong = "input must hold the palette of its label maps"
    elif config.get("net", {}).get("size", size) != size:
        wrong = f"size is {size}, and that of its net {config['net']['size']}"
    if wrong:
        raise ModelFolderError(f"{path}: {wrong}; undo the changes in it, or copy the model folder again")
