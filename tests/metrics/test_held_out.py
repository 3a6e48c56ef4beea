"""Held-out pairs in the direction of a model, and drawings by people in groups."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from i2i.metrics.held_out import HeldOut, find_sketches, held_out_for

EDGES = {"name": "m", "input": {"kind": "edges"}}
PALETTE = {"names": ["sky", "wall"], "colours": [[0, 0, 255], [200, 0, 0]]}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """photo and labels: the left half is sky."""
    root = tmp_path_factory.mktemp("labelled")
    (root / "palette.json").write_text(json.dumps(PALETTE))
    classes = np.zeros((64, 64), np.uint8)
    classes[:, 32:] = 1
    for kind in ("photo", "labels"):
        (root / kind).mkdir()
    for i in range(4):
        Image.fromarray(np.array(PALETTE["colours"], np.uint8)[classes]).save(root / "labels" / f"{i}.png")
        Image.fromarray(np.full((64, 64, 3), 60 * i, np.uint8)).save(root / "photo" / f"{i}.png")
    return root


def test_sizes_and_pictures(discs):
    held = HeldOut(discs)
    assert len(held) == 5 and held.input["kind"] == "edges"
    assert held.x(1, 64).shape == (1, 64, 64) and held.photo(1, 32).size == (32, 32)
    drawing = held.drawing(1)
    assert drawing.shape == (256, 256) and set(np.unique(drawing)) == {0, 255}
    photo = np.asarray(Image.open(discs / "pairs/val/photo/1.png"))
    np.testing.assert_array_equal(np.asarray(held.photo(1, 256)), photo)
    for i in range(5):
        held.x(i, 64)  # more pairs than are remembered
    np.testing.assert_array_equal(held.drawing(1), drawing)


def test_the_description_tells_which_pairs(discs, tmp_path):
    import shutil

    text = HeldOut(discs).describe()
    assert text.split()[-2] == "val" and len(text.split()[-1]) == 8
    other = tmp_path / discs.name
    shutil.copytree(discs, other)
    assert HeldOut(other).describe() == text
    for kind in ("photo", "drawing"):
        (other / "pairs" / "val" / kind / "4.png").unlink()
    assert HeldOut(other).describe() != text


def test_labels_in_both_directions(labelled):
    described = {"kind": "labels", "palette": PALETTE}
    forth = held_out_for({"name": "m", "input": described}, labelled, "train")
    back = held_out_for({"name": "m", "input": {"kind": "photo"}, "output": described}, labelled, "train")
    assert (forth.input["kind"], forth.output["kind"]) == ("labels", "photo")
    assert (back.input["kind"], back.output["kind"]) == ("photo", "labels")
    for held in (forth, back):
        classes = held.classes(0, 32)
        assert classes.shape == (32, 32) and (classes[:, :16] == 0).all() and (classes[:, 16:] == 1).all()
    with pytest.raises(ValueError, match="no drawings"):
        forth.drawing(0)
    other = {"kind": "labels", "palette": {"names": ["a", "b"], "colours": [[0, 0, 0], [9, 9, 9]]}}
    with pytest.raises(ValueError, match="another palette than m"):
        held_out_for({"name": "m", "input": other}, labelled)


def test_a_model_of_other_kinds_is_refused(discs, labelled):
    with pytest.raises(ValueError, match="m translates edges to photo, but .* holds pairs of photo and labels"):
        held_out_for(EDGES, labelled)
    with pytest.raises(ValueError, match="no label maps"):
        HeldOut(discs).classes(0, 64)


def test_made_from_one_photo(labelled):
    grey = held_out_for({"name": "m", "input": {"kind": "gray"}, "output": {"kind": "ab"}}, labelled, "train")
    assert grey.x(0, 32).shape == (1, 32, 32)
    assert np.asarray(grey.photo(0, 32)).std() < 1


def test_the_direction_of_two_photos_is_the_models(tmp_path):
    for i in range(2):
        page = np.zeros((32, 64, 3), np.uint8)
        page[:, 32:] = 200
        Image.fromarray(page).save(tmp_path / f"{i}.png")
    config = {"name": "m", "input": {"kind": "photo"}, "data": {"direction": "BtoA"}}
    assert held_out_for(config, tmp_path).x(0, 32).mean() > 0.5
    assert held_out_for(config, tmp_path, direction="AtoB").x(0, 32).mean() < -0.5


def test_sketches_by_folder_and_class(tmp_path):
    for name in ("a/cat/1.png", "a/dog/2.png", "b/cat/3.png", "b/cat/4.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / name)
    assert list(find_sketches(tmp_path)) == ["a/cat", "a/dog", "b/cat"]
    with pytest.raises(ValueError, match="no index.csv to choose classes by"):
        find_sketches(tmp_path, ("cat",))
    rows = ["file,class", "a/cat/1.png,cat", "a/dog/2.png,dog", "b/cat/3.png,cat"]
    (tmp_path / "index.csv").write_text("\n".join(rows))
    found = {group: [f.name for f in files] for group, files in find_sketches(tmp_path, ("cat",)).items()}
    assert found == {"a/cat": ["1.png"], "b/cat": ["3.png"]}
    with pytest.raises(ValueError, match="no class 'cow', only cat, dog"):
        find_sketches(tmp_path, ("cow",))
    (tmp_path / "index.csv").write_text("name\nx\n")
    with pytest.raises(ValueError, match="no columns file and class"):
        find_sketches(tmp_path, ("cat",))
    with pytest.raises(ValueError, match="no drawings"):
        (tmp_path / "none").mkdir()
        find_sketches(tmp_path / "none")
