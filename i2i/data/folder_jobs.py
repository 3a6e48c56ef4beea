"""One thing done to every picture of a folder: in parallel, resumable, with a manifest that says what and why."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from i2i.data.changes import find_changes, refuse_another_folder
from i2i.data.formats import Unwritable
from i2i.data.hold import alone
from i2i.data.layout import pictures_folder
from i2i.data.out_folder import (
    Originals,
    check_writable,
    make_folder,
    refuse_around,
    refuse_inside,
    refuse_to_overwrite,
)
from i2i.data.pictures import header_size
from i2i.data.reading import TOO_LARGE, why_unreadable
from i2i.data.records import Records, short_name, stamp_of, why_unwritable, write_atomically
from i2i.data.tasks import PALETTE, WRITTEN, Job, Task


@dataclass(frozen=True)
class FolderReport:
    """What a run over a folder did.

    Attributes:
        counts: number of files of every status; "written" is the one that made something.
        skipped: jobs that an earlier run had done.
        removed: earlier results whose source files are gone.
        same: files whose content another file has as well.
        ignored: files that are no pictures by their suffix.
        files: one record a file, as in the manifest.
    """

    counts: dict[str, int]
    skipped: int
    removed: int
    same: int
    ignored: list[str]
    files: list[dict] = field(repr=False)

    def summary(self) -> str:
        """One line for people."""
        left_out = ", ".join(f"{n} {status}" for status, n in sorted(self.counts.items()) if status != WRITTEN)
        parts = [
            f"{self.counts.get(WRITTEN, 0)} written of {sum(self.counts.values())}; left out: {left_out or 'none'}"
        ]
        parts += [f"{self.skipped} were done before"] if self.skipped else []
        parts += [f"results of {self.removed} files that are gone were removed"] if self.removed else []
        parts += [f"{self.same} with the same content as another (same_as in the manifest)"] if self.same else []
        parts += [f"{len(self.ignored)} ignored, by their suffix"] if self.ignored else []
        return "; ".join(parts)


def plan(task: Task, sources: Iterable[Path], out: Path) -> tuple[list[Job], list[Job], list[str], int]:
    """(all jobs, those that are still to be done, files passed over, earlier results whose sources are gone and that
    would be removed); nothing is written.

    Raises:
        PrepareError: as `run_folder`.
    """
    jobs, ignored = _jobs(task, tuple(sources), out)
    by_key = {job.key: job for job in jobs}
    records, _ = _earlier(task, by_key, out)
    done = {k for k, record in records.records.items() if k in by_key and _current(out, record, by_key[k])}
    gone = sum(key not in by_key and bool(record["results"]) for key, record in records.records.items())
    return jobs, [job for job in jobs if job.key not in done], ignored, gone


def run_folder(
    task: Task,
    sources: Iterable[Path],
    out: Path,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FolderReport:
    """Do a task for every file of the source folders.

    Files that are done are skipped, a killed run goes on where it was, and results are written whole or not at all.
    OUT/manifest.json holds, for each file: status, why, notes, the results' paths, sha256, and `same_as` where an
    earlier file has the same content. Results whose sources are gone are removed.

    Args:
        task: what to do.
        sources: the folders it needs; of one that `i2i.data.prepare` made, its pairs or drawings.
        out: folder of the results, neither inside a source nor around one.
        workers: threads (default: one a processor, at most 8).
        progress: called with (jobs done, jobs in all).

    Raises:
        PrepareError: for folders without pictures; an output folder inside or around a source, that nothing can be
            written to, or in which files that no run of ours made would be overwritten; or one made by another
            command, with other options, or of another folder (most of whose files are not here, or have another
            content). Nothing is written or removed then. And where another process works in the output folder.
    """
    jobs, ignored = _jobs(task, tuple(sources), out)
    by_key = {job.key: job for job in jobs}
    _earlier(task, by_key, out)  # refuses what cannot be gone on with, before anything is written
    make_folder(out)
    with alone(out):
        records, originals = _earlier(task, by_key, out)  # as it is now that nobody else changes it
        stale = [k for k, record in records.records.items() if k not in by_key or not _current(out, record, by_key[k])]
        removed = sum(key not in by_key for key in stale)
        tried = [key for key in stale if records.records[key]["status"] == "unreadable"]
        for key in stale:
            records.remove_files((out / path for path in records.drop(key)["results"]), originals)
        places = {job.key: task.places(job) for job in jobs if job.refused is None}
        kept = {out / path for paths in places.values() for path in paths}
        for key, written in records.unfinished.items():  # by a run that was killed before it could say so
            if key not in by_key and key not in records.records:
                records.remove_files((out / path for path in written if out / path not in kept), originals)
        todo = [job for job in jobs if job.key not in records.records]
        records.save(ignored=ignored, unfinished={job.key: places.get(job.key, ()) for job in todo})
        done = skipped = len(jobs) - len(todo)
        workers = workers or min(8, os.cpu_count() or 1)
        try:
            with ThreadPoolExecutor(workers) as pool:
                for record in _in_parallel(pool, todo, lambda job: _do(task, job, out), 4 * workers):
                    records.log(record)
                    done += 1
                    if progress is not None:
                        progress(done, len(jobs))
        finally:
            records.close()
        for key, (status, why) in task.review(records.ordered()).items():
            record = records.records[key]
            records.remove_files((out / path for path in record["results"]), originals)
            kept = {name: record[name] for name in ("file", "notes", "stamp", "sha256")}
            # To be done again by the next run: what spoils it is another file, which may be mended by then.
            records.set(kept | {"status": status, "why": why, "results": [], "again": True})
        same = _mark_same(records)
        skipped += sum(records.records.get(key, {}).get("status") == "unreadable" for key in tried)  # in vain
        records.save(ignored=ignored)
        return FolderReport(records.counts(), skipped, removed, same, ignored, records.ordered())


def _jobs(task: Task, sources: tuple[Path, ...], out: Path) -> tuple[list[Job], list[str]]:
    refuse_inside(sources, out)
    refuse_around(sources, out)
    check_writable(out)
    jobs, ignored = task.jobs(tuple(_taken_from(source, out) for source in sources), out)
    return _without_clashes([replace(job, name=short_name(job.name)) for job in jobs]), ignored


def _taken_from(source: Path, out: Path) -> Path:
    """Of a folder that `edges` made, its pairs or drawings; but versions that took all of it, contact sheet and all,
    left results that go on as they began.
    """
    taken = pictures_folder(source)
    if taken == source or not (out / "manifest.json").is_file():
        return taken
    try:
        files = [record["file"] for record in json.loads((out / "manifest.json").read_text(encoding="utf-8"))["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return taken
    prefix = f"{taken.relative_to(source).as_posix()}/"
    return source if any(file.startswith(prefix) for file in files) else taken


def _earlier(task: Task, by_key: dict[str, Job], out: Path) -> tuple[Records, Originals]:
    """What an earlier run did, if it was of this folder, and the files that must stay; nothing is written."""
    records = Records(out, task.settings())
    places = {job.key: task.places(job) for job in by_key.values() if job.refused is None}
    ours = {path for record in records.records.values() for path in record["results"]}
    ours.update(path for key in records.unfinished for path in places.get(key, ()))
    if PALETTE in by_key and _equal(out / PALETTE, by_key[PALETTE].sources[0]):  # somebody copied it there
        ours.add(PALETTE)
    refuse_to_overwrite(out, (path for paths in places.values() for path in paths), ours)
    originals = Originals(path for job in by_key.values() for path in job.sources)
    originals.refuse(out / path for paths in places.values() for path in paths)
    changes = find_changes(records.records, {key: job.sources for key, job in by_key.items()})
    refuse_another_folder(out, records, changes)
    for key in changes.touched:
        records.records[key]["stamp"] = stamp_of(by_key[key].sources)
    return records, originals


def _equal(a: Path, b: Path) -> bool:
    return a.is_file() and b.is_file() and a.read_bytes() == b.read_bytes()


def _without_clashes(jobs: list[Job]) -> list[Job]:
    """Of jobs whose results would have the same name, the first that can be read is done, the others say why not."""
    doable = Counter(job.name.lower() for job in jobs if job.refused is None)
    first: dict[str, str] = {}
    checked = []
    for job in jobs:
        name = job.name.lower()
        if job.refused is None and doable[name] > 1:
            # To decode every one takes long: of those after the first, the header has to do.
            doubtful = name not in first or any(header_size(path) is None for path in job.sources)
            wrong = next(filter(None, map(why_unreadable, job.sources)), "") if doubtful else ""
            if wrong:
                job = replace(job, refused=("unreadable", wrong))
            elif name in first:
                why = f"its result would have the same name as that of {first[name]}: rename one of the two"
                job = replace(job, refused=("clash", why))
            else:
                first[name] = job.key
        checked.append(job)
    return checked


def _current(out: Path, record: dict, job: Job) -> bool:
    planned = list(job.refused) if job.refused else None
    was_planned = [record["status"], record["why"]] if record.get("by_plan") else None
    if record["stamp"] != stamp_of(job.sources) or planned != was_planned or "again" in record:
        return False
    if record["status"] == "unreadable" and not job.refused:  # it may have been the disk, or a codec that is there now
        return False
    return all((out / path).exists() for path in record["results"])


def _in_parallel(pool: ThreadPoolExecutor, jobs: list[Job], do: Callable[[Job], dict], limit: int) -> Iterator[dict]:
    """Results as they come, with at most `limit` jobs in hand."""
    pending: set[Future] = set()
    try:
        for job in jobs:
            if len(pending) >= limit:
                finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in finished)
            pending.add(pool.submit(do, job))
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
    finally:
        for future in pending:
            future.cancel()


def _do(task: Task, job: Job, out: Path) -> dict:
    record = {"file": job.key, "status": WRITTEN, "why": "", "notes": [], "results": [], "stamp": stamp_of(job.sources)}
    if job.refused is not None:
        return record | {"status": job.refused[0], "why": job.refused[1], "by_plan": True}
    try:
        contents = tuple(path.read_bytes() for path in job.sources)
    except OSError as error:
        return record | {"status": "unreadable", "why": f"cannot read: {error.strerror or error}"}
    record["sha256"] = hashlib.sha256(b"".join(contents)).hexdigest()
    try:
        outcome = task.do(job, contents)
    except Unwritable as error:
        return record | {"status": "unwritable", "why": str(error)}
    except ValueError as error:
        return record | {"status": "unreadable", "why": str(error)}
    except MemoryError:
        return record | {"status": "unreadable", "why": TOO_LARGE}
    record |= {"notes": list(outcome.notes)} | outcome.facts
    if outcome.refused is not None:
        return record | {"status": outcome.refused[0], "why": outcome.refused[1]}
    written: list[str] = []
    try:
        for path, content in outcome.files.items():
            write_atomically(out / path, content)
            written.append(path)
    except OSError as error:
        why = why_unwritable(error)
        for path in written:  # half a pair is none
            (out / path).unlink()
        return record | {"status": "unwritable", "why": why}
    return record | {"results": written}


def _mark_same(records: Records) -> int:
    first: dict[str, str] = {}
    for record in records.ordered():
        record.pop("same_as", None)
        if "sha256" in record:
            owner = first.setdefault(record["sha256"], record["file"])
            if owner != record["file"]:
                record["same_as"] = owner
    return sum("same_as" in record for record in records.records.values())


def status_lines(files: list[dict], limit: int = 5) -> list[str]:
    """What was left out and why, a few lines of each kind, and the commonest notes on the rest, for people."""
    lines, met, noted = [], Counter(), {}
    for record in files:
        status = record["status"]
        if status in (WRITTEN, "kept"):
            for note in record.get("notes", ()):
                # Notes that only numbers tell apart are of one kind.
                noted.setdefault(re.sub(r"\d+", "0", note), []).append(f"{record['file']}: {note}")
            continue
        met[status] += 1
        if met[status] <= limit:
            lines.append(f"  {status}: {record['file']}: {record['why']}")
    more = [f"  {status}: and {n - limit} more" for status, n in met.items() if n > limit]
    commonest = sorted(noted.values(), key=len, reverse=True)
    more += [f"  noted of {len(cases)}: {cases[0]}" for cases in commonest[:limit]]
    more += [f"  noted: and {len(noted) - limit} more kinds of notes"] if len(noted) > limit else []
    return sorted(lines) + more
