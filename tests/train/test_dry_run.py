"""What --dry-run refuses: all that the same call without it refuses before its first step, in the same words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.io import savemat

from i2i.nets import features

ONE_STEP = ["--steps", "9", "--minutes", "1e-9", "--workers", "0", "--cpu"]
STYLED = ["--size", "64", "--style", "8", "--latent", "4", "--widths", "8", "8", "8", "--batch", "2", "--scales", "1"]
STYLED += ["--measure-features", "none", *ONE_STEP]
PLAIN = [*STYLED, "--features", "none"]
MAPS = [word for word in PLAIN if word not in ("--scales", "1")] + ["--val-fraction", "0.3"]
PIX2PIX = ["--size", "32", "--width", "4", "--patch-width", "4", "--patch", "16", *ONE_STEP]
CYCLEGAN = [*PIX2PIX, "--generator", "lean", "--width", "8"]
STARGAN = ["--size", "32", "--style-nets", "lean", "--style", "8", "--latent", "4", "--widths", "8", "8", "16"]
STARGAN += ["--judge-widths", "8", "8", "8", "8", "--blocks", "1", "--fold", "1", "--batch", "2", *ONE_STEP]
SEGMENTER = ["--size", "32", "--width", "8", "--batch", "2", *ONE_STEP]
EDGES = ["--widths", "4", "8", "8", "--blocks", "1", "1", "1", "--head-widths", "16", "16", "16"]
EDGES += ["--side-weights", "0.5", "0.7", "0.7", "--crop", "64", "--batch", "2", "--held-out", "2", *ONE_STEP]

OTHER_NETS = r"does not fit this configuration: .* there and .* here; resume with the options that the run was started"


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def call(load_script, monkeypatch):
    """call(script, *words): its main, where nothing can be fetched."""
    monkeypatch.setattr(features, "TorchvisionFeatures", lambda use: pytest.fail("weights were fetched"))

    def run(script: str, *words: object) -> int:
        given = [str(word) for word in words]
        if script == "segmenter":
            return load_script("evaluate").main([script, *given])
        return load_script(script).main(given)

    return run


@pytest.fixture
def refused(call, tmp_path) -> Callable:
    """refused(message, script, *words): a dry run and a real one say the same, and neither writes anything."""

    def both(message: str, *command: object) -> None:
        before, said = contents(tmp_path), []
        for dry in (["--dry-run"], []):
            with pytest.raises(ValueError, match=message) as error:
                call(*command, *dry)
            said.append(str(error.value))
            assert contents(tmp_path) == before
        assert said[0] == said[1]

    return both


def picture(seed: int, side: int = 64) -> np.ndarray:
    """A disc on coloured squares, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    page = cv2.resize(rng.integers(0, 255, (4, 4, 3), dtype=np.uint8), (side, side), interpolation=cv2.INTER_NEAREST)
    cv2.circle(page, (side // 2, side // 2), side // 6 + 2 * (seed % 8), rng.integers(0, 255, 3).tolist(), -1)
    return page


def save_photos(folder: Path, seeds: range) -> Path:
    folder.mkdir(parents=True)
    for seed in seeds:
        Image.fromarray(picture(seed, 96)).save(folder / f"{seed}.png")
    return folder


@pytest.fixture
def photos(tmp_path) -> Path:
    return save_photos(tmp_path / "photos", range(6))


@pytest.fixture
def maps(label_pairs, tmp_path) -> Path:
    return Path(shutil.copytree(label_pairs, tmp_path / "maps"))


@pytest.fixture
def bsds(tmp_path) -> Path:
    root = tmp_path / "bsds"
    for i in range(6):
        for kind in ("images", "groundTruth"):
            (root / kind / ("val" if i > 3 else "train")).mkdir(parents=True, exist_ok=True)
        place = Path("val" if i > 3 else "train") / str(i)
        Image.fromarray(picture(i, 96)).save(root / "images" / place.with_suffix(".jpg"))
        cells = np.empty((1, 1), object)
        cells[0, 0] = {"Boundaries": cv2.circle(np.zeros((96, 96), np.uint8), (48, 48), 20, 1, 1)}
        savemat(root / "groundTruth" / place.with_suffix(".mat"), {"groundTruth": cells})
    return root


# All scripts


@pytest.fixture
def commands(request, tmp_path) -> Callable[[str], list]:
    """commands(script): the words of a tiny run of one step, without --out."""

    def of(script: str) -> list:
        if script in ("pix2pix", "bicyclegan", "segmenter"):
            of_one = {"pix2pix": PIX2PIX, "bicyclegan": [*PIX2PIX, "--scales", "1"], "segmenter": SEGMENTER}
            return [request.getfixturevalue("maps"), *of_one[script]]
        if script == "cyclegan":
            sides = [save_photos(tmp_path / name, seeds) for name, seeds in (("A", range(4)), ("B", range(10, 15)))]
            return [*sides, *CYCLEGAN]
        if script == "starganv2":
            return [shutil.copytree(request.getfixturevalue("domain_photos"), tmp_path / "domains"), *STARGAN]
        if script == "edge_detector":
            return [request.getfixturevalue("bsds"), *EDGES]
        return [request.getfixturevalue("photos"), *PLAIN]

    return of


SCRIPTS = {
    "edges2photo": ["--widths", "8", "8", "16"],
    "pix2pix": ["--width", "8"],
    "bicyclegan": ["--width", "8"],
    "cyclegan": ["--width", "16"],
    "starganv2": ["--widths", "8", "16", "16"],
    "segmenter": ["--width", "16"],
    "edge_detector": ["--widths", "8", "8", "8"],
}


@pytest.mark.parametrize("script, other", SCRIPTS.items(), ids=SCRIPTS)
def test_a_run_of_other_nets_and_a_folder_that_is_taken(script, other, call, refused, commands, tmp_path):
    words, run = [script, *commands(script)], tmp_path / "run"
    (tmp_path / "file").write_bytes(b"")
    refused("file is a file, not a folder: choose another --out", *words, "--out", tmp_path / "file")
    if script != "edge_detector":  # whose photos lie in folders of their own
        refused("lies inside .*, which would then hold its own results", *words, "--out", words[1] / "run")
    assert call(*words, "--out", run) == 0
    refused("already holds a run: add --resume to go on with it, or choose another", *words, "--out", run)
    refused(OTHER_NETS, *words, "--out", run, "--resume", *other)
    before = contents(run)
    assert call(*words, "--out", run, "--resume", "--dry-run") == 0
    assert contents(run) == before


def test_settings_that_no_optimizer_takes(refused, commands, tmp_path):
    words = [*commands("edge_detector"), "--out", tmp_path / "run", "--weight-decay", "-1"]
    refused("weight_decay must be at least 0, got -1.0", "edge_detector", *words)


@pytest.mark.parametrize("script", ["edges2photo", "starganv2", "edge_detector"])
def test_rates_that_are_not_above_0(script, refused, commands, tmp_path):
    words = [script, *commands(script), "--out", tmp_path / "run"]
    for rate, shown in (("-1", "-1"), ("0", "0"), ("nan", "nan")):
        refused(f"^lr must be above 0 and finite, got {shown}$", *words, "--lr", rate)


@pytest.mark.parametrize("script", SCRIPTS)
def test_rates_and_batches_with_which_no_run_works(script, refused, commands, tmp_path):
    words = [script, *commands(script), "--out", tmp_path / "run"]
    refused(r"lr (must be at most 1, got 1e\+09|1e\+09, expected a rate above 0 and at most 1)", *words, "--lr", "1e9")
    message = r"--batch 1000000000: pictures of (32|64) pixels alone would take [0-9,]+ GB, and this .*give a smaller"
    refused(message, *words, "--batch", 10**9)


@pytest.mark.parametrize("script", ["pix2pix", "cyclegan", "segmenter", "edges2photo"])
def test_label_maps_that_the_palette_does_not_fit(script, refused, maps, tmp_path):
    palette = tmp_path / "other.json"
    colours = [[0, 200, 0], [0, 128, 255], [255, 0, 0], [255, 240, 0]]
    palette.write_text(json.dumps({"names": ["ground", "wall", "door", "sky"], "colours": colours}))
    words = {
        "pix2pix": [maps, *PIX2PIX, "--palette", palette],
        "segmenter": [maps, *SEGMENTER, "--palette", palette],
        "cyclegan": ["--paired", maps, *CYCLEGAN, "--palette", palette],
        "edges2photo": [maps, *MAPS, "--labels", palette],
    }[script]
    message = r"label map house \d: 1 colour is not in the palette \(4 classes: ground, wall, door, sky\): #0000de"
    refused(message, script, *words, "--out", tmp_path / "run")


@pytest.mark.parametrize("script", ["pix2pix", "edges2photo"])
def test_pairs_whose_sides_differ_in_size(script, refused, maps, tmp_path):
    for path in (maps / "photo").iterdir():
        Image.open(path).resize((60, 64)).save(path)
    words = [*MAPS, "--labels", maps / "palette.json"] if script == "edges2photo" else PIX2PIX
    message = r"house \d: A is 60x64 and B 64x64; the two sides of a pair must have the same size"
    refused(message, script, maps, *words, "--out", tmp_path / "run")


@pytest.mark.parametrize("script", ["cyclegan", "starganv2"])
def test_a_photo_that_ends_in_the_middle(script, refused, commands, tmp_path):
    words = commands(script)
    for path in sorted(words[0].rglob("*.png")):
        path.write_bytes(path.read_bytes()[:-60])
    refused(r"\.png", script, *words, "--out", tmp_path / "run")


def test_a_ground_truth_that_is_none(refused, bsds, tmp_path):
    savemat(bsds / "groundTruth" / "train" / "2.mat", {"something": 1})
    refused("2.mat is not a ground truth of BSDS500", "edge_detector", bsds, *EDGES, "--out", tmp_path / "run")


@pytest.mark.parametrize("place", ["train/1", "val/5"])
def test_a_ground_truth_that_ends_in_the_middle(place, refused, bsds, tmp_path):
    truth = bsds / "groundTruth" / f"{place}.mat"
    truth.write_bytes(truth.read_bytes()[:-60])
    message = rf"{truth.name} is not a ground truth of BSDS500, or is damaged"
    refused(message, "edge_detector", bsds, *EDGES, "--out", tmp_path / "run")


def test_photos_that_cannot_set_the_ink(refused, bsds, photos, tmp_path):
    words = ["edge_detector", bsds, *EDGES, "--out", tmp_path / "run", "--calibrate", photos]
    refused("nowhere does not exist", *words, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    refused("there are no photos in .*empty: give folders of photos with --calibrate", *words, tmp_path / "empty")
    broken = photos / "3.png"
    broken.write_bytes(broken.read_bytes()[:-60])
    refused(r"3\.png", *words)


# edges2photo.py: the pairs of a run


@pytest.fixture
def run(call, photos, tmp_path) -> Path:
    assert call("edges2photo", photos, *PLAIN, "--out", tmp_path / "run") == 0
    return tmp_path / "run"


@pytest.mark.parametrize(
    "options, message",
    [
        (["--style", "16"], OTHER_NETS),
        (["--latent", "8"], OTHER_NETS),
        (["--val-fraction", "0.4"], "began with --val-fraction 0.1, and 0.4 would make other pairs: leave it out"),
        (["--fit", "stretch"], "began with --fit crop, and stretch would make other pairs: leave it out"),
    ],
)
def test_a_run_goes_on_with_what_it_began_with(refused, run, photos, options, message):
    refused(message, "edges2photo", photos, "--out", run, "--resume", "--cpu", *options)


def test_pairs_that_are_not_drawn_yet_are_left_to_the_run(call, run, photos, capsys):
    goes_on = ["edges2photo", photos, "--out", run, "--resume", "--cpu", "--dry-run"]
    assert call(*goes_on) == 0
    assert "pairs: made when" not in capsys.readouterr().out
    shutil.rmtree(run / "data")
    assert call(*goes_on) == 0
    known = "whether at least two are usable and whether they are the run's own shows only then"
    assert f"pairs: made when training begins: {known}" in capsys.readouterr().out
    assert not (run / "data").exists()


def test_other_pairs_than_those_the_run_began_with(call, refused, run, photos, tmp_path):
    """As a first try with another folder has left them."""
    save_photos(tmp_path / "other", range(20, 26))
    shutil.rmtree(run / "data")
    words = ["edges2photo", tmp_path / "other", "--out", run, "--resume", "--cpu"]
    assert call(*words, "--dry-run") == 0 and not (run / "data").exists()
    with pytest.raises(ValueError, match="are not those that .*run began with .*delete that before you go on"):
        call(*words)
    before = contents(run / "data" / "pairs")
    with pytest.raises(ValueError, match="are not those that .*run began with .*delete that before you go on"):
        call(*words, "--dry-run")
    assert contents(run / "data" / "pairs") == before


def test_drawings_that_the_detector_of_today_cannot_complete(load_script, refused, run, photos, monkeypatch):
    sources = load_script("pair_sources")
    draw_with = sources.draw_with
    monkeypatch.setattr(sources, "draw_with", lambda *a: (draw_with(*a)[0], "edges 01234567"))
    next((run / "data" / "pairs" / "train" / "drawing").iterdir()).unlink()
    refused("some drawings are missing, and the detector", "edges2photo", photos, "--out", run, "--resume", "--cpu")


def test_pairs_that_were_drawn_with_other_options_and_never_trained_on(call, refused, run, photos):
    for name in ("state", "model"):
        shutil.rmtree(run / name)
    words = ["edges2photo", photos, *PLAIN, "--out", run]
    refused(r"other settings: fit 'crop' \(now 'pad'\); give those again", *words, "--fit", "pad")
    assert call(*words, "--dry-run") == 0


class Taught(torch.nn.Module):
    """Stands for the network that torchvision fetches."""

    name, channels = "stand-in", [24, 32, 96]  # as many as torchvision's has

    def __init__(self, use: str):
        super().__init__()

    def forward(self, y):
        shown = [F.avg_pool2d(y, 4 * 2**k).repeat(1, 32, 1, 1) for k in range(3)]
        return [y[:, :n] for y, n in zip(shown, self.channels, strict=True)]


def test_a_run_with_a_feature_network_that_is_not_fetched(call, photos, tmp_path, monkeypatch, capsys):
    """Its nets are known without the weights."""
    command = ["edges2photo", photos, "--out", tmp_path / "run"]
    assert call(*command, *STYLED, "--dry-run") == 0
    projected = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  projected: "))
    with monkeypatch.context() as patched:
        patched.setattr(features, "TorchvisionFeatures", Taught)
        assert call(*command, *STYLED) == 0
    assert call(*command, "--resume", "--cpu", "--dry-run") == 0
    assert projected in capsys.readouterr().out.splitlines()
    for dry in ([], ["--dry-run"]):
        with pytest.raises(ValueError, match="began with the feature network stand-in"):
            call(*command, "--resume", "--cpu", "--features", "none", *dry)


def test_starganv2_fetches_nothing_for_a_plan(call, domain_photos, tmp_path, capsys):
    words = [domain_photos, *STARGAN, "--features", "torchvision", "--out", tmp_path / "run", "--dry-run"]
    assert call("starganv2", *words) == 0
    assert "  projected: " in capsys.readouterr().out


# edges2photo.py --labels


def test_a_run_of_label_maps_goes_on_with_its_pairs(call, refused, maps, tmp_path):
    run, palette = tmp_path / "run", maps / "palette.json"
    assert call("edges2photo", maps, *MAPS, "--labels", palette, "--out", run) == 0
    goes_on = ["edges2photo", maps, "--out", run, "--resume", "--cpu"]
    refused("--val-fraction 0.7 divides the pairs otherwise than 0.3, which .*: leave it out", *goes_on,
            "--val-fraction", "0.7")  # fmt: skip
    fewer = json.loads(palette.read_text())
    more = {"names": [*fewer["names"], "cloud"], "colours": [*fewer["colours"], [255, 0, 255]]}
    (tmp_path / "more.json").write_text(json.dumps(more))
    refused(OTHER_NETS, *goes_on, "--labels", tmp_path / "more.json")
    begun = [maps, *MAPS, "--labels", tmp_path / "more.json", "--out", tmp_path / "new", "--init", run / "model"]
    refused(r"another architecture: .*\(label maps: of as many classes\)", "edges2photo", *begun)
    for name in ("photo", "labels"):
        (maps / name / "house 2.png").unlink()
    refused("pairs of .*maps are not those that .*run began with", *goes_on)
