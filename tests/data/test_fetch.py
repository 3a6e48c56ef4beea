"""Data sets from a server on this machine: downloaded, unpacked, counted, marked, and what is told otherwise."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from archive_server import tar_of, zip_of

from i2i.data import fetch as fetch_module
from i2i.data.fetch import SETS, FetchError, fetch, find_set, plan
from i2i.data.fetch_sets import Archive, FetchedSet


def small_set(make=tar_of, file="small.tar.gz", top="small/", name="small", **changes) -> tuple[FetchedSet, bytes]:
    """A data set of five pictures, and its archive."""
    names = ["train/0.jpg", "train/1.jpg", "train/2.jpg", "val/0.jpg", "val/1.jpg"]
    content = make({top + name: os.urandom(3000) for name in names})
    fields = {
        "name": name,
        "what": "noise",
        "archives": (Archive(file, "http://127.0.0.1:1/never"),),
        "counts": {"train/*.jpg": 3, "val/*.jpg": 2},
        "megabytes": 1,
        "licence": "public domain",
        "page": "http://example.org",
        "counted": "the test",
        "then": "python train/edges2photo.py FOLDER --out RUN",
    }
    return FetchedSet(**fields | changes), content


@pytest.fixture
def offered(server):
    """A function: put a small data set on the server -> (set, mirror)."""

    def offered(**options):
        wanted, content = small_set(**options)
        server.files[f"/mirror/{wanted.archives[0].file}"] = content
        return wanted, f"{server.url}/mirror/"

    return offered


@pytest.mark.parametrize(
    "options", [{}, {"make": zip_of, "file": "small.zip"}, {"top": ""}, {"top": "deep/er/data/"}]
)
def test_a_data_set_is_downloaded_unpacked_counted_and_marked(offered, tmp_path, options):
    wanted, mirror = offered(**options)
    told = []
    out = tmp_path / "new" / "data"
    folder = fetch(wanted, out, mirror=mirror, progress=lambda *step: told.append(step))
    assert folder == out / "small" and wanted.missing(folder) == ""
    assert [p.name for p in out.iterdir()] == ["small"]  # no archive, no half-unpacked folder
    mark = json.loads((folder / "fetched.json").read_text())
    assert mark["licence"] == "public domain" and mark["archives"][wanted.archives[0].file].startswith("sha256:")
    file = wanted.archives[0].file
    assert list(dict.fromkeys(step[0] for step in told)) == [f"download {file}", f"check {file}", f"unpack {file}"]


def test_the_second_time_nothing_is_asked_for(offered, server, tmp_path):
    wanted, mirror = offered()
    fetch(wanted, tmp_path, mirror=mirror)
    server.asked.clear()
    assert fetch(wanted, tmp_path, mirror=mirror) == tmp_path / "small"
    assert plan(wanted, tmp_path).complete and server.asked == []


def test_a_fetch_that_was_interrupted_goes_on(offered, server, tmp_path):
    wanted, mirror = offered()
    server.moods = ["drop 5000", "404"]
    with pytest.raises(FetchError):
        fetch(wanted, tmp_path, mirror=mirror, pause=0)
    (tmp_path / "small.unpacking" / "rest").mkdir(parents=True)
    fetch(wanted, tmp_path, mirror=mirror)
    assert server.asked[-1][1] == "bytes=5000-" and [p.name for p in tmp_path.iterdir()] == ["small"]


def test_archives_can_be_kept_and_are_used_again(offered, server, tmp_path):
    wanted, mirror = offered()
    folder = fetch(wanted, tmp_path, mirror=mirror, keep_archives=True)
    shutil.rmtree(folder)
    server.files.clear()
    assert fetch(wanted, tmp_path).is_dir()  # as is an archive that someone put there


def test_a_wrong_number_of_files_is_told_with_both_numbers(offered, tmp_path):
    wanted, mirror = offered(counts={"train/*.jpg": 4, "val/*.jpg": 2})
    with pytest.raises(FetchError, match=r"train/\*.jpg: 3 files, expected 4\. It lies in .*small.unpacking"):
        fetch(wanted, tmp_path, mirror=mirror)
    assert not (tmp_path / "small").exists()


def test_an_archive_without_the_splits_is_told(offered, tmp_path):
    wanted, mirror = offered(counts={"trainA/*.jpg": 3})
    with pytest.raises(FetchError, match="holds small, but no folder with trainA"):
        fetch(wanted, tmp_path, mirror=mirror)


def test_a_folder_that_is_not_whole_is_neither_used_nor_touched(offered, tmp_path):
    wanted, mirror = offered()
    (tmp_path / "small" / "train").mkdir(parents=True)
    (tmp_path / "small" / "train" / "1.jpg").write_bytes(b"mine")
    with pytest.raises(FetchError, match=r"not whole \(train/\*.jpg: 1 files, expected 3; .*move it away"):
        fetch(wanted, tmp_path, mirror=mirror)
    assert (tmp_path / "small" / "train" / "1.jpg").read_bytes() == b"mine"


def test_what_is_no_archive_is_not_unpacked(offered, server, tmp_path):
    wanted, mirror = offered()
    server.files["/mirror/small.tar.gz"] = b"quota exceeded" * 100
    with pytest.raises(FetchError, match="is not an archive .*quota exceeded.*delete it and fetch again"):
        fetch(wanted, tmp_path, mirror=mirror)


def test_a_published_digest_is_compared(offered, tmp_path):
    wanted, mirror = offered(archives=(Archive("small.tar.gz", None, "0" * 32),))
    with pytest.raises(FetchError, match="not the file that was published .*expected 000"):
        fetch(wanted, tmp_path, mirror=mirror)


def test_a_full_disk_is_told_before_anything_is_asked_for(offered, server, tmp_path, monkeypatch):
    wanted, mirror = offered(megabytes=5_000)
    usage = shutil.disk_usage(tmp_path)._replace(free=3 * 10**9)
    monkeypatch.setattr(fetch_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(FetchError, match="takes about 11,000 MB .* 3,000 MB are free: make room for 8,000 MB more"):
        fetch(wanted, tmp_path, mirror=mirror)
    assert server.asked == [] and list(tmp_path.iterdir()) == []


def test_files_are_counted_by_folder_and_suffix(tmp_path):
    wanted, _ = small_set()
    for name in ("train/1.JPG", "train/2.jpg", "train/3.jpg", "val/1.jpg", "val/2.jpg", "val/._2.jpg", "val/Thumbs.db"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert wanted.missing(tmp_path) == ""


def test_pets_are_whole_when_torchvision_reads_their_lists(server, tmp_path):
    """Two archives in one folder, which torchvision's class opens."""
    names = ["Abyssinian_1", "beagle_2", "pug_3"]
    lists = {"trainval": names[:2], "test": names[2:]}
    images = tar_of({f"images/{name}.jpg": b"x" for name in names})
    notes = tar_of(
        {
            f"annotations/{split}.txt": "".join(f"{name} {i + 1} 1 1\n" for i, name in enumerate(part)).encode()
            for split, part in lists.items()
        }
    )
    server.files = {"/images.tar.gz": images, "/annotations.tar.gz": notes}
    wanted, _ = small_set(
        name="oxford-iiit-pet",
        archives=(Archive("images.tar.gz", None), Archive("annotations.tar.gz", None)),
        counts={"images/*.jpg": 3},
        listed={"trainval": 2, "test": 1},
    )
    folder = fetch(wanted, tmp_path, mirror=server.url)
    assert folder == tmp_path / "oxford-iiit-pet" and plan(wanted, tmp_path).complete
    (folder / "annotations" / "test.txt").write_text("")
    with pytest.raises(FetchError, match="test: 0 files, expected 1"):
        plan(wanted, tmp_path)


def test_cityscapes_says_why_and_what_to_do_instead(tmp_path):
    cityscapes = SETS["cityscapes"]
    with pytest.raises(FetchError, match=r"not be passed on.*register at https.*docs/datasets.md.*cityscapes.tar.gz"):
        fetch(cityscapes, tmp_path)
    assert plan(cityscapes, tmp_path, "http://127.0.0.1/my").urls == ("http://127.0.0.1/my/cityscapes.tar.gz",)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(FetchError, match="no data set 'shoes': choose one of edges2shoes, "):
        find_set("shoes")
