"""Cards: words from outside are no markup, palettes name their classes, and the example of use runs."""

from __future__ import annotations

import importlib
import json
from types import SimpleNamespace

import pytest
from PIL import Image

from i2i.cards import classes, plain, use
from i2i.model_folder import ASSETS


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("AFHQ cats, CC BY-NC 4.0", "AFHQ cats, CC BY-NC 4.0"),
        ("my_cats_2", "my_cats_2"),
        ("<script>x</script>", r"\<script\>x\</script\>"),
        ("[me](http://x) *now* `a|b`", r"\[me\](http://x) \*now\* \`a\|b\`"),
        ("_new_ cats", r"\_new\_ cats"),
        ("two\n# lines", "two # lines"),
    ],
)
def test_words_from_outside_are_no_markup(words, shown):
    assert plain(words) == shown


def test_a_palette_names_its_classes_and_colours():
    config = json.loads((ASSETS / "models" / "labels2facade" / "config.json").read_text(encoding="utf-8"))
    listed = classes(config)
    assert "Classes of the input" in listed and "\n- `#0000de` background\n- `#0030ff` wall\n" in listed
    assert listed.count("\n- ") == 12
    back = {"input": {"kind": "photo"}, "output": config["input"]}
    assert "Classes of the output" in classes(back)
    assert classes({"input": {"kind": "edges"}}) == ""


def test_the_bundled_card_names_them_as_well():
    folder = ASSETS / "models" / "labels2facade"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert classes(config).strip() in (folder / "README.md").read_text(encoding="utf-8")


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


STRANGE = "<b>[shoes](x)</b>"


@pytest.mark.parametrize("script", ["edges2photo", "paired_run", "cyclegan", "starganv2", "refit", "convert"])
def test_cards_of_all_scripts_show_names_as_they_are_and_classes_by_name(script, monkeypatch):
    monkeypatch.syspath_prepend(str(ASSETS.parent / "train"))
    counts = {"train": 2, "val": 1, "train_a": 1, "train_b": 1, "val_a": 1, "val_b": 1}
    config = {
        "name": STRANGE, "size": 64, "net": {"generator": "unet_64", "norm": "batch"},
        "input": {"kind": "labels", "palette": {"names": ["sky", STRANGE], "colours": [[0, 0, 1], [2, 2, 2]]}},
        "output": {"kind": "photo"}, "sides": {"A": STRANGE, "B": "b"}, "domains": [STRANGE, "other"],
        "data": {"name": STRANGE, "licence": STRANGE, "drawings": "ready", "labels": STRANGE, **counts},
        "training": {
            "command": "it", "steps": 1, "of_steps": 1, "batch": 1, "hours": 0, "device": "CPU", "features": "none",
            "fit_answers": {"command": "it"}, "checkpoint": "a.pth", "options": {"name": STRANGE},
            "began_with": [{"name": STRANGE, "weights": "0", "data": STRANGE, "licence": STRANGE}],
        },
    }  # fmt: skip
    if script == "starganv2":
        config["data"] |= {"train": {STRANGE: 2}, "val": {STRANGE: 1}}
    given = {"paired_run": [SimpleNamespace(title="pix2pix"), config], "refit": [config, "of it"]}
    text = importlib.import_module(script).card(*given.get(script, [config]))
    assert "<b>" not in text and " [shoes" not in text
    assert r"\<b\>\[shoes\](x)\</b\>" in text
    assert ("- `#000001` sky" in text) == (script != "starganv2")
