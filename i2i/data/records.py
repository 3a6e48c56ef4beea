"""What became of each file of a folder: records that outlive a killed run, and files that are whole or not there."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import threading
from collections import Counter
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from i2i.data.layout import PrepareError

# What the system says about one name alone; a full disk or a missing right concerns every file.
_OF_ONE_NAME = (
    errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY
)  # fmt: skip
_LONGEST_NAME = 240  # bytes, suffix not counted; most file systems take 255
MADE = ("written", "kept")  # statuses of records with results


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, then rename it: it is there whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name if len(os.fsencode(path.name)) <= 200 else _digest(path.name)  # what is added must fit as well
    # Threads, too, may write one and the same file: that of two photos with equal content.
    temporary = path.with_name(f".{name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def why_unwritable(error: OSError) -> str:
    """What is wrong with one file's name, in words.

    Raises:
        OSError: the error itself, where it is not about this name but about the disk.
    """
    if error.errno not in _OF_ONE_NAME:
        raise error
    return f"cannot write: {error.strerror}: rename the file, or move it up some folders"


def short_name(path: str) -> str:
    """A result's path without suffix, its last part shortened where no file could be called so: a hash of the whole
    path keeps it different from all others.
    """
    folder, slash, name = path.rpartition("/")
    encoded_name = os.fsencode(name)
    if len(encoded_name) <= _LONGEST_NAME:
        return path
    start = encoded_name[: _LONGEST_NAME - 40].decode("utf-8", "ignore")
    return f"{folder}{slash}{start}-{_digest(path)[:16]}"


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:32]


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of an image file of the given kind."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def stamp_of(files: Iterable[Path]) -> list[int]:
    """Sizes and times of files (empty if one is not there): a changed file is prepared again."""
    try:
        stats = [path.stat() for path in files]
    except OSError:
        return []
    return [number for stat in stats for number in (stat.st_size, stat.st_mtime_ns)]


class Records:
    """The records of all files (`records`, by the file's key) of one output folder.

    They lie in OUT/manifest.json. While a run works, each of its processes appends what it has done to a file of its
    own, OUT/journal-*.jsonl, one record a line; the next reader takes these in, so a killed run loses nothing, and the
    cost of saving does not grow with what is done already. What the run was about to do is in `unfinished`, since a
    file may be written and not yet in the journal.

    Where an earlier run made nothing at all, other settings than its own are none to mix with: all begins anew, as if
    it had not been, and its records are in `void`.

    Args:
        out: the output folder; what an earlier run left there is read.
        settings: what determines the results.
        assumed: values of settings that older manifests do not hold.

    Raises:
        PrepareError: if the folder holds something else, or was made with other settings.
    """

    def __init__(self, out: Path, settings: dict[str, Any], assumed: dict[str, Any] | None = None):
        self.out, self.settings = out, settings
        self.records: dict[str, dict] = {}
        self.void: list[dict] = []
        self.unfinished: dict[str, list[str]] = {}  # what the run that wrote the manifest was about to do -> its places
        self._counts: Counter[str] = Counter()
        self._journal = None
        path = out / "manifest.json"
        if path.exists():
            self._read(path, assumed or {})
        for journal in self._journals():
            for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    record = json.loads(line)
                except json.JSONDecodeError:
                    continue  # the line that was being written when the run was killed
                self.set(record)

    def _read(self, path: Path, assumed: dict[str, Any]) -> None:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            old = assumed | content["settings"]
            for record in content["files"]:
                self.set(record)
            unfinished = content.get("unfinished", {})  # a list in older manifests
            self.unfinished = unfinished if isinstance(unfinished, dict) else {key: [] for key in unfinished}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PrepareError(
                f"{path} is not a manifest of prepared files ({error}): choose another output folder, or delete it"
            ) from error
        # As JSON gives them back: lists for tuples.
        now = json.loads(json.dumps(self.settings))
        differing = [key for key in now if old.get(key) != now[key]]
        if differing and not self.made_something and not self.unfinished and not self._journals():
            self.void = list(self.records.values())
            self.records.clear()
            self._counts.clear()
        elif differing:
            was = ", ".join(f"{key} {old.get(key)!r} (now {now[key]!r})" for key in differing)
            raise PrepareError(
                f"{self.out} was prepared with other settings: {was}; give those again, choose another output folder, "
                "or delete it"
            )

    @property
    def made_something(self) -> bool:
        """Whether there is a record with results."""
        return any(record["status"] in MADE for record in self.records.values())

    def _journals(self) -> list[Path]:
        return sorted(self.out.glob("journal-*.jsonl"))

    def set(self, record: dict) -> None:
        """Hold a record in place of the one of the same file."""
        self.drop(record["file"])
        self.records[record["file"]] = record
        self._counts[record["status"]] += 1

    def drop(self, key: str) -> dict | None:
        """Take a record out."""
        record = self.records.pop(key, None)
        if record is not None:
            self._counts[record["status"]] -= 1
        return record

    def remove_files(self, paths: Iterable[Path], keep: Container[Path] = ()) -> None:
        """Remove results, but nothing outside the output folder and nothing of `keep`, whatever a manifest says."""
        out = self.out.resolve()
        for path in paths:
            if path not in keep and path.resolve().is_relative_to(out):
                path.unlink(missing_ok=True)

    def log(self, record: dict, part: str = "0-of-1") -> None:
        """Hold a record and append it to the journal of this process."""
        self.set(record)
        if self._journal is None:
            self.out.mkdir(parents=True, exist_ok=True)
            self._journal = open(self.out / f"journal-{part}.jsonl", "a", encoding="utf-8")
        self._journal.write(json.dumps(record) + "\n")
        self._journal.flush()

    def close(self) -> None:
        """Close the journal; what it holds stays."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def counts(self) -> dict[str, int]:
        """Number of files of every status that occurs."""
        return {status: n for status, n in self._counts.items() if n}

    def ordered(self) -> list[dict]:
        """All records by the file's key."""
        return [self.records[key] for key in sorted(self.records)]

    def save(self, **more: Any) -> None:
        """Write manifest.json with every record and remove the journals, which it now holds."""
        self.close()
        journals = self._journals()
        content = {"settings": self.settings, "counts": self.counts()} | more | {"files": self.ordered()}
        write_atomically(self.out / "manifest.json", json.dumps(content, indent=1).encode())
        for journal in journals:
            journal.unlink(missing_ok=True)
