"""train/cyclegan.py: from two folders, or pairs taken apart, to a model folder that translates both ways."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2i import Translator

NETS = ["--size", "32", "--width", "8", "--generator", "lean", "--workers", "0"]
TINY = [*NETS, "--patch-width", "4", "--patch", "16"]
QUICK = [*TINY, "--cpu", "--log-every", "1", "--grid-every", "2", "--save-minutes", "1000"]


@pytest.fixture
def script(load_script):
    return load_script("cyclegan")


def words(*values) -> list[str]:
    return [str(v) for v in values]


def photos(folder: Path, count: int, colour: tuple[int, int, int]) -> Path:
    rng = np.random.default_rng(len(folder.name))
    folder.mkdir(parents=True)
    for i in range(count):
        patches = np.kron(rng.integers(0, 90, (5, 4, 1)), np.ones((8, 8, 1))) + np.array(colour)
        Image.fromarray(patches.clip(0, 255).astype(np.uint8)).save(folder / f"{i}.jpg")
    return folder


@pytest.fixture
def horses(tmp_path):
    """Two folders of different lengths, as options."""
    return words(photos(tmp_path / "horses", 3, (160, 90, 20)), photos(tmp_path / "zebras", 6, (120, 120, 120)))


def test_two_folders_to_a_model_that_translates_both_ways(script, horses, tmp_path, capsys):
    run = tmp_path / "run"
    assert script.main([*horses, "--out", str(run), "--steps", "3", "--batch", "2", *QUICK]) == 0
    assert f"--model {run / 'model'}" in capsys.readouterr().out
    config = json.loads((run / "model" / "config.json").read_text())
    assert (config["method"], config["name"]) == ("cyclegan", "horses2zebras")
    assert config["sides"] == {"A": "horses", "B": "zebras"}
    assert config["input"] == config["output"] == {"kind": "photo"}
    assert config["data"]["train_a"] == 2 and config["data"]["train_b"] + config["data"]["val_b"] == 6
    assert config["training"]["steps"] == 3 and config["net"]["generator"] == "lean"
    card = (run / "model" / "README.md").read_text()
    assert "`python train/cyclegan.py DIR_A DIR_B --out RUN --size 32" in card and "--steps 3" in card
    assert str(tmp_path) not in card + json.dumps(config)
    assert (run / "model" / "examples" / "samples.jpg").exists() and "](examples/samples.jpg)" in card
    assert (run / "curves.png").exists()
    assert sorted(p.name for p in (run / "grids").iterdir()) == ["0000002.png", "0000003.png"]
    model = Translator.from_pretrained(run / "model", device="cpu")
    assert [p.size for p in model.cycle(tmp_path / "horses" / "0.jpg")] == [(32, 32)] * 2
    with pytest.raises(ValueError, match="--resume"):
        script.main([*horses, "--out", str(run), "--steps", "3", *QUICK])
    assert script.main([*horses, "--out", str(run), "--resume", "--steps", "5", "--cpu"]) == 0
    again = json.loads((run / "model" / "config.json").read_text())
    assert again["training"]["steps"] == 5 and again["net"] == config["net"] and again["sides"] == config["sides"]
    # Epochs are of the larger side, two photos a step.
    assert script.main([*horses, "--out", str(run), "--resume", "--epochs", "4", "--cpu"]) == 0
    longer = json.loads((run / "model" / "config.json").read_text())["training"]
    assert longer["steps"] == longer["of_steps"] == 2 * config["data"]["train_b"] > 5
    command, _, before = longer["command"].partition("   # ")
    assert "--epochs 4.0" in command and "--steps" not in command and before == "until step 3 with --steps 3"
    for more, message in (
        (["--epochs", "2", "--steps", "9"], "both say how long"),
        (["--epochs", "inf"], "--epochs must be above 0"),
        (["--steps", "2"], "cannot end at 2"),
    ):
        with pytest.raises(ValueError, match=message):
            script.main([*horses, "--out", str(run), "--resume", "--cpu", *more])
    # The weights of one run start another.
    options = [*horses, "--out", str(tmp_path / "next"), "--init", str(run / "model"), "--steps", "1", *QUICK]
    assert script.main(options) == 0
    assert "left them: discriminator_A, discriminator_B" in capsys.readouterr().err
    assert "DIR_A DIR_B --out RUN --init MODEL --size 32" in (tmp_path / "next" / "model" / "README.md").read_text()
    with pytest.raises(ValueError, match="another architecture"):
        script.main([*options, "--width", "16", "--out", str(tmp_path / "third")])


def test_a_model_brings_the_shape_of_its_nets(script, horses, tmp_path, capsys):
    assert script.main([*horses, "--out", str(tmp_path / "run"), "--steps", "1", *QUICK]) == 0
    begun = ["--init", str(tmp_path / "run" / "model"), "--size", "32", "--patch", "16", "--cpu", "--dry-run"]
    assert script.main([*horses, "--out", str(tmp_path / "next"), *begun]) == 0
    said = capsys.readouterr().out
    # The discriminators' width follows from the generator, as if it had been given.
    assert "  generator: lean\n" in said and "  width: 8\n" in said and "  patch_width: 32\n" in said


def test_pairs_taken_apart(script, label_pairs, tmp_path):
    run = tmp_path / "run"
    assert (
        script.main(words("--paired", label_pairs, "--out", run, "--steps", 2, "--objective", "gan+forward", *QUICK))
        == 0
    )
    config = json.loads((run / "model" / "config.json").read_text())
    assert (config["input"]["kind"], config["output"]["kind"]) == ("labels", "photo")
    assert (config["net"]["inputs"], config["net"]["outputs"], config["net"]["lambda_identity"]) == (4, 3, 0.0)
    assert config["sides"] == {"A": "labels", "B": "photo"} and config["data"]["direction"] == "BtoA"
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert "forward_cycle" in rows[-1] and "backward_cycle" not in rows[-1]
    model = Translator.from_pretrained(run / "model", device="cpu")
    photo = next((label_pairs / "photo").iterdir())
    assert model.sample(photo, n=1, direction="BtoA")[0].mode == "P"
    assert script.main(words("--paired", label_pairs, "--out", run, "--resume", "--steps", 3, "--cpu")) == 0


def test_the_recipe_of_the_paper_is_the_default(script, horses, tmp_path, capsys):
    assert script.main([*horses, "--out", str(tmp_path / "run"), "--dry-run", "--cpu"]) == 0
    said = capsys.readouterr().out
    # 5 or fewer training zebras for 200 epochs, one picture a step.
    length = int(said.partition("an epoch: ")[2].split()[0])
    assert f"steps: {200 * length}\n" in said and "batch: 1\n" in said and "warmup: 0\n" in said
    for line in ("generator: resnet_9", "lambda_cycle: 10.0", "lambda_identity: 0.5", "pool: 50", "gan: lsgan"):
        assert line in said
    assert "AtoB: 11,378,179" in said and "discriminator_B: 2,764,737" in said and "70 pixels, two" in said
    # 49.55 G six times forward and back, 3.15 G sixteen times: about 2 TFLOP (multiply and add).
    assert "an answer: 49.55 G multiply-adds" in said and "a training step: about 942 G multiply-adds" in said
    assert "model folder: 45.5 MB" in said and "A: horses, photo (3): 2 training and 1 validation" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options, expected",
    [
        (["--size", "128"], ["generator: resnet_6", "AtoB: 7,837,699"]),
        (["--size", "128", "--generator", "lean"], ["patch_width: 32", "model folder: 6.0 MB", "0.47 G multiply-adds"]),
        (["--size", "64", "--epochs", "3", "--batch", "2", "--objective", "cycle"], ["no discriminator", "batch: 2\n"]),
        (["--size", "64", "--name-a", "brown horses"], ["name: brown_horses2zebras"]),
    ],
)
def test_choices(script, horses, tmp_path, capsys, options, expected):
    assert script.main([*horses, "--out", str(tmp_path / "run"), "--dry-run", "--cpu", *options]) == 0
    said = capsys.readouterr().out
    assert all(text in said for text in expected), said


def test_one_folder_and_its_index(script, tmp_path, capsys):
    folder = photos(tmp_path / "cats" / "photos", 9, (120, 60, 60)).parent
    with (folder / "index.csv").open("w", newline="") as lines:
        rows = [(f"photos/{i}.jpg", "orange" if i < 4 else "grey" if i < 8 else "white") for i in range(9)]
        csv.writer(lines).writerows([("file", "coat"), *rows])
    options = words(folder, folder, "--select-a", "coat=orange", "--select-b", "coat=grey,white", "--dry-run", *QUICK)
    assert script.main(options) == 0
    said = capsys.readouterr().out
    assert "name: orange2grey_or_white" in said
    assert "A: orange, photo (3): 3 training and 1 validation pictures" in said


@pytest.mark.parametrize(
    "options, message",
    [
        (["{a}"], "give two folders, DIR_A and DIR_B, or --paired PAIRS alone; got 1 folders"),
        (["{a}", "{b}", "--paired", "{a}"], "got 2 folders"),
        (["{a}", "{nowhere}"], "does not exist"),
        (["{a}", "{a}"], "A and B share"),
        (["{a}", "{b}", "--palette", "x.json"], "--palette is an option of pairs: give --paired"),
        (["--paired", "{a}", "--select-b", "coat=grey"], "--select-b is an option of two folders"),
        (["{a}", "{b}", "--select-a", "coat=grey"], "has no index.csv"),
        (["{a}", "{b}", "--objective", "l1"], "full, cycle, gan"),
        (["{a}", "{b}", "--size", "40"], "multiple of 16"),
        (["{a}", "{b}", "--resume"], "nothing to resume"),
        (["{a}", "{b}", "--out", "{a}/run"], "lies inside"),
    ],
)
def test_bad_input_names_the_fix(script, horses, tmp_path, options, message):
    places = {"a": horses[0], "b": horses[1], "nowhere": tmp_path / "nowhere"}
    given = [w.format(**places) for w in options]
    with pytest.raises(ValueError, match=message):
        script.main(["--out", str(tmp_path / "run"), *TINY, "--cpu", "--steps", "1", *given])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        ("gan --lambda-identity 1", "lambda-identity is of the identity term, which --objective gan has not"),
        ("gan+forward --lambda-identity 0", "lambda-identity is of the identity term"),
        ("gan --lambda-cycle 10", "lambda-cycle is of the cycles, which --objective gan has not"),
        ("cycle --pool 10", "pool is of the discriminators, which --objective cycle has not"),
        ("cycle --gan hinge", "gan is of the discriminators"),
    ],
)
def test_options_of_a_term_that_is_left_out_are_refused(script, horses, options, message):
    with pytest.raises(ValueError, match=f"^--{message}.*leave it out, or choose --objective full"):
        script.main([*horses, "--dry-run", "--cpu", *NETS, "--objective", *options.split()])


def test_a_run_goes_on_with_the_data_it_began_with(script, horses, label_pairs, tmp_path):
    run = tmp_path / "run"
    assert script.main([*horses, "--out", str(run), "--steps", "1", *QUICK]) == 0
    with pytest.raises(ValueError, match="was trained on two folders"):
        script.main(words("--paired", label_pairs, "--out", run, "--resume", "--cpu"))
    goes_on = ["--out", str(run), "--resume", "--cpu"]
    says = "are not those that .*run began with, or are divided otherwise: give the same folders, in the same order"
    for others in ([*reversed(horses), *goes_on], [*horses, *goes_on, "--val-fraction", "0.6"]):
        with pytest.raises(ValueError, match=says):
            script.main(others)
    assert script.main([*horses, *goes_on, "--steps", "2"]) == 0
    next(Path(horses[0]).glob("*.*")).unlink()
    with pytest.raises(ValueError, match=says):
        script.main([*horses, *goes_on])


def test_cycle_measures(script, load_script, horses, label_pairs, tmp_path, capsys, monkeypatch):
    """evaluate.py cycle: on two folders, and on pairs beside a model that was trained with them."""
    apart = ["--val-fraction", "0.4", "--fit", "stretch"]
    for place, data in (("folders", [*horses, *apart]), ("pairs", words("--paired", label_pairs))):
        assert script.main([*data, "--out", str(tmp_path / place), "--steps", "1", *QUICK]) == 0
    paired = words(label_pairs, "--out", tmp_path / "pix2pix", "--steps", 1, "--cpu", "--workers", 0, "--size", 32)
    assert load_script("pix2pix").main([*paired, "--width", "4", "--patch-width", "4", "--patch", "16"]) == 0
    evaluate = load_script("evaluate")
    common = ["--features", "none", "--device", "cpu", "--pictures", "2"]
    on_folders = words("cycle", tmp_path / "folders" / "model", "--folders", *horses, "--out", tmp_path / "a", *common)
    task, seen = evaluate.cycle_task, []
    whole = task.unpaired_folders
    monkeypatch.setattr(task, "unpaired_folders", lambda *a, **k: seen.append(a[4]) or whole(*a, **k))
    capsys.readouterr()
    assert evaluate.main(on_folders) == 0  # on photos that training kept apart, fitted as there
    assert (seen[0].val_fraction, seen[0].fit, seen[0].flip) == (0.4, "stretch", 0.0)
    assert "note:" not in capsys.readouterr().err
    assert evaluate.main([*on_folders, "--val-fraction", "0.3"]) == 0 and seen[1].val_fraction == 0.3
    assert "note: horses2zebras was trained with --val-fraction 0.4, and not 0.3\n" in capsys.readouterr().err
    table = json.loads((tmp_path / "a" / "scores.json").read_text())["scores"]
    assert {"AtoB: cycle error", "BtoA: cycle error from the picture"} <= table["horses2zebras"].keys()
    # Other photos, other digits.
    told = table["horses2zebras"]["AtoB: cycle error"]["protocol"]
    found = re.match(r"validation photos of horses (\w{8}) and zebras (\w{8}) at 32 px, fit stretch, AtoB; \d ", told)
    assert evaluate.main([*on_folders, "--val-fraction", "0.9"]) == 0
    table = json.loads((tmp_path / "a" / "scores.json").read_text())["scores"]
    assert found and found[2] not in table["horses2zebras"]["AtoB: cycle error"]["protocol"]
    on_pairs = words("cycle", tmp_path / "pairs" / "model", tmp_path / "pix2pix" / "model", "--paired", label_pairs)
    assert evaluate.main([*on_pairs, "--out", str(tmp_path / "b"), *common]) == 0
    table = json.loads((tmp_path / "b" / "scores.json").read_text())["scores"]
    both_ways, one_way = table["labels2photo"].keys(), table["houses"].keys()
    assert {"labels to photo: error", "photo to labels: class IoU", "labels to photo: cycle agreement"} <= both_ways
    assert one_way == {"labels to photo: error"} and (tmp_path / "b" / "report.html").stat().st_size > 5000
    more = words("--paired", label_pairs, "--val-fraction", 0.5, "--name", "half", "--out", tmp_path / "half")
    assert script.main([*more, "--steps", "1", *QUICK]) == 0
    with pytest.raises(ValueError, match=r"half was trained on other pairs \(--val-fraction 0.5\) than .*: measure"):
        evaluate.main([*on_pairs[:2], *words(tmp_path / "half" / "model", *on_pairs[2:], *common)])
    more = words("--paired", label_pairs, "--fit", "stretch", "--name", "wide", "--out", tmp_path / "wide")
    assert script.main([*more, "--steps", "1", *QUICK]) == 0
    capsys.readouterr()
    assert evaluate.main([*on_pairs[:2], *words(tmp_path / "wide" / "model", *on_pairs[2:], *common)]) == 0
    assert "note: wide was trained with --fit stretch, and not crop\n" in capsys.readouterr().err
    capsys.readouterr()
    refused = {
        "translates one way only: without pairs": ["--folders", *horses],
        "--val-fraction and --fit are for --folders": ["--paired", str(label_pairs), "--fit", "crop"],
        "--select-a and --select-b choose from": ["--paired", str(label_pairs), "--select-a", "coat=grey"],
        "--segmenter and --a: for --paired": ["--folders", *horses, "--segmenter", "nowhere", "--a", "edges"],
    }
    for message, data in refused.items():
        with pytest.raises(ValueError, match=message):
            evaluate.main(words("cycle", tmp_path / "pix2pix" / "model", *data, *common))


def test_all_that_measures_need_is_looked_at_first(script, load_script, horses, label_pairs, tmp_path, capsys):
    for place, data in (("folders", horses), ("pairs", words("--paired", label_pairs))):
        assert script.main([*data, "--out", str(tmp_path / place), "--steps", "1", *QUICK]) == 0
    large = ["--steps", "1", *QUICK, "--size", "64", "--name", "large"]
    assert script.main([*horses, "--out", str(tmp_path / "large"), *large]) == 0
    both, pairs, other = (tmp_path / name / "model" for name in ("folders", "pairs", "large"))
    evaluate, common = load_script("evaluate"), ["--device", "cpu", "--pictures", "2", "--out", str(tmp_path / "out")]
    capsys.readouterr()
    judged = ["--paired", label_pairs, "--segmenter", "nowhere"]
    for message, asked in {
        "no judge .*nowhere .*: give RUN/model of evaluate.py segmenter": judged,
        "labels2photo is no model of photos at 32 px": [pairs, "--folders", *horses],
        "large is no model of photos at 32 px": [other, "--folders", *horses],
    }.items():
        first = pairs if "--paired" in asked else both
        with pytest.raises(ValueError, match=message):
            evaluate.main(words("cycle", first, *asked, "--features", "none", *common))
    assert "img" not in capsys.readouterr().err  # nothing was measured


def test_one_photo_of_a_side_leaves_realism_out(script, load_script, horses, features, tmp_path, capsys):
    assert script.main([*horses, "--out", str(tmp_path / "run"), "--steps", "1", *QUICK]) == 0
    asked = words("cycle", tmp_path / "run" / "model", "--folders", *horses, "--features", features)
    capsys.readouterr()
    assert load_script("evaluate").main([*asked, *words("--device", "cpu", "--out", tmp_path / "out")]) == 0
    assert "note: one validation photo of " in capsys.readouterr().err
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())["scores"]["horses2zebras"]
    assert "AtoB: cycle error" in scores and not any("kernel" in name for name in scores)


@pytest.mark.slow
def test_twenty_steps_of_every_objective(script, horses, tmp_path):
    for objective in ("full", "cycle", "gan", "gan+forward", "gan+backward"):
        run = tmp_path / objective
        options = ["--generator", "resnet_6", "--width", "4", "--objective", objective, "--steps", "20", "--batch", "1"]
        options += [] if objective == "cycle" else ["--patch-width", "4", "--patch", "16"]
        often = ["--log-every", "1", "--grid-every", "20", "--save-minutes", "1000"]
        assert script.main([*horses, "--out", str(run), *NETS, "--cpu", *often, *options]) == 0
        rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        assert len(rows) == 20 and rows[-1]["rate"] == pytest.approx(0.1), objective
        if objective == "cycle":
            assert rows[-1]["forward_cycle"] < rows[0]["forward_cycle"]
        assert Translator.from_pretrained(run / "model", device="cpu").cycle(Path(horses[0]) / "0.jpg")
