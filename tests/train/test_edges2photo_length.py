"""How long a run of edges2photo.py is, and what follows: the steps of --hours, how far drawings and pairs vary."""

from __future__ import annotations

import argparse
import json

import pytest
from shape_photos import UNTOLD, save, shapes

from i2i.nets import features


@pytest.fixture
def photos(tmp_path):
    for seed in range(6):
        save(shapes(seed), tmp_path / "photos" / f"{seed}.png")
    return tmp_path / "photos"


@pytest.fixture
def edges2photo(load_script, monkeypatch):
    """main(*words) of the script, where nothing can be fetched."""
    script = load_script("edges2photo")
    monkeypatch.setattr(features, "TorchvisionFeatures", lambda use: pytest.fail("weights were fetched"))
    return lambda *words: script.main([str(word) for word in words])


def test_a_run_of_hours_knows_its_steps(edges2photo, load_script, photos, tmp_path, monkeypatch, capsys):
    asked, pace = [], load_script("pace")
    monkeypatch.setattr(pace, "seconds_a_step", lambda m, batch, at, a: asked.append((at, batch["x"].shape)) or 1800.0)
    run = [photos, "--out", tmp_path / "run", *UNTOLD, "--scales", "1", "--val-fraction", "0.3"]
    edges2photo(*run, "--hours", "1", "--dry-run")
    said = capsys.readouterr().out
    assert "steps: as many as --hours 1 allows, which shows when training begins" in said and not asked
    assert "steps: 20000" not in said
    edges2photo(*run, "--hours", "1")
    assert "2 steps of 2 pictures, about 1 h on this machine" in capsys.readouterr().err
    assert [round(at) for at, _ in asked] == [0, 1] and {shape for _, shape in asked} == {(2, 1, 64, 64)}
    training = json.loads((tmp_path / "run" / "model" / "config.json").read_text())["training"]
    assert (training["steps"], training["of_steps"]) == (2, 2)
    assert "--steps 2" in training["command"] and "--hours" not in training["command"]
    with pytest.raises(ValueError, match="--hours gives a new run its length"):
        edges2photo(photos, "--out", tmp_path / "run", "--resume", "--hours", "2")


@pytest.mark.parametrize(
    "given, pictures, settled",
    [
        ({}, 160_000, (0.8, 0.8)),
        ({}, 500_000, (0.8, 0.8)),
        ({}, 80_000, (0.65, 0.4)),
        ({}, 0, (0.5, 0.0)),
        ({"init": "edges2cats"}, 8, (0.8, 0.8)),  # which reads drawings already
        ({"sketchify": 0.0, "move": 1.0}, 80_000, (0.0, 1.0)),
        ({"move": 0.0, "init": "edges2cats"}, 80_000, (0.8, 0.0)),
    ],
)
def test_short_runs_have_less_variation(load_script, given, pictures, settled):
    args = argparse.Namespace(**{"sketchify": None, "move": None, "init": None} | given)
    load_script("edges2photo").settle_variation(args, pictures)
    assert (args.sketchify, args.move) == settled


@pytest.mark.parametrize(
    "words, shown, settled",
    [
        (["--steps", "2"], "sketchify: 0.5\nmove: 0.0\n", (0.5, 0.0)),
        (["--steps", "2", "--move", "0.3"], "sketchify: 0.5\nmove: 0.3\n", (0.5, 0.3)),
        (["--hours", "0.0001"], "sketchify: by the number of steps\nmove: by the number of steps\n", (0.5, 0.0)),
    ],
)
def test_the_variation_of_a_run_is_settled_shown_and_kept(
    load_script, photos, tmp_path, capsys, monkeypatch, words, shown, settled
):
    script, found = load_script("edges2photo"), []
    words = [str(photos), "--out", str(tmp_path / "run"), *UNTOLD, "--scales", "1", "--val-fraction", "0.3", *words]
    assert script.main([*words, "--dry-run"]) == 0
    assert shown in capsys.readouterr().out

    def stop(method, pairs, *more, recipe, describe, **others):
        found.append((pairs, recipe["options"], describe(1, 1.0)["training"]["command"]))
        return 0

    monkeypatch.setattr(script, "train_model", stop)
    assert script.main(words) == 0
    ((pairs, options, command),) = found
    assert (pairs.sketchify_strength, pairs.move) == (options["sketchify"], options["move"]) == settled
    assert f"--sketchify {settled[0]}" in command and f"--move {settled[1]}" in command
