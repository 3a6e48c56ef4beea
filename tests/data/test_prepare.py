"""Folders of photos and of ready pairs to pairs; pictures are generated, the detector is a gradient."""

import io
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps
from shapes import photo

from i2i.data.prepare import PrepareError, Share, detect_layout, draw_with, find_photos, prepare_pairs

SIZE = 64


def gradient_detector(photos):
    maps = []
    for image in photos:
        grey = cv2.GaussianBlur(np.asarray(image.convert("L")).astype(np.float32), (0, 0), 1.5)
        maps.append(np.clip(np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1)) / 300, 0, 1))
    return maps


def line_drawing(image):
    """Black lines on white where a photo's shapes have their outlines, at the photo's own size."""
    grey = cv2.GaussianBlur(np.asarray(image.convert("L")), (0, 0), 2)
    return Image.fromarray(255 - cv2.Canny(grey, 30, 60))


def prepare(source, out, **options):
    return prepare_pairs(source, out, SIZE, **{"detector": gradient_detector, "max_ink": 0.3, **options})


def statuses(report):
    return {record["file"]: record["status"] for record in report.files}


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "more" / "deep").mkdir(parents=True)
    for seed in range(10):
        place = folder if seed < 6 else folder / "more" / "deep"
        photo(seed).save(place / f"{seed}.{'JPG' if seed % 2 else 'png'}", quality=92)
    return folder


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
        assert (
            pixels.shape == (SIZE, SIZE)
            and set(np.unique(pixels)) == {0, 255}
            and (pixels == 255).mean() > 0.5
        )
        original = (
            Image.open(photos / record["file"]).convert("RGB").crop((8, 0, 88, 80)).resize((SIZE, SIZE), 3)
        )
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
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).save(
        photos / "noise.png"
    )
    photo(3).save(photos / "z_again.jpg", quality=60)
    photo(4).resize((190, 160), Image.Resampling.BICUBIC).save(photos / "z_larger.png")
    (photos / "z_same.png").write_bytes((photos / "2.png").read_bytes())
    report = prepare(photos, tmp_path / "out", max_ink=0.12, batch=5)
    got = statuses(report)
    assert got["cut.jpg"] == got["empty.png"] == got["text.webp"] == "unreadable"
    assert got["plain.png"] == "blank" and got["noise.png"] == "dense"
    assert got["z_again.jpg"] == got["z_larger.png"] == got["z_same.png"] == "duplicate"
    assert report.counts == {
        "kept": 10, "unreadable": 3, "mismatch": 0, "blank": 1, "dense": 1, "duplicate": 3
    }  # fmt: skip
    why = {record["file"]: record["why"] for record in report.files}
    assert "truncated" in why["cut.jpg"] and "0 bytes" in why["empty.png"]
    assert why["z_again.jpg"] == "looks like 3.JPG" and why["z_same.png"] == "looks like 2.png"
    assert "at least 0.20%" in why["plain.png"] and "at most 12.00%" in why["noise.png"]
    assert (tmp_path / "out" / "rejected").is_dir()


def test_a_second_run_skips_and_added_files_move_nothing(photos, tmp_path):
    first = prepare(photos, tmp_path / "out")
    calls = []

    def counting(images):
        calls.append(len(images))
        return gradient_detector(images)

    again = prepare(photos, tmp_path / "out", detector=counting)
    assert again.skipped == 10 and not calls and again.files == first.files
    for seed in range(20, 28):
        photo(seed).save(photos / f"a{seed}.png")
    more = prepare(photos, tmp_path / "out", detector=counting)
    assert more.skipped == 10 and sum(calls) == 8 and more.counts["kept"] == 18
    before = {record["file"]: record["split"] for record in first.files}
    assert {r["file"]: r["split"] for r in more.files if r["file"] in before} == before


def test_splits_follow_content_not_names(photos, tmp_path):
    first = prepare(photos, tmp_path / "one", val_fraction=0.4)
    for path in find_photos(photos):
        path.rename(path.with_name("renamed_" + path.name))
    second = prepare(photos, tmp_path / "two", val_fraction=0.4)
    assert {r["sha256"]: r["split"] for r in first.files} == {r["sha256"]: r["split"] for r in second.files}


def test_changed_and_removed_files(photos, tmp_path):
    prepare(photos, tmp_path / "out")
    photo(77).save(photos / "0.png")
    os.remove(photos / "2.png")
    report = prepare(photos, tmp_path / "out")
    assert report.skipped == 8 and report.removed == 1 and report.counts["kept"] == 9
    files = list((tmp_path / "out" / "pairs").rglob("*.webp"))
    assert len(files) == 9 and sorted(p.stem for p in files) == sorted(r["id"] for r in report.files)


def test_a_duplicate_takes_over_when_its_original_is_gone(photos, tmp_path):
    photo(3).save(photos / "z_again.jpg", quality=60)
    assert statuses(prepare(photos, tmp_path / "out"))["z_again.jpg"] == "duplicate"
    os.remove(photos / "3.JPG")
    assert statuses(prepare(photos, tmp_path / "out"))["z_again.jpg"] == "kept"


def test_an_interrupted_run_goes_on(photos, tmp_path):
    whole = prepare(photos, tmp_path / "whole", batch=2)
    calls = []

    def breaking(images):
        calls.append(len(images))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return gradient_detector(images)

    with pytest.raises(KeyboardInterrupt):
        prepare(photos, tmp_path / "out", detector=breaking, batch=2)
    resumed = prepare(photos, tmp_path / "out", batch=2)
    assert resumed.skipped == 4
    assert resumed.files == whole.files
    for path in (tmp_path / "whole" / "pairs").rglob("*.*"):
        assert (
            tmp_path / "out" / "pairs" / path.relative_to(tmp_path / "whole" / "pairs")
        ).read_bytes() == path.read_bytes()


def together(count, work):
    """Calls work(share) in as many threads, whose shares wait for each other."""
    barrier = threading.Barrier(count)
    with ThreadPoolExecutor(count) as pool:
        shares = [Share(i, count, lambda: barrier.wait(60)) for i in range(count)]
        return [future.result() for future in [pool.submit(work, share) for share in shares]]


def contents(out):
    return {path.relative_to(out): path.read_bytes() for path in (out / "pairs").rglob("*.*")}


def test_shares_make_what_one_process_makes(photos, tmp_path):
    photo(3).save(photos / "z_again.jpg", quality=60)
    ImageOps.mirror(photo(4)).save(photos / "z_mirrored.png")
    (photos / "text.webp").write_text("not a picture")
    whole = prepare(photos, tmp_path / "whole")
    assert whole.counts["duplicate"] == 2
    sizes = []

    def counting(images):
        sizes.append(len(images))
        return gradient_detector(images)

    reports = together(3, lambda share: prepare(photos, tmp_path / "out", detector=counting, batch=2, share=share))
    assert reports[1:] == [None, None] and reports[0].files == whole.files and reports[0].counts == whole.counts
    assert sum(sizes) == 12 and contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert not list((tmp_path / "out").glob("journal*"))
    again = together(2, lambda share: prepare(photos, tmp_path / "out", detector=counting, share=share))
    assert again[0].skipped == 13 and sum(sizes) == 12


def test_shares_are_disjoint_complete_and_about_equal():
    keys = [f"folder/{i}.jpg" for i in range(3000)]
    held = [[key for key in keys if Share(i, 4).holds(key)] for i in range(4)]
    assert sorted(sum(held, [])) == sorted(keys) and all(650 < len(part) < 850 for part in held)


def test_what_shares_had_done_when_they_were_killed_counts(photos, tmp_path):
    def breaking(images):
        raise KeyboardInterrupt

    # Each share draws its first photo; then the machine goes down.
    def first_then_break(share):
        calls = []

        def detector(images):
            calls.append(len(images))
            return gradient_detector(images) if len(calls) == 1 else breaking(images)

        with pytest.raises(KeyboardInterrupt):
            prepare(photos, tmp_path / "out", detector=detector, batch=1, share=share)

    together(2, first_then_break)
    report = prepare(photos, tmp_path / "out")
    assert report.skipped == 2 and report.files == prepare(photos, tmp_path / "whole").files


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
        "13 drawings of 14 files; left out: 1 unreadable; 1 ignored, since they are no pictures"
    )
    drawn = sorted(p.relative_to(tmp_path / "out" / "drawings").as_posix() for p in tmp_path.rglob("drawings/**/*.png"))
    expected = ["0", "1", "2", "3.JPG", "3.png", "4", "5", *(f"more/deep/{i}" for i in range(6, 10)), "plain", "same"]
    assert drawn == [f"{name}.png" for name in expected]
    assert (tmp_path / "out" / "contact_sheet.jpg").exists() and not (tmp_path / "out" / "pairs").exists()
    assert prepare(photos, tmp_path / "out", output="drawings").skipped == 14


def test_a_manifest_from_before_there_was_a_choice_of_output_goes_on(photos, tmp_path):
    first = prepare(photos, tmp_path / "out")
    path = tmp_path / "out" / "manifest.json"
    content = json.loads(path.read_text())
    del content["settings"]["output"], content["ignored"]
    for record in content["files"]:
        del record["mirrored"]
    path.write_text(json.dumps(content))
    ImageOps.mirror(photo(4)).save(photos / "z_mirrored.png")
    report = prepare(photos, tmp_path / "out")
    assert report.skipped == 10 and statuses(report)["z_mirrored.png"] == "duplicate"
    assert [r["id"] for r in report.files[:10]] == [r["id"] for r in first.files]


def test_notes_and_names(photos, tmp_path):
    photo(50).convert("CMYK").save(photos / "print.jpg")
    photo(51).save(photos / "two.gif", save_all=True, append_images=[photo(52)])
    records = {record["file"]: record for record in prepare(photos, tmp_path / "out").files}
    assert records["print.jpg"]["notes"] == ["converted from mode CMYK"]
    assert records["two.gif"]["notes"][0] == "the first of 2 frames" and "notes" not in records["0.png"]


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


def test_results_inside_the_source_are_not_photos(photos):
    prepare(photos, photos / "run")
    assert prepare(photos, photos / "run").skipped == 10


@pytest.mark.parametrize("option", [{"fit": "pad"}, {"recipe": "other weights"}, {"val_fraction": 0.5}])
def test_other_settings_are_never_mixed(photos, tmp_path, option):
    prepare(photos, tmp_path / "out")
    with pytest.raises(PrepareError, match=f"other settings: {next(iter(option))}"):
        prepare(photos, tmp_path / "out", **option)


def test_another_folder_is_never_mixed(photos, tmp_path):
    prepare(photos, tmp_path / "out")
    (tmp_path / "other").mkdir()
    for seed in range(30, 33):
        photo(seed).save(tmp_path / "other" / f"{seed}.png")
    with pytest.raises(PrepareError, match="another folder"):
        prepare(tmp_path / "other", tmp_path / "out")


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


# Ready pairs


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
    check_alignment(
        tmp_path / "out", report, lambda record: photo(int(record["file"]), (200, 128)).crop(crop)
    )


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
