"""The maker's command from a folder of pictures to a model folder that samples, and what it says to bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from i2i import Translator, model_folder
from i2i.methods.styled import StyledConfig

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--size", "64", "--style", "8", "--latent", "4", "--widths", "8", "8", "8", "--batch", "2", "--workers", "0"]
QUICK = [*TINY, "--features", "none", "--measure-features", "none", "--cpu", "--grid-every", "2", "--log-every", "1"]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def script(name: str, *words: object, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    command = [sys.executable, *launcher, str(ROOT / "train" / name), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300, cwd=ROOT)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_photos(folder: Path, count: int = 8) -> Path:
    """Pictures of coloured shapes that do not resemble each other."""
    (folder / "nested").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = rng.integers(0, 255, (4, 4, 3), dtype=np.uint8)
        page = cv2.resize(coarse, (200 + 10 * i, 180), interpolation=cv2.INTER_NEAREST)
        cv2.circle(page, (90, 90), 30 + 4 * i, tuple(map(int, rng.integers(0, 255, 3))), -1)
        target = folder / ("nested" if i % 2 else ".") / f"photo {i}.jpg"
        Image.fromarray(page).save(target, quality=92)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return make_photos(tmp_path_factory.mktemp("photos") / "shapes")


def test_photos_to_a_model_that_samples(photos, tmp_path, cat_drawing):
    (tmp_path / "broken").mkdir()
    source = tmp_path / "source"
    make_photos(source)
    (source / "broken.jpg").write_bytes(b"not a picture")
    (source / "twin.jpg").write_bytes((source / "photo 0.jpg").read_bytes())
    run = tmp_path / "run"
    done = script("edges2photo.py", source, "--out", run, "--steps", 3, "--name", "shapes", *QUICK)
    assert done.returncode == 0, done.stderr
    assert "1 unreadable" in done.stderr and "1 duplicate" in done.stderr
    fitted = re.search(r"fitted to \d+ styles: energy distance (\S+), then (\S+)", done.stderr)
    assert float(fitted[2]) < float(fitted[1])
    assert (run / "data" / "contact_sheet.jpg").exists() and (run / "curves.png").exists()
    assert [p.name for p in sorted((run / "grids").iterdir())] == ["0000002.png", "0000003.png"]
    config = json.loads((run / "model" / "config.json").read_text())
    assert config["name"] == "shapes" and config["training"]["steps"] == 3
    assert 0 <= config["metrics"]["edge_precision"] <= 1 and "no feature network" in config["metrics"]["protocol"]
    assert len(set(config["first_seeds"])) == 4 and len(config["passed_over"]) <= 32
    assert set(config["first_seeds"]).isdisjoint(config["passed_over"])
    assert 23 <= len(config["next_seeds"]) <= 31
    assert set(config["next_seeds"]).isdisjoint(config["first_seeds"] + config["passed_over"])
    assert (run / "model" / "examples" / "samples.jpg").exists()
    assert "edge_recall" in (run / "model" / "README.md").read_text()
    translator = Translator.from_pretrained(run / "model", device="cpu")
    assert len(translator.sample(cat_drawing, n=2)) == 2
    # The same folder again is not overwritten by accident.
    again = script("edges2photo.py", source, "--out", run, "--steps", 3, *QUICK)
    assert again.returncode == 2 and "--resume" in again.stderr


def test_ctrl_c_leaves_a_run_that_resumes(photos, tmp_path):
    run = tmp_path / "run"
    words = [photos, "--out", run, *QUICK]
    command = [sys.executable, str(ROOT / "train" / "edges2photo.py"), *map(str, words), "--steps", "100000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
    deadline = time.monotonic() + 120
    while not (run / "grids").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "interrupted" in errors and "--resume" in errors
    assert errors.count("stopping after this step") == 1
    assert "samples.jpg" not in (run / "model" / "README.md").read_text()  # which is made when the run is done
    stopped = json.loads((run / "model" / "config.json").read_text())["training"]["steps"]
    assert 2 <= stopped < 100000
    # Nothing but the folder has to be said again: configuration and options come from the state.
    done = script("edges2photo.py", photos, "--out", run, "--resume", "--steps", stopped + 2, "--cpu")
    assert done.returncode == 0, done.stderr
    assert json.loads((run / "model" / "config.json").read_text())["training"]["steps"] == stopped + 2
    assert "](examples/samples.jpg)" in (run / "model" / "README.md").read_text()


def test_two_processes_train_one_model(photos, tmp_path):
    # What accelerate starts on several GPUs; on the CPU its own launcher would need MPI.
    launcher = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(free_port()))
    run = tmp_path / "run"
    done = script("edges2photo.py", photos, "--out", run, "--steps", 3, *QUICK, launcher=launcher)
    assert done.returncode == 0, done.stderr[-3000:]
    training = json.loads((run / "model" / "config.json").read_text())["training"]
    assert training["batch"] == 4 and training["mixed_precision"] == "no"
    assert sorted(p.name for p in (run / "state").glob("random_*.pt")) == ["random_0.pt", "random_1.pt"]


def test_ready_pairs_side_by_side(tmp_path):
    source = tmp_path / "pairs"
    source.mkdir()
    for i, path in enumerate(sorted(make_photos(tmp_path / "photos").rglob("*.jpg"))):
        photo = Image.open(path).convert("RGB").resize((128, 128))
        page = np.full((128, 128, 3), 255, np.uint8)
        cv2.circle(page, (64, 64), 20 + 4 * i, (0, 0, 0), 1)
        Image.fromarray(np.hstack([page, np.asarray(photo)])).save(source / f"{i}.png")
    done = script("edges2photo.py", source, "--out", tmp_path / "run", "--steps", 1, *QUICK)
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert config["data"]["drawings"] == "ready pairs"


def test_a_run_starts_from_a_model(load_script, tiny_model_folder, label_pairs, tmp_path):
    """After one step that hardly moves, the weights and their average are the model's; the judges are new."""
    source, run = tmp_path / "pairs", tmp_path / "run"
    source.mkdir()
    for path in (label_pairs / "photo").iterdir():
        page = np.full((64, 64, 3), 255, np.uint8)
        cv2.circle(page, (32, 32), 10 + len(list(source.iterdir())), (0, 0, 0), 1)
        Image.fromarray(np.hstack([page, np.asarray(Image.open(path))])).save(source / path.name)
    # The options that shape the nets come from the model.
    unshaped = " ".join(QUICK).replace("--style 8 --latent 4 --widths 8 8 8", "").split()
    assert len(unshaped) == len(QUICK) - 8
    words = [source, "--out", run, "--init", tiny_model_folder, "--steps", 1, "--lr", 1e-12, "--fit-mapping", 0]
    words += unshaped
    assert load_script("edges2photo").main([*map(str, words)]) == 0
    model = load_file(tiny_model_folder / "model.safetensors")
    begun = load_file(run / "model" / "model.safetensors")
    assert begun.keys() == model.keys() and all(torch.equal(begun[k], v) for k, v in model.items())
    state = load_file(run / "state" / "nets.safetensors")
    assert all(torch.allclose(state[f"nets.{k}"], v.float(), atol=1e-9) for k, v in model.items())
    assert any(name.startswith("nets.patch.") for name in state) and int(state["queue_filled"]) == 2
    config = json.loads((run / "model" / "config.json").read_text())
    assert "--init MODEL" in config["training"]["command"] and config["training"]["steps"] == 1
    # Whose terms go on is told, by a chain of runs too, and by one that goes on.
    origin = model_folder.read_config(tiny_model_folder)
    about = {"name": origin["name"], "weights": origin["sha256"][:8], "data": "random weights", "licence": "none"}
    assert config["training"]["began_with"] == [about]
    third = tmp_path / "third"
    words = ["--init", run / "model", "--steps", 1, "--fit-mapping", 0, "--licence", "CC BY 4.0", *unshaped]
    for more in (words, ["--resume", "--steps", 2, "--cpu"]):
        assert load_script("edges2photo").main([*map(str, [source, "--out", third, *more])]) == 0
    config = json.loads((third / "model" / "config.json").read_text())
    assert [one["name"] for one in config["training"]["began_with"]] == ["pairs", origin["name"]]
    card = (third / "model" / "README.md").read_text()
    assert f"- Began with {origin['name']} (weights {about['weights']}), trained on random weights" in card
    assert card.count("Began with") == 2 and "# until step 1 with --steps 1" in card


def test_dry_run_prints_and_writes_nothing(photos, tmp_path):
    done = script("edges2photo.py", photos, "--out", tmp_path / "run", "--dry-run", "--features", "none", "--cpu")
    assert done.returncode == 0, done.stderr
    assert "lambda_l1: 10.0" in done.stdout and "8 files, taken for photos" in done.stdout
    assert "generator: 2,957,492" in done.stdout
    # What new runs have and the class, which old folders rely on, has not.
    assert "noise: 4" in done.stdout and "lambda_contrast: 3.0" in done.stdout
    assert StyledConfig().noise == StyledConfig().lambda_contrast == 0
    assert "sketchify: 0.8\nmove: 0.8\n" in done.stdout
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words, message",
    [
        (["{nowhere}"], "does not exist"),
        (["{empty}"], "no "),
        (["{photos}", "--size", "100"], "64, 128, 256"),
        (["{photos}", "--batch", "1"], "at least 2"),
        (["{photos}", "--resume"], "nothing to resume"),
        (["{photos}", "--out", "{photos}/run"], "lies inside"),
        (["{photos}", "--features", "{nowhere}"], "do not exist"),
        (["{photos}", "--init", "no-such-model"], "no-such-model"),
        (["{photos}", "--init", "edges2cats", "--style", "8"], "another architecture: generator.levels.0.conv1.scale"),
        (["{photos}", "--detector", "{empty}"], "config.json"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(photos, tmp_path, words, message):
    places = {"nowhere": tmp_path / "nowhere", "empty": tmp_path / "empty", "photos": photos}
    places["empty"].mkdir()
    given = [w.format(**places) for w in words]
    options = [] if "--features" in given else ["--features", "none"]
    done = script("edges2photo.py", "--out", tmp_path / "run", "--cpu", "--steps", "1", *options, *given)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("words", "shown"), [((), "no"), (("--mixed-precision", "bf16"), "bf16")])
def test_the_plan_tells_the_precision_that_was_decided(photos, tmp_path, words, shown):
    """Of 64 pixels: float32, unless something else is asked for."""
    done = script("edges2photo.py", photos, "--out", tmp_path / "run", "--dry-run", *QUICK, *words)
    assert done.returncode == 0, done.stderr
    assert f"mixed_precision: {shown}\n" in done.stdout


def test_the_help_names_the_scripts_own_default(load_script, capsys):
    with pytest.raises(SystemExit):
        load_script("edges2photo").main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "must be decided before the run begins. (default: auto)" in text


def test_a_run_of_a_version_without_views_goes_on_without(photos, tmp_path):
    run = tmp_path / "run"
    done = script("edges2photo.py", photos, "--out", run, "--steps", 2, *QUICK)
    assert done.returncode == 0, done.stderr
    file = run / "state" / "meta.pt"
    meta = torch.load(file, weights_only=True)
    for name in ("style_views", "augment", "fit_mapping"):
        del meta["recipe"]["config"][name]
    torch.save(meta, file)
    plan = script("edges2photo.py", photos, "--out", run, "--resume", "--dry-run", "--cpu")
    assert plan.returncode == 0, plan.stderr
    for line in ("style_views: 0.0", "augment: 0.0", "fit_mapping: 0"):
        assert f"  {line}\n" in plan.stdout
