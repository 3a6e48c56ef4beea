"""Preparing the same folder again, after changes, stops and with other settings; and by several processes."""

import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import ImageOps
from preparing import SIZE, gradient_detector, prepare, statuses
from shapes import photo

from i2i.data.pair_plan import plan_pairs
from i2i.data.prepare import PrepareError, Share, find_photos


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


def test_a_plan_tells_what_is_left_and_writes_nothing(photos, tmp_path):
    out, how = tmp_path / "out", {"size": SIZE, "max_ink": 0.3, "layout": "photos"}

    def plan():
        before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        found = plan_pairs(photos, out, **how)
        found.check()
        state = sorted(found.todo), found.done
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
        return state

    every = sorted(path.relative_to(photos).as_posix() for path in find_photos(photos))
    assert plan() == (every, False) and not out.exists()
    report = prepare(photos, out, layout="photos")
    assert plan() == ([], True)
    gone = report.files[0]
    (out / "pairs" / gone["split"] / "drawing" / f"{gone['id']}.png").unlink()
    photo(77).save(photos / "new.png")
    assert plan() == (sorted([gone["file"], "new.png"]), False)
    prepare(photos, out, layout="photos")
    assert plan() == ([], True)
    os.remove(photos / "new.png")  # to be removed from the results
    assert plan() == ([], False)
    shutil.rmtree(photos)
    photos.mkdir()
    photo(78).save(photos / "other.png")
    with pytest.raises(PrepareError, match="prepared from another folder"):
        plan()


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
    assert report.added == 1 and report.summary().endswith(
        "; 8 were done before, 1 added; the results of 1 files that are gone were removed"
    )
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


def contents_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*.*")}


@pytest.mark.parametrize("shared", [1, 4])
def test_a_folder_that_shares_a_few_files_is_another_one(photos, tmp_path, shared):
    """By content: that files are called alike, as numbered ones are, says nothing."""
    prepare(photos, tmp_path / "out")
    before = contents_of(tmp_path / "out")
    (tmp_path / "other" / "more" / "deep").mkdir(parents=True)
    for i, path in enumerate(find_photos(photos)):
        other = tmp_path / "other" / path.relative_to(photos)
        shutil.copy(path, other) if i < shared else photo(60 + i).save(other)
    with pytest.raises(PrepareError, match=f"another folder: of the 10 files .* {10 - shared} are not here or have"):
        prepare(tmp_path / "other", tmp_path / "out")
    assert contents_of(tmp_path / "out") == before


def test_a_folder_may_lose_half_of_its_files(photos, tmp_path):
    prepare(photos, tmp_path / "out")
    found = find_photos(photos)
    for path in found[:5]:
        path.unlink()
    assert prepare(photos, tmp_path / "out").removed == 5
    for path in found[5:8]:
        path.unlink()
    with pytest.raises(PrepareError, match="of the 5 files .* 3 are not here"):
        prepare(photos, tmp_path / "out")


def test_a_copy_of_the_folder_is_the_same_folder(photos, tmp_path):
    first = prepare(photos, tmp_path / "out")
    shutil.copytree(photos, tmp_path / "copy", copy_function=shutil.copyfile)  # with new times
    again = prepare(tmp_path / "copy", tmp_path / "out", detector=lambda images: 1 / 0)
    assert again.skipped == 10 and {r["id"] for r in again.files} == {r["id"] for r in first.files}


# Several processes


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
