"""refit.py: a styled model's seeds spread anew, into a new folder."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from i2i import Translator


class Eyes(torch.nn.Module):
    """Stands for a feature network."""

    name = "eyes"

    def forward(self, y):
        return [F.avg_pool2d(y, 4) + 1.5, F.avg_pool2d(y, 8) + 1.5]


@pytest.fixture
def outlines(tmp_path) -> Path:
    """Pairs drawing|photo, 64 pixels a side, in train/ and val/."""
    for split, count in (("train", 6), ("val", 2)):
        (tmp_path / "discs" / split).mkdir(parents=True)
        for i in range(count):
            drawing, photo = np.full((64, 64, 3), 255, np.uint8), np.full((64, 64, 3), 255 - 30 * i, np.uint8)
            cv2.circle(drawing, (30 + i, 32), 12 + 2 * i, (0, 0, 0), 1)
            cv2.circle(photo, (30 + i, 32), 12 + 2 * i, (40 * i, 90, 160), -1)
            Image.fromarray(np.hstack([drawing, photo])).save(tmp_path / "discs" / split / f"{i}.png")
    return tmp_path / "discs"


@pytest.fixture
def refit(load_script, monkeypatch):
    script = load_script("refit")
    monkeypatch.setattr(script, "load_features", lambda source, use: Eyes())
    return lambda *words: script.main([str(word) for word in words])


QUICK = ("--steps", 2, "--inputs", 2, "--answers", 2, "--device", "cpu", "--features", "none")


def test_only_the_seeds_change(refit, tiny_model_folder, outlines, tmp_path, capsys):
    out = tmp_path / "new"
    assert refit(tiny_model_folder, outlines, "--out", out, *QUICK) == 0
    assert f"--model {out}" in capsys.readouterr().out
    before, after = (Translator.from_pretrained(folder, "cpu", "float32") for folder in (tiny_model_folder, out))
    assert (before.styles([0]) != after.styles([0])).any()
    held = {k: v for k, v in before.nets.state_dict().items() if not k.startswith("mapping.")}
    assert all(torch.equal(v, after.nets.state_dict()[k]) for k, v in held.items())
    config = json.loads((out / "config.json").read_text())
    told = config["training"]["fit_answers"]
    assert told["steps"] == 2 and told["features"] == "eyes" and "distance after" in told
    assert config["metrics"] == {} and len(config["first_seeds"]) == 4
    card = (out / "README.md").read_text()
    assert "`python train/refit.py tiny PAIRS --out RUN --features none --steps 2" in card and str(tmp_path) not in card
    assert (out / "examples" / "samples.jpg").exists()


def test_bad_input_names_the_fix(refit, tiny_model_folder, outlines, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    for words, message in (
        ((tiny_model_folder, outlines, "--out", tmp_path / "full"), "full is there already: choose another --out"),
        (("coats", outlines, "--out", tmp_path / "new"), "coats is a starganv2 model: only styled pix2pix"),
        ((tiny_model_folder, outlines, "--out", tmp_path / "new", "--diversity", "-1"), "diversity must be at least 0"),
        ((tiny_model_folder, outlines, "--out", outlines / "new"), "new lies inside .*choose a folder beside it"),
        ((tiny_model_folder, tmp_path / "full", "--out", tmp_path / "new"), "holds no pairs"),
    ):
        with pytest.raises(ValueError, match=message):
            refit(*words, *QUICK)
    assert not (tmp_path / "new").exists()


def test_the_card_names_the_models_that_the_first_run_began_with(load_script):
    first = {"name": "cats", "weights": "0123abcd", "data": "AFHQ", "licence": "CC BY-NC 4.0"}
    told = {"began_with": [first], "fit_answers": {"command": "python train/refit.py cats PAIRS --out RUN"}}
    card = load_script("refit").card({"name": "lions", "training": told}, "of lions 89abcdef")
    assert "- Began with cats (weights 0123abcd), trained on AFHQ; their licence" in card and "CC BY-NC 4.0" in card
