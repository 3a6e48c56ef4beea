"""A run that begins with a model of smaller pictures: the generator grows, and all that it knows stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from shape_photos import save, shapes

QUICK = "--style 8 --latent 4 --batch 2 --workers 0 --features none --measure-features none --cpu --lr 1e-12".split()
# By itself a large picture would be computed in bfloat16 where a CPU has it, and one process knows one precision.
QUICK += ["--mixed-precision", "no"]
LEVELS = ("--widths", "16", "8", "8", "8", "8")


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos") / "shapes"
    for seed in range(8):
        save(shapes(seed), folder / f"{seed}.jpg")
    return folder


@pytest.fixture
def train(load_script, photos, tmp_path):
    """A function: run folder, options -> config.json of the model."""

    def run(name: str, *words: object) -> dict:
        command = [photos, "--out", tmp_path / name, *QUICK, "--steps", 1, "--fit-mapping", 0, *words]
        assert load_script("edges2photo").main([*map(str, command)]) == 0
        return json.loads((tmp_path / name / "model" / "config.json").read_text())

    return run


def test_the_generator_grows_by_a_level(train, tmp_path, capsys):
    train("small", *LEVELS, "--size", 64)
    small = tmp_path / "small" / "model"
    config = train("large", "--init", small, "--size", 128)
    said = capsys.readouterr().err
    assert f"{small} writes smaller pictures: its generator grows by a level at the fine end" in said
    assert "discriminators go on" in said
    assert config["size"] == config["net"]["size"] == 128 and config["net"]["widths"] == [16, 16, 8, 8, 8, 8]
    old, new = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("small", "large"))
    for name, tensor in old.items():
        part, _, rest = name.removeprefix("generator.").partition(".")
        if part in ("levels", "blocks") and "skip" not in rest:
            index, _, rest = rest.partition(".")
            name = f"generator.{part}.{int(index) + 1}.{rest}"
        elif part not in ("mapping", "style_encoder"):
            continue
        assert torch.equal(new[name], tensor), name
    # A run that goes on has grown already.
    assert train("large", "--resume", "--steps", 2)["net"]["widths"] == [16, 16, 8, 8, 8, 8]


def test_it_grows_as_often_as_the_pictures_double(train, tmp_path, capsys):
    train("small", *LEVELS, "--size", 64)
    config = train("large", "--init", tmp_path / "small" / "model", "--size", 256)
    assert config["net"]["widths"] == [16, 16, 16, 8, 8, 8, 8] and "grows by 2 levels" in capsys.readouterr().err


@pytest.mark.parametrize("levels, size", [(LEVELS, 64), (("--widths", "16", "8", "8", "8"), 128)])
def test_equal_pictures_and_nets_of_few_levels_begin_as_they_are(train, tmp_path, capsys, levels, size):
    train("small", *levels, "--size", 64)
    config = train("next", "--init", tmp_path / "small" / "model", "--size", size)
    assert config["size"] == size and config["net"]["widths"] == [*map(int, levels[1:])]
    assert "grows" not in capsys.readouterr().err
