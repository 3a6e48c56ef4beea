"""Held-out pairs in the direction of a model, and drawings by people in groups."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from i2i.data.paired import PairedConfig
from i2i.metrics.fcn_score import IGNORED
from i2i.metrics.held_out import ColouredLabels, HeldOut, contradictions, find_sketches, held_out_for

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
    stretched = HeldOut(other, config=PairedConfig(fit="stretch"))
    assert (stretched.which(), stretched.describe()) == (text, f"{text}, fit stretch")
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
    assert held_out_for(config, tmp_path, pairs={"direction": "AtoB"}).x(0, 32).mean() < -0.5


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """photo|labels side by side, twice as high as wide: sky above wall, and a stripe that is no class."""
    root = tmp_path_factory.mktemp("halves")
    (root / "palette.json").write_text(json.dumps(PALETTE))
    for i in range(40):
        page = np.zeros((64, 64, 3), np.uint8)
        page[:, :32] = 6 * i
        page[:32, 32:], page[32:, 32:] = PALETTE["colours"][0], PALETTE["colours"][1]
        page[60:, 32:] = (0, 200, 0)
        page[0, 32:] = (10, 20, 240)  # as JPEG leaves it
        Image.fromarray(page).save(root / f"{i}.png")
    return root


TRAINED = {"a": "photo", "b": "photo", "direction": "BtoA", "fit": "stretch", "val_fraction": 0.5}
STREET = {"name": "street", "input": {"kind": "photo"}, "data": TRAINED}


def test_pairs_are_those_that_training_kept_apart(halves):
    held = held_out_for(STREET, halves)
    assert held.config.fit == "stretch" and 12 < len(held) < 28
    assert len(held) + len(held_out_for(STREET, halves, "train")) == 40
    assert held.x(0, 32)[2, 8].mean() > 0.8  # the right half: sky
    older = STREET | {"data": {"direction": "BtoA"}}
    with pytest.raises(ValueError, match="use --fit stretch"):
        held_out_for(older, halves)
    few = held_out_for(older, halves, pairs={"fit": "stretch"})
    assert len(few) < 10


def test_what_is_asked_for_wins_and_is_told(halves):
    given = {"val_fraction": 0.1, "direction": "AtoB", "fit": "stretch", "b": "labels"}
    held = held_out_for(STREET, halves, pairs=given)
    assert len(held) < 10 and held.config.direction == "AtoB" and held.config.b == "photo"
    assert contradictions(STREET, given) == [
        "street was trained with --direction BtoA, and is measured with AtoB",
        "street was trained with --val-fraction 0.5, and is measured with 0.1",
    ]
    # A default counts where it was asked for.
    with pytest.raises(ValueError, match="use --fit stretch"):
        held_out_for(STREET, halves, pairs={"fit": "crop"})


def test_labels_in_halves_need_no_options(halves, tmp_path):
    for path in halves.glob("*.png"):
        page = np.array(Image.open(path))
        page[60:, 32:] = PALETTE["colours"][1]
        Image.fromarray(page).save(tmp_path / path.name)
    (tmp_path / "palette.json").write_text(json.dumps(PALETTE))
    config = {"name": "m", "input": {"kind": "labels", "palette": PALETTE}, "data": TRAINED | {"b": "labels"}}
    held = held_out_for(config, tmp_path)
    assert (held.config.direction, held.input["kind"]) == ("BtoA", "labels")
    assert (held.classes(0, 32)[:16] == 0).all() and (held.classes(0, 32)[16:] == 1).all()
    with pytest.raises(ValueError, match="labels to photo, which is BtoA in .*: leave --direction out"):
        held_out_for(config, tmp_path, pairs={"direction": "AtoB"})
    assert contradictions(config, {"b": "photo", "a": "auto"}) == [
        "m was trained with --b labels, and is measured with photo"
    ]


def test_label_maps_as_pictures(halves):
    held = ColouredLabels(held_out_for(STREET, halves), "b")
    assert not held.labels_answered and held.palette.names == ("sky", "wall")
    classes = held.classes(0, 32)
    assert (classes[:16] == 0).all() and (classes[16:30] == 1).all() and (classes[30:] == IGNORED).all()
    assert "the nearest of 2 colours, 6.2% of the pixels further than 32 levels" in held.describe()
    assert held.x(0, 32).shape == (3, 32, 32)
    train = ColouredLabels(held_out_for(STREET, halves, "train"), "b")
    np.testing.assert_array_equal(train.classes(1, 32), classes)
    back = ColouredLabels(held_out_for(STREET, halves, pairs={"direction": "AtoB"}), "b")
    assert back.labels_answered
    with pytest.raises(ValueError, match=r"only \d+% of the pixels .*side A.* have a colour of the palette"):
        ColouredLabels(held_out_for(STREET, halves), "a")


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
