"""Model folders that are foreign, damaged or edited: each is refused with the fix."""

from __future__ import annotations

import json
import shutil

import pytest

from i2i import ModelFolderError, Translator


def test_foreign_and_damaged_folders(tiny_model_folder, tmp_path):
    def broken(name, change):
        folder = tmp_path / name
        shutil.copytree(tiny_model_folder, folder)
        config = json.loads((folder / "config.json").read_text())
        change(folder, config)
        if (folder / "config.json").exists():
            (folder / "config.json").write_text(json.dumps(config))
        return folder

    cases = {
        "bundled": tmp_path / "nothing-here",
        "no config.json": broken("a", lambda f, c: (f / "config.json").unlink()),
        "format 99": broken("b", lambda f, c: c.update(format=99)),
        "sha256 differs": broken("c", lambda f, c: (f / "model.safetensors").write_bytes(b"x")),
        "no model.safetensors": broken("d", lambda f, c: (f / "model.safetensors").unlink()),
        "does not translate": broken("e", lambda f, c: c.update(method="hed")),
        "does not fit": broken("f", lambda f, c: c["net"].update(widths=[8, 8, 16])),
        "does not describe": broken("g", lambda f, c: c["net"].update(colour=3)),
        "input must say its kind, got None": broken("h", lambda f, c: c.pop("input")),
        "size must be a whole number of pixels, at most 4096, got '64'": broken("i", lambda f, c: c.update(size="64")),
        "must hold the palette": broken("j", lambda f, c: c["input"].update(kind="labels")),
        "size is 100, and that of its net 64": broken("k", lambda f, c: c.update(size=100)),
        "at most 4096, got 1000000": broken("y", lambda f, c: (c.update(size=10**6), c["net"].update(size=10**6))),
        r"name must be a text of at most 200 letters, got \['a'\]": broken("z", lambda f, c: c.update(name=["a"])),
        r"name must be a text of at most 200 letters, got '\\ud800'": broken("A", lambda f, c: c.update(name="\ud800")),
        r"input has the kind \['x'\]": broken("B", lambda f, c: c["input"].update(kind=["x"])),
        "net must hold the nets' arguments, got 3": broken("l", lambda f, c: c.update(net=3)),
        r"holds method \[\]": broken("m", lambda f, c: c.update(method=[])),
        "inputs must be at least 1, got -1": broken("n", lambda f, c: c["net"].update(inputs=-1)),
        "input has the kind 'x', expected one of edges, labels": broken("o", lambda f, c: c["input"].update(kind="x")),
        "input, photo, has 3 channels, and its nets have 1": broken("p", lambda f, c: c["input"].update(kind="photo")),
        "output must say its kind, got {}": broken("q", lambda f, c: c.update(output={})),
        "the hole of input must be a colour": broken("hole", lambda f, c: c["input"].update(hole="white")),
        "output, ab, has 2 channels, and its nets have 3": broken("r", lambda f, c: c.update(output={"kind": "ab"})),
        "sides must name A and B, got None": broken("s", lambda f, c: c.update(sides=None)),
        "domains must be a list of different names, got 'ab'": broken("t", lambda f, c: c.update(domains="ab")),
        r"a list of different names, got \['a', 'a'\]": broken("u", lambda f, c: c.update(domains=["a", "a"])),
        "widths must be a": broken("v", lambda f, c: c["net"].update(widths=[8, -8, 16])),
        "latent must be a whole number, got 'x'": broken("w", lambda f, c: c["net"].update(latent="x")),
        "palette": broken("x", lambda f, c: c.update(input={"kind": "labels", "palette": None})),
    }
    for message, folder in cases.items():
        with pytest.raises(ModelFolderError, match=message):
            Translator.from_pretrained(folder, device="cpu")
