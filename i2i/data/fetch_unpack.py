"""Unpack archives that somebody else made: nothing is written outside the target, and nothing is left out unsaid."""

from __future__ import annotations

import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

Advance = Callable[[int, int | None], None]  # (done, of how many)
RATIO, SLACK = 20, 100 * 2**20  # pictures hardly shrink: an archive that grows more than this is no set of pictures


class FetchError(ValueError):
    """A data set that could not be fetched; one line that says why and what to do."""


def kind_of(path: Path) -> str:
    """"zip", "tar.gz" or "tar" by the file's first bytes, "" for anything else."""
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"\x1f\x8b"):
        return "tar.gz"
    return "tar" if head[257:262] == b"ustar" else ""


def unpack(archive: Path, target: Path, advance: Advance | None = None) -> int:
    """Unpack a .zip, .tar.gz or .tar into a folder.

    Args:
        archive: the file; its kind is told by its first bytes.
        target: folder, made if needed.
        advance: called with the files written so far (zip) or the bytes of the archive read so far (tar), and of how
            many.

    Returns:
        Number of files written.

    Raises:
        FetchError: if the archive is damaged or cut off, holds a path that leads outside, a link or a device, is
            encrypted, or grows beyond reason.
    """
    kind = kind_of(archive)
    if not kind:
        raise FetchError(f"{archive} is not a .zip, .tar.gz or .tar; delete it and fetch again")
    target.mkdir(parents=True, exist_ok=True)
    members = _zip_members(archive, advance) if kind == "zip" else _tar_members(archive, target, advance)
    room = RATIO * archive.stat().st_size + SLACK
    files = 0
    try:
        for name, size, source in members:
            room -= size
            if room < 0:
                raise FetchError(
                    f"{archive} unpacks to more than {RATIO} times its size, as no set of pictures does; stopped"
                )
            path = target / _inside(archive, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with source, path.open("wb") as out:
                shutil.copyfileobj(source, out, 2**20)
            if path.stat().st_size != size:
                raise EOFError(f"{name} is cut off")
            files += 1
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise FetchError(f"{archive} is damaged or cut off ({error}); delete it and fetch again") from error
    except OSError as error:
        raise FetchError(f"cannot write below {target} ({error}); free the disk or choose another folder") from error
    return files


def _inside(archive: Path, name: str) -> PurePosixPath:
    """A member's name as a relative path that stays inside."""
    path, windows = PurePosixPath(name), PureWindowsPath(name)
    outside = path.is_absolute() or ".." in path.parts or not path.parts
    if outside or windows.drive or windows.root or "\\" in name:
        raise FetchError(f"{archive} holds the path {name!r}, which leads outside its folder; it is not to be trusted")
    return path


def _zip_members(archive: Path, advance: Advance | None) -> Iterator[tuple[str, int, BinaryIO]]:
    with zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
        for i, info in enumerate(infos):
            _inside(archive, info.orig_filename.rstrip("/"))
            mode = info.external_attr >> 16
            if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise FetchError(f"{archive} holds {info.filename!r}, a link or a device; it is not to be trusted")
            if info.flag_bits & 1:
                raise FetchError(f"{archive} is encrypted; fetch it again from its owner")
            if not info.is_dir():
                yield info.filename, info.file_size, opened.open(info)
            if advance:
                advance(i + 1, len(infos))


def _tar_members(archive: Path, target: Path, advance: Advance | None) -> Iterator[tuple[str, int, BinaryIO]]:
    total = archive.stat().st_size
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as opened:
        for member in opened:
            if member.name.strip("/") in ("", "."):
                continue
            _inside(archive, member.name)
            if not (member.isfile() or member.isdir()):
                raise FetchError(f"{archive} holds {member.name!r}, a link or a device; it is not to be trusted")
            if hasattr(tarfile, "data_filter"):  # Python 3.11.4 and later: a second opinion
                try:
                    member = tarfile.data_filter(member, str(target))
                except tarfile.FilterError as error:
                    raise FetchError(f"{archive} holds {member.name!r}, not to be trusted: {error}") from error
            if member.isfile():
                yield member.name, member.size, opened.extractfile(member)
            if advance:
                advance(raw.tell(), total)
    if advance:
        advance(total, total)
