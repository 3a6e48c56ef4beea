"""Fetching from a server on this machine that drops connections, ignores ranges, says no; and hostile archives."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from archive_server import archive_server, tar_of, zip_of

from i2i.data import fetch as fetch_module
from i2i.data.fetch import SETS, FetchError, fetch, find_set, plan
from i2i.data.fetch_download import download
from i2i.data.fetch_sets import Archive, FetchedSet
from i2i.data.fetch_unpack import unpack

CONTENT = os.urandom(200_000)  # more than the buffers on the way hold


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with archive_server() as running:
        running.files["/a.bin"] = CONTENT
        yield running


@pytest.fixture
def get(server, tmp_path):
    """A function: download /a.bin without waiting between tries -> its content."""

    def get(**options):
        pauses = []
        options = {"sleep": pauses.append, "timeout": 10} | options
        path = download(f"{server.url}/a.bin", tmp_path / "a.bin", **options)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bin"]
        return path.read_bytes(), pauses

    return get


def ranges(server):
    return [wanted for _, wanted in server.asked]


# Download


def test_a_file_arrives_whole_and_its_progress_is_told(server, get):
    steps = []
    content, pauses = get(advance=lambda done, total: steps.append((done, total)))
    assert content == CONTENT and pauses == [] and ranges(server) == [None]
    assert steps[-1] == (len(CONTENT), len(CONTENT)) and steps == sorted(steps)


def test_after_a_dropped_connection_only_the_rest_is_asked_for(server, get):
    server.moods = ["drop 70000", "drop 30000"]
    content, _ = get()
    assert content == CONTENT
    assert ranges(server) == [None, "bytes=70000-", "bytes=100000-"]


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server, get, tmp_path):
    server.moods = ["drop 50000", "503"]
    with pytest.raises(FetchError, match="run the same command again to go on"):
        get(attempts=1)
    assert (tmp_path / "a.bin.part").stat().st_size == 50000 and not (tmp_path / "a.bin").exists()
    assert get()[0] == CONTENT
    assert ranges(server)[-1] == "bytes=50000-"


def test_a_server_that_ignores_ranges_sends_everything_again(server, get):
    server.moods = ["drop 70000", "whole"]
    content, _ = get()
    assert content == CONTENT and len(content) == len(CONTENT)


@pytest.mark.parametrize("tags", [True, False])
def test_a_file_that_changed_meanwhile_is_not_patched_together(server, get, tags):
    server.tags = tags
    server.moods = ["drop 70000", "503"]
    with pytest.raises(FetchError):
        get(attempts=1)
    server.files["/a.bin"] = bytes(150_000)
    assert get()[0] == bytes(150_000)


def test_the_beginning_of_another_file_is_not_used(server, get, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(b"something else")
    assert get()[0] == CONTENT and ranges(server) == [None]


def test_a_file_that_was_whole_before_it_got_its_name(server, get, tmp_path):
    server.moods = ["drop 200", "503"]
    with pytest.raises(FetchError):
        get(attempts=1)
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    assert get()[0] == CONTENT and ranges(server)[-1] == f"bytes={len(CONTENT)}-"


def test_a_busy_server_is_asked_again_and_again_after_longer_pauses(server, get):
    server.moods = ["503", "503", "503"]
    content, pauses = get()
    assert content == CONTENT and pauses == [1.0, 2.0, 4.0]


def test_progress_starts_the_count_of_tries_anew(server, get):
    server.moods = ["503", "drop 1000", "503", "drop 1000", "503"]
    assert get(attempts=2)[0] == CONTENT


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("404", "404 .*name a mirror with --url, or find it and put it at .*a.bin"),
        ("403", "403 .*wants a login or refuses programs: download it in a browser"),
        ("html", "web page instead of a file"),
    ],
)
def test_what_waiting_cannot_help_is_told_at_once(server, get, mood, words):
    server.moods = [mood]
    with pytest.raises(FetchError, match=words):
        get()
    assert len(server.asked) == 1


def test_without_a_network_the_error_says_what_to_do(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free_port = probe.getsockname()[1]
    with pytest.raises(FetchError, match=r"(?s)cannot fetch .*refused.*3 times in a row; check the network.*--url"):
        download(f"http://127.0.0.1:{free_port}/a", tmp_path / "a", attempts=3, sleep=lambda seconds: None)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "a.zip", "ftp://127.0.0.1/a"])
def test_other_addresses_are_refused(tmp_path, url):
    with pytest.raises(FetchError, match="is not an http"):
        download(url, tmp_path / "a")


# Unpack


@pytest.fixture
def unpacked(tmp_path):
    """A function: bytes of an archive -> {path: content} of what comes out."""

    def unpacked(content: bytes):
        archive, target = tmp_path / "archive", tmp_path / "in" / "target"
        archive.write_bytes(content)
        try:
            number = unpack(archive, target)
        finally:
            outside = [p for p in tmp_path.rglob("*") if p.is_file() and target not in p.parents and p != archive]
            assert outside == []
        files = {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()}
        assert number == len(files)
        return files

    return unpacked


FILES = {"set/train/1.jpg": b"one" * 1000, "set/train/2.jpg": b"", "set/./val/3.jpg": b"three"}


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_files_come_out_as_they_went_in(unpacked, make):
    assert unpacked(make(FILES)) == {name.replace("./", ""): content for name, content in FILES.items()}


@pytest.mark.parametrize("make", [tar_of, zip_of])
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/tmp/evil", "..\\evil", "C:\\evil", "C:evil"])
def test_paths_that_lead_outside_are_refused(unpacked, make, name):
    with pytest.raises(FetchError, match="leads outside its folder"):
        unpacked(make({"good.jpg": b"x", name: b"y"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(unpacked, kind):
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(FetchError, match="a link or a device"):
        unpacked(tar_of({"good.jpg": b"x"}, [info]))


def test_links_in_zip_archives_are_refused(unpacked):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(FetchError, match="a link or a device"):
        unpacked(stream.getvalue())


@pytest.mark.parametrize("make", [tar_of, zip_of])
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_archives_that_are_cut_off_are_told(unpacked, make, share):
    whole = make({f"{i}.jpg": os.urandom(5000) for i in range(10)})
    with pytest.raises(FetchError, match="damaged or cut off"):
        unpacked(whole[: int(len(whole) * share)])


def test_a_damaged_archive_is_told(unpacked):
    whole = bytearray(zip_of({"1.jpg": os.urandom(5000)}))
    whole[2000] ^= 255
    with pytest.raises(FetchError, match="damaged"):
        unpacked(bytes(whole))


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_an_archive_that_grows_beyond_reason_is_stopped(unpacked, make, monkeypatch):
    monkeypatch.setattr("i2i.data.fetch_unpack.SLACK", 1000)
    with pytest.raises(FetchError, match="more than 20 times its size"):
        unpacked(make({"zeros.jpg": bytes(2_000_000)}))


def test_what_is_no_archive_is_told(unpacked):
    with pytest.raises(FetchError, match="is not a .zip"):
        unpacked(b"<html>moved</html>" * 100)


# Data sets


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


@pytest.mark.parametrize("one", SETS.values(), ids=SETS)
def test_every_data_set_says_what_people_must_know(one):
    assert one.licence and one.page.startswith("https://") and one.counted and "FOLDER" in one.then
    assert all(n > 0 and pattern.count("*") == 1 for pattern, n in one.counts.items())
    assert all(archive.url.startswith("https://") for archive in one.archives if archive.url)
    assert all(archive.url for archive in one.archives) != bool(one.instead)


@pytest.mark.parametrize("one", SETS.values(), ids=SETS)
def test_the_documentation_has_the_same_numbers(one):
    page = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith(f"| `{one.name}` |"))
    assert all(f"{n:,}" in row for n in [*one.counts.values(), *one.listed.values()])
    assert f"`{one.then.split()[1]}`" in row
