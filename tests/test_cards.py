"""Cards: the example of use runs."""

from __future__ import annotations

import json
import pytest
from PIL import Image

from i2i.cards import use
from i2i.model_folder import ASSETS


@pytest.mark.parametrize(
    ("config", "call"),
    [
        ({"input": {"kind": "edges"}}, 't.sample("drawing.png", n=4, seed=0)'),
        ({"input": {"kind": "labels"}}, 't.sample("label_map.png", n=4, seed=0)'),
        ({"input": {"kind": "photo"}, "domains": ["black", "white"]}, 'n=4, seed=0, domain="black")'),
        ({"method": "cyclegan", "input": {"kind": "photo"}}, 't.sample("photo.jpg", n=1, direction="AtoB")'),
        (
            {"method": "cyclegan", "input": {"kind": "photo"}, "output": {"kind": "labels"}, "directions": ["BtoA"]},
            't.sample("label_map.png", n=1, direction="BtoA")',
        ),
    ],
)
def test_the_example_of_use_gives_what_the_model_asks_for(config, call):
    assert call in use(config, "me/it")
    assert 'from_pretrained("me/it")' in use(config, "me/it")


@pytest.mark.parametrize("name", ["coats", "orange2grey", "labels2facade"])
def test_the_example_of_use_runs(name, monkeypatch, tmp_path):
    config = json.loads((ASSETS / "models" / name / "config.json").read_text(encoding="utf-8"))
    for file in ("photo.jpg", "label_map.png"):
        Image.new("RGB", (256, 256), (0, 48, 255)).save(tmp_path / file)
    monkeypatch.chdir(tmp_path)
    code = use(config, name).split("```python\n")[1].split("```")[0]
    found: dict = {}
    exec(code, found)
    assert len(found["photos"]) == (1 if name == "orange2grey" else 4)
