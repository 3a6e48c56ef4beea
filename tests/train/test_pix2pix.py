"""train/pix2pix.py and train/bicyclegan.py: from a folder of pairs to a model folder, recipes, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from i2i import Translator
from i2i.data.paired import PairedConfig, PairedDataset

LEAN = ["--size", "32", "--width", "4", "--workers", "0", "--cpu"]
TINY = [*LEAN, "--patch-width", "4", "--patch", "16"]
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


COLOURS = [[0, 0, 222], [255, 128, 0], [10, 200, 30], [255, 255, 255]]


def labelled(folder: Path, classes: int, count: int = 4) -> Path:
    """photo/ and labels/ of 32 pixels with palette.json; a photo has the inverse colours of its label map."""
    rng = np.random.default_rng(0)
    for name in ("photo", "labels"):
        (folder / name).mkdir(parents=True)
    for i in range(count):
        label_map = np.kron(np.array(COLOURS)[rng.integers(0, classes, (4, 4))], np.ones((8, 8, 1))).astype(np.uint8)
        Image.fromarray(label_map).save(folder / "labels" / f"{i}.png")
        Image.fromarray(255 - label_map).save(folder / "photo" / f"{i}.png")
    names = [f"class {k}" for k in range(classes)]
    (folder / "palette.json").write_text(json.dumps({"names": names, "colours": COLOURS[:classes]}))
    return folder


def in_palette(picture: Image.Image, columns: int, classes: int) -> list[bool]:
    """For each column of a grid of 32 pixels: whether its first tile has no other colours than the palette's."""
    pixels, known = np.asarray(picture.convert("RGB")), {tuple(c) for c in COLOURS[:classes]}
    tiles = [pixels[:32, 34 * c : 34 * c + 32].reshape(-1, 3).tolist() for c in range(columns)]
    return [{tuple(p) for p in tile} <= known for tile in tiles]


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
@pytest.mark.parametrize("classes", [1, 2, 3, 4])
def test_label_maps_are_shown_in_their_palette(pix2pix, load_script, tmp_path, classes, direction):
    folder, run = labelled(tmp_path / "pairs", classes), tmp_path / "run"
    options = ["--direction", direction, "--steps", 3, "--batch", 2, *QUICK]
    assert pix2pix.main(words(folder, "--out", run, *options)) == 0
    to_labels = direction == "AtoB"
    grids = sorted((run / "grids").iterdir())
    assert len(grids) == 2
    for grid in grids:  # x, y, two answers
        assert in_palette(Image.open(grid), 4, classes) == [not to_labels, *[to_labels] * 3]
    model = Translator.from_pretrained(run / "model", "cpu", "float32")
    val = PairedDataset(folder, "val", 32, PairedConfig(direction=direction))
    samples = load_script("paired_run").samples_picture(model, val)  # x, four answers
    assert in_palette(samples, 5, classes) == [not to_labels, *[to_labels] * 4]


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_two_classes_are_no_colour_in_lab(load_script, tmp_path, direction):
    folder = labelled(tmp_path / "pairs", 2)
    options = ["--direction", direction, "--steps", 2, "--batch", 2, "--scales", 1, *QUICK]
    assert load_script("bicyclegan").main(words(folder, "--out", tmp_path / "run", *options)) == 0


def test_pairs_to_a_model_that_samples(script, label_pairs, tmp_path, capsys):
    run = tmp_path / "run"
    name = script.SCRIPT.method.method
    assert script.main(words(label_pairs, "--out", run, "--steps", 3, "--batch", 2, *QUICK, *extra(script))) == 0
    assert f"--model {run / 'model'}" in capsys.readouterr().out
    config = json.loads((run / "model" / "config.json").read_text())
    assert (config["method"], config["input"]["kind"], config["output"]["kind"]) == (name, "labels", "photo")
    assert config["net"]["generator"] == "unet_32" and config["input"]["palette"]["names"][3] == "sky"
    assert config["training"]["steps"] == 3
    # What the folder was taken for, so that measures hold out the same pairs.
    kept = {"a": "photo", "b": "labels", "direction": "BtoA", "fit": "crop", "val_fraction": 0.1}
    assert {k: config["data"][k] for k in kept} == kept
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


def test_how_the_pairs_were_taken_is_kept(pix2pix, tmp_path):
    folder = labelled(tmp_path / "pairs", 3)
    given = ["--a", "photo", "--b", "photo", "--direction", "BtoA", "--fit", "stretch", "--val-fraction", 0.4]
    assert pix2pix.main(words(folder, "--out", tmp_path / "run", "--steps", 1, *given, *QUICK)) == 0
    data = json.loads((tmp_path / "run" / "model" / "config.json").read_text())["data"]
    kept = {"a": "photo", "b": "photo", "direction": "BtoA", "fit": "stretch", "val_fraction": 0.4}
    assert {k: data[k] for k in kept} == kept


def test_what_a_resumed_run_keeps_and_what_it_takes(pix2pix, tmp_path):
    folder, out = labelled(tmp_path / "pairs", 3, count=6), ["--out", str(tmp_path / "run")]

    def training() -> dict:
        return json.loads((tmp_path / "run" / "model" / "config.json").read_text())["training"]

    def resume(*options) -> dict:
        assert pix2pix.main(words(folder, *out, "--resume", "--cpu", *options)) == 0
        return training()

    length = ["--recipe", "labels2facade", "--epochs", 1, "--batch", 2]
    assert pix2pix.main(words(folder, *out, *length, *QUICK)) == 0
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert config["name"] == config["data"]["name"] == folder.name  # the recipe's name says what its own data are
    pairs = config["data"]["train"]
    one = training()
    assert one["steps"] == round(pairs / 2) and "--epochs 1.0" in one["command"]
    for options, message in (
        (["--recipe", "aerial2map"], "began with --recipe labels2facade and keeps to it"),
        (["--steps", 1], f"has done {one['steps']} steps and cannot end at 1: give --steps {one['steps']}"),
        (["--epochs", 0.2], "and cannot end at"),
        (["--epochs", 2, "--steps", 9], "both say how long"),
    ):
        with pytest.raises(ValueError, match=message):
            resume(*options)
    longer = resume("--recipe", "labels2facade", "--epochs", 2)
    assert longer["steps"] == longer["of_steps"] == pairs and pairs > one["steps"]
    assert "--epochs 2.0" in longer["command"] and "--recipe labels2facade" in longer["command"]
    longest = resume("--steps", pairs + 1)
    assert longest["steps"] == pairs + 1 and f"--steps {pairs + 1}" in longest["command"]
    assert "--epochs" not in longest["command"]
    assert resume()["of_steps"] == pairs + 1  # the epochs of old say nothing any more
    resume("--steps", pairs + 2, "--beta1", 0.9)
    saved = torch.load(tmp_path / "run" / "state" / "optimizers.pt", weights_only=True)
    assert {group["betas"] for state in saved.values() for group in state["param_groups"]} == {(0.9, 0.999)}
    says = "the pairs of .* are not those that .*run began with, or are divided otherwise: .*leave --val-fraction out"
    with pytest.raises(ValueError, match=says):
        resume("--val-fraction", 0.6)
    labelled(tmp_path / "others", 3, count=7)
    with pytest.raises(ValueError, match=says):
        pix2pix.main(words(tmp_path / "others", *out, "--resume", "--cpu"))


def test_epochs_are_shared_by_processes(load_script, label_pairs, tmp_path, capsys, monkeypatch):
    main, found = load_script("pix2pix").main, []
    for count in (1, 2):
        monkeypatch.setattr(load_script("paired_run"), "processes", lambda cpu, count=count: count)
        assert main(words(label_pairs, "--out", tmp_path / "run", "--epochs", 4, "--dry-run", *QUICK)) == 0
        found.append(int(re.search(r"\bsteps: (\d+)", capsys.readouterr().out)[1]))
    assert found[0] == 2 * found[1]


def test_a_run_without_a_recipe_takes_none_later(pix2pix, tmp_path):
    folder = side_by_side(tmp_path / "pairs")
    assert pix2pix.main(words(folder, "--out", tmp_path / "run", "--steps", 1, *QUICK)) == 0
    with pytest.raises(ValueError, match="began with no recipe and keeps to it"):
        pix2pix.main(words(folder, "--out", tmp_path / "run", "--resume", "--recipe", "aerial2map", "--cpu"))


def test_a_model_to_start_from(script, label_pairs, tmp_path, capsys):
    first = words(label_pairs, "--out", tmp_path / "first", "--steps", 2, *QUICK, "--norm", "none")
    assert script.main(first) == 0
    model = tmp_path / "first" / "model"
    # What shapes the nets comes from the model; the size of the pictures does not.
    shaped = ("--generator", "--width", "--latent")
    rest = [w for i, w in enumerate(QUICK) if w not in shaped and QUICK[i - 1] not in shaped]
    begun = words(label_pairs, "--init", model, *rest)
    assert script.main([*begun, "--steps", "1", "--out", str(tmp_path / "second")]) == 0
    capsys.readouterr()
    assert script.main([*begun, "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "  width: 4\n" in said.out and "  norm: none\n" in said.out
    judges = {"pix2pix": "discriminator", "bicyclegan": "encoded_discriminator, random_discriminator"}[script.__name__]
    assert f"discriminators go on as the run in {tmp_path / 'first'} left them: {judges}\n" in said.err
    with pytest.raises(ValueError, match="another architecture"):
        script.main([*begun, "--width", "8", "--out", str(tmp_path / "third")])


def test_dry_run_prints_and_writes_nothing(script, label_pairs, tmp_path, capsys):
    assert script.main(words(label_pairs, "--out", tmp_path / "run", "--dry-run", *QUICK, *extra(script))) == 0
    said = capsys.readouterr().out
    assert "receptive field: 16 pixels" in said and "labels (4) to photo (3), BtoA" in said
    assert "training and" in said and "generator: " in said and "lambda_l1" in said
    assert not (tmp_path / "run").exists()


def test_a_dry_run_draws_no_weights(script, load_script, label_pairs, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(load_script("paired_run"), "print_plan", lambda configs, nets, facts: seen.append(nets))
    assert script.main(words(label_pairs, "--dry-run", *TINY, *extra(script))) == 0
    assert seen[0]["generator"] is not None and all(p.is_meta for p in seen[0].parameters())


def test_the_published_sizes_are_the_defaults(pix2pix, tmp_path, capsys):
    folder = side_by_side(tmp_path / "pairs")
    assert pix2pix.main(words(folder, "--dry-run", "--cpu")) == 0
    said = capsys.readouterr().out
    assert "generator: 54,413,955" in said and "discriminator: 2,768,705" in said
    assert "receptive field: 70 pixels" in said


def test_direction_turns_the_task_round(pix2pix, tmp_path, capsys):
    folder = side_by_side(tmp_path / "pairs")
    for path in folder.rglob("*.png"):
        pair = np.array(Image.open(path))
        pair[:, 32:] = 0  # all of the one class
        Image.fromarray(pair).save(path)
    (tmp_path / "pairs" / "palette.json").write_text('{"names": ["a"], "colours": [[0, 0, 0]]}')
    for direction, task in (("AtoB", "photo (3) to labels (1)"), ("BtoA", "labels (1) to photo (3)")):
        options = ["--recipe", "labels2facade", "--direction", direction, "--dry-run", *TINY]
        assert pix2pix.main(words(folder, *options)) == 0
        assert task in capsys.readouterr().out


def test_street_labels_are_pictures_even_beside_a_palette(pix2pix, tmp_path, capsys):
    folder = labelled(tmp_path / "pairs", 3)
    assert pix2pix.main(words(folder, "--recipe", "labels2street", "--dry-run", *TINY)) == 0
    assert "photo (3) to photo (3), BtoA, A is photo, B is photo" in capsys.readouterr().out


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
        (["{pairs}", "--palette", "{nowhere}"], "need no palette: leave --palette out"),
        (["{pairs}", "--epochs", "0"], "both say how long"),
        (["{pairs}", "--dropout", "1.5"], "got dropout 1.5, expected"),
        (["{pairs}", "--flip", "3"], "got flip 3.0, expected"),
        (["{pairs}", "--noisy", "1", "-1"], "got noisy 1 -1, expected"),
        (["{pairs}", "--noisy", "1", "4"], "--noisy names layers where unet_32 has no noise: choose from 0 to 3"),
        (["{pairs}", "--size", "0"], "no U-Net fits pictures of 0 pixels.*choose --size 32$"),
        (["{pairs}", "--size", "-32"], "no U-Net fits pictures of -32 pixels.*choose --size 32$"),
        (["{pairs}", "--size", "200"], "cannot be halved five times: choose --size 192 or 224, or --gen.* resnet_9$"),
        (["{pairs}", "--size", "250"], "choose --size 224 or 256, or --generator resnet_9 with --size 248$"),
        (["{pairs}", "--recipe", "bw2color"], "twice as wide as high"),
        (["{photos}", "--recipe", "inpainting", "--direction", "BtoA"], "only translated from"),
    ],
)
def test_bad_input_names_the_fix(pix2pix, tmp_path, options, message):
    places = {"pairs": side_by_side(tmp_path / "pairs"), "nowhere": tmp_path / "nowhere"}
    places["photos"] = labelled(tmp_path / "labelled", 2) / "photo"
    given = [w.format(**places) for w in options]
    with pytest.raises(ValueError, match=message):
        pix2pix.main(["--out", str(tmp_path / "run"), *TINY, "--steps", "1", *given])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        ("--objective l1 --patch 16", "--patch is of the discriminator, which --objective l1 has not.*choose .*cgan"),
        ("--objective l2 --patch-width 4", "--patch-width is of the discriminator, which --objective l2 has not"),
        ("--objective l1 --gan lsgan", "--gan is of the discriminator"),
        ("--objective cgan --lambda-l1 7", "--lambda-l1 is of the L1 term, .* leave it out, or choose .* l1.cgan"),
        ("--generator resnet_6 --noisy 1", "--noisy is of U-Nets, and resnet_6 has noise in every block"),
        ("--dropout 0 --noisy 1", "--noisy names the layers with noise, and with --dropout 0 there is none"),
        ("--epochs 2 --steps 7", "--epochs and --steps both say how long the run is"),
        ("--epochs 0", "--epochs must be above 0, got 0"),
        ("--epochs nan", "--epochs must be above 0, got nan"),
        ("--epochs 1e308", r"--epochs must be above 0 and at most 1e\+09, got 1e\+308"),
    ],
)
def test_options_without_effect_are_refused(pix2pix, tmp_path, options, message):
    folder = side_by_side(tmp_path / "pairs")
    with pytest.raises(ValueError, match=message):
        pix2pix.main(words(folder, "--dry-run", *LEAN, *options.split()))


def test_options_with_effect_are_taken(pix2pix, tmp_path, capsys):
    folder = side_by_side(tmp_path / "pairs")
    for options in ("--objective l2 --lambda-l1 7 --noisy 3", "--objective gan --patch 16 --gan hinge --patch-width 4"):
        assert pix2pix.main(words(folder, "--dry-run", *LEAN, *options.split())) == 0


def test_a_size_for_bicyclegan(load_script, tmp_path):
    """It has no ResNets; and its own numbers are held to their ranges."""
    folder = side_by_side(tmp_path / "pairs")
    for options, message in ((["--size", "200"], "choose --size 192 or 224$"), (["--scales", "0"], "got scales 0")):
        with pytest.raises(ValueError, match=message):
            load_script("bicyclegan").main(words(folder, "--dry-run", *TINY, *options))


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
