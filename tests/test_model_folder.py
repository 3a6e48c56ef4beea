"""Model folders: what is written is read back, whole or not at all, and every mistake has its own message."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from i2i import model_folder
from i2i.model_folder import (
    ModelFolderError,
    bundled_models,
    difference,
    load_nets,
    load_weights,
    read_config,
    resolve,
    save,
)

CONFIG = {"method": "test", "kind": "translator", "note": "Fréchet"}


def make_nets(seed: int = 0) -> nn.Sequential:
    """Floats, whole numbers (a batch norm's counter) and channels-last weights."""
    torch.manual_seed(seed)
    nets = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1))
    nets(torch.randn(2, 3, 8, 8))
    return nets.to(memory_format=torch.channels_last)


def same(a: nn.Module, b: nn.Module) -> bool:
    b = b.state_dict()
    return all(torch.equal(v, b[k]) for k, v in a.state_dict().items())


@pytest.fixture
def folder(tmp_path) -> Path:
    save(tmp_path / "model", CONFIG, make_nets(), "# card\n")
    return tmp_path / "model"


def test_round_trip_in_half_precision(folder):
    nets, fresh = make_nets(), make_nets(seed=1)
    assert not same(nets, fresh)
    load_weights(folder, read_config(folder), fresh)
    for name, value in fresh.state_dict().items():
        wanted = nets.state_dict()[name]
        assert value.dtype == wanted.dtype
        assert torch.equal(value, wanted.half().float() if wanted.is_floating_point() else wanted), name
    stored = load_file(folder / "model.safetensors")
    assert {str(v.dtype) for v in stored.values()} == {"torch.float16", "torch.int64"}
    assert fresh[1].num_batches_tracked == 1


def test_compiled_nets_are_saved_under_their_own_names(tmp_path):
    nets = nn.ModuleDict({"generator": torch.compile(nn.Conv2d(3, 4, 1), backend="eager")})
    save(tmp_path / "compiled", CONFIG, nets, "# compiled\n")
    assert load_file(tmp_path / "compiled" / "model.safetensors").keys() == {"generator.weight", "generator.bias"}
    assert not model_folder.changed(tmp_path / "compiled", nets)


def test_the_folder_explains_itself(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    config = read_config(folder)
    assert config == {
        "format": 1,
        **CONFIG,
        "sha256": hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
    }
    assert "Fréchet" in (folder / "config.json").read_text()
    assert (folder / "README.md").read_text() == "# card\n"


def test_saving_again_replaces_the_model_and_nothing_else(folder):
    (folder / "examples").mkdir()
    (folder / "examples" / "samples.jpg").write_bytes(b"picture")
    (folder / "notes.txt").write_text("somebody's")
    (folder / "papers").mkdir()
    (folder / "papers" / "a.tex").write_text("somebody's")
    before = read_config(folder)["sha256"]
    save(folder, CONFIG | {"note": "second"}, make_nets(seed=2), "# second\n")
    config = read_config(folder)
    assert config["note"] == "second" and config["sha256"] != before
    assert (folder / "README.md").read_text() == "# second\n"
    assert (folder / "examples" / "samples.jpg").read_bytes() == b"picture"
    assert (folder / "notes.txt").read_text() == (folder / "papers" / "a.tex").read_text() == "somebody's"
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("place", ["paper.tex", "models/mine/x.txt", "config.json"])
def test_a_folder_of_other_things_is_refused(tmp_path, place):
    target = tmp_path / "work"
    (target / place).parent.mkdir(parents=True)
    (target / place).write_text('{"architectures": ["Somebody"]}')
    with pytest.raises(ModelFolderError, match="work holds other things than a model: give the name of a new folder"):
        save(target, CONFIG, make_nets(), "# card\n")
    assert [p for p in target.rglob("*") if p.is_file()] == [target / place]
    (tmp_path / "file").write_text("somebody's")
    with pytest.raises(ModelFolderError, match="file is a file: give the name of a new folder"):
        save(tmp_path / "file", CONFIG, make_nets(), "# card\n")
    assert (tmp_path / "file").read_text() == "somebody's"
    (tmp_path / "empty").mkdir()
    save(tmp_path / "empty", CONFIG, make_nets(), "# card\n")
    assert read_config(tmp_path / "empty")["format"] == 1


def test_a_kill_before_all_was_carried_over_loses_nothing(folder):
    old = folder.with_name(".model.old")
    (old / "examples").mkdir(parents=True)
    for name in ("config.json", "examples/a.png", "notes.txt"):
        (old / name).write_text("before")
    (folder / "notes.txt").write_text("now")
    save(folder, CONFIG, make_nets(seed=2), "# second\n")
    assert (folder / "examples" / "a.png").read_text() == "before"
    assert (folder / "notes.txt").read_text() == "now" and (folder / "notes.txt.before").read_text() == "before"
    assert [p.name for p in folder.parent.iterdir()] == ["model"] and read_config(folder)["format"] == 1


def test_a_kill_between_the_renames_keeps_the_examples(folder):
    (folder / "examples").mkdir()
    (folder / "examples" / "samples.jpg").write_bytes(b"picture")
    folder.rename(folder.with_name(".model.old"))
    save(folder, CONFIG, make_nets(seed=2), "# second\n")
    assert (folder / "examples" / "samples.jpg").read_bytes() == b"picture"
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("place", ["save_file", "weights_digest", "rename"])
def test_a_save_that_fails_leaves_the_old_model(folder, monkeypatch, place):
    (folder / "examples").mkdir()
    (folder / "examples" / "a.png").write_bytes(b"a")
    before = {p.name: p.read_bytes() for p in folder.glob("*.*")}

    def full(*_, **__):
        raise OSError("No space left on device")

    if place == "rename":
        rename = Path.rename
        monkeypatch.setattr(Path, "rename", lambda p, to: (full if p.name == ".model.new" else rename)(p, to))
    else:
        monkeypatch.setattr(f"i2i.model_folder.{place}", full)
    with pytest.raises(ModelFolderError, match="No space left on device.*: free space"):
        save(folder, CONFIG, make_nets(seed=2), "# second\n")
    assert {p.name: p.read_bytes() for p in folder.glob("*.*")} == before
    assert (folder / "examples" / "a.png").read_bytes() == b"a"
    monkeypatch.undo()
    save(folder, CONFIG, make_nets(seed=2), "# second\n")  # what the failure left behind is no obstacle
    assert (folder / "README.md").read_text() == "# second\n"
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


def test_the_recipe_alone_decides_the_bytes(folder, tmp_path):
    save(tmp_path / "twin", CONFIG, make_nets(), "# card\n")
    for name in ("config.json", "model.safetensors", "README.md"):
        assert (folder / name).read_bytes() == (tmp_path / "twin" / name).read_bytes()


def test_other_weights_than_the_configs_are_refused(folder):
    other = {k: v + 1 for k, v in load_file(folder / "model.safetensors").items()}
    save_file(other, folder / "model.safetensors")
    with pytest.raises(ModelFolderError, match="sha256 differs.*copy both again"):
        load_weights(folder, read_config(folder), make_nets())


def test_a_net_of_another_shape_is_refused(folder):
    wider = nn.Sequential(nn.Conv2d(3, 5, 3))
    before = [p.clone() for p in wider.parameters()]
    message = r"fit its config.json: 0.weight is 4x3x3x3 there and 5x3x3x3 here; undo the changes in config.json"
    with pytest.raises(ModelFolderError, match=message):
        load_weights(folder, read_config(folder), wider)
    assert all(torch.equal(a, b) for a, b in zip(before, wider.parameters(), strict=True))


def test_a_config_gets_no_more_memory_than_its_weights_take(folder):
    huge = 10**13  # float32 numbers: more than any machine has

    def build():
        return nn.Sequential(nn.Conv2d(3, huge, 3))

    message = f"fit its config.json: 0.weight is 4x3x3x3 there and {huge}x3x3x3 here; undo the changes"
    with pytest.raises(ModelFolderError, match=message):
        load_nets(folder, read_config(folder), "a net", build)


def test_nets_come_with_their_weights(folder):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    nets = load_nets(folder, read_config(folder), "a net", lambda: make_nets(seed=5))
    assert torch.equal(torch.get_rng_state(), before)
    saved = load_file(folder / "model.safetensors")
    assert all(torch.equal(tensor, saved[name].float()) for name, tensor in nets.state_dict().items())
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelFolderError, match="has no model.safetensors; copy the whole"):
        load_nets(folder, read_config(folder), "a net", make_nets)


def test_what_differs_in_words():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    saved = net.state_dict()
    assert difference(saved, net.state_dict()) == ""
    assert difference({k: v for k, v in saved.items() if k != "1.bias"}, saved) == "it has no 1.bias"
    assert difference(saved | {"2.bias": torch.ones(3)}, saved) == "its 2.bias has no place here"
    wider = saved | {"0.weight": torch.ones(4, 2)}
    assert difference(wider, saved) == "0.weight is 4x2 there and 3x2 here"
    counts = saved | {"1.num_batches_tracked": torch.ones(2)}
    rounded = saved | {"0.weight": saved["0.weight"].to(torch.int8)}
    assert difference(rounded, saved) == "0.weight is int8 there and float32 here"
    assert difference(counts, saved) == "1.num_batches_tracked is 2 there and one number here"


def test_weights_that_are_not_safetensors_are_refused(folder):
    (folder / "model.safetensors").write_bytes(b"\x80\x04 a pickle, say")
    config = read_config(folder) | {"sha256": model_folder.weights_digest(folder)}
    with pytest.raises(ModelFolderError, match="does not fit .* no safetensors file .*copy the model folder again"):
        load_weights(folder, config, make_nets())
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelFolderError, match="has no model.safetensors; copy the whole"):
        load_weights(folder, config, make_nets())


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "not valid JSON"),
        ("\N{SNOWMAN}".encode("utf-16"), "not valid JSON"),
        ("[1, 2]", "not one of ours"),
        ('{"method": "styled"}', "not one of ours"),
        ('{"architectures": ["Llama"], "format": "pt"}', "not one of ours"),
        ('{"method": "styled", "format": 2}', "format 2, this version reads 1: install the version"),
    ],
)
def test_configs_of_others_are_told_apart(tmp_path, text, message):
    (tmp_path / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ModelFolderError, match=message):
        read_config(tmp_path)


def test_a_folder_without_config(tmp_path):
    with pytest.raises(ModelFolderError, match=r"has no config.json.*RUN/model"):
        read_config(tmp_path)


def test_resolve_finds_folders_and_bundled_names(folder):
    assert resolve(folder) == resolve(str(folder)) == folder
    edges = resolve("edges")
    assert read_config(edges)["kind"] == "detector" and edges.parent == model_folder.ASSETS / "models"


def test_a_model_folder_comes_before_a_bundled_name_and_another_folder_does_not(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    Path("edges").mkdir()
    assert resolve("edges") == model_folder.ASSETS / "models" / "edges"
    Path("edges").rmdir()
    folder.rename("edges")
    assert resolve("edges") == Path("edges")


def test_resolve_says_what_was_wrong(folder):
    with pytest.raises(
        ModelFolderError, match=r"no model 'edges2dragons': give a model folder, a Hub id .* bundled one"
    ):
        resolve("edges2dragons")
    with pytest.raises(ModelFolderError, match="is a file; give the model's folder"):
        resolve(folder / "model.safetensors")
    for words in ("a/b/c", "/nowhere/at/all", "../up"):
        with pytest.raises(ModelFolderError, match="no model"):
            resolve(words)


def test_hub_ids_are_fetched_without_anything_else(folder, monkeypatch):
    calls = []

    def download(name, allow_patterns):
        calls.append((name, allow_patterns))
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert resolve("someone/edges2dragons") == folder
    assert calls == [("someone/edges2dragons", ["config.json", "model.safetensors", "README.md", "examples/*"])]

    def offline(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    with pytest.raises(
        ModelFolderError, match=r"someone/dragons is neither a folder .*ConnectionError.*bundled models"
    ):
        resolve("someone/dragons")


def test_bundled_models_are_listed_by_kind(tmp_path, monkeypatch):
    monkeypatch.setattr(model_folder, "ASSETS", tmp_path)
    assert bundled_models() == []
    for name, kind, given in (
        ("edges", "detector", {}),
        ("aaa", "translator", {"input": {"kind": "photo"}}),
        ("edges2cats", "translator", {"input": {"kind": "edges"}}),
        ("map", "translator", {"input": {"kind": "labels"}}),
        ("bags", "translator", {"input": {"kind": "edges"}}),
        ("zebra", "translator", {"input": {"kind": "photo"}}),
    ):
        (tmp_path / "models" / name).mkdir(parents=True)
        save(tmp_path / "models" / name, {"method": "m", "kind": kind} | given, make_nets(), "# card\n")
    (tmp_path / "models" / "notes").mkdir()
    assert bundled_models() == ["edges2cats", "bags", "map", "aaa", "zebra"]
    assert bundled_models("detector") == ["edges"]
    assert resolve("zebra") == tmp_path / "models" / "zebra"
    shutil.rmtree(tmp_path / "models" / "zebra")
    with pytest.raises(ModelFolderError, match=r"\(edges2cats, bags, map, aaa\)"):
        resolve("zebra")


def test_what_comes_with_the_project_is_whole():
    assert "edges" in bundled_models("detector")
    for name in bundled_models() + bundled_models("detector"):
        folder = resolve(name)
        config = read_config(folder)
        assert config["name"] == name
        assert config["sha256"] == model_folder.weights_digest(folder), f"{name}: weights are not the config's"
        card = (folder / "README.md").read_text()
        assert "icence" in card and json.dumps(config)


def test_copies_beside_the_folder_stay(folder):
    for name in ("model.old", "model.new"):
        (folder.with_name(name) / "examples").mkdir(parents=True)
        (folder.with_name(name) / "examples" / "mine.png").write_text(name)
    save(folder, CONFIG, make_nets(), "# card\n")
    for name in ("model.old", "model.new"):
        assert (folder.with_name(name) / "examples" / "mine.png").read_text() == name
    assert not (folder / "examples").exists()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["model", "model.new", "model.old"]


def test_a_link_leads_to_the_model_however_often_it_is_saved(folder, tmp_path):
    link = tmp_path / "run" / "model"
    link.parent.mkdir()
    link.symlink_to(folder)
    for seed in (1, 2, 3):
        save(link, CONFIG | {"seed": seed}, make_nets(seed), "# card\n")
    assert link.is_symlink() and read_config(folder)["seed"] == 3


def test_a_full_disk_leaves_the_model_before(folder, monkeypatch):
    def full(*args):
        raise SafetensorError("No space left on device")

    before = read_config(folder)
    monkeypatch.setattr(model_folder, "save_file", full)
    with pytest.raises(ModelFolderError, match=r"cannot be written \(No space left on device\): free space"):
        save(folder, CONFIG, make_nets(seed=1), "# card\n")
    assert read_config(folder) == before
