"""Two sets of unrelated photos: splits, selections, sizes and modes, uneven lengths, and items that are keyed."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.unpaired import (
    PhotoSide,
    UnpairedConfig,
    UnpairedDataset,
    find_side,
    unpaired_folders,
    unpaired_pairs,
)

STILL = UnpairedConfig(jitter=1.0, flip=0.0)


def photos(folder: Path, count: int, level: int = 0, size: tuple[int, int] = (24, 24), suffix: str = "png") -> Path:
    """`count` photos, each of one grey level: `level`, `level` + 1, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("RGB", size, (level + i,) * 3).save(folder / f"{i:03}.{suffix}")
    return folder


def levels(pictures) -> list[int]:
    return [round(float((p.mean() + 1) * 127.5)) for p in pictures]


def names(files) -> set[str]:
    return {f.relative_to(f.parents[1]).as_posix() for f in files}


# Finding photos


def test_a_hash_of_the_path_splits(tmp_path):
    folder = photos(tmp_path / "a", 60)
    train, val = (find_side(folder, split, val_fraction=0.2) for split in ("train", "val"))
    assert not set(train) & set(val) and len(train) + len(val) == 60 and 4 < len(val) < 24
    photos(folder / "more", 20)
    more = [find_side(folder, split, val_fraction=0.2) for split in ("train", "val")]
    assert set(train) < set(more[0]) and set(val) < set(more[1])  # nobody moves when photos are added


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_neither_split_is_empty(tmp_path, fraction):
    folder = photos(tmp_path / "a", 3)
    assert [len(find_side(folder, split, val_fraction=fraction)) > 0 for split in ("train", "val")] == [True, True]


def test_folders_that_are_split_already(tmp_path):
    photos(tmp_path / "inner" / "train" / "deep", 2)
    photos(tmp_path / "inner" / "test", 3)
    assert len(find_side(tmp_path / "inner", "train")) == 2 and len(find_side(tmp_path / "inner", "val")) == 3
    for name, count in (("trainA", 4), ("testA", 2), ("trainB", 3), ("valB", 1), ("testB", 5)):
        photos(tmp_path / name, count)
    assert names(find_side(tmp_path / "trainA", "val")) == {"testA/000.png", "testA/001.png"}
    assert len(find_side(tmp_path / "trainA", "train")) == 4
    assert names(find_side(tmp_path / "trainB", "val")) == {"valB/000.png"}


def write_index(folder: Path, rows: list[tuple[str, str]], columns=("file", "coat")) -> None:
    with (folder / "index.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([columns, *rows])


def test_a_selection_by_the_index(tmp_path):
    photos(tmp_path / "cats" / "photos", 8)
    coats = ["orange", "grey", "orange", "white", "grey", "orange", "orange", "black"]
    write_index(tmp_path / "cats", [(f"photos/{i:03}.png", coat) for i, coat in enumerate(coats)])
    for select, wanted in (("coat=orange", {0, 2, 5, 6}), ("coat=grey, white", {1, 3, 4})):
        found = [p for split in ("train", "val") for p in find_side(tmp_path / "cats", split, select)]
        assert {int(p.stem) for p in found} == wanted and len(found) == len(wanted)
    config = UnpairedConfig("coat=orange", "coat=grey,white", jitter=1.0, flip=0.0)
    data = unpaired_folders(tmp_path / "cats", tmp_path / "cats", "train", 16, config)
    assert (len(data.a), len(data.b)) == (3, 2)


@pytest.mark.parametrize(
    "select, message",
    [
        ("coat=pink", "no coat 'pink': there are orange \\(2\\), grey \\(1\\)"),
        ("colour=pink", "columns file, coat: file and colour are needed"),
        ("coat=", "expected COLUMN=VALUE"),
        ("coat", "expected COLUMN=VALUE"),
        ("coat=grey", "holds 1 photos with coat=grey: at least 2"),
        ("coat=gone", "names photos/999.png, which is not there"),
    ],
)
def test_selections_that_fit_nothing(tmp_path, select, message):
    photos(tmp_path / "photos", 3)
    rows = [("photos/000.png", "orange"), ("photos/001.png", "orange"), ("photos/002.png", "grey")]
    write_index(tmp_path, rows + [("photos/999.png", "gone")] * ("gone" in select))
    with pytest.raises(ValueError, match=message):
        find_side(tmp_path, "train", select)


def test_folders_that_cannot_be_used(tmp_path):
    photos(tmp_path / "a", 3)
    photos(tmp_path / "one", 1)
    (tmp_path / "empty" / "train").mkdir(parents=True)
    (tmp_path / "empty" / "val").mkdir()
    for folder, message in (("nowhere", "does not exist"), ("one", "holds 1 photos"), ("empty", "holds no photos")):
        with pytest.raises(ValueError, match=message):
            find_side(tmp_path / folder, "train")
    with pytest.raises(ValueError, match="has no index.csv"):
        find_side(tmp_path / "a", "train", "coat=orange")
    with pytest.raises(ValueError, match="unknown split 'test'"):
        find_side(tmp_path / "a", "test")
    with pytest.raises(ValueError, match="A and B share .* photos, such as"):
        unpaired_folders(tmp_path / "a", tmp_path / "a", "train", 16, STILL)


@pytest.mark.parametrize("change, message", [({"fit": "pad"}, "unknown fit"), ({"jitter": 0.5}, "got jitter 0.5"),
                                             ({"val_fraction": 1.0}, "val_fraction 1.0")])  # fmt: skip
def test_configurations_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        UnpairedConfig(**change)


# Pictures


def test_sizes_and_modes(tmp_path):
    pictures = {
        "rgb.jpg": Image.new("RGB", (40, 20), (200, 100, 0)),
        "grey.png": Image.new("L", (20, 50), 128),
        "cmyk.jpg": Image.new("CMYK", (30, 30), (0, 255, 255, 0)),
        "alpha.png": Image.new("RGBA", (17, 16), (0, 0, 0, 0)),
        "palette.png": Image.new("RGB", (16, 16), (10, 20, 30)).convert("P"),
    }
    for name, picture in pictures.items():
        picture.save(tmp_path / name)
    side = PhotoSide([tmp_path / name for name in pictures], 16, STILL, augmented=False)
    rgb, grey, cmyk, alpha, palette = (side[i] for i in range(5))
    assert all(p.shape == (3, 16, 16) and p.dtype == torch.float32 for p in (rgb, grey, cmyk, alpha, palette))
    assert levels([grey]) == [128] and levels([alpha]) == [255] and cmyk[0].mean() > 0.9 > cmyk[1].mean()
    assert abs(palette[2].mean() - (30 / 127.5 - 1)) < 0.05


def test_fit(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, :20] = 255
    Image.fromarray(wide).save(tmp_path / "a.png")
    crop, stretch = (
        PhotoSide([tmp_path / "a.png"], 20, UnpairedConfig(jitter=1.0, flip=0.0, fit=fit), False)[0]
        for fit in ("crop", "stretch")
    )
    assert crop.max() == -1 and 0.3 < (stretch > 0).float().mean() < 0.4


def test_jitter_and_mirroring_depend_on_the_key_alone(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    Image.fromarray(255 - noise).save(tmp_path / "b.png")
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    cached, from_disk = (PhotoSide(files, 32, UnpairedConfig(), True, cache=c) for c in (True, False))
    for key in ((0, 5), (1, 5), (0, 6)):
        assert torch.equal(cached[key], cached[key]) and torch.equal(cached[key], from_disk[key])
    crops = {cached[(0, seed)].numpy().tobytes() for seed in range(12)}
    assert len(crops) > 6
    mirrored = PhotoSide(files, 32, UnpairedConfig(jitter=1.0, flip=1.0), True)
    plain = PhotoSide(files, 32, STILL, True)
    assert torch.equal(mirrored[(0, 3)], plain[(0, 3)].flip(2))
    with pytest.raises(IndexError, match="holds 2"):
        plain[2]


@pytest.mark.parametrize("cache", [True, False])
def test_a_file_that_is_no_picture_names_itself_at_once(tmp_path, cache):
    photos(tmp_path, 2)
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="bad.jpg: not a picture"):
        PhotoSide(sorted(tmp_path.iterdir()), 16, STILL, True, cache)


# Both sides


def unpaired(tmp_path, count_a: int, count_b: int, shuffled: bool = True) -> UnpairedDataset:
    sides = [
        PhotoSide(sorted(photos(tmp_path / name, count, level).iterdir()), 16, STILL, False)
        for name, count, level in (("a", count_a, 0), ("b", count_b, 100))
    ]
    return UnpairedDataset(*sides, shuffled=shuffled)


@pytest.mark.parametrize("counts", [(3, 11), (11, 3), (5, 5), (1, 6)])
def test_uneven_sides(tmp_path, counts):
    data = unpaired(tmp_path, *counts)
    assert len(data) == max(counts)
    drawn = {"a": Counter(), "b": Counter()}
    for epoch in range(60):
        for i in range(len(data)):
            item = data[(i, epoch * len(data) + i)]
            for side in drawn:
                drawn[side] += Counter(levels([item[side]]))
    longer, shorter = ("a", "b") if counts[0] >= counts[1] else ("b", "a")
    # The longer side once an epoch, the other evenly by chance.
    assert set(drawn[longer].values()) == {60} and len(drawn[longer]) == max(counts)
    assert len(drawn[shorter]) == min(counts)
    mean = 60 * max(counts) / min(counts)
    assert max(abs(n - mean) for n in drawn[shorter].values()) < 5 * mean**0.5


def test_partners_change_and_items_repeat(tmp_path):
    data = unpaired(tmp_path, 6, 6)
    partners = {levels([data[(2, seed)]["b"]])[0] for seed in range(40)}
    assert len(partners) == 6 and levels([data[(2, 7)]["a"]]) == [2]
    for key in ((2, 7), (5, 9)):
        first, second = data[key], data[key]
        assert all(torch.equal(first[k], second[k]) for k in ("a", "b"))


def test_validation_walks_through_both(tmp_path):
    data = unpaired(tmp_path, 2, 5, shuffled=False)
    assert [levels(item.values()) for item in data] == [[0, 100], [1, 101], [0, 102], [1, 103], [0, 104]]


def test_strangers_do_not_share_crop_and_mirroring(tmp_path):
    ramp = np.broadcast_to(np.linspace(0, 255, 44).astype(np.uint8)[None, :, None], (44, 44, 3))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.ascontiguousarray(ramp)).save(tmp_path / name / "0.png")
    sides = [PhotoSide([tmp_path / n / "0.png"], 32, UnpairedConfig(jitter=44 / 32), True) for n in ("a", "b")]
    data = UnpairedDataset(*sides, shuffled=True)
    same = [torch.equal(item["a"], item["b"]) for item in (data[(0, seed)] for seed in range(30))]
    assert np.mean(same) < 0.3


def test_pairs_taken_apart(label_pairs):
    config = PairedConfig(jitter=1.0, flip=0.0, val_fraction=0.3)
    pairs = PairedDataset(label_pairs, "train", 32, config)
    data = unpaired_pairs(pairs)
    assert (data.a.described["kind"], data.b.described["kind"]) == ("labels", "photo")
    assert (data.a.channels, data.b.channels) == (4, 3)
    assert len({data[(0, seed)]["b"].numpy().tobytes() for seed in range(20)}) == len(pairs)
    a = data[(0, 0)]["a"]
    assert set(a.unique().tolist()) == {-1.0, 1.0} and torch.equal((a > 0).sum(0), torch.ones(32, 32))
    # In validation the truth stands beside.
    val = PairedDataset(label_pairs, "val", 32, pairs.config)
    item, pair = unpaired_pairs(val)[0], val[0]
    assert torch.equal(item["a"], pair["x"] * 2 - 1) and torch.equal(item["b"], pair["y"])
    backwards = unpaired_pairs(PairedDataset(label_pairs, "val", 32, PairedConfig(direction="AtoB")))
    assert set(backwards[0]["b"].unique().tolist()) == {-1.0, 1.0}


def test_what_cannot_be_translated_back(label_pairs):
    with pytest.raises(ValueError, match="gray is no picture that can be translated back"):
        unpaired_pairs(PairedDataset(label_pairs / "photo", "train", 32, PairedConfig(a="gray", b="ab")))
