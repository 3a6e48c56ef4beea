"""What edges2photo.py says of its folder before anything is made of it, and when a run goes on with another one."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from another_process import held_by_another
from shape_photos import PLAIN, QUICK, TINY, save, shapes

from i2i.nets import features


def circle(seed: int) -> np.ndarray:
    page = np.full((96, 96, 3), 255, np.uint8)
    cv2.circle(page, (48, 48), 14 + 3 * (seed % 8), (0, 0, 0), 1)
    return page


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


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Before anything is made


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    "options, message",
    [
        (["--sketchify", "3"], "--sketchify must be from 0 to 1; got 3"),
        (["--style-views", "1.5"], "style_views must be from 0 to 1, got 1.5"),
        (["--augment", "-1"], "augment must be from 0 to 1, got -1"),
        (["--fit-mapping", "-5"], "fit_mapping must be at least 0, got -5"),
        (["--hours", "2"], "--hours and --steps both say how long the run is"),
        (["--move", "1.5"], "--move must be from 0 to 1; got 1.5"),
        (["--val-fraction", "1.5"], "--val-fraction must be above 0 and below 1; got 1.5"),
        (["--val-fraction", "0"], "--val-fraction must be above 0 and below 1; got 0"),
        (["--scales", "0"], "--scales must be from 0.1 to 4; got 0"),
        (["--measure-features", "nowhere.safetensors"], "nowhere.safetensors do not exist"),
        (["--features", "nowhere.safetensors"], "nowhere.safetensors do not exist"),
        (["--out", "{photos}/run"], "lies inside"),
        (["--drawing-side", "left"], "--drawing-side left says nothing.*--layout side_by_side or"),
        (["--layout", "two_folders"], "not a folder of two subfolders .*--drawing-side NAME"),
    ],
)
def test_options_are_checked_first(edges2photo, photos, tmp_path, options, message, dry):
    given = [option.format(photos=photos) for option in options]
    with pytest.raises(ValueError, match=message):
        edges2photo(photos, "--out", tmp_path / "run", *QUICK, *given, *dry)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos"] and len(list(photos.iterdir())) == 6


def wide(root: Path) -> None:
    for seed in range(4):
        save(np.hstack([shapes(seed), shapes(seed + 10)]), root / f"{seed}.png")


def stray(root: Path) -> None:
    for seed in range(10):
        save(np.hstack([circle(seed), shapes(seed)]), root / f"{seed}.png")
    save(shapes(20), root / "logo.png")


def lonely(root: Path) -> None:
    for seed in range(4):
        save(circle(seed), root / "drawing" / f"{seed}.png")
        save(shapes(seed), root / "photo" / f"{seed}.png")
    (root / "photo" / "2.png").unlink()


def maps(root: Path) -> None:
    save(shapes(0), root / "photo" / "0.png")
    (root / "palette.json").write_text("{}")


def another_run(root: Path) -> None:
    save(shapes(0), root / "grids" / "0.png")
    (root / "state").mkdir()
    (root / "state" / "meta.pt").write_bytes(b"x")


def one(root: Path) -> None:
    save(shapes(0), root / "0.png")


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    "make, message",
    [
        (wide, "neither half.*--drawing-side left or --drawing-side right; --layout photos if.*--labels PALETTE.json"),
        (stray, "10 of 11 pictures are twice as wide.*logo.png of 96x96.*--layout photos"),
        (lonely, "drawing/2.png: remove it, name both alike, or say --layout photos"),
        (maps, "palette.json says .* say --labels .*palette.json, or --layout photos"),
        (another_run, "is a run folder and holds no pairs"),
        (one, "holds one picture; at least two"),
        (Path.mkdir, "holds no photos"),
    ],
)
def test_a_folder_of_something_else_is_told_first(edges2photo, tmp_path, make, message, dry):
    make(tmp_path / "given")
    with pytest.raises(ValueError, match=message):
        edges2photo(tmp_path / "given", "--out", tmp_path / "run", *QUICK, *dry)
    assert not (tmp_path / "run").exists()


def test_a_dry_run_says_where_features_come_from_and_fetches_none(edges2photo, photos, tmp_path, capsys):
    words = [photos, "--out", tmp_path / "run", *TINY, "--cpu", "--dry-run"]
    assert edges2photo(*words) == 0
    said = capsys.readouterr()
    place = Path(torch.hub.get_dir()) / "checkpoints"
    assert f"\nfeatures: torchvision's, from {place}, or fetched once" in said.out
    assert "\nmeasure features: torchvision's, from " in said.out and "6 files, taken for photos" in said.out
    assert "6 pairs are few: below 100" in said.err and "--init MODEL" in said.err


@pytest.mark.parametrize(
    "plain, more, told",
    [(5, {}, True), (3, {}, False), (5, {"resume": True}, False), (5, {"lambda_ground": 1.0}, False)],
)
def test_subjects_on_a_plain_background_are_worth_a_word(load_script, plain, more, told):
    """What lies inside does not count, nor what colour it is; options that are given already are not advised."""
    generator = torch.Generator().manual_seed(0)
    photos = torch.rand(8, 3, 32, 32, generator=generator) * 2 - 1
    for k in range(plain):
        photos[k] = F.pad(photos[k, :, 2:-2, 2:-2], (2, 2, 2, 2), value=0.2 * k)
    said: list[str] = []
    args = argparse.Namespace(**{"lambda_ground": 0.0, "labels": None, "resume": False} | more)
    load_script("edges2photo").advice_on_background([{"y": y} for y in photos], args, said.append)
    assert ["--lambda-ground 10 --noise 0 --move 1" in text for text in said] == [True] * told


def test_wide_photos_are_photos_when_one_says_so(edges2photo, tmp_path, capsys):
    wide(tmp_path / "wide")
    assert edges2photo(tmp_path / "wide", "--out", tmp_path / "run", *QUICK, "--layout", "photos", "--dry-run") == 0
    assert "4 files, taken for photos" in capsys.readouterr().out


# What becomes of the files


def test_what_is_left_out_is_said_with_its_reason(edges2photo, photos, tmp_path, capsys):
    for i in range(7):
        (photos / f"phone {i}.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40 + i))
    save(shapes(9)[:40, :30], photos / "tiny.png")
    assert edges2photo(photos, "--out", tmp_path / "run", *QUICK) == 0
    said = capsys.readouterr().err
    assert "unreadable: phone 4.heic: HEIC photo" in said and "export it as JPEG" in said
    assert "unreadable: and 2 more" in said and "small: tiny.png: 30x40: at least 64 pixels" in said
    assert "left out: 7 unreadable, 1 small" in said and said.count("6 pairs are few") == 1


def test_the_pairs_of_another_run_are_taken_with_what_drew_them(edges2photo, photos, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert edges2photo(photos, "--out", first, *QUICK) == 0
    assert edges2photo(first, "--out", second, *QUICK) == 0
    facts = [json.loads((run / "model" / "config.json").read_text())["data"] for run in (first, second)]
    assert facts[0]["drawings"] == facts[1]["drawings"] and facts[0]["drawings"].startswith("edges ")
    assert facts[0]["train"] + facts[0]["val"] == facts[1]["train"] + facts[1]["val"] == 6


def test_a_second_start_leaves_the_pairs_of_the_first_alone(edges2photo, photos, tmp_path):
    """While the first trains and has saved nothing yet."""
    run = tmp_path / "run"
    assert edges2photo(photos, "--out", run, *QUICK) == 0
    for name in ("state", "model"):
        shutil.rmtree(run / name)
    before = contents(run / "data")
    next(photos.glob("*.png")).unlink()
    with held_by_another(run), pytest.raises(ValueError, match="another process works in"):
        edges2photo(photos, "--out", run, *QUICK)
    assert contents(run / "data") == before


# Going on


@pytest.fixture
def run(edges2photo, photos, tmp_path):
    assert edges2photo(photos, "--out", tmp_path / "run", *QUICK) == 0
    return tmp_path / "run"


def test_resume_refuses_another_folder_and_changes_nothing(edges2photo, run, tmp_path, capsys):
    """As many names as before, all but one file another; then a file more, and one less."""
    before = contents(run)
    for seed in range(6):
        save(shapes(seed if seed == 0 else 20 + seed), tmp_path / "other" / f"{seed}.png")
    goes_on = [tmp_path / "other", "--out", run, "--resume", "--steps", "2", "--cpu"]
    for dry in ([], ["--dry-run"]):
        with pytest.raises(
            ValueError, match=r"other is not the folder that .*run began with: 5 changed \(1.png, 2.png"
        ):
            edges2photo(*goes_on, *dry)
    for seed in range(1, 6):
        save(shapes(seed), tmp_path / "other" / f"{seed}.png")
    save(shapes(30), tmp_path / "other" / "new.png")
    (tmp_path / "other" / "3.png").unlink()
    with pytest.raises(ValueError, match=r"1 added \(new.png\), 1 removed \(3.png\)\. .*--out NEW --init .*run/model"):
        edges2photo(*goes_on)
    assert contents(run) == before
    # What it says instead: another run, from this one's model and discriminators.
    again = ["--out", tmp_path / "new", "--init", run / "model", "--size", 64, "--features", "none", "--cpu"]
    assert edges2photo(tmp_path / "other", *again, "--measure-features", "none", "--dry-run") == 0
    assert f"discriminators go on as the run in {run} left them: patch\n" in capsys.readouterr().err
    assert contents(run) == before and not (tmp_path / "new").exists()


def test_resume_goes_on_with_a_copy_of_the_folder(edges2photo, run, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "copy", copy_function=shutil.copyfile)  # with new times
    assert edges2photo(tmp_path / "copy", "--out", run, "--resume", "--steps", "2", "--cpu") == 0
    assert json.loads((run / "model" / "config.json").read_text())["training"]["steps"] == 2


def test_resume_notices_other_pairs_where_the_runs_own_are_gone(edges2photo, run, photos):
    shutil.rmtree(run / "data")
    (photos / "3.png").unlink()
    state = contents(run / "state")
    with pytest.raises(
        ValueError, match="pairs of .*photos are not those that .*run began with .*run/data now: delete.*--init"
    ):
        edges2photo(photos, "--out", run, "--resume", "--steps", "2", "--cpu")
    assert contents(run / "state") == state
    # The way out that the message names.
    save(shapes(3), photos / "3.png")
    shutil.rmtree(run / "data")
    assert edges2photo(photos, "--out", run, "--resume", "--steps", "2", "--cpu") == 0


def test_resume_notices_other_label_maps(edges2photo, label_pairs, tmp_path):
    pairs, run = tmp_path / "pairs", tmp_path / "run"
    shutil.copytree(label_pairs, pairs)
    assert edges2photo(pairs, "--out", run, *PLAIN, "--labels", pairs / "palette.json", "--val-fraction", "0.3") == 0
    before = contents(run)
    for name in ("photo", "labels"):
        (pairs / name / "house 2.png").unlink()
    with pytest.raises(ValueError, match="pairs of .*pairs are not those that"):
        edges2photo(pairs, "--out", run, "--resume", "--steps", "2", "--cpu")
    assert contents(run) == before


def test_resume_keeps_the_drawings_of_an_older_detector(edges2photo, run, photos, monkeypatch, load_script, capsys):
    """The detector's weights are replaced between two calls: the drawings are neither made again nor mixed."""
    sources = load_script("pair_sources")
    draw_with = sources.draw_with
    monkeypatch.setattr(sources, "draw_with", lambda *a: (draw_with(*a)[0], "edges 01234567"))
    before = contents(run / "data" / "pairs")
    goes_on = [photos, "--out", run, "--resume", "--steps", "2", "--cpu"]
    assert edges2photo(*goes_on) == 0
    assert "are kept; drawings made now would be 'edges 01234567'" in capsys.readouterr().err
    assert contents(run / "data" / "pairs") == before
    assert "01234567" not in (run / "model" / "config.json").read_text()
    monkeypatch.setattr(sources, "draw_with", lambda *a: (draw_with(*a)[0], "edges 01234567 scales 0.5 2"))
    with pytest.raises(ValueError, match="ask for 'edges 01234567 scales 0.5 2': leave --scales and --detector out"):
        edges2photo(*goes_on)
    monkeypatch.setattr(sources, "draw_with", lambda *a: (draw_with(*a)[0], "edges 01234567"))
    shutil.rmtree(run / "data")
    with pytest.raises(ValueError, match="are gone; now they would be drawn by 'edges 01234567'.*--init"):
        edges2photo(*goes_on)
    assert not (run / "data").exists()


def test_ctrl_c_while_measuring_says_how_to_go_on(edges2photo, load_script, photos, tmp_path, monkeypatch, capsys):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(load_script("edges2photo"), "measured", interrupted)
    assert edges2photo(photos, "--out", tmp_path / "run", *QUICK) == 130
    assert "all steps are done, but not what follows them" in capsys.readouterr().err
    monkeypatch.undo()
    assert "first_seeds" not in json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    monkeypatch.setattr(features, "TorchvisionFeatures", lambda use: pytest.fail("weights were fetched"))
    assert edges2photo(photos, "--out", tmp_path / "run", "--resume", "--cpu") == 0
    assert "first_seeds" in json.loads((tmp_path / "run" / "model" / "config.json").read_text())


def test_resume_ends_no_run_before_what_is_done(edges2photo, run, photos):
    assert edges2photo(photos, "--out", run, "--resume", "--steps", "3", "--cpu") == 0
    before = contents(run)
    for dry in ([], ["--dry-run"]):
        with pytest.raises(ValueError, match="has done 3 steps and cannot end at 2: give --steps 3 to end"):
            edges2photo(photos, "--out", run, "--resume", "--steps", "2", "--cpu", *dry)
    assert contents(run) == before


def test_the_card_of_a_resumed_run_names_no_model_that_it_did_not_begin_with(edges2photo, run, photos):
    assert edges2photo(photos, "--out", run, "--resume", "--steps", "2", "--cpu", "--init", "edges2cats") == 0
    assert "edges2cats" not in (run / "model" / "README.md").read_text()


def test_a_torn_line_of_the_log_stops_no_run(edges2photo, run, photos):
    """As a full disk leaves it."""
    log = run / "log.jsonl"
    log.write_text('{"step": 1, "l1": 2.5}\n{"step": 1, "adver')
    assert edges2photo(photos, "--out", run, "--resume", "--steps", "2", "--cpu", "--log-every", "1") == 0
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert rows[-1]["step"] == 2 and {"step": 1, "l1": 2.5} in rows


class Taught(torch.nn.Module):
    """Stands for the network that torchvision fetches."""

    name, channels = "stand-in", [3]

    def __init__(self, use: str):
        super().__init__()

    def forward(self, y):
        return [F.avg_pool2d(y, 4)]


def test_a_run_keeps_to_the_feature_network_that_it_began_with(edges2photo, photos, tmp_path, monkeypatch, capsys):
    """The weights that torchvision fetches are out of reach at one time and in reach at another."""
    words = [word for word in QUICK if word != "--features" and word != "none" and word != "--measure-features"]
    words += ["--measure-features", "none"]

    def gone(use):
        raise OSError("no connection")

    monkeypatch.setattr(features, "TorchvisionFeatures", gone)
    assert edges2photo(photos, "--out", tmp_path / "without", *words) == 0
    monkeypatch.setattr(features, "TorchvisionFeatures", Taught)
    assert edges2photo(photos, "--out", tmp_path / "with", *words) == 0
    assert "stand-in" in (tmp_path / "with" / "model" / "config.json").read_text()
    capsys.readouterr()
    assert edges2photo(photos, "--out", tmp_path / "without", "--resume", "--steps", "2", "--cpu") == 0
    assert "without perceptual term and projected discriminator, as the run began" in capsys.readouterr().err
    monkeypatch.setattr(features, "TorchvisionFeatures", gone)
    before = contents(tmp_path / "with")
    with pytest.raises(ValueError, match="began with the feature network stand-in, which is out of reach"):
        edges2photo(photos, "--out", tmp_path / "with", "--resume", "--steps", "2", "--cpu")
    assert contents(tmp_path / "with") == before


def test_resume_begins_a_run_that_was_stopped_while_pairs_were_made(
    edges2photo, load_script, photos, tmp_path, capsys, monkeypatch
):
    sources, run = load_script("pair_sources"), tmp_path / "run"
    draw_with = sources.draw_with

    def stopped(*args):
        draw, recipe = draw_with(*args)
        return lambda batch: (_ for _ in ()).throw(KeyboardInterrupt), recipe

    monkeypatch.setattr(sources, "draw_with", stopped)
    with pytest.raises(KeyboardInterrupt):
        edges2photo(photos, "--out", run, *QUICK)
    monkeypatch.undo()
    assert (run / "data" / "manifest.json").exists() and not (run / "state").exists()
    assert edges2photo(photos, "--out", run, *QUICK, "--resume") == 0
    assert "holds pairs but no training yet: it begins now" in capsys.readouterr().err
    assert json.loads((run / "model" / "config.json").read_text())["training"]["steps"] == 1
    with pytest.raises(ValueError, match="nothing to resume"):
        edges2photo(photos, "--out", tmp_path / "nowhere", *QUICK, "--resume")
