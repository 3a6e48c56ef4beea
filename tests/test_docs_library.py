"""The code of docs/library.md, run from top to bottom as somebody would who tries it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from i2i.serving.loading import SERVERS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "library.md"


@pytest.fixture(scope="module")
def ran(tmp_path_factory, label_pairs):
    """What the page's code leaves behind, and the folder that it ran in."""
    folder = tmp_path_factory.mktemp("library")
    shutil.copytree(label_pairs, folder / "PAIRS")
    Image.linear_gradient("L").convert("RGB").save(folder / "my_cat.jpg")
    paper = Image.new("L", (256, 256), 255)
    paper.paste(0, (60, 60, 200, 63))
    paper.save(folder / "cat.png")
    left: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for k, code in enumerate(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)):
            exec(compile(code, f"{PAGE.name}, block {k}", "exec"), left)
    yield left, folder
    SERVERS.pop("mean")


def test_a_model_from_within(ran):
    left, folder = ran
    assert left["x"].shape == (1, 256, 256) and left["photos"].shape == (2, 3, 256, 256)
    assert left["style"].grad.abs().sum() > 0
    before = left["t"].sample(folder / "cat.png", seeds=[3])[0]
    assert np.mean(left["darker"][0]) < np.mean(before)


def test_parts_and_data(ran):
    left, _ = ran
    assert left["fake"].shape == (1, 3, 256, 256) and left["verdict"].shape[1] == 1 and left["loss"].requires_grad
    assert left["batch"]["x"].shape == (2, 4, 64, 64) and left["batch"]["y"].shape == (2, 3, 64, 64)


def test_a_method_of_ones_own_trains_and_answers(ran):
    left, folder = ran
    run, labels = folder / "RUN", folder / "PAIRS" / "labels" / "house 0.png"
    assert {"log.jsonl", "curves.png", "grids", "state", "model"} <= {path.name for path in run.iterdir()}
    answers = left["mean"].sample(labels, n=3)
    assert len(answers) == 3 and answers[0].size == (64, 64) and answers[0].tobytes() == answers[2].tobytes()
