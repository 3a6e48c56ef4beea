"""The edge detector's command from a BSDS500 folder to a model folder, its calibration, and its errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from i2i.edges import EdgeDetector, postprocess

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--widths", "4", "8", "8", "--blocks", "1", "1", "1", "--head-widths", "4", "4", "4"]
TINY += ["--side-weights", "0.5", "0.7", "0.7"]
QUICK = [*TINY, "--crop", "64", "--batch", "2", "--workers", "0", "--held-out", "2", "--cpu", "--log-every", "1"]


def script(*words: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "train" / "edge_detector.py"), *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, cwd=ROOT)


def add_pair(root: Path, split: str, name: str, height: int, width: int) -> None:
    """A photo of a disc and what two annotators would have drawn."""
    for kind in ("images", "groundTruth"):
        (root / kind / split).mkdir(parents=True, exist_ok=True)
    photo, outline = np.full((height, width, 3), 60, np.uint8), np.zeros((height, width), np.uint8)
    centre, radius = (width // 2 + 3 * int(name), height // 2), height // 4
    cv2.circle(photo, centre, radius, (230, 200, 40 * int(name)), -1)
    cv2.circle(outline, centre, radius, 1, 1)
    Image.fromarray(photo).save(root / "images" / split / f"{name}.jpg")
    cells = np.empty((1, 2), object)
    cells[0, 0] = cells[0, 1] = {"Boundaries": outline}
    savemat(root / "groundTruth" / split / f"{name}.mat", {"groundTruth": cells})


@pytest.fixture(scope="module")
def bsds(tmp_path_factory) -> Path:
    """Four small training photos, and two for validation that hold the 256 pixels that are measured."""
    root = tmp_path_factory.mktemp("bsds")
    for i in range(4):
        add_pair(root, "train", str(i), 96, 128)
    for i in range(2):
        add_pair(root, "val", str(i), 264, 280)
    return root


def test_photos_to_a_detector(bsds, tmp_path):
    run = tmp_path / "run"
    done = script(bsds, "--out", run, "--steps", 2, *QUICK)
    assert done.returncode == 0, done.stderr
    config = json.loads((run / "model" / "config.json").read_text())
    assert config["kind"] == "detector" and config["net"]["widths"] == [4, 8, 8]
    assert config["training"]["steps"] == 2 and config["data"]["images"] == 4
    assert -6 <= config["calibration"]["offset"] <= 2 and "held-out" in config["calibration"]["how"]
    assert 0 <= config["metrics"]["f1"] <= 1 and "2 held-out BSDS500 val photos" in config["metrics"]["protocol"]
    assert f"F1 {config['metrics']['f1']}" in (run / "model" / "README.md").read_text()
    assert [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()] == [1, 2]
    assert [p.name for p in (run / "grids").iterdir()] == ["0000002.png"]
    detector = EdgeDetector(run / "model")
    assert detector.offset == config["calibration"]["offset"]
    soft = detector.detect(np.zeros((50, 70, 3), np.uint8))
    assert soft.shape == (50, 70) and 0 <= soft.min() and soft.max() <= 1
    # The same folder again is not overwritten by accident.
    again = script(bsds, "--out", run, "--steps", 2, *QUICK)
    assert again.returncode == 2 and "--resume" in again.stderr


def test_a_run_that_was_stopped_goes_on(bsds, tmp_path):
    run = tmp_path / "run"
    stopped = script(bsds, "--out", run, "--steps", 3, "--minutes", 1e-9, *QUICK)
    assert stopped.returncode == 0 and "stopped (time) after 1 steps" in stopped.stdout, stopped.stderr
    assert "not finished" in (run / "model" / "README.md").read_text()
    done = script(bsds, "--out", run, "--steps", 3, "--resume", *QUICK)
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "model" / "config.json").read_text())["training"]["steps"] == 3
    assert [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()] == [1, 2, 3]


def test_dry_run_prints_and_writes_nothing(bsds, tmp_path):
    done = script(bsds, "--out", tmp_path / "run", "--dry-run", "--held-out", 2)
    assert done.returncode == 0, done.stderr
    for line in ("lr: 0.003", "steps: 6000", "photos: 4", "held out: 2", "widths: (16, 32, 64, 96, 96)"):
        assert line in done.stdout
    assert "edges: " in done.stdout and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["{empty}"], "give the folder of BSDS500"),
        (["{bsds}", "--held-out", "2", "--resume"], "nothing to resume"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(bsds, tmp_path, words, message):
    (tmp_path / "empty").mkdir()
    words = [w.format(bsds=bsds, empty=tmp_path / "empty") for w in words]
    done = script(*words, "--out", tmp_path / "run", "--cpu", "--steps", "1", "--crop", "64", "--workers", "0")
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["--held-out", "6"], "--held-out.* got 6"),
        (["--held-out", "1"], "--held-out.* got 1"),
        (["--held-out", "2", "--side-weights", "1", "1"], "each of the 5 widths"),
    ],
)
def test_options_that_cannot_be(load_script, bsds, tmp_path, words, message):
    with pytest.raises(ValueError, match=message):
        load_script("edge_detector").main([str(bsds), "--out", str(tmp_path / "run"), "--cpu", *words])
    assert not (tmp_path / "run").exists()


def test_shifted_adds_to_the_logits(load_script):
    shifted = load_script("edge_detector").shifted
    soft = np.array([[0.0, 0.1, 0.5, 0.9, 1.0]], np.float32)
    moved = shifted(soft, 1.5)
    assert moved.dtype == np.float32 and moved.min() >= 0 and moved.max() <= 1
    logits = np.log(soft[:, 1:4] / (1 - soft[:, 1:4]))
    np.testing.assert_allclose(moved[:, 1:4], 1 / (1 + np.exp(-logits - 1.5)), rtol=1e-5)
    np.testing.assert_allclose(shifted(moved, -1.5)[:, 1:4], soft[:, 1:4], rtol=1e-4)


def test_ink_can_be_calibrated_on_photos(load_script, bsds):
    module = load_script("edge_detector")
    detector = EdgeDetector("edges")
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)
    photo = bsds / "mosaic.png"
    Image.fromarray(cv2.resize(coarse, (256, 256), interpolation=cv2.INTER_CUBIC)).save(photo)
    soft = detector.detect(photo)
    found = {}
    for share in (0.01, 0.03):
        found[share] = module.ink_offset(detector, [photo], share)
        ink = np.mean(postprocess(module.shifted(soft, found[share])) == 0)
        assert abs(ink - share) < 0.004
    assert found[0.01] < found[0.03]


def test_agreement_with_people_is_measured_at_the_offset(load_script):
    module = load_script("edge_detector")
    truth, soft = np.full((256, 256), 255, np.uint8), np.zeros((256, 256), np.float32)
    cv2.line(truth, (30, 100), (220, 100), 0, 1)
    soft[99:102, 30:221] = np.float32([[0.02], [0.03], [0.02]])  # too faint for ink until it is shifted
    assert module.measure([(soft, truth)], 0.0) == {"f1": 0.0, "precision": 0.0, "recall": 0.0}
    assert module.measure([(soft, truth)], 2.0)["f1"] > 0.95
