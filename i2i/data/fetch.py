"""Fetch published data sets: download, unpack, count; each step can be repeated and nothing half-done looks whole."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from i2i.data.fetch_download import download
from i2i.data.fetch_sets import SETS, Archive, FetchedSet
from i2i.data.fetch_unpack import FetchError, kind_of, unpack

__all__ = ["SETS", "FetchError", "FetchPlan", "FetchedSet", "fetch", "find_set", "plan"]

MARK = "fetched.json"
Progress = Callable[[str, int, int | None], None]  # (what is being done, done, of how many)


@dataclass(frozen=True)
class FetchPlan:
    """What fetching a data set would do.

    Attributes:
        folder: where the data set will be.
        complete: whether it is there already.
        urls: what will be downloaded.
        megabytes: disk space it takes on the way, archives and pictures; 0 if complete.
        free_megabytes: disk space that is free.
        arrived_megabytes: what earlier tries have downloaded.
    """

    folder: Path
    complete: bool
    urls: tuple[str, ...]
    megabytes: int
    free_megabytes: int
    arrived_megabytes: int


def find_set(name: str) -> FetchedSet:
    """The data set of a name.

    Raises:
        FetchError: that lists the names.
    """
    if name not in SETS:
        raise FetchError(f"no data set {name!r}: choose one of {', '.join(SETS)}")
    return SETS[name]


def plan(wanted: FetchedSet, out: Path, mirror: str | None = None) -> FetchPlan:
    """What `fetch` would do, found out without the network.

    Raises:
        FetchError: if nobody offers the archive, or the folder holds something else.
    """
    folder, waiting = out / wanted.name, out / f"{wanted.name}.download"
    complete = False
    if folder.exists():
        problem = wanted.missing(folder)
        if problem:
            raise FetchError(f"{folder} is there but not whole ({problem}); move it away or delete it, and fetch again")
        complete = True
    urls, arrived = [], 0
    for archive in wanted.archives:
        for path in (waiting / archive.file, waiting / f"{archive.file}.part"):
            arrived += path.stat().st_size if path.is_file() else 0
        if not complete and not (waiting / archive.file).is_file():
            urls.append(_address(wanted, archive, waiting, mirror))
    place = next(p for p in (out, *out.absolute().parents) if p.is_dir())
    return FetchPlan(
        folder=folder,
        complete=complete,
        urls=tuple(urls),
        megabytes=0 if complete else round(2.2 * wanted.megabytes),
        free_megabytes=shutil.disk_usage(place).free // 10**6,
        arrived_megabytes=arrived // 10**6,
    )


def _address(wanted: FetchedSet, archive: Archive, waiting: Path, mirror: str | None) -> str:
    if mirror is not None:
        return f"{mirror.rstrip('/')}/{archive.file}"
    if archive.url is None:
        raise FetchError(
            f"{wanted.name} may not be passed on, so no one offers it as a download ({wanted.licence}): "
            f"{wanted.instead}; if you have {archive.file}, put it at {waiting / archive.file}, "
            "or name a server of your own with --url"
        )
    return archive.url


def fetch(
    wanted: FetchedSet,
    out: Path,
    *,
    mirror: str | None = None,
    keep_archives: bool = False,
    progress: Progress | None = None,
    **options,
) -> Path:
    """Fetch a data set into `out`/NAME; where that is complete already, nothing is fetched.

    Archives lie in `out`/NAME.download meanwhile, and one that was put there by hand is used. They are unpacked into
    `out`/NAME.unpacking, which gets its name when every split has its number of files.

    Args:
        wanted: the data set, see `SETS`.
        out: folder for data sets, made if needed.
        mirror: address of a folder that holds the archives under their names, instead of the owner's.
        keep_archives: leave the archives where they are.
        progress: called with what is being done, how much of it is done, and of how much (None: unknown).
        options: `attempts`, `pause`, `timeout` of `download`.

    Returns:
        The data set's folder.

    Raises:
        FetchError: naming what went wrong and what to do.
    """
    todo = plan(wanted, out, mirror)
    waiting = out / f"{wanted.name}.download"
    if todo.complete:
        if _may_go(todo.folder):
            shutil.rmtree(waiting, ignore_errors=True)
        return todo.folder
    lacking = todo.megabytes - todo.arrived_megabytes - todo.free_megabytes
    if lacking > 0:
        raise FetchError(
            f"{wanted.name} takes about {todo.megabytes:,} MB in {out}, archive and pictures, and "
            f"{todo.free_megabytes:,} MB are free: make room for {lacking:,} MB more, or choose another --out"
        )
    unpacking = out / f"{wanted.name}.unpacking"
    waiting.mkdir(parents=True, exist_ok=True)
    digests = {}
    for archive in wanted.archives:
        path = waiting / archive.file
        if not path.is_file():
            url = _address(wanted, archive, waiting, mirror)
            download(url, path, _stage(progress, f"download {archive.file}"), **options)
        digests[archive.file] = _check(archive, path, _stage(progress, f"check {archive.file}"))
    # The set's name inside the temporary folder, because torchvision looks for a folder of that name.
    shutil.rmtree(unpacking, ignore_errors=True)
    for archive in wanted.archives:
        unpack(waiting / archive.file, unpacking / wanted.name, _stage(progress, f"unpack {archive.file}"))
    root = _root(wanted, unpacking / wanted.name)
    problem = wanted.missing(root)
    if problem:
        raise FetchError(
            f"{wanted.name} is not what was expected: {problem}. It lies in {root}, and its archive in {waiting}: "
            "delete both and fetch again; if the owner has changed the data set, use it from there"
        )
    record = {"name": wanted.name, "page": wanted.page, "licence": wanted.licence, "files": wanted.counts}
    record["keep_archives"] = keep_archives
    text = json.dumps(record | {"archives": digests}, indent=2, ensure_ascii=False) + "\n"
    (root / MARK).write_text(text, encoding="utf-8")
    root.replace(todo.folder)
    shutil.rmtree(unpacking, ignore_errors=True)
    if not keep_archives:
        shutil.rmtree(waiting)
    return todo.folder


def _may_go(folder: Path) -> bool:
    """Whether archives that are still there are what a call left that was killed just before it removed them."""
    try:
        return json.loads((folder / MARK).read_text(encoding="utf-8")).get("keep_archives") is False
    except (OSError, ValueError, AttributeError):
        return False


def _stage(progress: Progress | None, what: str) -> Callable[[int, int | None], None] | None:
    return None if progress is None else lambda done, total: progress(what, done, total)


def _check(archive: Archive, path: Path, advance: Callable[[int, int | None], None] | None) -> str:
    """The archive's sha256, after looking whether it is an archive, and the published one."""
    if not kind_of(path):
        raise FetchError(
            f"{path} is not an archive (it begins with {path.open('rb').read(16)!r}); delete it and fetch again, "
            "or name a mirror with --url"
        )
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    total, done = path.stat().st_size, 0
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            md5.update(chunk)
            sha256.update(chunk)
            done += len(chunk)
            if advance:
                advance(done, total)
    if archive.md5 is not None and md5.hexdigest() != archive.md5:
        raise FetchError(
            f"{path} is not the file that was published (md5 {md5.hexdigest()}, expected {archive.md5}); "
            "delete it and fetch again"
        )
    return f"sha256:{sha256.hexdigest()}"


def _root(wanted: FetchedSet, unpacked: Path) -> Path:
    """The folder that holds the splits, however deep the archive buries it."""
    first = {pattern.split("/")[0] for pattern in wanted.counts}
    folders = [unpacked]
    while folders:
        for folder in folders:
            if all((folder / name).is_dir() for name in first):
                return folder
        folders = sorted(p for folder in folders for p in folder.iterdir() if p.is_dir())
    there = ", ".join(sorted(p.name for p in unpacked.iterdir())[:10])
    raise FetchError(
        f"{wanted.name}: the archive holds {there or 'nothing'}, but no folder with {', '.join(sorted(first))}; "
        f"it lies in {unpacked}: if the owner has changed the data set, use it from there"
    )
