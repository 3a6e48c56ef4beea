"""One thing done to every picture of a folder: resuming, changes, clashes, and what the manifest says."""

import contextlib
import errno
import io
import json
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from preparing import SIZE, prepare
from shapes import photo

from i2i.data import folder_jobs
from i2i.data.blank import Blank
from i2i.data.folder_jobs import plan, run_folder, status_lines
from i2i.data.layout import PrepareError
from i2i.data.resize import Resize
from i2i.data.side_by_side import Combine, SplitPairs
from i2i.data.splits import Split


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "source"
    (source / "more" / "deep").mkdir(parents=True)
    for seed in range(6):
        photo(seed).save(source / ("more/deep" if seed > 3 else ".") / f"{seed}.{'jpg' if seed % 2 else 'png'}")
    return source


def states(out):
    """Times of all results, to see what was written again."""
    return {path.name: path.stat().st_mtime_ns for path in out.rglob("*.png")}


def test_results_lie_as_their_sources_and_the_manifest_says_so(folder, tmp_path):
    (folder / "broken.png").write_bytes(b"x")
    (folder / "again.png").write_bytes((folder / "2.png").read_bytes())
    (folder / "notes.txt").write_text("x")
    photo(9).convert("CMYK").save(folder / "print.jpg")
    seen = []
    report = run_folder(Resize((32,)), [folder], tmp_path / "out", 2, lambda *now: seen.append(now))
    assert report.counts == {"written": 8, "unreadable": 1} and seen[-1] == (9, 9)
    assert report.summary() == (
        "8 written of 9; left out: 1 unreadable; 1 with the same content as another (same_as in the manifest); "
        "1 ignored, by their suffix"
    )
    with Image.open(tmp_path / "out" / "more" / "deep" / "5.png") as image:
        assert image.size == (32, 32)
    content = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert content["settings"] == {
        "command": "resize", "size": [32], "fit": "crop", "fill": "mirror", "kind": "photo", "format": "png"
    }  # fmt: skip
    by_file = {record["file"]: record for record in content["files"]}
    assert by_file["print.jpg"]["notes"] == ["converted from mode CMYK"]
    assert by_file["again.png"]["results"] == ["again.png"] and by_file["again.png"]["same_as"] == "2.png"
    assert by_file["broken.png"]["results"] == [] and "1 bytes" in by_file["broken.png"]["why"]
    assert content["ignored"] == ["notes.txt"]
    assert status_lines(content["files"]) == [
        "  unreadable: broken.png: not a picture in a known format (.png file of 1 bytes)",
        "  noted of 1: print.jpg: converted from mode CMYK",
    ]


@pytest.mark.parametrize(
    "output, task, names",
    [
        ("folders", Resize(size=(16,)), r"(train|val)/(photo|drawing)/[\w-]+\.png"),
        ("side_by_side", SplitPairs(), r"(train|val)/(A|B)/[\w-]+\.png"),
        ("drawings", Resize(size=(16,)), r"(more/deep/)?\d\.png"),
    ],
)
def test_of_a_prepared_folder_only_its_pairs_or_drawings_are_taken(photos, tmp_path, output, task, names):
    prepare(photos, tmp_path / "drawn", output=output)
    (tmp_path / "drawn" / "rejected").mkdir(exist_ok=True)
    photo(40).save(tmp_path / "drawn" / "rejected" / "40.png")
    assert (tmp_path / "drawn" / "contact_sheet.jpg").exists()
    report = run_folder(task, [tmp_path / "drawn"], tmp_path / "out")
    results = [path for record in report.files for path in record["results"]]
    assert len(results) == 10 if output == "drawings" else 20
    assert all(re.fullmatch(names, path) for path in results), results


def test_results_of_all_of_a_prepared_folder_go_on_as_they_began(photos, tmp_path, monkeypatch):
    """As versions before took it, contact sheet and all."""
    prepare(photos, tmp_path / "drawn")
    with monkeypatch.context() as before:
        before.setattr(folder_jobs, "pictures_folder", lambda source: source)
        first = run_folder(Resize(size=(16,)), [tmp_path / "drawn"], tmp_path / "out")
    assert first.counts == {"written": 21}
    again = run_folder(Resize(size=(16,)), [tmp_path / "drawn"], tmp_path / "out")
    assert again.skipped == 21 and again.removed == 0


def test_folders_called_pairs_are_no_more_than_that(folder, tmp_path):
    for name in ("pairs", "singles"):
        (folder / name).mkdir()
        photo(len(name)).save(folder / name / "1.png")
    run_folder(Resize(size=(32,)), [folder], tmp_path / "small")
    assert run_folder(Resize(size=(16,)), [tmp_path / "small"], tmp_path / "out").counts == {"written": 8}


def test_what_another_process_did_meanwhile_counts(folder, tmp_path, monkeypatch):
    """It ended after this one had looked, and before this one began."""
    out, hold, others = tmp_path / "out", folder_jobs.alone, []

    @contextlib.contextmanager
    def after_another(place):
        if not others:
            others.append(1)
            run_folder(Resize(size=(16,)), [folder], out)
        with hold(place):
            yield

    monkeypatch.setattr(folder_jobs, "alone", after_another)
    assert run_folder(Resize(size=(16,)), [folder], out).skipped == 6


def test_another_user_s_lock_can_be_held(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / ".lock").touch(0o444)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    opened = []
    whole = type(tmp_path).open
    monkeypatch.setattr(type(tmp_path), "open", lambda path, mode="r", *a: opened.append(mode) or whole(path, mode, *a))
    with folder_jobs.alone(tmp_path), whole(tmp_path / ".lock") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert opened == ["r"]


def test_drawings_and_their_photos_are_combined(tmp_path):
    photos = tmp_path / "photos"
    (photos / "deep").mkdir(parents=True)
    for seed in range(10):
        photo(seed, (SIZE, SIZE)).save(photos / ("deep" if seed > 6 else ".") / f"{seed}.png")
    prepare(photos, tmp_path / "drawn", output="drawings")
    report = run_folder(Combine(), [tmp_path / "drawn", photos], tmp_path / "out")
    assert report.counts == {"written": 10} and report.ignored == []


def test_one_process_at_a_time(folder, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    out = tmp_path / "out"
    run_folder(Resize(size=(16,)), [folder], out)
    before = states(out)
    (folder / "0.png").unlink()
    with (out / ".lock").open("a") as lock:  # locks belong to open files: as good as another process
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(PrepareError, match="another process works in"):
            run_folder(Resize(size=(16,)), [folder], out)
    assert states(out) == before
    assert run_folder(Resize(size=(16,)), [folder], out).removed == 1


def test_the_commonest_notes_are_told_by_kind():
    halves = [{"file": f"{k}.png", "status": "written", "notes": [f"the halves are {k}x9, not square"]} for k in (4, 5)]
    rare = {"file": "a.png", "status": "written", "notes": ["transparency put on white"]}
    lost = {"file": "b.png", "status": "small", "why": "too small", "notes": ["transparency put on white"]}
    lines = ["  small: b.png: too small", "  noted of 2: 4.png: the halves are 4x9, not square"]
    assert status_lines([rare, *halves, lost]) == [*lines, "  noted of 1: a.png: transparency put on white"]
    assert status_lines([rare, *halves, lost], limit=1) == [*lines, "  noted: and 1 more kinds of notes"]


def test_a_second_run_does_what_is_new_changed_or_lost(folder, tmp_path):
    out = tmp_path / "out"
    run_folder(Resize((32,)), [folder], out)
    before = states(out)
    again = run_folder(Resize((32,)), [folder], out)
    assert again.skipped == 6 and states(out) == before
    photo(20).save(folder / "new.png")
    photo(21).save(folder / "0.png")
    (out / "1.png").unlink()
    os.remove(folder / "2.png")
    jobs, todo, _, gone = plan(Resize((32,)), [folder], out)
    assert len(jobs) == 6 and sorted(job.key for job in todo) == ["0.png", "1.jpg", "new.png"] and gone == 1
    last = run_folder(Resize((32,)), [folder], out)
    assert (last.skipped, last.removed, last.counts) == (3, 1, {"written": 6})
    after = states(out)
    assert not (out / "2.png").exists() and after["3.png"] == before["3.png"] and after["0.png"] != before["0.png"]


def test_a_killed_run_goes_on(folder, tmp_path):
    out = tmp_path / "out"

    class Killed(BaseException):
        pass

    def die(done, total):
        if done == 3:
            raise Killed

    with pytest.raises(Killed):
        run_folder(Resize((32,)), [folder], out, 1, die)
    assert json.loads((out / "manifest.json").read_text())["files"] == []
    report = run_folder(Resize((32,)), [folder], out, 1)
    assert report.skipped == 3 and report.counts == {"written": 6}
    assert not list(out.glob("journal*")) and not list(out.rglob("*.tmp"))


def test_equal_names_clash_until_one_is_renamed(folder, tmp_path):
    photo(30).save(folder / "0.jpg")
    report = run_folder(Resize((32,)), [folder], tmp_path / "out")
    assert report.counts == {"written": 6, "clash": 1}
    (clash,) = [record for record in report.files if record["status"] == "clash"]
    assert clash["file"] == "0.png" and "same name as that of 0.jpg: rename" in clash["why"]
    os.rename(folder / "0.jpg", folder / "zero.jpg")
    report = run_folder(Resize((32,)), [folder], tmp_path / "out")
    assert report.counts == {"written": 7} and report.removed == 1
    zero = np.asarray(Image.open(tmp_path / "out" / "0.png")).astype(int)
    assert np.abs(zero - np.asarray(photo(0).crop((8, 0, 88, 80)).resize((32, 32), 3))).mean() < 3


def test_folders_are_not_mixed(folder, tmp_path):
    out = tmp_path / "out"
    run_folder(Resize((32,)), [folder], out)
    with pytest.raises(PrepareError, match="other settings: size"):
        run_folder(Resize((16,)), [folder], out)
    (tmp_path / "other").mkdir()
    photo(1).save(tmp_path / "other" / "x.png")
    with pytest.raises(PrepareError, match="another folder"):
        run_folder(Resize((32,)), [tmp_path / "other"], out)
    for inside in (folder, folder / "results"):
        with pytest.raises(PrepareError, match="lies inside"):
            run_folder(Resize((32,)), [folder], inside)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PrepareError, match="holds no pictures"):
        run_folder(Resize((32,)), [tmp_path / "empty"], tmp_path / "out2")
    assert not (tmp_path / "out2").exists()


def test_a_folder_that_shares_a_few_files_is_another_one(folder, tmp_path):
    """By content: that files are called alike, as numbered ones are, says nothing."""
    out = tmp_path / "out"
    run_folder(Resize((32,)), [folder], out)
    before = states(out)
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    for i, path in enumerate(sorted(p for p in other.rglob("*.*"))):
        if i < 4:
            photo(40 + i).save(path)
    for do in (plan, run_folder):
        with pytest.raises(PrepareError, match="another folder: of the 6 files that it was made of, 4 are not here"):
            do(Resize((32,)), [other], out)
    assert states(out) == before


def test_a_copy_of_the_folder_is_the_same_folder(folder, tmp_path):
    out = tmp_path / "out"
    run_folder(Resize((32,)), [folder], out)
    before = states(out)
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)  # with new times
    assert plan(Resize((32,)), [tmp_path / "copy"], out)[1] == []
    assert run_folder(Resize((32,)), [tmp_path / "copy"], out).skipped == 6 and states(out) == before


def test_an_unreadable_file_takes_no_name_from_a_readable_one(folder, tmp_path):
    for name, content in (("0.HEIC", b"no picture"), ("0.bmp", b"broken"), ("1.png", b"")):
        (folder / name).write_bytes(content)
    whole = (folder / "2.png").read_bytes()
    (folder / "2.jfif").write_bytes((folder / "1.jpg").read_bytes()[:-900])  # its header is whole
    report = run_folder(Resize((32,)), [folder], tmp_path / "out")
    assert report.counts == {"written": 6, "unreadable": 4}
    assert {r["file"] for r in report.files if r["status"] == "unreadable"} == {"0.HEIC", "0.bmp", "1.png", "2.jfif"}
    again = run_folder(Resize((32,)), [folder], tmp_path / "out")
    assert again.skipped == 10 and (folder / "2.png").read_bytes() == whole


def test_a_result_that_cannot_be_written_stops_no_other(tmp_path):
    (tmp_path / "in").mkdir()
    photo(0).save(tmp_path / "in" / "a.png")
    Image.new("L", (16384, 1)).save(tmp_path / "in" / "b.png")
    Image.new("L", (2, 65501)).save(tmp_path / "in" / "c.png")
    for kind, wrong in (("webp", {"b.png", "c.png"}), ("jpg", {"c.png"}), ("png", set())):
        report = run_folder(Blank(format=kind), [tmp_path / "in"], tmp_path / kind)
        whys = {record["file"]: record["why"] for record in report.files if record["status"] == "unwritable"}
        assert whys.keys() == wrong and all("use --format png" in why for why in whys.values())
        assert report.counts["written"] == 3 - len(wrong)


def test_a_name_that_no_file_can_have_stops_no_other(folder, tmp_path):
    (folder / "x.png").mkdir()
    photo(7).save(folder / "x.png" / "y.png")
    photo(8).save(folder / "x.jpg")  # its result would be called as the folder is
    report = run_folder(Resize((32,)), [folder], tmp_path / "out", 1)
    (left_out,) = [record for record in report.files if record["status"] != "written"]
    assert left_out["status"] == "unwritable" and "rename" in left_out["why"]
    assert report.counts["written"] == 7 and {path.name for path in (tmp_path / "out").rglob(".*")} <= {".lock"}


def test_a_full_disk_stops_the_run(folder, tmp_path, monkeypatch):
    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("i2i.data.folder_jobs.write_atomically", full)
    with pytest.raises(OSError, match="No space left"):
        run_folder(Resize((32,)), [folder], tmp_path / "out")


def test_names_that_are_too_long_are_shortened_and_stay_different(tmp_path):
    (tmp_path / "in" / ("d" * 200)).mkdir(parents=True)
    for end in "xy":
        photo(ord(end)).save(tmp_path / "in" / ("d" * 200) / ("é" * 100 + end + ".png"))
    photo(1).save(tmp_path / "in" / ("z" * 251 + ".png"))
    report = run_folder(Blank(format="webp"), [tmp_path / "in"], tmp_path / "out")
    assert report.counts == {"written": 3} and len({tuple(record["results"]) for record in report.files}) == 3
    assert run_folder(Blank(format="webp"), [tmp_path / "in"], tmp_path / "out").skipped == 3
    whole = run_folder(Split(by="content"), [tmp_path / "in"], tmp_path / "split")  # the name under way is longer
    assert whole.counts == {"written": 3} and len(list((tmp_path / "split").rglob("*.png"))) == 3


def test_damaged_pictures_stop_no_other(folder, tmp_path):
    buffer = io.BytesIO()
    photo(9).save(buffer, "AVIF")
    content = buffer.getvalue()
    (folder / "broken.avif").write_bytes(content[:-150] + bytes(150))
    report = run_folder(Resize((32,)), [folder], tmp_path / "out")
    (broken,) = [record for record in report.files if record["status"] != "written"]
    assert broken["status"] == "unreadable" and "Failed to decode" in broken["why"]


def test_a_folder_that_cannot_be_opened_costs_no_results(folder, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run_folder(Resize((32,)), [folder], out)
    before, scandir = states(out), os.scandir

    def closed(path):
        if str(path).endswith("deep"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    message = "more/deep cannot be opened .Permission denied.: allow reading it"
    with monkeypatch.context() as patch, pytest.raises(PrepareError, match=message):
        patch.setattr(os, "scandir", closed)
        run_folder(Resize((32,)), [folder], out)
    assert states(out) == before
