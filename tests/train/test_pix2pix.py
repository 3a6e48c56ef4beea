"""train/pix2pix.py and train/bicyclegan.py: from a folder of pairs to a model folder, recipes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2i import Translator

TINY = ["--size", "32", "--width", "4", "--patch-width", "4", "--patch", "16", "--workers", "0", "--cpu"]
QUICK = [*TINY, "--log-every", "1", "--grid-every", "2", "--save-minutes", "1000"]


@pytest.fixture(params=["pix2pix", "bicyclegan"])
def script(request, load_script):
    return load_script(request.param)


@pytest.fixture
def pix2pix(load_script):
    return load_script("pix2pix")


def words(*values) -> list[str]:
    return [str(v) for v in values]


def extra(script) -> list[str]:
    return ["--scales", "1"] if script.__name__ == "bicyclegan" else []


def side_by_side(folder: Path, count: int = 4) -> Path:
    """Pictures A|B of 64x32 in train/ and val/, A and B of different colours."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        (folder / split).mkdir(parents=True)
        for i in range(count):
            a = np.kron(rng.integers(0, 255, (4, 4, 3)), np.ones((8, 8, 1))).astype(np.uint8)
            Image.fromarray(np.hstack([a, 255 - a])).save(folder / split / f"{i}.png")
    return folder


def test_pairs_to_a_model_that_samples(script, label_pairs, tmp_path, capsys):
    run = tmp_path / "run"
    name = script.SCRIPT.method.method
    assert script.main(words(label_pairs, "--out", run, "--steps", 3, "--batch", 2, *QUICK, *extra(script))) == 0
    assert f"--model {run / 'model'}" in capsys.readouterr().out
    config = json.loads((run / "model" / "config.json").read_text())
    assert (config["method"], config["input"]["kind"], config["output"]["kind"]) == (name, "labels", "photo")
    assert config["net"]["generator"] == "unet_32" and config["input"]["palette"]["names"][3] == "sky"
    assert config["training"]["steps"] == 3 and config["data"]["direction"] == "BtoA"
    assert f"train/{name}.py PAIRS --out RUN" in (run / "model" / "README.md").read_text()
    assert str(tmp_path) not in json.dumps(config)
    assert (run / "model" / "examples" / "samples.jpg").exists() and (run / "curves.png").exists()
    assert sorted(p.name for p in (run / "grids").iterdir()) == ["0000002.png", "0000003.png"]
    model = Translator.from_pretrained(run / "model", device="cpu")
    label_map = next((label_pairs / "labels").iterdir())
    assert [p.size for p in model.sample(label_map, n=2)] == [(32, 32)] * 2
    # The same folder again is not overwritten by accident; --resume needs nothing but the folders.
    with pytest.raises(ValueError, match="--resume"):
        script.main(words(label_pairs, "--out", run, "--steps", 3, *QUICK, *extra(script)))
    assert script.main(words(label_pairs, "--out", run, "--resume", "--steps", 5, "--cpu")) == 0
    again = json.loads((run / "model" / "config.json").read_text())
    assert again["training"]["steps"] == 5 and again["net"] == config["net"] and again["name"] == config["name"]
    # The card tells the options of both calls.
    small = "--size 32 --width 4 --patch 16 --patch-width 4"
    assert small in again["training"]["command"] and "--steps 5 --batch 2" in again["training"]["command"]


def test_a_model_to_start_from(pix2pix, label_pairs, tmp_path):
    first = words(label_pairs, "--out", tmp_path / "first", "--steps", 2, *QUICK)
    assert pix2pix.main(first) == 0
    model = tmp_path / "first" / "model"
    assert pix2pix.main(words(label_pairs, "--out", tmp_path / "second", "--steps", 1, "--init", model, *QUICK)) == 0
    wide = words(label_pairs, "--out", tmp_path / "third", "--init", model, *QUICK, "--width", 8)
    with pytest.raises(ValueError, match="another architecture"):
        pix2pix.main(wide)


def test_dry_run_prints_and_writes_nothing(script, label_pairs, tmp_path, capsys):
    assert script.main(words(label_pairs, "--out", tmp_path / "run", "--dry-run", *QUICK, *extra(script))) == 0
    said = capsys.readouterr().out
    assert "receptive field: 16 pixels" in said and "labels (4) to photo (3), BtoA" in said
    assert "training and" in said and "generator: " in said and "lambda_l1" in said
    assert not (tmp_path / "run").exists()


def test_the_published_sizes_are_the_defaults(pix2pix, tmp_path, capsys):
    folder = side_by_side(tmp_path / "pairs")
    assert pix2pix.main(words(folder, "--dry-run", "--cpu")) == 0
    said = capsys.readouterr().out
    assert "generator: 54,413,955" in said and "discriminator: 2,768,705" in said
    assert "receptive field: 70 pixels" in said


def test_direction_turns_the_task_round(pix2pix, tmp_path, capsys):
    folder = side_by_side(tmp_path / "pairs")
    (tmp_path / "pairs" / "palette.json").write_text('{"names": ["a"], "colours": [[0, 0, 0]]}')
    for direction, task in (("AtoB", "photo (3) to labels (1)"), ("BtoA", "labels (1) to photo (3)")):
        options = ["--recipe", "labels2facade", "--direction", direction, "--dry-run", *TINY]
        assert pix2pix.main(words(folder, *options)) == 0
        assert task in capsys.readouterr().out


def test_recipes_bring_epochs_and_batch(pix2pix, tmp_path, capsys):
    folder = side_by_side(tmp_path / "pairs")
    for options, steps, batch in (([], 17, 4), (["--epochs", "2"], 2, 4), (["--steps", "5", "--batch", "2"], 5, 2)):
        assert pix2pix.main(words(folder, "--recipe", "day2night", "--dry-run", *TINY, *options)) == 0
        said = capsys.readouterr().out
        assert f"steps: {steps}\n" in said and f"batch: {batch}\n" in said


@pytest.mark.parametrize(
    "options, message",
    [
        (["{nowhere}"], "is no folder"),
        (["{pairs}", "--recipe", "horse2zebra"], "no recipe 'horse2zebra': choose one of labels2street"),
        (["{pairs}", "--generator", "unet_64"], "multiple of 64"),
        (["{pairs}", "--patch", "286"], "at least 96"),
        (["{pairs}", "--objective", "l3"], "l1\\+cgan"),
        (["{pairs}", "--resume"], "nothing to resume"),
        (["{pairs}", "--out", "{pairs}/run"], "lies inside"),
        (["{pairs}", "--init", "no-such-model"], "no-such-model"),
        (["{pairs}", "--palette", "{nowhere}", "--b", "labels"], "does not exist"),
    ],
)
def test_bad_input_names_the_fix(pix2pix, tmp_path, options, message):
    places = {"pairs": side_by_side(tmp_path / "pairs"), "nowhere": tmp_path / "nowhere"}
    given = [w.format(**places) for w in options]
    with pytest.raises(ValueError, match=message):
        pix2pix.main(["--out", str(tmp_path / "run"), *TINY, "--steps", "1", *given])
    assert not (tmp_path / "run").exists()


def test_bicyclegan_wants_whole_halves(load_script, tmp_path):
    folder = side_by_side(tmp_path / "pairs")
    with pytest.raises(ValueError, match="multiple of 2, got 3"):
        load_script("bicyclegan").main(words(folder, "--out", tmp_path / "run", "--batch", 3, "--scales", 1, *TINY))


@pytest.mark.slow
def test_every_recipe_trains(pix2pix, load_script, label_pairs, tmp_path, capsys):
    """Tasks without data here: 20 steps on generated pairs, and a model that answers."""
    shapes = side_by_side(tmp_path / "pairs")
    for name in load_script("recipes").RECIPES:
        folder = label_pairs if "labels" in name and name != "labels2street" else shapes
        if name in ("bw2color", "inpainting"):
            folder = label_pairs / "photo"
        run = tmp_path / name
        options = words(folder, "--recipe", name, "--out", run, *TINY, "--grid-every", "20", "--log-every", "1")
        assert pix2pix.main([*options, "--dry-run"]) == 0
        assert pix2pix.main([*options, "--steps", "20", "--batch", "2"]) == 0
        rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        assert len(rows) == 20 and {"adversarial", "l1", "discriminator"} <= rows[-1].keys(), name
        model = Translator.from_pretrained(run / "model", device="cpu")
        size = 64 if folder != shapes else 32
        kind = model.input_kind
        x = np.zeros((size, size), np.uint8) if kind == "labels" else np.zeros((size, size, 3), np.uint8)
        if kind == "edges":
            x = np.full((size, size), 255, np.uint8)
            x[8:24, 12] = 0
        assert model.sample(x, n=1)[0].size == (32, 32), name
