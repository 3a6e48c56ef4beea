"""The edge detector's command from a BSDS500 folder to a model folder, its calibration, and its errors."""

from __future__ import annotations

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
from another_process import held_by_another
from PIL import Image
from safetensors.torch import load_file, save_file
from scipy.io import savemat

from i2i import model_folder
from i2i.edges import EdgeDetector, postprocess
from i2i.nets.edge_net import EdgeNet
from i2i.nets.mobilenet import MobileNetTrunk

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


def test_ctrl_c_while_it_is_measured_loses_nothing(bsds, load_script, tmp_path, monkeypatch, capsys):
    edge_detector, run = load_script("edge_detector"), tmp_path / "run"

    def benchmark(*args):
        with pytest.raises(BlockingIOError), held_by_another(run):
            pass
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(edge_detector, "benchmark", benchmark)
        assert edge_detector.main([str(bsds), "--out", str(run), "--steps", "2", *QUICK]) == 130
    assert "all steps are done, but not what follows them" in capsys.readouterr().err
    assert "not finished" in (run / "model" / "README.md").read_text()
    assert edge_detector.main([str(bsds), "--out", str(run), "--resume", "--cpu"]) == 0
    assert "| one scale |" in (run / "model" / "README.md").read_text()


def test_photos_to_a_detector(bsds, tmp_path):
    run = tmp_path / "run"
    done = script(bsds, "--out", run, "--steps", 2, *QUICK)
    assert done.returncode == 0, done.stderr
    config = json.loads((run / "model" / "config.json").read_text())
    assert config["kind"] == "detector" and config["net"]["widths"] == [4, 8, 8]
    assert config["training"] | {"hours": 0} == {"steps": 2, "images": 4, "crops": 4, "hours": 0}
    for name in ("one scale", "scales 0.5, 1, 1.5"):
        scores = config["metrics"][name]
        assert 0 <= scores["ods"] <= scores["ois"] + 0.05 <= 1.05 and 0 <= scores["ap"] <= 1
        assert f"| {name} | {scores['ods']} |" in (run / "model" / "README.md").read_text()
    assert "2 val photos" in config["metrics"]["protocol"]
    assert [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()] == [1, 2]
    assert [p.name for p in (run / "grids").iterdir()] == ["0000002.png"]
    detector = EdgeDetector(run / "model")
    assert detector.offset == config["calibration"]["offset"]
    soft = detector.detect(np.zeros((50, 70, 3), np.uint8))
    assert soft.shape == (50, 70) and 0 <= soft.min() and soft.max() <= 1
    # The same folder again is not overwritten by accident.
    again = script(bsds, "--out", run, "--steps", 2, *QUICK)
    assert again.returncode == 2 and "--resume" in again.stderr


def test_all_photos_from_a_trained_start(bsds, tmp_path):
    # What ships: the weights of a measured run go on with the photos that were held out.
    first, second = tmp_path / "first", tmp_path / "second"
    assert script(bsds, "--out", first, "--steps", 1, *QUICK).returncode == 0
    words = ["--held-out", "0", "--init", first / "model", "--steps", 1, "--lr", 1e-12, "--warmup", 1]
    done = script(bsds, "--out", second, *QUICK, *words, "--calibrate", bsds / "images", "--ink", 0.01)
    assert done.returncode == 0, done.stderr
    config = json.loads((second / "model" / "config.json").read_text())
    assert config["training"]["images"] == 6 and "one scale" not in config["metrics"]
    assert "sets of 6 photos" in config["calibration"]["how"]
    weights = [load_file(run / "model" / "model.safetensors")["fuse.weight"] for run in (first, second)]
    assert torch.equal(*weights)  # at this rate a step changes nothing: they came from the first run


def imagenet(path: Path) -> Path:
    """A file as MobileNet v1's weights come, with random ones."""
    torch.manual_seed(0)
    tensors = {}
    for name, module in MobileNetTrunk((11,)).named_modules():
        if isinstance(module, torch.nn.Conv2d):
            tensors[f"{name}.weight"] = module.weight.detach().clone()
            norm = name.removesuffix("conv") + "bn"
            ones, zeros = torch.ones(len(module.weight)), torch.zeros(len(module.weight))
            tensors |= {f"{norm}.weight": ones, f"{norm}.running_var": ones.clone()}
            tensors |= {f"{norm}.bias": zeros, f"{norm}.running_mean": zeros.clone()}
    save_file(tensors, path)
    return path


def test_a_teacher_and_its_pupil(bsds, tmp_path):
    quick = ["--crop", 64, "--batch", 2, "--workers", 0, "--held-out", 2, "--cpu", "--steps", 1, "--log-every", 1]
    teacher, pupil = tmp_path / "teacher", tmp_path / "pupil"
    trunk = ["--trunk", "mobilenet_v1", "--trunk-weights", imagenet(tmp_path / "imagenet.safetensors")]
    done = script(bsds, "--out", teacher, *quick, *trunk)
    assert done.returncode == 0, done.stderr
    config = json.loads((teacher / "model" / "config.json").read_text())
    assert config["net"] == {"trunk": "mobilenet_v1"} and "MobileNet v1" in config["training"]["trunk"]
    readme = (teacher / "model" / "README.md").read_text()
    assert "on a trunk that ImageNet taught" in readme and "--trunk-weights IMAGENET.safetensors" in readme
    # The pupil learns from the teacher's maps of six labelled and of three other photos.
    photos = tmp_path / "photos"
    photos.mkdir()
    for k in range(5):
        Image.fromarray(np.full((80, 70, 3), 50 * k, np.uint8)).save(photos / f"{k}.png")
    words = ["--teacher", teacher / "model", "--unlabelled", photos, "--each", 3]
    done = script(bsds, "--out", pupil, *quick, *TINY, *words)
    assert done.returncode == 0, done.stderr
    assert "taught" in (pupil / "log.jsonl").read_text()
    maps = sorted(Image.open(path).size for path in (pupil / "teacher").iterdir())
    assert maps == [(128, 96)] * 4 + [(256, 256)] * 3
    config = json.loads((pupil / "model" / "config.json").read_text())
    assert config["training"]["unlabelled"] == 3 and "ODS" in config["training"]["teacher"]
    readme = (pupil / "model" / "README.md").read_text()
    assert "3 unlabelled photos" in readme and "--teacher TEACHER --unlabelled PHOTOS --each 3" in readme


def test_a_teacher_that_is_no_detector_is_refused_before_anything_is_written(load_script, bsds, tmp_path):
    command = [str(bsds), "--out", str(tmp_path / "run"), "--cpu", "--held-out", "2", "--teacher", "edges2cats"]
    with pytest.raises(ValueError, match="is a translator of method styled, not an edge detector"):
        load_script("edge_detector").main(command)
    assert not (tmp_path / "run").exists()


def test_maps_are_means_over_the_photo_and_its_mirror_image(load_script, tmp_path):
    module = load_script("teacher")
    photo = np.random.default_rng(0).integers(0, 255, (40, 56, 3), dtype=np.uint8)
    maps = module.teacher_maps("edges", [photo], tmp_path, (1.0,), torch.device("cpu"))
    mirrored = module.teacher_maps("edges", [photo[:, ::-1]], tmp_path / "other", (1.0,), torch.device("cpu"))
    assert np.abs(maps[0].astype(int) - mirrored[0][:, ::-1]).max() <= 1
    detector = EdgeDetector("edges")
    detector.slope, detector.offset = 1.0, 0.0  # uncalibrated
    both = [detector.detect(photo), detector.detect(np.ascontiguousarray(photo[:, ::-1]))[:, ::-1]]
    assert np.abs(maps[0] - 255 * np.mean(both, 0)).max() <= 1
    assert 255 * np.abs(both[0] - both[1]).max() > 4  # the mean is neither of the two
    # What is there is not drawn again.
    (kept,) = tmp_path.glob("*.png")
    Image.fromarray(np.zeros((40, 56), np.uint8)).save(kept)
    again = module.teacher_maps("edges", [photo, 255 - photo], tmp_path, (1.0,), torch.device("cpu"))
    assert again[0].max() == 0 < again[1].max()
    # Another teacher, and other scales, draw their own.
    assert module.teacher_maps("edges", [photo], tmp_path, (0.5, 1.0), torch.device("cpu"))[0].max() > 0
    other = shutil.copytree(model_folder.resolve("edges"), tmp_path / "other teacher")
    weights = {k: v * 0.5 for k, v in load_file(other / "model.safetensors").items()}
    save_file(weights, other / "model.safetensors")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"sha256": model_folder.weights_digest(other)}))
    drawn = module.teacher_maps(str(other), [photo], tmp_path, (1.0,), torch.device("cpu"))[0]
    assert drawn.max() > 0 and (drawn != maps[0]).any()


def test_a_run_that_was_stopped_goes_on(bsds, tmp_path):
    run = tmp_path / "run"
    stopped = script(bsds, "--out", run, "--steps", 3, "--minutes", 1e-9, *QUICK)
    assert stopped.returncode == 0 and "stopped (time) after 1 steps" in stopped.stdout, stopped.stderr
    assert "not finished" in (run / "model" / "README.md").read_text()
    # Architecture, steps, crop and held-out photos come back from the run; the time limit does not.
    done = script(bsds, "--out", run, "--resume", "--cpu")
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "model" / "config.json").read_text())["training"]["steps"] == 3
    # The card tells the options of both calls, less those of this machine.
    told = f"BSDS --out RUN --held-out 2 --crop 64 {' '.join(TINY)} --steps 3 --batch 2 --log-every 1`"
    assert told in (run / "model" / "README.md").read_text()
    assert [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()] == [1, 2, 3]


def test_init_brings_its_shape_and_narrow_heads_are_trained_in_float32(bsds, tmp_path):
    net = {"widths": (8, 16, 16, 16), "blocks": (1, 1, 1, 1), "head_widths": (16, 24, 32, 32)}
    about = {"kind": "detector", "method": "hed", "name": "narrow", "net": net}
    model_folder.save(tmp_path / "narrow", about, EdgeNet(**net), "# narrow\n")
    init = ("--init", tmp_path / "narrow")
    done = script(bsds, "--out", tmp_path / "run", "--dry-run", "--held-out", 2, *init, "--cpu")
    assert done.returncode == 0, done.stderr
    assert "widths: (8, 16, 16, 16)" in done.stdout and "head_widths: (16, 24, 32, 32)" in done.stdout
    assert "mixed_precision: no" in done.stdout


def test_dry_run_prints_and_writes_nothing(bsds, tmp_path):
    done = script(bsds, "--out", tmp_path / "run", "--dry-run", "--held-out", 2)
    assert done.returncode == 0, done.stderr
    for line in ("lr: 0.003", "steps: 11000", "photos: 4", "held out: 2", "widths: (24, 48, 96, 96)"):
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
        (["--held-out", "0"], "give folders of photos with --calibrate"),
        (["--held-out", "2", "--side-weights", "1", "1"], "each of the 4 heads"),
        (["--held-out", "2", "--unlabelled", "photos"], "give one with --teacher"),
        (["--held-out", "2", "--shapes", "1.5"], "--shapes must be from 0 to 1, got 1.5"),
        (["--held-out", "2", "--each", "5"], "--each does nothing without --unlabelled"),
        (["--held-out", "2", "--teacher", "t", "--unlabelled", "p", "--each", "0"], "--each must be at least 1, got 0"),
        (["--held-out", "2", "--lambda-taught", "2"], "--lambda-taught does nothing without --teacher"),
        (["--held-out", "2", "--lambda-exact", "2"], "--lambda-exact does nothing without --shapes"),
        (["--held-out", "2", "--norms", "frozen"], "--norms frozen does nothing without --init"),
        (["--held-out", "2", "--crop", "0"], "--crop must be at least 32 pixels, got 0"),
        (["--held-out", "2", "--ink", "0.02"], "--ink does nothing without --calibrate"),
        (["--held-out", "2", "--ink", "-1", "--calibrate", "p"], "--ink is a share between 0 and 1, got -1"),
        (["--held-out", "2", "--norms", "none"], "unknown norms 'none': use one of batch, frozen"),
        (["--held-out", "2", "--trunk-lr", "1e-3"], "--trunk-lr does nothing without --trunk mobilenet_v1"),
        (["--held-out", "2", "--trunk", "mobilenet_v1"], "give both, or neither"),
        (["--held-out", "2", "--trunk-weights", "file"], "give both, or neither"),
    ],
)
def test_options_that_cannot_be(load_script, bsds, tmp_path, words, message):
    with pytest.raises(ValueError, match=message):
        load_script("edge_detector").main([str(bsds), "--out", str(tmp_path / "run"), "--cpu", *words])
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_with_its_own_photos(load_script, bsds, tmp_path):
    main, run, own = load_script("edge_detector").main, ["--out", str(tmp_path / "run")], tmp_path / "own"
    shutil.copytree(bsds, own)
    assert main([str(own), *run, "--steps", "2", "--minutes", "1e-9", *QUICK]) == 0
    add_pair(own, "train", "9", 96, 128)
    with pytest.raises(ValueError, match="the photos of .*own are not those that .*run began with"):
        main([str(own), *run, "--resume", "--cpu"])
    with pytest.raises(ValueError, match="lies inside"):
        main([str(own), "--out", str(own / "images" / "run"), *QUICK])


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
    folder = bsds / "mosaics"
    folder.mkdir()
    Image.fromarray(cv2.resize(coarse, (256, 256), interpolation=cv2.INTER_CUBIC)).save(folder / "mosaic.png")
    sets = module.calibration_photos([folder])
    maps = module.soft_maps(detector, sets[0])
    found = {}
    for share in (0.01, 0.03):
        found[share] = module.ink_offset([maps], share)
        assert abs(np.mean(postprocess(module.shifted(maps[0], found[share])) == 0) - share) < 0.004
    assert found[0.01] < found[0.03]
    # Several folders count the same, however many photos each holds.
    blank = [np.zeros((256, 256), np.float32)] * 5
    assert module.ink_offset([maps, blank], 0.01) > module.ink_offset([maps], 0.01)
    calibration = module.calibrate(detector, sets, 0.01, None)
    assert calibration["offset"] == found[0.01] and "1 sets of 1 photos" in calibration["how"]


def test_without_photos_the_best_threshold_becomes_ink(load_script):
    module = load_script("edge_detector")
    offset = module.calibrate(None, [], 0.02, 0.6)["offset"]
    assert module.shifted(np.float32([[0.6]]), offset) == pytest.approx(25 / 255, abs=2e-3)
