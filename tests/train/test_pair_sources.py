"""edges2photo.py --labels: from photos with label maps to a styled model that answers label maps."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from i2i import Translator
from i2i.metrics.held_out import held_out_for

TINY = ["--size", "64", "--style", "8", "--latent", "4", "--widths", "8", "8", "8", "--batch", "2", "--workers", "0"]
QUICK = [*TINY, "--features", "none", "--measure-features", "none", "--cpu", "--val-fraction", "0.3"]

FOR_DRAWINGS = {
    "move": ["0.5"], "sketchify": ["0.9"], "detector": ["nope"], "scales": ["2"], "layout": ["two_folders"],
    "drawing-side": ["left"],
}  # fmt: skip


@pytest.fixture
def main(load_script):
    return load_script("edges2photo").main


def test_label_maps_to_a_model(main, label_pairs, tmp_path):
    run, palette = tmp_path / "run", str(label_pairs / "palette.json")
    words = [str(label_pairs), "--out", str(run), *QUICK]
    assert main([*words, "--labels", palette, "--steps", "2", "--grid-every", "2"]) == 0
    config = json.loads((run / "model" / "config.json").read_text())
    assert config["method"] == "styled" and config["net"]["inputs"] == 4 and "one-hot" in config["preprocessing"]
    assert config["input"]["palette"]["names"] == ["ground", "wall", "door", "sky"]
    assert str(label_pairs) not in json.dumps(config) and "--labels PALETTE.json" in config["training"]["command"]
    assert "a label map becomes" in (run / "model" / "README.md").read_text()
    assert (run / "model" / "examples" / "samples.jpg").exists() and not (run / "data").exists()
    model = Translator.from_pretrained(run / "model", device="cpu")
    label_map = Image.open(next((label_pairs / "labels").iterdir()))
    assert len(model.sample(label_map, n=2)) == 2 and model.styles([0]).shape == (1, 8)
    # Measures judge on the pairs that training kept apart, although their default share is another.
    held = held_out_for(config, label_pairs)
    assert len(held) == config["data"]["val"] and held.config.val_fraction == 0.3
    # Nothing but the folders has to be said again.
    assert main([str(label_pairs), "--out", str(run), "--resume", "--steps", "3", "--cpu"]) == 0
    assert json.loads((run / "model" / "config.json").read_text())["training"]["steps"] == 3


@pytest.mark.parametrize("layout", ["halves", "folders A and B", "halves, photo first"])
def test_label_maps_are_told_by_the_palette_on_either_side(main, label_pairs, tmp_path, layout):
    pairs, run = tmp_path / "pairs", tmp_path / "run"
    for path in sorted((label_pairs / "labels").iterdir()):
        label_map = Image.open(path)
        photo = Image.open(next((label_pairs / "photo").glob(f"{path.stem}.*"))).convert("RGB")
        if layout == "folders A and B":
            for name, picture in (("A", label_map), ("B", photo)):
                (pairs / name).mkdir(parents=True, exist_ok=True)
                picture.save(pairs / name / f"{path.stem}.png")
            continue
        pairs.mkdir(exist_ok=True)
        both = Image.new("RGB", (2 * photo.width, photo.height))
        first = layout == "halves, photo first"
        both.paste(photo, (0 if first else photo.width, 0))
        both.paste(label_map.convert("RGB"), (photo.width if first else 0, 0))
        both.save(pairs / f"{path.stem}.png")
    words = [str(pairs), "--out", str(run), *QUICK, "--labels", str(label_pairs / "palette.json"), "--steps", "1"]
    assert main(words) == 0
    config = json.loads((run / "model" / "config.json").read_text())
    turned = layout != "halves, photo first"
    assert (config["data"]["a"], config["data"]["b"]) == (("labels", "photo") if turned else ("photo", "labels"))
    held = held_out_for(config, pairs, pairs={"palette": str(label_pairs / "palette.json")})
    assert held.input["kind"] == "labels" and len(held) == config["data"]["val"]
    assert main([str(pairs), "--out", str(run), "--resume", "--steps", "2", "--cpu"]) == 0


def test_dry_run(main, label_pairs, tmp_path, capsys):
    words = [str(label_pairs), "--out", str(tmp_path / "run"), "--labels", str(label_pairs / "palette.json"), *QUICK]
    assert main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "pairs of label map and photo, 4 classes" in said and "inputs: 4" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        (["--labels", "nowhere.json"], "nowhere.json does not exist"), (["--fit", "pad"], "unknown fit 'pad'"),
        *[([f"--{name}", *values], f"--{name} is for drawings: leave it out") for name, values in FOR_DRAWINGS.items()],
    ],
)
def test_bad_input_names_the_fix(main, label_pairs, tmp_path, options, message):
    words = [str(label_pairs), "--out", str(tmp_path / "run"), "--labels", str(label_pairs / "palette.json"), *QUICK]
    with pytest.raises(ValueError, match=message):
        main([*words, "--steps", "1", *options])
    assert not (tmp_path / "run").exists()
