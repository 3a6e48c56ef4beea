"""The tasks of evaluate.py on tiny models: tables, JSON with protocols, a page; and the judge that it trains."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from i2i import ModelFolderError, model_folder
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.methods import pix2pix
from i2i.metrics.photos import PhotoMeasures
from i2i.metrics.segmentation import Judge, load_judge
from i2i.palette import Palette

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def evaluate(load_script):
    return load_script("evaluate")


def words(*values) -> list[str]:
    return [str(v) for v in values]


def results(folder: Path) -> tuple[dict, str]:
    found = json.loads((folder / "scores.json").read_text())
    for scores in found["scores"].values():
        assert all(score["protocol"] for score in scores.values())
    return found["scores"], (folder / "report.html").read_text()


@pytest.fixture(scope="module")
def outlines(tmp_path_factory) -> Path:
    """Pairs drawing|photo, 64 pixels a side, in train/ and val/."""
    root = tmp_path_factory.mktemp("pairs") / "discs"
    rng = np.random.default_rng(0)
    for split, count in (("train", 1), ("val", 4)):
        (root / split).mkdir(parents=True)
        for i in range(count):
            drawing, photo = np.full((64, 64, 3), 255, np.uint8), np.full((64, 64, 3), 255, np.uint8)
            photo[:] = rng.integers(0, 255, 3)
            cv2.circle(drawing, (30 + i, 32), 12 + 2 * i, (0, 0, 0), 1)
            cv2.circle(photo, (30 + i, 32), 12 + 2 * i, tuple(map(int, rng.integers(0, 255, 3))), -1)
            Image.fromarray(np.hstack([drawing, photo])).save(root / split / f"{i}.png")
    return root


def classic(folder: Path, pairs: PairedDataset) -> Path:
    """A pix2pix model of random weights for these pairs."""
    config = pix2pix.Pix2PixConfig(32, pairs.inputs, pairs.outputs, "unet_32", width=4)
    torch.manual_seed(0)
    described = {
        "kind": "translator", "method": "pix2pix", "name": folder.name, "net": dataclasses.asdict(config),
        "input": pairs.input, "output": pairs.output, "size": 32, "data": {"direction": pairs.config.direction},
    }  # fmt: skip
    model_folder.save(folder, described, pix2pix.serving_nets(config), "# random\n")
    return folder


def test_photos_of_two_models_side_by_side(evaluate, tiny_model_folder, outlines, tmp_path, capsys, monkeypatch):
    other = classic(tmp_path / "classic", PairedDataset(outlines, "val", 32))
    sketches = tmp_path / "sketches"
    sketches.mkdir()
    for k in range(2):
        page = np.full((100, 100), 255, np.uint8)
        cv2.circle(page, (50, 50), 20 + 10 * k, 0, 3)
        Image.fromarray(page).save(sketches / f"{k}.png")
    few = words("--coats", 2, "--ways", 1, "--steps", 2, "--samples", 2, "--drawings", 1)
    options = words("--features", "none", "--sketches", sketches, "--out", tmp_path / "out", "--device", "cpu", *few)
    assert evaluate.main(words("photos", tiny_model_folder, other, outlines, *options)) == 0
    scores, text = results(tmp_path / "out")
    assert list(scores) == ["tiny", "classic", "real photos"]
    # 64 pixels are brought down to the 32 of the smaller model.
    assert "at 32 px" in scores["tiny"]["edge recall"]["protocol"]
    assert "two styles / one style" in scores["tiny"] and "two styles / one style" not in scores["classic"]
    assert "people, all: edge recall" in scores["classic"]
    assert text.count("<img") == 4 + 2 and "drawing by a person" in text
    out = capsys.readouterr().out
    # An empty page among the drawings is found before anything is measured.
    Image.fromarray(np.full_like(page, 255)).save(sketches / "2.png")
    monkeypatch.setattr(PhotoMeasures, "model", lambda *a: pytest.fail("measured"))
    with pytest.raises(ValueError, match="0.png is a file, not a folder: choose another --out"):
        evaluate.main(words("photos", other, outlines, *options, "--out", sketches / "0.png"))
    with pytest.raises(ValueError, match="2.png: empty drawing"):
        evaluate.main(words("photos", other, outlines, *options))
    assert "edge precision ↑" in out and "[a] " in out and str(tmp_path / "out" / "report.html") in out


class Colours(torch.nn.Module):
    name = "colours"

    def forward(self, y):
        return [torch.nn.functional.adaptive_avg_pool2d(y, 4)]


def test_photos_with_features(evaluate, tiny_model_folder, outlines, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "features_or_none", lambda source, use: Colours())
    options = words("--coats", 0, "--samples", 2, "--drawings", 1, "--detector", "none", "--out", tmp_path / "out")
    assert evaluate.main(words("styled", tiny_model_folder, outlines, *options)) == 0
    scores, text = results(tmp_path / "out")
    assert scores["tiny"].keys() == {
        "kernel distance", "one style: kernel distance", "diversity", "diversity, share of the photos'",
        "diversity of equal seeds",
    }  # fmt: skip
    share = scores["tiny"]["diversity"]["value"] / scores["real photos"]["diversity"]["value"]
    assert scores["tiny"]["diversity, share of the photos'"]["value"] == pytest.approx(share, rel=1e-4)
    assert scores["tiny"]["diversity of equal seeds"]["value"] == 0 and "<circle" in text
    assert "features colours" in scores["tiny"]["diversity"]["protocol"]


def test_photos_that_are_alike(evaluate, tiny_model_folder, outlines, tmp_path, monkeypatch, capsys):
    """Their diversity is 0, and nothing is a share of it."""
    (tmp_path / "pairs").mkdir()
    for split in ("train", "val"):
        (tmp_path / "pairs" / split).mkdir()
        for i in range(4):
            shutil.copy(outlines / "val" / "0.png", tmp_path / "pairs" / split / f"{i}.png")
    monkeypatch.setattr(evaluate, "features_or_none", lambda source, use: Colours())
    options = words("--coats", 0, "--samples", 2, "--drawings", 1, "--detector", "none", "--out", tmp_path / "out")
    assert evaluate.main(words("photos", tiny_model_folder, tmp_path / "pairs", *options)) == 0
    scores, text = results(tmp_path / "out")
    assert scores["real photos"]["diversity"]["value"] == 0
    assert "diversity" in scores["tiny"] and "diversity, share of the photos'" not in scores["tiny"]
    for told in (capsys.readouterr().err, text):
        assert "real photos are alike" in told


def test_photos_says_what_is_left_out(evaluate, tiny_model_folder, outlines, label_pairs, tmp_path, capsys):
    out = tmp_path / "out"
    nothing = words("--features", "none", "--detector", "none", "--out", out, "--device", "cpu")
    with pytest.raises(
        ValueError, match=r"no score can be made \(no feature .*; no edge detector.*\): give .*--features"
    ):
        evaluate.main(words("photos", tiny_model_folder, outlines, *nothing, "--coats", 0))
    labels = classic(tmp_path / "labels", PairedDataset(label_pairs, "val", 32, PairedConfig(direction="AtoB")))
    with pytest.raises(ValueError, match="answer with label maps, which are no photos: use the task labels"):
        evaluate.main(words("photos", labels, label_pairs, *nothing))
    assert not out.exists()
    few = words("--coats", 2, "--ways", 0, "--samples", 2, "--drawings", 1, "--pictures", 2)
    assert evaluate.main(words("photos", tiny_model_folder, outlines, *nothing, *few)) == 0
    scores, text = results(out)
    assert "two styles / one style" in scores["tiny"] and scores["real photos"] == {}
    for told in (capsys.readouterr().err, text):
        assert "no feature network: realism and diversity" in told and "no edge detector: faithfulness" in told


@pytest.mark.parametrize("annotators", [1, 2])
def test_edges(evaluate, tmp_path, annotators):
    for kind in ("images", "groundTruth"):
        (tmp_path / "bsds" / kind / "val").mkdir(parents=True)
    photo, outline = np.full((96, 128, 3), 40, np.uint8), np.zeros((96, 128), np.uint8)
    cv2.rectangle(photo, (30, 30), (90, 70), (230, 220, 200), -1)
    cv2.rectangle(outline, (30, 30), (90, 70), 1, 1)
    Image.fromarray(photo).save(tmp_path / "bsds/images/val/1.jpg", quality=95)
    cells = np.empty((1, annotators), object)
    cells[0, :] = [{"Boundaries": outline} for _ in range(annotators)]
    savemat(tmp_path / "bsds/groundTruth/val/1.mat", {"groundTruth": cells})
    out = tmp_path / "out"
    arguments = words("edges", "edges", tmp_path / "bsds", "--scales", 0.5, 1, "--out", out, "--device", "cpu")
    assert evaluate.main(arguments) == 0
    scores, text = results(out)
    (found,) = scores.values()
    assert found["ODS"]["value"] > 0.8 and found.keys() - {"F of single annotators"} == {"ODS", "OIS", "AP"}
    # One annotator alone cannot be held against others.
    alone = found.get("F of single annotators", {})
    assert alone.get("value") == (None if annotators == 1 else 1.0) and "better" not in alone
    assert "1 photos at full size, scales 0.5 1" in found["AP"]["protocol"] and "<svg" in text


@pytest.fixture(scope="module")
def judge(label_pairs, tmp_path_factory) -> Path:
    """A segmenter that was trained for a few steps: each class has one colour, which is soon learned."""
    run = tmp_path_factory.mktemp("judge") / "run"
    tiny = ["--size", "64", "--widths", "8", "16", "16", "--batch", "4", "--workers", "0", "--cpu", "--lr", "0.01"]
    command = [sys.executable, str(ROOT / "train" / "evaluate.py"), "segmenter", str(label_pairs), "--out", str(run)]
    command += [*tiny, "--steps", "40", "--warmup", "0", "--ema", "0.8"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return run / "model"


def test_the_judge_knows_real_photos(judge, label_pairs):
    config = json.loads((judge / "config.json").read_text())
    assert config["kind"] == "segmenter" and config["metrics"]["per-pixel accuracy"] > 0.7
    assert str(config["metrics"]["class IoU"]) in (judge / "README.md").read_text()
    palette = Palette.load(label_pairs / "palette.json")
    found = load_judge(str(judge), palette, torch.device("cpu"))
    photo = Image.open(label_pairs / "photo" / "house 0.png")
    assert np.mean(found.see(photo) == palette.classes(Image.open(label_pairs / "labels" / "house 0.png"))) > 0.7
    assert found.see(photo.resize((50, 50))).shape == (64, 64)  # brought to the size that it was trained at
    other = Palette(("a", "b"), ((0, 0, 0), (255, 255, 255)))
    with pytest.raises(ValueError, match="knows the classes ground, .* but the pairs have a, b"):
        load_judge(str(judge), other, torch.device("cpu"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("output"), "does not describe a segmenter: it lacks 'output'; undo the changes"),
        (lambda c: c["net"].update(colour=3), "does not describe a segmenter: .*colour"),
        (lambda c: c.update(net=3), "does not describe a segmenter"),
        (lambda c: c["net"].pop("size"), "size is 64, and that of its net 256"),
        (lambda c: c["net"].update(widths=[-8, 16, 16]), "widths must be at least 1 each, got -8 16 16"),
    ],
)
def test_an_edited_judge_is_told_with_the_fix(judge, label_pairs, tmp_path, change, message):
    folder = shutil.copytree(judge, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match=message):
        load_judge(str(folder), Palette.load(label_pairs / "palette.json"), torch.device("cpu"))


def test_a_resumed_judge_keeps_its_licence(evaluate, label_pairs, tmp_path):
    common = ["segmenter", label_pairs, "--out", tmp_path / "run", "--cpu"]
    tiny = ["--size", 64, "--widths", 8, 16, 16, "--batch", 2, "--workers", 0, "--warmup", 0]
    assert evaluate.main(words(*common, *tiny, "--steps", 1, "--licence", "CC0")) == 0
    assert evaluate.main(words(*common, "--resume", "--steps", 2)) == 0
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert config["data"]["licence"] == "CC0" and config["training"]["steps"] == 2
    fewer = shutil.copytree(label_pairs, tmp_path / "fewer")
    for side in ("photo", "labels"):
        sorted((fewer / side).iterdir())[0].unlink()
    with pytest.raises(ValueError, match="the pairs of .*fewer are not those that .*run began with"):
        evaluate.main(words("segmenter", fewer, *common[2:], "--resume", "--steps", 3))


def test_fcn_score_beside_the_real_photos(evaluate, judge, label_pairs, tmp_path):
    model = classic(tmp_path / "model", PairedDataset(label_pairs, "val", 32))
    out = tmp_path / "out"
    arguments = words("labels", model, label_pairs, "--segmenter", judge, "--split", "train", "--pictures", 3)
    assert evaluate.main([*arguments, "--out", str(out), "--device", "cpu"]) == 0
    scores, text = results(out)
    assert scores["real photos"]["class IoU"]["value"] > scores["model"]["class IoU"]["value"]
    assert "judged at 64 px" in scores["model"]["class IoU"]["protocol"] and "4 of 4 classes" in text
    assert "<svg" in text and "<img" in text


def test_photo_to_labels_needs_no_judge(evaluate, label_pairs, tmp_path):
    model = classic(tmp_path / "model", PairedDataset(label_pairs, "val", 32, PairedConfig(direction="AtoB")))
    out = tmp_path / "out"
    assert evaluate.main(words("labels", model, label_pairs, "--out", out, "--device", "cpu")) == 0
    scores, _ = results(out)
    assert list(scores) == ["model"] and 0 <= scores["model"]["per-pixel accuracy"]["value"] <= 1


@pytest.fixture(scope="module")
def coloured(label_pairs, tmp_path_factory) -> Path:
    """photo|labels side by side, both as pictures, with palette.json: how labels2street has them."""
    root = tmp_path_factory.mktemp("coloured") / "street"
    root.mkdir()
    for path in sorted((label_pairs / "photo").iterdir()):
        both = [np.asarray(Image.open(label_pairs / kind / path.name).convert("RGB")) for kind in ("photo", "labels")]
        Image.fromarray(np.hstack(both)).save(root / path.name)
    (root / "palette.json").write_text((label_pairs / "palette.json").read_text())
    return root


def test_fcn_score_of_a_model_of_coloured_label_maps(evaluate, coloured, tmp_path, monkeypatch):
    photos = PairedConfig(a="photo", b="photo", direction="BtoA")
    model = classic(tmp_path / "model", PairedDataset(coloured, "val", 32, photos))
    colours = torch.tensor([[90, 60, 40], [200, 180, 160], [40, 90, 60], [150, 190, 240]]) / 127.5 - 1
    net = lambda y: -((y[:, None] - colours[None, :, :, None, None]) ** 2).sum(2)  # noqa: E731
    judge = Judge("colours", 64, net, np.arange(4, dtype=np.uint8), 4, torch.device("cpu"))
    monkeypatch.setattr(evaluate, "load_judge", lambda source, palette, device: judge)
    task = words("labels", model, coloured, "--split", "train", "--pictures", 2, "--out", tmp_path / "out")
    with pytest.raises(ValueError, match="say which side of the pairs holds label maps .* --a labels or --b labels"):
        evaluate.main(task)
    assert evaluate.main([*task, "--b", "labels", "--segmenter", "judge"]) == 0
    scores, text = results(tmp_path / "out")
    assert scores["real photos"]["class IoU"]["value"] > 0.95 > 0.6 > scores["model"]["class IoU"]["value"]
    assert "label maps by the nearest of 4 colours, 0.0% of the pixels" in scores["model"]["class IoU"]["protocol"]
    # The other way, the answers are label maps, and need no judge.
    assert evaluate.main([*task, "--b", "labels", "--direction", "AtoB"]) == 0
    scores, _ = results(tmp_path / "out")
    assert list(scores) == ["model"] and 0 <= scores["model"]["per-pixel accuracy"]["value"] <= 1


def test_models_are_measured_on_the_pairs_that_training_kept_apart(evaluate, coloured, tmp_path, capsys):
    trained = PairedConfig(a="photo", b="photo", direction="BtoA")
    folders = []
    for name, share in (("half", 0.5), ("most", 0.9)):
        folders.append(classic(tmp_path / name, PairedDataset(coloured, "val", 32, trained)))
        config = json.loads((folders[-1] / "config.json").read_text())
        config["data"]["val_fraction"] = share
        (folders[-1] / "config.json").write_text(json.dumps(config))
    out = words("--out", tmp_path / "out", "--device", "cpu")
    with pytest.raises(ValueError, match="most was trained on other pairs than half: add --val-fraction 0.5"):
        evaluate.main(words("color", *folders, coloured, *out))
    assert "note" not in capsys.readouterr().err
    assert evaluate.main(words("color", *folders, coloured, *out, "--val-fraction", 0.5)) == 0
    told = capsys.readouterr().err
    assert (
        "note: most was trained with --val-fraction 0.9, and is measured with 0.5" in told and "note: half" not in told
    )


def test_color(evaluate, label_pairs, tmp_path):
    model = classic(tmp_path / "model", PairedDataset(label_pairs, "val", 32))
    out = tmp_path / "out"
    arguments = words("color", model, label_pairs, "--split", "train", "--pictures", 2, "--out", out)
    assert evaluate.main([*arguments, "--device", "cpu"]) == 0
    scores, text = results(out)
    values = [scores["model"][f"histogram intersection, {c}"]["value"] for c in "Lab"]
    assert all(0 <= v < 1 for v in values) and text.count("<svg") == 3
    # What a model computed in belongs to the protocol where it is not float32.
    assert evaluate.main([*arguments, "--device", "cpu", "--dtype", "bfloat16"]) == 0
    for name, score in results(out)[0]["model"].items():
        assert score["protocol"] == scores["model"][name]["protocol"] + "; model in bfloat16"


@pytest.mark.parametrize("task", ["photos", "color"])
def test_unreadable_pictures_are_named_before_anything_is_measured(evaluate, outlines, tmp_path, capsys, task):
    model = classic(tmp_path / "model", PairedDataset(outlines, "val", 32))
    pairs = shutil.copytree(outlines, tmp_path / "pairs")
    for name in ("2.png", "3.png"):
        (pairs / "val" / name).write_bytes(b"x")
    with pytest.raises(ValueError, match="2 of 4 pictures cannot be read: .*2.png: .*3.png"):
        evaluate.main(words(task, model, pairs, "--out", tmp_path / "out", "--device", "cpu"))
    assert "img" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "given, message",
    [
        ("photos {outlines}", "give one or more models and then the folder of pairs"),
        ("photos {tiny} {tiny} {outlines}", "the same model is given twice"),
        ("photos {tiny} {outlines} --size 128", "--size 128 is larger than the answers .*64 pixels"),
        ("photos {tiny} {outlines} --size 31 --features none", "31 pixels are too small to be measured: .* 32 or more"),
        ("photos {tiny} {outlines} --classes cat", "--classes chooses among drawings by people: give .* --sketches"),
        ("photos {tiny} {outlines} --samples 1", "samples must be at least 2"),
        ("photos {tiny} {labels}", "tiny translates edges to photo, but .* photo and labels"),
        ("labels {tiny} {outlines}", "wants label maps on one side"),
        ("color {tiny} {outlines} --pictures 0", "--pictures must be at least 1"),
        ("edges edges {outlines}", "images"),
        ("edges edges {outlines} --workers 0", "--workers must be at least 1, got 0"),
        ("segmenter {outlines}", "holds no label maps but edges and photo"),
    ],
)
def test_bad_input(evaluate, tiny_model_folder, outlines, label_pairs, tmp_path, given, message):
    places = {"tiny": tiny_model_folder, "outlines": outlines, "labels": label_pairs}
    with pytest.raises(ValueError, match=message):
        evaluate.main([w.format(**places) for w in given.split()] + ["--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_segmenter_of_torchvision_by_the_names_of_classes(monkeypatch):
    from torchvision import models

    class Net(torch.nn.Module):
        def forward(self, y):
            """Cat where it is bright, the unknown class almost everywhere."""
            bright = y.mean(1)
            return {"out": torch.stack([torch.full_like(bright, 9.0), bright, -bright], 1)}

    class Weights:
        meta = {"categories": ["__background__", "cat", "Sky"]}

    monkeypatch.setattr(models, "get_model", lambda name, weights: Net())
    monkeypatch.setattr(models, "get_model_weights", lambda name: type("W", (), {"DEFAULT": Weights}))
    palette = Palette(("sky", "tree", "cat"), ((0, 0, 255), (0, 255, 0), (9, 9, 9)))
    judge = load_judge("torchvision:fcn_resnet50", palette, torch.device("cpu"))
    page = np.zeros((520, 520, 3), np.uint8)
    page[:, 260:] = 255
    found = judge.see(Image.fromarray(page))
    assert (found[:, :250] == 0).all() and (found[:, 270:] == 2).all()
    wanted = np.array([[0, 1, 2]], np.uint8)
    assert judge.only_known(wanted).tolist() == [[0, 255, 2]]
    with pytest.raises(ValueError, match="the palette has less than two"):
        load_judge("torchvision:fcn_resnet50", Palette(("a", "cat"), ((0, 0, 0), (1, 1, 1))), torch.device("cpu"))
    with pytest.raises(ValueError, match="no segmentation model 'unet': choose one of"):
        load_judge("torchvision:unet", palette, torch.device("cpu"))
