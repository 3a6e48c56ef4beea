"""Pairs of any kinds: layouts, splits, alignment under jitter, and what is said about folders that do not fit."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from shapes import photo

from i2i.colour import lab_to_photo
from i2i.data.layout import PrepareError
from i2i.data.paired import PairedConfig, PairedDataset, channels_of

PLAIN = PairedConfig(jitter=1.0, flip=0.0)


@pytest.fixture
def side_by_side(tmp_path):
    """Four A|B pictures: A dark, B bright."""
    for i in range(4):
        dark, bright = (np.full((32, 32, 3), (v + 4 * i, v, v + 40), np.uint8) for v in (10, 210))
        Image.fromarray(np.hstack([dark, bright])).save(tmp_path / f"{i}.png")
    return tmp_path


def same(a, b):
    return torch.equal(a["x"], b["x"]) and torch.equal(a["y"], b["y"])


def test_two_folders_with_a_palette(label_pairs):
    data = PairedDataset(label_pairs, "train", 64, PLAIN)
    # As in the published facades: A is the photo, and labels are what is drawn.
    assert (data.config.a, data.config.b, data.config.direction) == ("photo", "labels", "BtoA")
    assert data.input["kind"] == "labels" and data.output == {"kind": "photo"}
    assert (data.inputs, data.outputs) == (4, 3) == (channels_of(data.input), channels_of(data.output))
    item = data[0]
    assert item["x"].shape == (4, 64, 64) and item["y"].shape == (3, 64, 64)
    assert set(item["x"].unique().tolist()) == {0, 1} and torch.equal(item["x"].sum(0), torch.ones(64, 64))
    sky = item["x"][3] > 0
    assert item["y"][2][sky].mean() > item["y"][0][sky].mean() + 0.3  # the sky is blue, where the map says sky


def test_photos_to_labels(label_pairs):
    data = PairedDataset(label_pairs, "val", 64, PairedConfig(direction="AtoB", val_fraction=0.4))
    item = data[0]
    assert item["x"].shape == (3, 64, 64) and set(item["y"].unique().tolist()) == {-1, 1}
    assert np.array_equal(item["y"].argmax(0).numpy(), data.classes(0)) and data.output["kind"] == "labels"
    assert data.palette.names[3] == "sky"


def test_side_by_side(side_by_side):
    data = PairedDataset(side_by_side, "train", 32, PLAIN)
    assert data.kinds == ("photo", "photo") and data.config.direction == "AtoB"
    assert data[0]["x"].max() < -0.5 < 0.5 < data[0]["y"].min()
    back = PairedDataset(side_by_side, "train", 32, PairedConfig(direction="BtoA"))
    assert back[0]["x"].min() > 0.5 and back[0]["y"].max() < -0.5


def test_halves_that_are_line_art_are_drawings(tmp_path):
    for i in range(4):
        page = np.full((32, 32, 3), 255, np.uint8)
        page[8 + i, 4:28] = 0
        Image.fromarray(np.hstack([page, np.asarray(photo(i, (32, 32)))])).save(tmp_path / f"{i}.png")
    data = PairedDataset(tmp_path, "train", 32, PLAIN)
    assert data.kinds == ("edges", "photo") and data[0]["x"].shape == (1, 32, 32)
    assert data[0]["x"].unique().tolist() == [-1, 1] and data[0]["x"].mean() > 0.8


def test_the_run_folder_of_edges2photo(tmp_path):
    for split, count in (("train", 3), ("val", 2)):
        for kind in ("photo", "drawing"):
            (tmp_path / "data" / "pairs" / split / kind).mkdir(parents=True)
        for i in range(count):
            place = tmp_path / "data" / "pairs" / split
            photo(i, (32, 32)).save(place / "photo" / f"p{i}.webp")
            Image.new("1", (32, 32), 1).save(place / "drawing" / f"p{i}.png")
    for root in (tmp_path, tmp_path / "data"):
        train, val = (PairedDataset(root, split, 32) for split in ("train", "val"))
        assert train.kinds == ("edges", "photo") and (len(train), len(val)) == (3, 2)
    small = PairedDataset(tmp_path, "val", 16)[0]
    assert small["x"].shape == (1, 16, 16) and small["y"].shape == (3, 16, 16)


def test_splits_are_whole_and_stay_where_they_are(tmp_path):
    def add(numbers) -> None:
        for i in numbers:
            Image.new("RGB", (64, 32)).save(tmp_path / f"{i}.png")

    def parts(fraction: float = 0.3) -> list[set[str]]:
        config = PairedConfig(a="photo", b="photo", val_fraction=fraction)
        return [set(PairedDataset(tmp_path, split, 32, config).ids) for split in ("train", "val")]

    add(range(2))
    assert [len(part) for part in parts(0.001)] == [1, 1]  # at least one to validate with
    add(range(2, 30))
    before = parts()
    assert not before[0] & before[1] and before[0] | before[1] == {str(i) for i in range(30)}
    assert 3 < len(before[1]) < 15
    add(range(30, 90))
    after = parts()
    assert before[0] < after[0] and before[1] < after[1]
    assert after[1] < parts(0.5)[1]  # a larger share takes more, and lets none go


def test_items_are_a_function_of_index_and_seed(label_pairs):
    data, uncached = (PairedDataset(label_pairs, "train", 48, cache=cache) for cache in (True, False))
    first = [data[(i, 7)] for i in range(len(data))]
    torch.rand(3)
    assert all(same(data[(i, 7)], first[i]) and same(uncached[(i, 7)], first[i]) for i in reversed(range(len(data))))
    assert len({data[(0, seed)]["x"].numpy().tobytes() for seed in range(12)}) >= 10
    assert same(data[1], data[(1, 0)])
    val = PairedDataset(label_pairs, "val", 48)
    assert same(val[(0, 1)], val[(0, 2)])


def test_jitter_and_mirroring_move_both_sides_together(tmp_path):
    """A's red channel equals B's blue one, whatever happens to the pair."""
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        ramp = np.kron(rng.integers(0, 255, (8, 8)), np.ones((8, 8))).astype(np.uint8)
        Image.fromarray(np.stack([ramp, 0 * ramp, 0 * ramp], 2)).save(tmp_path / "A" / f"{i}.png")
        Image.fromarray(np.stack([0 * ramp, 0 * ramp, ramp], 2)).save(tmp_path / "B" / f"{i}.png")
    data = PairedDataset(tmp_path, "train", 64, PairedConfig(a="photo", b="photo"))
    assert data.loaded == 72  # 64 * 286 / 256, rounded
    items = [data[(0, seed)] for seed in range(10)]
    assert all(torch.allclose(i["x"][0], i["y"][2]) for i in items)
    assert len({i["x"].numpy().tobytes() for i in items}) == 10
    flipped = PairedDataset(tmp_path, "train", 64, PairedConfig(a="photo", b="photo", jitter=1.0, flip=1.0))
    straight = PairedDataset(tmp_path, "train", 64, PairedConfig(a="photo", b="photo", jitter=1.0, flip=0.0))
    assert torch.equal(flipped[0]["x"], straight[0]["x"].flip(2))


def test_jitter_moves_down_and_sideways_alike(tmp_path):
    """Red tells the row of a pixel, green its column."""
    row, column = np.indices((72, 72)).astype(np.uint8)
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.fromarray(np.stack([row, column, 0 * row], 2)).save(tmp_path / name / f"{i}.png")
    data = PairedDataset(tmp_path, "train", 64, PairedConfig(a="photo", b="photo", flip=0.0))
    corners = [((data[(0, seed)]["x"][:2, 0, 0] + 1) * 127.5).round().int().tolist() for seed in range(300)]
    assert {down for down, _ in corners} == {right for _, right in corners} == set(range(9))
    assert len({tuple(corner) for corner in corners}) > 60  # of 81


def test_labels_keep_their_classes_under_jitter(label_pairs):
    data = PairedDataset(label_pairs, "train", 64)
    for seed in range(4):
        assert torch.equal(data[(0, seed)]["x"].sum(0), torch.ones(64, 64))


def test_lightness_to_colour_from_photos_alone(tmp_path):
    for i in range(3):
        photo(i, (40, 32)).save(tmp_path / f"{i}.png")
    data = PairedDataset(tmp_path, "val", 32, PairedConfig(a="gray", b="ab", jitter=1.0, val_fraction=0.5))
    item = data[0]
    assert (data.inputs, data.outputs) == (1, 2) and data.output == {"kind": "ab"}
    wanted = np.asarray(Image.open(tmp_path / f"{data.ids[0]}.png").crop((4, 0, 36, 32)))  # the centre square
    back = ((lab_to_photo(item["x"], item["y"]) + 1) * 127.5).round().numpy().transpose(1, 2, 0)
    assert np.abs(back - wanted).max() <= 1
    to_rgb = PairedDataset(tmp_path, "val", 32, PairedConfig(a="gray", b="photo", val_fraction=0.5))
    assert to_rgb[0]["y"].shape == (3, 32, 32) and torch.equal(to_rgb[0]["x"], item["x"])


def test_a_hole_in_the_middle(tmp_path):
    for i in range(3):
        photo(i, (32, 32)).save(tmp_path / f"{i}.png")
    data = PairedDataset(tmp_path, "train", 32, PairedConfig(a="hole", b="photo"))
    item = data[(0, 3)]
    hole = item["x"][:, 8:24, 8:24]
    assert not hole.any() and torch.equal(item["x"][:, :8], item["y"][:, :8]) and item["y"][:, 8:24, 8:24].any()


def test_a_folder_test_serves_as_validation(tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        (tmp_path / split).mkdir()
        for i in range(count):
            Image.new("RGB", (64, 32)).save(tmp_path / split / f"{i}.jpg")
    assert [len(PairedDataset(tmp_path, s, 32, PairedConfig("photo", "photo"))) for s in ("train", "val")] == [3, 2]


@pytest.mark.parametrize("name", ["val", "test"])
def test_a_folder_of_pairs_to_measure_with_alone(tmp_path, name):
    (tmp_path / name).mkdir()
    for beside in ("palette.json", "manifest.json", "README.md"):
        (tmp_path / beside).write_text("{}")
    for i in range(2):
        Image.new("RGB", (64, 32)).save(tmp_path / name / f"{i}.jpg")
    config = PairedConfig("photo", "photo")
    assert len(PairedDataset(tmp_path, "val", 32, config)) == 2
    with pytest.raises(PrepareError, match=f"holds {name} alone, pairs to measure with: put others into .*train"):
        PairedDataset(tmp_path, "train", 32, config)


@pytest.mark.parametrize("names", [("photo", "labels"), ("edges", "photo")])
def test_maps_and_drawings_as_plain_pictures(tmp_path, names):
    """Two photos are wanted: the other folder's pictures come in RGB, on the side that they have otherwise."""
    for folder, level in zip(names, (40, 200), strict=True):
        (tmp_path / folder).mkdir()
        for i in range(3):
            Image.new("RGB", (32, 32), (level, 0, 0)).quantize(2).save(tmp_path / folder / f"{i}.png")
    data = PairedDataset(tmp_path, "train", 32, PairedConfig("photo", "photo", direction="BtoA"))
    assert (data.config.a, data.config.b, data.palette) == ("photo", "photo", None)
    item = data[0]
    assert item["x"].shape == item["y"].shape == (3, 32, 32)
    assert item["x"][0].min() > 0.4 and item["y"][0].max() < -0.6  # x is the second folder, in its colours


def test_pairs_are_not_taken_for_single_photos(side_by_side, tmp_path_factory):
    """Colour and holes are made from one photo each; from A|B the nets would learn the seam."""
    for pair in (("gray", "ab"), ("hole", "photo")):
        with pytest.raises(PrepareError, match="twice as wide as high.*split-pairs PAIRS --names other photo"):
            PairedDataset(side_by_side, "train", 32, PairedConfig(*pair))
    # What the message advises: a folder of that name holds photos, be they as wide as they are.
    apart = tmp_path_factory.mktemp("apart")
    (apart / "photo").mkdir()
    for path in side_by_side.glob("*.png"):
        Image.open(path).save(apart / "photo" / path.name)
    assert len(PairedDataset(apart, "train", 32, PairedConfig("gray", "ab"))) == 3
    # A few wide pictures among others are photos.
    for i in range(4, 8):
        Image.new("RGB", (40, 32)).save(side_by_side / f"{i}.png")
    assert len(PairedDataset(side_by_side, "train", 32, PairedConfig("gray", "ab", val_fraction=0))) == 8


def test_stretching(tmp_path):
    wide = np.zeros((16, 64, 3), np.uint8)
    wide[:, 32:] = 200
    for i in range(2):
        Image.fromarray(wide).save(tmp_path / f"{i}.png")
    with pytest.raises(PrepareError, match="64x16, which is no pair.*--fit stretch"):
        PairedDataset(tmp_path, "train", 16)
    data = PairedDataset(tmp_path, "train", 16, PairedConfig("photo", "photo", fit="stretch"))
    assert data[0]["y"].min() > 0.5 > -0.5 > data[0]["x"].max()


def folder_of(tmp_path, **files):
    for name, picture in files.items():
        path = tmp_path / name.replace("__", "/").replace("_png", ".png")
        path.parent.mkdir(exist_ok=True, parents=True)
        picture.save(path)
    return tmp_path


def test_partners_may_be_written_in_different_normal_forms(tmp_path, label_pairs):
    """é as one sign, and as e with an accent, which some archives make of it."""
    for folder, name in (("photo", "caf\u00e9 9.png"), ("labels", "cafe\u0301 9.png")):
        old = next(path for path in (label_pairs / folder).iterdir() if path.stem.endswith("0"))
        (tmp_path / "pairs" / folder).mkdir(parents=True)
        for path in (label_pairs / folder).iterdir():
            shutil.copy(path, tmp_path / "pairs" / folder / (name if path == old else path.name))
    shutil.copy(label_pairs / "palette.json", tmp_path / "pairs")
    roots = (label_pairs, tmp_path / "pairs")
    count = [sum(len(PairedDataset(root, split, 16)) for split in ("train", "val")) for root in roots]
    assert count[0] == count[1] > 1


def test_what_is_wrong_is_said(tmp_path, label_pairs, side_by_side):
    with pytest.raises(IndexError, match="holds 3 pairs"):
        PairedDataset(side_by_side, "train", 32)[3]
    with pytest.raises(ValueError, match="no label maps"):
        PairedDataset(side_by_side, "val", 32).classes(0)
    one, two = Image.new("RGB", (32, 32)), Image.new("RGB", (16, 16))
    with pytest.raises(PrepareError, match="is no folder"):
        PairedDataset(tmp_path / "nowhere")
    with pytest.raises(PrepareError, match="holds no pairs.*side by side.*found the folders images_only"):
        PairedDataset(folder_of(tmp_path / "a", images_only__0_png=one))
    run = folder_of(tmp_path / "run", grids__0_png=one, model__0_png=one, state__0_png=one)
    with pytest.raises(PrepareError, match="is a run folder and holds no pairs: give the folder of pairs"):
        PairedDataset(run)
    grey = folder_of(tmp_path / "grey", A__0_png=one, B__0_png=one)
    with pytest.raises(PrepareError, match="holds no photos but pairs, and gray and ab are made of one photo: leave"):
        PairedDataset(grey, config=PairedConfig(a="gray", b="ab"))
    with pytest.raises(PrepareError, match="1 pictures of edges and photo have no partner.*such as 1"):
        PairedDataset(folder_of(tmp_path / "b", photo__0_png=one, edges__0_png=one, photo__1_png=one))
    with pytest.raises(ValueError, match="A is 32x32 and B 16x16"):
        PairedDataset(folder_of(tmp_path / "c", photo__0_png=two, edges__0_png=one, photo__1_png=two, edges__1_png=one))
    with pytest.raises(PrepareError, match="no palette.json: give --palette"):
        PairedDataset(folder_of(tmp_path / "d", photo__0_png=one, labels__0_png=one))
    with pytest.raises(ValueError, match="unknown a 'video'.*edges, labels, photo"):
        PairedConfig(a="video")
    with pytest.raises(ValueError, match="jitter 0.9"):
        PairedConfig(jitter=0.9)
    for field, value in (("flip", 3), ("flip", -0.1), ("val_fraction", 1.0), ("val_fraction", -0.1)):
        with pytest.raises(ValueError, match=f"got {field} {value}, expected a share"):
            PairedConfig(**{field: value})
    photos = side_by_side / "c" / "photo"
    with pytest.raises(ValueError, match="only translated to: reverse it with --direction"):
        PairedDataset(photos, "train", 32, PairedConfig("gray", "ab", direction="BtoA"))
    with pytest.raises(ValueError, match="only translated from: reverse it with --direction"):
        PairedDataset(photos, "train", 32, PairedConfig("hole", "photo", direction="BtoA"))
    with pytest.raises(PrepareError, match="unknown split 'all'"):
        PairedDataset(side_by_side, "all")
    with pytest.raises(ValueError, match="use split='val'"):
        PairedDataset(label_pairs, "train", 32).classes(0)


def test_colours_outside_the_palette_name_the_file(tmp_path):
    grey = Image.new("RGB", (32, 32), (90, 90, 90))
    root = folder_of(tmp_path, photo__0_png=grey, labels__0_png=grey, photo__1_png=grey, labels__1_png=grey)
    (root / "palette.json").write_text(json.dumps({"names": ["a", "b"], "colours": [[255, 0, 0], [0, 0, 255]]}))
    with pytest.raises(ValueError, match="label map [01]: .*#5a5a5a"):
        PairedDataset(root, "train", 32)


@pytest.mark.parametrize("white, empty", [(255, 1), (1, 0)])
def test_an_empty_grey_mask_is_what_the_others_of_its_folder_are(tmp_path, white, empty):
    """Black and white masks are colours, so the empty one is ground; masks of 0 and 1 are the classes themselves."""
    palette = {"names": ["cat", "ground"], "colours": [[255, 255, 255], [0, 0, 0]]}
    (tmp_path / "palette.json").write_text(json.dumps(palette))
    # The validation pairs alone would not tell: theirs are empty.
    for split, sides in (("train", (0, 9, 16)), ("val", (0, 0))):
        for name in ("photo", "labels"):
            (tmp_path / split / name).mkdir(parents=True)
        for i, side in enumerate(sides):
            mask = np.zeros((32, 32), np.uint8)
            mask[:side, :side] = white
            photo(i).resize((32, 32)).save(tmp_path / split / "photo" / f"{i}.png")
            Image.fromarray(mask).save(tmp_path / split / "labels" / f"{i}.png")
    for split, empties in (("train", 1), ("val", 2)):
        data = PairedDataset(tmp_path, split, 32)
        for index in range(empties):
            assert (data[index]["x"].argmax(0) == empty).all(), split
