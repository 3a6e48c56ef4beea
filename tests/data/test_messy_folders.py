"""Folders as people have them: what must not be lost, mixed or taken for something else."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image, ImageCms
from preparing import prepare
from shapes import photo

from i2i.data.domains import DomainConfig, find_domains
from i2i.data.folder_jobs import plan, run_folder
from i2i.data.label_maps import LabelOptions
from i2i.data.layout import PrepareError
from i2i.data.line_art import LEAST_SCORE, drawing_score
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.pairs import PairDataset
from i2i.data.resize import Resize
from i2i.data.side_by_side import Combine
from i2i.data.subject import Subject
from i2i.data.unpaired import find_side
from i2i.images import load_image
from i2i.palette import Palette


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def spoil(path):
    """Make a file unreadable; what comes back makes it whole, with the same size and time: as if a codec had come."""
    whole = path.read_bytes()
    path.write_bytes(b"x" * len(whole))
    stamp = path.stat()

    def mend():
        path.write_bytes(whole)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))

    return mend


def pair(k):
    drawing = Image.new("RGB", (80, 80), "white")
    drawing.paste("black", (10 + k, 10, 13 + k, 70))
    both = Image.new("RGB", (160, 80))
    both.paste(drawing, (0, 0))
    both.paste(photo(k).resize((80, 80)), (80, 0))
    return both


def test_equal_photos_whose_names_become_equal_are_one_pair(tmp_path):
    source, same = tmp_path / "photos", photo(0)
    for letter in "абвгдежзийклмноп":  # each becomes "photo", so that all are written to one place at once
        save(source / f"{letter}.jpg", same)
    for k in range(1, 5):
        save(source / f"{k}.jpg", photo(k))
    report = prepare(source, tmp_path / "out", workers=8)
    assert report.counts["kept"] == 5 and report.counts["duplicate"] == 15
    held = [len(PairDataset(tmp_path / "out", split, 64)) for split in ("train", "val")]
    assert sum(held) == 5


def test_a_pair_that_lies_in_both_splits_stays_in_one(tmp_path):
    for k in range(4):
        save(tmp_path / "in" / "train" / f"{k}.png", pair(k))
    for k in range(2):
        save(tmp_path / "in" / "val" / f"{k}.png", pair(k))
    save(tmp_path / "in" / "val" / "9.png", pair(9))
    report = prepare(tmp_path / "in", tmp_path / "out")
    assert report.counts["duplicate"] == 2 and "ready pairs (side_by_side, drawings left)" in report.summary()
    train, val = (set(PairDataset(tmp_path / "out", split, 64).ids) for split in ("train", "val"))
    assert len(train) + len(val) == 5 and not train & val


def test_what_could_not_be_read_is_tried_again(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for k in range(3):
        save(source / f"{k}.png", photo(k))
    mend = spoil(source / "2.png")
    assert run_folder(Resize((32,)), [source], out).counts == {"written": 2, "unreadable": 1}
    again = run_folder(Resize((32,)), [source], out)
    assert again.skipped == 3  # in vain, so it is not told as done now
    mend()
    assert run_folder(Resize((32,)), [source], out).counts == {"written": 3}


def test_photos_that_could_not_be_read_are_drawn_once_they_can(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for k in range(4):
        save(source / f"{k}.png", photo(k))
    mend = spoil(source / "2.png")
    assert prepare(source, out).counts["unreadable"] == 1
    mend()
    assert prepare(source, out, again=False).counts["unreadable"] == 1  # a training run goes on with what it had
    assert prepare(source, out).counts["kept"] == 4


def test_the_other_half_is_another_preparation(tmp_path):
    for k in range(3):
        save(tmp_path / "in" / f"{k}.png", pair(k))
    prepare(tmp_path / "in", tmp_path / "out", drawing_side="left")
    save(tmp_path / "in" / "3.png", pair(3))
    with pytest.raises(PrepareError, match="other settings: drawing_side 'left' \\(now 'right'\\)"):
        prepare(tmp_path / "in", tmp_path / "out", drawing_side="right")
    assert prepare(tmp_path / "in", tmp_path / "out").counts["kept"] == 4


def test_an_empty_mask_is_black_and_not_the_first_class(tmp_path):
    for k in range(4):
        levels = np.full((40, 40), 255, np.uint8)
        levels[: 4 + k] = 0
        save(tmp_path / "in" / f"{k}.png", Image.fromarray(levels))
    save(tmp_path / "in" / "black.png", Image.new("L", (40, 40)))
    task, _ = LabelOptions().task(tmp_path / "in", tmp_path / "out")
    assert task.palette.colours == ((255, 255, 255), (0, 0, 0))
    run_folder(task, [tmp_path / "in"], tmp_path / "out")
    assert set(np.asarray(load_image(tmp_path / "out" / "labels" / "black.png")).ravel()) == {0}
    # Where the maps hold numbers, one of zeros alone is the first class, whatever colour that has.
    for k in range(3):
        save(tmp_path / "numbers" / f"{k}.png", Image.fromarray(np.eye(40, dtype=np.uint8) * (k > 0)))
    (tmp_path / "numbers" / "palette.json").write_text('{"names": ["a", "b"], "colours": [[255, 255, 255], [0, 0, 0]]}')
    task, _ = LabelOptions().task(tmp_path / "numbers", tmp_path / "out2")
    run_folder(task, [tmp_path / "numbers"], tmp_path / "out2")
    assert set(np.asarray(load_image(tmp_path / "out2" / "labels" / "0.png")).ravel()) == {255}


def test_small_products_on_white_are_no_drawings():
    shoe = np.full((96, 96, 3), 255, np.uint8)
    shoe[40:70, 20:80] = (120, 60, 30)
    assert drawing_score(shoe) == 0
    blue = np.full((96, 96, 3), 255, np.uint8)
    blue[40:44, 10:90] = (20, 40, 160)
    assert drawing_score(blue) >= LEAST_SCORE
    line = np.full((96, 96, 3), 255, np.uint8)
    line[40:42, 10:90] = 20
    line[42, 10:90] = 130  # antialiased
    assert drawing_score(line) >= LEAST_SCORE


def test_nested_photos_are_found_and_nested_pairs_are_told(tmp_path):
    for k in range(3):
        save(tmp_path / "p" / f"{k}.png", photo(k))
        save(tmp_path / "p" / "2023" / f"{k}.png", photo(10 + k))
    config = PairedConfig("gray", "ab", val_fraction=0.3)
    assert sum(len(PairedDataset(tmp_path / "p", split, 32, config)) for split in ("train", "val")) == 6
    for side in ("A", "B"):  # no more photos, but pairs
        save(tmp_path / "ab" / side / "0.png", photo(0))
    with pytest.raises(PrepareError, match="holds no photos"):
        PairedDataset(tmp_path / "ab", "train", 32, config)
    for k in range(3):
        save(tmp_path / "q" / f"{k}.png", pair(k))
        save(tmp_path / "q" / "@eaDir" / f"{k}.png", photo(k))
    assert len(PairedDataset(tmp_path / "q", "train", 32)) == 2
    save(tmp_path / "q" / "more" / "x.png", pair(5))
    with pytest.raises(PrepareError, match="in subfolders too, such as more/x.png"):
        PairedDataset(tmp_path / "q", "train", 32)


def test_a_kind_that_is_called_train_hides_no_other(tmp_path):
    for k in range(3):
        for kind in ("car", "bus", "train"):
            save(tmp_path / "v" / kind / f"{k}.png", photo(k))
    with pytest.raises(PrepareError, match="holds train and, beside it, bus/0.png"):
        find_side(tmp_path / "v", "train")
    assert set(find_domains(tmp_path / "v", "val", DomainConfig(val_fraction=0.5))) == {"car", "bus", "train"}
    for k in range(3):
        for kind in ("train", "val"):
            save(tmp_path / "flat" / kind / f"{k}.png", photo(k))
    assert len(find_side(tmp_path / "flat", "train")) == 3
    with pytest.raises(PrepareError, match="two domains are the least, got none"):
        find_domains(tmp_path / "flat", "train", DomainConfig())


def test_names_that_are_no_text_have_a_place(tmp_path):
    for k in range(3):
        save(tmp_path / "p" / f"{k}.png", photo(k))
    os.rename(tmp_path / "p" / "0.png", os.fsencode(tmp_path / "p") + b"/caf\xe9.png")
    assert sum(len(find_side(tmp_path / "p", split)) for split in ("train", "val")) == 3


def test_what_a_killed_run_wrote_goes_with_its_photo(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    for k in range(6):
        save(source / f"{k}.png", photo(k))
    prepare(source, out)
    # As if it had been killed after writing a pair and before entering it.
    manifest = out / "manifest.json"
    lost = next(out.rglob("pairs/train/photo/*.webp"))
    for path in (lost, out / "pairs" / "train" / "drawing" / f"{lost.stem}.png"):
        path.with_name(path.name.replace(lost.stem, "gone-0123456789")).write_bytes(path.read_bytes())
    manifest.write_text(manifest.read_text().replace('"files"', '"unfinished": {"gone.png": []}, "files"', 1))
    (out / "pairs" / "train" / "photo" / "my own.webp").write_bytes(b"x")
    assert prepare(source, out).counts["kept"] == 6
    assert not list(out.rglob("gone-*")) and (out / "pairs" / "train" / "photo" / "my own.webp").exists()


def test_where_nothing_was_made_other_options_begin_anew(tmp_path):
    for k in range(3):
        save(tmp_path / "p" / f"{k}.png", photo(k))
        save(tmp_path / "k" / f"{k}.png", Image.new("L", photo(k).size, 255))
    assert run_folder(Subject(), [tmp_path / "p"], tmp_path / "out").counts == {"no mask": 3}
    both = run_folder(Subject(min_share=0.0), [tmp_path / "p", tmp_path / "k"], tmp_path / "out")
    assert both.counts == {"written": 3}


def test_a_dry_run_tells_what_would_be_removed(tmp_path):
    for k in range(3):
        save(tmp_path / "p" / f"{k}.png", photo(k))
    run_folder(Resize((32,)), [tmp_path / "p"], tmp_path / "out")
    (tmp_path / "p" / "0.png").unlink()
    assert plan(Resize((32,)), [tmp_path / "p"], tmp_path / "out")[3] == 1
    assert (tmp_path / "out" / "0.png").exists()


def test_resized_label_maps_keep_their_palette(tmp_path):
    save(tmp_path / "m" / "0.png", Image.new("RGB", (64, 64), "red"))
    (tmp_path / "m" / "palette.json").write_text('{"names": ["a"], "colours": [[255, 0, 0]]}')
    run_folder(Resize((32,), kind="labels"), [tmp_path / "m"], tmp_path / "out")
    assert Palette.load(tmp_path / "out" / "palette.json").names == ("a",)
    # Somebody had copied it there already.
    (tmp_path / "by hand").mkdir()
    (tmp_path / "by hand" / "palette.json").write_bytes((tmp_path / "m" / "palette.json").read_bytes())
    assert run_folder(Resize((32,), kind="labels"), [tmp_path / "m"], tmp_path / "by hand").counts == {"written": 2}


def test_folders_of_one_name_are_told_apart(tmp_path):
    for side in ("day", "night"):
        save(tmp_path / side / "img" / "0.png", photo(0))
        (tmp_path / side / "img" / "0.jpg").write_bytes(b"x")
    report = run_folder(Combine(), [tmp_path / "day" / "img", tmp_path / "night" / "img"], tmp_path / "out")
    assert report.counts == {"written": 1, "unreadable": 2}
    assert {record["file"] for record in report.files} == {"0", "day/img/0.jpg", "night/img/0.jpg"}


def test_masks_of_class_numbers_are_refused_without_their_numbers(tmp_path):
    save(tmp_path / "p" / "0.png", photo(0))
    levels = np.full((photo(0).height, photo(0).width), 2, np.uint8)
    levels[20:60, 20:60], levels[20, 20:60] = 1, 3
    save(tmp_path / "k" / "0.png", Image.fromarray(levels))
    report = run_folder(Subject(), [tmp_path / "p", tmp_path / "k"], tmp_path / "out")
    assert report.counts == {"unreadable": 1} and "the mask holds 1 2 3" in report.files[0]["why"]
    given = run_folder(Subject(values=(1,)), [tmp_path / "p", tmp_path / "k"], tmp_path / "out")
    assert given.counts == {"written": 1}


def test_twelve_bits_are_noted(tmp_path):
    save(tmp_path / "p" / "0.tif", Image.fromarray(np.full((64, 64), 4000, np.uint16)))
    (record,) = run_folder(Resize((32,)), [tmp_path / "p"], tmp_path / "out").files
    assert "nearly black: its brightest level is 4000 of 65535" in record["notes"]


def wide_profile() -> bytes:
    """sRGB's profile with red and blue exchanged, under another name."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(profile[132 + 12 * k : 136 + 12 * k]): 132 + 12 * k for k in range(int.from_bytes(profile[128:132]))}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be")).replace(b"sRGB", b"wide")


def test_colours_of_another_profile_become_srgb(tmp_path):
    source, place = Image.new("RGB", (64, 64), (200, 60, 40)), tmp_path / "p"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    torn = bytearray(wide_profile())
    torn[128:132] = (0).to_bytes(4)  # it has a name no more, nor colours
    for name, profile in (("s", srgb), ("damaged", b"no profile at all"), ("torn", bytes(torn))):
        source.save(tmp_path / f"{name}.png", icc_profile=profile)
        assert load_image(tmp_path / f"{name}.png").getpixel((0, 0)) == (200, 60, 40)
    place.mkdir()
    source.save(place / "w.png", icc_profile=wide_profile())
    red, green, blue = load_image(place / "w.png").getpixel((0, 0))
    assert abs(red - 40) <= 3 and abs(green - 60) <= 3 and abs(blue - 200) <= 3
    (record,) = run_folder(Resize((32,)), [place], tmp_path / "out").files
    assert any(note.startswith("colours converted from") for note in record["notes"])
    with Image.open(tmp_path / "out" / "w.png") as written:
        assert "icc_profile" not in written.info
    # A colour that stands for nothing stays nothing; the number of a class stays what it is, and so does a cut-out.
    key = Image.new("RGB", (64, 64), (255, 0, 255))
    key.paste((200, 60, 40), (16, 16, 48, 48))
    key.save(place / "w.png", icc_profile=wide_profile(), transparency=(255, 0, 255))
    assert load_image(place / "w.png").getpixel((0, 0)) == (255, 255, 255)
    (record,) = run_folder(Subject(size=0), [place], tmp_path / "cut").files
    red, _, blue = load_image(tmp_path / "cut" / "w.png").getpixel((20, 20))
    assert record["status"] == "written" and red < 60 and blue > 180
    assert Palette(("a",), ((200, 60, 40),)).classes(Image.open(tmp_path / "s.png")).max() == 0
    source.save(place / "w.png", icc_profile=wide_profile())
    assert Palette(("a",), ((200, 60, 40),)).classes(Image.open(place / "w.png"), tolerance=1).max() == 0
