"""The maker's commands: what they write, what they say, and what they say to bad input."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.pairs import PairDataset
from i2i.palette import Palette

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["--scales", "1", "--max-ink", "0.9", "--min-ink", "0"]
PALETTE = Palette(("sky", "wall"), ((0, 0, 222), (255, 80, 0)))


@pytest.fixture
def prepare(load_script):
    return load_script("prepare").main


@pytest.fixture
def photos(tmp_path):
    """Six photos in two folders, one broken file, one that is no picture."""
    folder = tmp_path / "photos"
    (folder / "nested").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(6):
        page = cv2.resize(rng.integers(0, 255, (3, 3, 3), dtype=np.uint8), (80, 72), interpolation=cv2.INTER_NEAREST)
        cv2.circle(page, (40, 36), 12 + 3 * i, tuple(map(int, rng.integers(0, 255, 3))), -1)
        Image.fromarray(page).save(folder / ("nested" if i % 2 else ".") / f"photo {i}.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("x")
    return folder


def run(prepare, capsys, *words):
    assert prepare([str(word) for word in words]) == 0
    return capsys.readouterr()


def test_edges_makes_pairs_that_training_reads(prepare, capsys, photos, tmp_path):
    said = run(prepare, capsys, "edges", photos, "--out", tmp_path / "out", "--size", 64, "--device", "cpu", *QUICK)
    assert "6 pairs" in said.out and "left out: 1 unreadable; 1 ignored" in said.out
    assert "unreadable: broken.jpg: not a picture" in said.err
    pairs = PairDataset(tmp_path / "out", "train", 64)
    assert pairs[0]["y"].shape == (3, 64, 64)
    again = run(prepare, capsys, "edges", photos, "--out", tmp_path / "out", "--size", 64, "--device", "cpu", *QUICK)
    assert "7 were done before" in again.out
    run(prepare, capsys, "edges", photos, "--out", tmp_path / "sides", "--size", 64, "--layout", "side-by-side", *QUICK)
    assert PairedDataset(tmp_path / "sides", "train", 64).config.a == "edges"
    drawn = run(prepare, capsys, "edges", photos, "--out", tmp_path / "drawn", "--layout", "drawings-only", *QUICK)
    assert "6 drawings of 7 files" in drawn.out
    assert (tmp_path / "drawn" / "drawings" / "nested" / "photo 3.png").exists()


def test_from_pairs_to_folders_and_splits(prepare, capsys, photos, tmp_path):
    run(prepare, capsys, "resize", photos, "--out", tmp_path / "small", "--size", 32)
    run(prepare, capsys, "blank", tmp_path / "small", "--out", tmp_path / "holes", "--hole", "random", "--share", 0.3)
    run(prepare, capsys, "combine", tmp_path / "holes/A", tmp_path / "holes/B", "--out", tmp_path / "both")
    run(prepare, capsys, "split-pairs", tmp_path / "both", "--out", tmp_path / "two", "--direction", "BtoA")
    back, hole = (np.asarray(Image.open(tmp_path / p / "photo 0.png")) for p in ("two/B", "holes/A"))
    assert np.array_equal(back, hole) and (hole == 255).all(2).sum() >= 100
    said = run(
        prepare, capsys, "split", tmp_path / "two", "--out", tmp_path / "set", "--train", 0.5, "--val", 0.5,
        "--test", 0, "--seed", 3,
    )  # fmt: skip
    assert "12 written of 12" in said.out and "; by name: " in said.out
    grey = run(prepare, capsys, "grayscale", photos, "--out", tmp_path / "grey")
    assert "6 written of 7; left out: 1 unreadable" in grey.out
    assert len(PairedDataset(tmp_path / "grey", "train", 16, PairedConfig(fit="crop"))) >= 1


def test_labels(prepare, capsys, tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    indices = np.kron(np.array([[0, 1], [1, 0]], np.uint8), np.ones((16, 16), np.uint8))
    for i in range(2):
        PALETTE.image(np.rot90(indices, i)).convert("RGB").save(maps / f"{i}.png")
    spotted = PALETTE.image(indices).convert("RGB")
    spotted.paste((0, 255, 0), (1, 1, 3, 3))
    spotted.save(maps / "spotted.png")
    (tmp_path / "palette.json").write_text(json.dumps(PALETTE.to_json()))
    words = ["labels", maps, "--palette", tmp_path / "palette.json", "--out", tmp_path / "out"]
    said = run(prepare, capsys, *words)
    assert "2 written of 3; left out: 1 unknown colours; classes that never occur: none" in said.out
    assert "#00ff00: 4 pixels in 1 maps" in said.err and "--border 8" in said.err
    assert Palette.load(tmp_path / "out" / "palette.json") == PALETTE
    (tmp_path / "out" / "photo").mkdir()
    for i in range(2):
        Image.new("RGB", (32, 32)).save(tmp_path / "out" / "photo" / f"{i}.png")
    assert PairedDataset(tmp_path / "out", "train", 32, PairedConfig(val_fraction=0)).palette == PALETTE


def test_subject(prepare, capsys, photos, tmp_path):
    (tmp_path / "masks" / "nested").mkdir(parents=True)
    mask = Image.new("L", (80, 72))
    mask.paste(1, (20, 20, 60, 60))
    for i in range(6):
        mask.save(tmp_path / "masks" / ("nested" if i % 2 else ".") / f"photo {i}.png")
    out = tmp_path / "out"
    said = run(prepare, capsys, "subject", photos, tmp_path / "masks", "--out", out, "--size", 40, "--values", 1)
    assert "6 written of 7; left out: 1 lonely" in said.out
    with Image.open(out / "nested" / "photo 1.png") as image:
        assert image.size == (40, 40) and image.getpixel((0, 0)) == (255, 255, 255)
    with pytest.raises(ValueError, match="nothing was written: .*6 no mask"):
        prepare(["subject", str(photos), "--out", str(tmp_path / "alone")])


@pytest.mark.parametrize("command", ["edges", "resize", "split", "blank", "grayscale", "labels", "subject"])
def test_dry_runs_write_nothing(prepare, capsys, photos, tmp_path, command):
    said = run(prepare, capsys, command, photos, "--out", tmp_path / "out", "--dry-run")
    assert f"{command}: 7 " in said.out and "notes.txt" in said.out
    assert not (tmp_path / "out").exists()


def test_a_dry_run_refuses_what_a_run_would(prepare, capsys, photos, tmp_path):
    words = ["edges", photos, "--out", tmp_path / "out"]
    run(prepare, capsys, *words)
    for more in (["--dry-run"], []):
        with pytest.raises(ValueError, match=r"other settings: fit 'crop' \(now 'pad'\); give those again, choose"):
            run(prepare, capsys, *words, "--fit", "pad", *more)
    run(prepare, capsys, *words, "--dry-run")


@pytest.mark.parametrize(
    "words, message",
    [
        (["resize", "{photos}/nowhere"], "does not exist: give a folder"),
        (["resize", "{photos}/notes.txt"], "is a file, not a folder"),
        (["resize", "{photos}", "--fit", "squash"], "unknown fit 'squash': use one of crop, pad, stretch"),
        (["resize", "{photos}", "--workers", "0"], "--workers must be at least 1"),
        (["resize", "{photos}", "--out", "{photos}/x"], "lies inside"),
        (["edges", "{photos}", "--out", "{photos}/x"], "x lies inside .*: choose a folder beside it"),
        (["edges", "{photos}", "--out", "{photos}"], "lies inside"),
        (["edges", "{photos}", "--out", "{photos}/..", "--dry-run"], "photos lies inside --out"),
        (["edges", "{photos}", "--out", "{photos}/notes.txt/x"], "choose"),
        (["labels", "{photos}", "--out", "{photos}/.."], "photos lies inside --out"),
        (["edges", "{photos}", "--layout", "files"], "unknown layout"),
        (["edges", "{photos}", "--detector", "{photos}"], "config.json"),
        (["edges", "{photos}", "--scales", "0"], "from 0.1 to 4"),
        (["edges", "{photos}", "--device", "tpu"], "unknown device"),
        (["labels", "{photos}", "--palette", "{photos}/notes.txt"], "no readable JSON"),
        (["split", "{photos}", "--train", "1"], "add up to 1"),
        (["combine", "{photos}", "{photos}/nowhere"], "does not exist"),
    ],
)
def test_bad_input_is_a_plain_error(prepare, photos, tmp_path, words, message):
    given = [word.format(photos=photos) for word in words]
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        prepare([*given[:1], "--out", str(tmp_path / "out"), *given[1:]])
    assert not (tmp_path / "out").exists()


def script(*words: object, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    command = [sys.executable, *launcher, str(ROOT / "train" / "prepare.py"), *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


def test_an_error_is_one_line_and_exit_code_2(tmp_path):
    done = script("resize", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert done.returncode == 2 and done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_two_processes_share_the_photos(photos, tmp_path):
    # What accelerate starts on several GPUs; on the CPU its own launcher would need MPI.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launcher = ("-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", str(port))
    for name, words in (("two", launcher), ("one", ())):
        done = script("edges", photos, "--out", tmp_path / name, "--size", 64, *QUICK, launcher=words)
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count("6 pairs") == 1
    one, two = (json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("one", "two"))
    assert one == two and not list((tmp_path / "two").glob("journal*"))
