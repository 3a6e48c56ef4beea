"""Unpacking archives, hostile and damaged ones among them."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile

import pytest
from archive_server import tar_of, zip_of

from i2i.data.fetch_unpack import FetchError, unpack


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
