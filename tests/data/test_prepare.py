"""Folders of photos to pairs; pictures are generated, the detector is a gradient."""

import errno
import io
import json

import numpy as np
import pytest
from PIL import Image
from preparing import SIZE, prepare, statuses
from shapes import photo

from i2i.data.prepare import PrepareError, detect_layout, draw_with, find_photos
from i2i.data.records import write_atomically


def test_find_photos(photos):
    (photos / ".hidden.jpg").write_bytes(b"x")
    (photos / ".cache").mkdir()
    (photos / ".cache" / "a.jpg").write_bytes(b"x")
    (photos / "notes.txt").write_text("x")
    found = [path.relative_to(photos).as_posix() for path in find_photos(photos)]
    assert len(found) == 10 and found == sorted(found)
    assert "1.JPG" in found and "more/deep/6.png" in found
    assert find_photos(photos, skip=photos / "more") == find_photos(photos)[:6]
    with pytest.raises(PrepareError, match="does not exist"):
        find_photos(photos / "nowhere")
    with pytest.raises(PrepareError, match="is a file"):
        find_photos(photos / "notes.txt")


def test_photos_become_pairs(photos, tmp_path):
    seen = []
    report = prepare(photos, tmp_path / "out", progress=lambda *a: seen.append(a), batch=4, val_fraction=0.3)
    assert report.layout == "photos" and report.counts["kept"] == 10 == report.train + report.val
    assert report.train and report.val
    assert [done for done, _, _ in seen] == [4, 8, 10] and seen[-1][2]["kept"] == 10
    for record in report.files:
        folder = tmp_path / "out" / "pairs" / record["split"]
        saved, drawing = (
            (folder / "photo" / f"{record['id']}.webp"),
            (folder / "drawing" / f"{record['id']}.png"),
        )
        pixels = np.asarray(Image.open(drawing).convert("L"))
        assert pixels.shape == (SIZE, SIZE) and set(np.unique(pixels)) == {0, 255} and (pixels == 255).mean() > 0.5
        original = Image.open(photos / record["file"]).convert("RGB").crop((8, 0, 88, 80)).resize((SIZE, SIZE), 3)
        assert np.abs(np.asarray(Image.open(saved)).astype(int) - np.asarray(original)).mean() < 4
    assert json.loads((tmp_path / "out" / "report.json").read_text())["counts"] == report.counts
    assert "10 pairs" in report.summary()
    with Image.open(tmp_path / "out" / "contact_sheet.jpg") as sheet:
        sheet.load()
        assert sheet.width > 500
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_what_cannot_be_used_is_left_out_and_named(photos, tmp_path):
    buffer = io.BytesIO()
    photo(50).save(buffer, "JPEG")
    (photos / "cut.jpg").write_bytes(buffer.getvalue()[: int(0.7 * len(buffer.getvalue()))])
    (photos / "empty.png").write_bytes(b"")
    (photos / "text.webp").write_text("not a picture")
    Image.new("RGB", (80, 80), "grey").save(photos / "plain.png")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8))
    noise.resize((80, 80), Image.Resampling.BICUBIC).save(photos / "noise.png")
    photo(3).save(photos / "z_again.jpg", quality=60)
    photo(4).resize((190, 160), Image.Resampling.BICUBIC).save(photos / "z_larger.png")
    (photos / "z_same.png").write_bytes((photos / "2.png").read_bytes())
    report = prepare(photos, tmp_path / "out", max_ink=0.12, batch=5)
    got = statuses(report)
    assert got["cut.jpg"] == got["empty.png"] == got["text.webp"] == "unreadable"
    assert got["plain.png"] == "blank" and got["noise.png"] == "dense"
    assert got["z_again.jpg"] == got["z_larger.png"] == got["z_same.png"] == "duplicate"
    assert report.counts == {
        "kept": 10, "unreadable": 3, "small": 0, "mismatch": 0, "blank": 1, "dense": 1, "duplicate": 3
    }  # fmt: skip
    why = {record["file"]: record["why"] for record in report.files}
    assert "truncated" in why["cut.jpg"] and "0 bytes" in why["empty.png"]
    assert why["z_again.jpg"] == "looks like 3.JPG" and why["z_same.png"] == "looks like 2.png"
    assert "at least 0.20%" in why["plain.png"] and "at most 12.00%" in why["noise.png"]
    assert (tmp_path / "out" / "rejected").is_dir()


def test_side_by_side_results(photos, tmp_path):
    photo(3).save(photos / "z_again.jpg", quality=60)
    report = prepare(photos, tmp_path / "out", output="side_by_side")
    folders = prepare(photos, tmp_path / "folders")
    assert report.counts == folders.counts and report.counts["duplicate"] == 1
    for record in report.files[:10]:
        pair = np.asarray(Image.open(tmp_path / "out" / "pairs" / record["split"] / f"{record['id']}.png"))
        assert pair.shape == (SIZE, 2 * SIZE, 3)
        other = tmp_path / "folders" / "pairs" / record["split"] / "drawing" / f"{record['id']}.png"
        assert np.array_equal(pair[:, :SIZE, 0], np.asarray(Image.open(other).convert("L")))
    assert detect_layout(tmp_path / "out" / "pairs") == "side_by_side"
    assert prepare(photos, tmp_path / "out", output="side_by_side").skipped == 11
    with pytest.raises(PrepareError, match="other settings: output 'side_by_side'"):
        prepare(photos, tmp_path / "out")


def test_drawings_alone_are_named_as_their_photos_and_nothing_is_left_out(photos, tmp_path):
    photo(3).save(photos / "3.png")  # beside 3.JPG
    (photos / "same.png").write_bytes((photos / "2.png").read_bytes())
    Image.new("RGB", (80, 80), "grey").save(photos / "plain.png")
    (photos / "text.webp").write_text("not a picture")
    (photos / "notes.txt").write_text("x")
    report = prepare(photos, tmp_path / "out", output="drawings")
    assert report.summary() == (
        "13 drawings of 14 files; left out: 1 unreadable; 1 ignored, by their suffix"
    )
    drawn = sorted(p.relative_to(tmp_path / "out" / "drawings").as_posix() for p in tmp_path.rglob("drawings/**/*.png"))
    expected = ["0", "1", "2", "3.JPG", "3.png", "4", "5", *(f"more/deep/{i}" for i in range(6, 10)), "plain", "same"]
    assert drawn == [f"{name}.png" for name in expected]
    assert (tmp_path / "out" / "contact_sheet.jpg").exists() and not (tmp_path / "out" / "pairs").exists()
    assert prepare(photos, tmp_path / "out", output="drawings").skipped == 14


def test_notes_and_names(photos, tmp_path):
    photo(50).convert("CMYK").save(photos / "print.jpg")
    photo(51).save(photos / "two.gif", save_all=True, append_images=[photo(52)])
    records = {record["file"]: record for record in prepare(photos, tmp_path / "out").files}
    assert records["print.jpg"]["notes"] == ["converted from mode CMYK"]
    assert records["two.gif"]["notes"][0] == "the first of 2 frames" and "notes" not in records["0.png"]


def test_small_photos_are_refused_and_enlarged_ones_noted(photos, tmp_path):
    for i, size in enumerate([(12, 9), (3000, 60), (63, 400), (64, 64), (90, 70)]):
        photo(50 + i, size).save(photos / f"z {size[0]}x{size[1]}.png")
    report = prepare(photos, tmp_path / "out", size=80, max_ink=0.9, min_ink=0)
    records = {record["file"]: record for record in report.files}
    got = {name[2:-4]: (r["status"], r["why"], r.get("notes")) for name, r in records.items() if name.startswith("z ")}
    needed = "at least 64 pixels are needed on the shorter side"
    for size in ("12x9", "3000x60", "63x400"):
        assert got[size] == ("small", f"{size}: {needed}", [f"enlarged from {size}"])
    assert got["64x64"] == ("kept", "", ["enlarged from 64x64"])
    assert got["90x70"] == ("kept", "", ["enlarged from 90x70"])
    assert "notes" not in records["0.png"]  # 96x80
    assert report.counts["small"] == 3 and "3 small" in report.summary()
    # Nothing is cut off by padding, and drawings alone leave nothing out.
    padded = prepare(photos, tmp_path / "padded", size=80, fit="pad", max_ink=0.9, min_ink=0)
    assert {r["file"]: r for r in padded.files}["z 90x70.png"].get("notes") is None
    drawings = prepare(photos, tmp_path / "drawings", size=80, output="drawings")
    assert drawings.counts["kept"] == 15 and {r["file"]: r for r in drawings.files}["z 12x9.png"]["notes"]


def test_too_few_pairs_say_what_most_files_lack(tmp_path):
    (tmp_path / "phone").mkdir()
    for i in range(3):
        (tmp_path / "phone" / f"{i}.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    photo(1).save(tmp_path / "phone" / "3.png")
    with pytest.raises(PrepareError, match="3 unreadable.*most often: 3 unreadable: HEIC photo.*export it as JPEG"):
        prepare(tmp_path / "phone", tmp_path / "out")


def test_the_recipe_names_weights_and_scales():
    class Detector:
        config = {"name": "edges", "sha256": "0123456789abcdef"}

        def detect_batch(self, photos, scales):
            return [np.full(photo.shape[:2], len(scales)) for photo in photos]

    draw, recipe = draw_with(Detector())
    assert recipe == "edges 01234567" and draw([photo(1)])[0].max() == 1
    draw, recipe = draw_with(Detector(), (0.5, 1.0, 1.5))
    assert recipe == "edges 01234567 scales 0.5 1 1.5" and draw([photo(1)])[0].max() == 3
    for scales in ((), (0.0,), (9.0,)):
        with pytest.raises(PrepareError, match="from 0.1 to 4"):
            draw_with(Detector(), scales)


def test_small_folders_have_both_splits(tmp_path):
    for seed in range(3):
        (tmp_path / "few").mkdir(exist_ok=True)
        photo(seed).save(tmp_path / "few" / f"{seed}.png")
    report = prepare(tmp_path / "few", tmp_path / "out", val_fraction=0.01)
    assert report.train == 2 and report.val == 1
    assert len(list((tmp_path / "out" / "pairs" / "val").rglob("*.png"))) == 1
    assert prepare(tmp_path / "few", tmp_path / "out", val_fraction=0.01).files == report.files


def test_unusable_folders(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(PrepareError, match="holds no photos.*.jpg"):
        prepare(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    photo(0).save(folder / "one.png")
    (folder / "bad.jpg").write_text("x")
    with pytest.raises(PrepareError, match="1 unreadable; at least 2 pairs"):
        prepare(folder, tmp_path / "out")
    with pytest.raises(PrepareError, match="detector is needed"):
        prepare(folder, tmp_path / "out2", detector=None)
    with pytest.raises(PrepareError, match="unknown output"):
        prepare(folder, tmp_path / "out2", output="files")
    with pytest.raises(PrepareError, match="unknown fit"):
        prepare(folder, tmp_path / "out2", fit="squash")
    (tmp_path / "out3").mkdir()
    (tmp_path / "out3" / "manifest.json").write_text("[]")
    with pytest.raises(PrepareError, match="not a manifest"):
        prepare(folder, tmp_path / "out3")


def test_every_drawing_has_a_name_of_its_own(photos, tmp_path):
    out = tmp_path / "out"
    prepare(photos, out, output="drawings")
    (photos / "x.png").mkdir()
    for seed, name in enumerate(["a.jpg", "a.png", "a.jpg.png", "x.jpg", "x.png/y.png"], 20):
        photo(seed).save(photos / name)
    report = prepare(photos, out, output="drawings")
    assert report.counts["kept"] == 15 and report.skipped == 10
    names = {record["file"]: record["id"] for record in report.files}
    assert len(set(names.values())) == 15 == len(list((out / "drawings").rglob("*.png"))) - 1  # and a folder
    assert names["a.png"] == "a.png" and names["x.png/y.png"] == "x.png/y"
    # What is drawn keeps its name, also where that would now be given to another.
    for name in ("a.png", "a.jpg.png"):
        (photos / name).unlink()
    prepare(photos, out, output="drawings")
    photo(30).save(photos / f"{names['a.jpg']}.png")
    report = prepare(photos, out, output="drawings")
    assert len({record["id"] for record in report.files}) == 14 and report.counts["kept"] == 14


def test_drawings_of_long_names_are_shortened(photos, tmp_path):
    photo(20).save(photos / ("x" * 251 + ".png"))
    photo(21).save(photos / ("x" * 251 + ".jpg"))
    assert prepare(photos, tmp_path / "out", output="drawings").counts["kept"] == 12


def test_a_drawing_that_cannot_be_written_stops_no_other(photos, tmp_path, monkeypatch):
    def write(path, data):
        if path.name == "2.png":
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        write_atomically(path, data)

    monkeypatch.setattr("i2i.data.manifest.write_atomically", write)
    report = prepare(photos, tmp_path / "out", output="drawings")
    assert report.counts["kept"] == 9 and report.counts["unwritable"] == 1


def test_damaged_photos_stop_no_other(photos, tmp_path):
    buffer = io.BytesIO()
    photo(50).save(buffer, "AVIF")
    (photos / "broken.avif").write_bytes(buffer.getvalue()[:-150] + bytes(150))
    assert statuses(prepare(photos, tmp_path / "out"))["broken.avif"] == "unreadable"


def test_a_real_folder_is_preferred_to_a_link_to_it(photos, tmp_path):
    (photos / "a link").symlink_to(photos / "more")
    (tmp_path / "else").mkdir()
    photo(30).save(tmp_path / "else" / "x.png")
    (photos / "b link").symlink_to(tmp_path / "else")
    (tmp_path / "else" / "loop").symlink_to(photos)
    found = [path.relative_to(photos).as_posix() for path in find_photos(photos)]
    assert len(found) == 11 and "more/deep/6.png" in found and "b link/x.png" in found
