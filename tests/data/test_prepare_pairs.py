"""Ready pairs, side by side or in two folders; pictures are generated."""

import cv2
import numpy as np
import pytest
from PIL import Image
from preparing import SIZE, line_drawing, prepare, statuses
from shapes import photo

from i2i.data.prepare import PrepareError, detect_layout


@pytest.mark.parametrize("side", ["left", "right"])
def test_side_by_side(tmp_path, side):
    source = tmp_path / "pairs" / "train"
    source.mkdir(parents=True)
    for seed in range(6):
        image = photo(seed, (128, 128))
        both = Image.new("RGB", (256, 128))
        both.paste(line_drawing(image), (0 if side == "left" else 128, 0))
        both.paste(image, (128 if side == "left" else 0, 0))
        both.save(source / f"{seed}.jpg", quality=95)
    assert detect_layout(tmp_path / "pairs") == "side_by_side"
    report = prepare(tmp_path / "pairs", tmp_path / "out", detector=None)
    assert report.layout == "side_by_side" and report.counts["kept"] == 6
    check_alignment(tmp_path / "out", report, lambda record: photo(int(record["file"][-5]), (128, 128)))


def check_alignment(out, report, original):
    """Each photo is the right one, and each drawing lies where its photo's outlines are."""
    for record in report.files:
        folder = out / "pairs" / record["split"]
        drawing = np.asarray(Image.open(folder / "drawing" / f"{record['id']}.png").convert("L"))
        saved = np.asarray(Image.open(folder / "photo" / f"{record['id']}.webp")).astype(int)
        image = original(record)
        assert np.abs(saved - np.asarray(image.resize((SIZE, SIZE), 3))).mean() < 6
        outline = np.asarray(line_drawing(image).resize((SIZE, SIZE), Image.Resampling.BOX)) < 250
        near = cv2.dilate(outline.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        assert near[drawing == 0].mean() > 0.97 and (drawing == 0).mean() > 0.01


@pytest.mark.parametrize("names", [("edges", "photo"), ("A", "B"), ("photo", "drawing")])
def test_two_folders(tmp_path, names):
    for name in names:
        (tmp_path / "pairs" / name).mkdir(parents=True)
    swap = names[1] == "drawing"
    for seed in range(6):
        image = photo(seed, (128, 128))
        line_drawing(image).save(tmp_path / "pairs" / names[swap] / f"{seed}.png")
        image.save(tmp_path / "pairs" / names[not swap] / f"{seed}.jpg", quality=95)
    assert detect_layout(tmp_path / "pairs") == "two_folders"
    report = prepare(tmp_path / "pairs", tmp_path / "out", detector=None)
    assert report.counts["kept"] == 6
    check_alignment(tmp_path / "out", report, lambda record: photo(int(record["file"]), (128, 128)))


def test_pairs_keep_the_split_that_they_lie_in(photos, tmp_path):
    """What one run trained on must not be what a later one measures on; test is for measuring too."""
    first = prepare(photos, tmp_path / "one", val_fraction=0.4)
    base = tmp_path / "one" / "pairs"
    for source, out in ((tmp_path / "one", "again"), (base, "of_pairs")):
        again = prepare(source, tmp_path / out, detector=None, val_fraction=0.4)
        assert again.counts["kept"] == first.counts["kept"] > 4
        came_from = {r["split"] for r in again.files if "val/" in r["file"]}
        assert came_from == {"val"} and {r["split"] for r in again.files if "train/" in r["file"]} == {"train"}
    (base / "val").rename(base / "test")
    again = prepare(base, tmp_path / "of_test", detector=None, val_fraction=0.1)
    assert {r["split"] for r in again.files if r["file"].startswith("test/")} == {"val"}


def test_pairs_side_by_side_keep_their_split_and_one_part_alone_is_divided(tmp_path):
    for seed in range(12):
        image = photo(seed, (128, 128))
        both = Image.new("RGB", (256, 128))
        both.paste(line_drawing(image), (0, 0))
        both.paste(image, (128, 0))
        part = tmp_path / "pairs" / ("val" if seed < 4 else "train")
        part.mkdir(parents=True, exist_ok=True)
        both.save(part / f"{seed}.png")
    report = prepare(tmp_path / "pairs", tmp_path / "out", detector=None, val_fraction=0.5)
    assert all(record["split"] == record["file"].split("/")[0] for record in report.files)
    alone = prepare(tmp_path / "pairs" / "train", tmp_path / "alone", detector=None, val_fraction=0.5)
    assert {record["split"] for record in alone.files} == {"train", "val"}


def test_a_ready_one_pixel_drawing_is_kept_as_it_is(tmp_path):
    (tmp_path / "pairs" / "edges").mkdir(parents=True)
    (tmp_path / "pairs" / "photo").mkdir()
    originals = []
    for seed in range(3):
        drawing = np.full((SIZE, SIZE), 255, np.uint8)
        cv2.circle(drawing, (30, 30), 10 + 5 * seed, 0, 1)
        originals.append(drawing)
        Image.fromarray(drawing).save(tmp_path / "pairs" / "edges" / f"{seed}.png")
        photo(seed, (SIZE, SIZE)).save(tmp_path / "pairs" / "photo" / f"{seed}.png")
    # Damaged ones: no ink, another shape.
    Image.new("L", (SIZE, SIZE), 255).save(tmp_path / "pairs" / "edges" / "3.png")
    photo(3, (SIZE, SIZE)).save(tmp_path / "pairs" / "photo" / "3.png")
    line_drawing(photo(4, (64, 128))).save(tmp_path / "pairs" / "edges" / "4.png")
    photo(4, (128, 64)).save(tmp_path / "pairs" / "photo" / "4.png")
    report = prepare(tmp_path / "pairs", tmp_path / "out", detector=None)
    assert statuses(report) == {"0": "kept", "1": "kept", "2": "kept", "3": "blank", "4": "mismatch"}
    for record, drawing in zip(report.files[:3], originals, strict=True):
        path = tmp_path / "out" / "pairs" / record["split"] / "drawing" / f"{record['id']}.png"
        assert np.array_equal(np.asarray(Image.open(path).convert("L")), drawing)


def test_non_square_ready_pairs_are_cropped_alike(tmp_path):
    for name in ("drawing", "photo"):
        (tmp_path / "pairs" / name).mkdir(parents=True)
    for seed in range(4):
        image = photo(seed, (200, 128))
        line_drawing(image).save(tmp_path / "pairs" / "drawing" / f"{seed}.png")
        image.save(tmp_path / "pairs" / "photo" / f"{seed}.png")
    report = prepare(tmp_path / "pairs", tmp_path / "out", detector=None)
    crop = (36, 0, 164, 128)
    check_alignment(tmp_path / "out", report, lambda record: photo(int(record["file"]), (200, 128)).crop(crop))


def test_small_halves_are_refused(tmp_path):
    (tmp_path / "pairs").mkdir()
    for seed, side in enumerate((96, 96, 32)):
        both = Image.new("RGB", (2 * side, side))
        both.paste(line_drawing(photo(seed, (side, side))), (0, 0))
        both.paste(photo(seed, (side, side)), (side, 0))
        both.save(tmp_path / "pairs" / f"{seed}.png")
    report = prepare(tmp_path / "pairs", tmp_path / "out", detector=None)
    assert statuses(report) == {"0.png": "kept", "1.png": "kept", "2.png": "small"}
    assert report.files[2]["why"].startswith("32x32: ")


def test_two_classes_of_photos_are_photos(tmp_path):
    for k, name in enumerate(("cats", "dogs")):
        (tmp_path / "all" / name).mkdir(parents=True)
        for seed in range(4):
            photo(10 * k + seed).save(tmp_path / "all" / name / f"{seed}.png")
    assert detect_layout(tmp_path / "all") == "photos"
    assert prepare(tmp_path / "all", tmp_path / "out").counts["kept"] == 8


def test_wide_photos_without_a_drawing_side_are_refused(tmp_path):
    (tmp_path / "wide").mkdir()
    for seed in range(4):
        photo(seed, (128, 64)).save(tmp_path / "wide" / f"{seed}.png")
    with pytest.raises(PrepareError, match="neither half.*layout='photos'"):
        prepare(tmp_path / "wide", tmp_path / "out")
    assert prepare(tmp_path / "wide", tmp_path / "out", layout="photos").counts["kept"] == 4
