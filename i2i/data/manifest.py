"""What has been prepared so far: the manifest, and the pairs it stands for, kept consistent on disk."""

from __future__ import annotations

import io
import json
import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from i2i.data.duplicates import Signature, SignatureIndex, look_alike
from i2i.data.layout import Item, PrepareError

STATUSES = ("kept", "unreadable", "mismatch", "blank", "dense", "duplicate")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, then rename it: it is there whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, path)


class Manifest:
    """The records of all files (`records`, by the file's key) of one output folder.

    Args:
        out: the output folder; an earlier manifest there is read.
        settings: what determines the results.

    Raises:
        PrepareError: if the folder holds something else, or was made with other settings.
    """

    def __init__(self, out: Path, settings: dict):
        self.out, self.settings = out, settings
        self.records: dict[str, dict] = {}
        self.removed = 0
        self._index, self._by_content = SignatureIndex(), {}
        self._saved = time.monotonic()
        path = out / "manifest.json"
        if not path.exists():
            return
        try:
            old = json.loads(path.read_text())
            differing = [k for k in settings if old["settings"].get(k) != settings[k]]
            self.records = {record["file"]: record for record in old["files"]}
        except (ValueError, KeyError, TypeError) as error:
            raise PrepareError(
                f"{path} is not a manifest of prepared pairs ({error}): "
                "choose another output folder, or delete it"
            ) from error
        if differing:
            was = ", ".join(f"{k} {old['settings'].get(k)!r} (now {settings[k]!r})" for k in differing)
            raise PrepareError(
                f"{out} was prepared with other settings: {was}; choose another output folder, or delete it"
            )

    def todo(self, items: list[Item]) -> list[Item]:
        """Bring the records in line with the files; the items that are still to be done come back.

        Those are files without a record, changed since, or whose pair has vanished, and the duplicates of
        such files. Pairs of files that are no longer in the source are removed.
        """
        by_key = {item.key: item for item in items}
        if self.records and not self.records.keys() & by_key.keys():
            raise PrepareError(
                f"{self.out} was prepared from another folder: choose another output folder, or delete it"
            )
        for key in [
            key for key, record in self.records.items() if not self._current(record, by_key.get(key))
        ]:
            self.removed += key not in by_key
            self._forget(key)
        kept = {key for key, record in self.records.items() if record["status"] == "kept"}
        for key in [
            key for key, record in self.records.items() if record.get("twin", key) not in kept | {key}
        ]:
            self._forget(key)
        for key in kept:
            self._remember(self.records[key])
        return [item for item in items if item.key not in self.records]

    def _current(self, record: dict, item: Item | None) -> bool:
        if item is None or record["stamp"] != stamp(item):
            return False
        return record["status"] != "kept" or all(path.exists() for path in self.paths(record))

    def _forget(self, key: str) -> None:
        record = self.records.pop(key)
        if record["status"] == "kept":
            for path in self.paths(record):
                path.unlink(missing_ok=True)
        elif record["id"]:
            self.rejected_path(record).unlink(missing_ok=True)

    def _remember(self, record: dict) -> None:
        self._index.add(signature_of(record), record["file"])
        self._by_content[record["sha256"]] = record["file"]

    def paths(self, record: dict) -> tuple[Path, Path]:
        """Files of a kept pair: photo, drawing."""
        folder = self.out / "pairs" / record["split"]
        return folder / "photo" / f"{record['id']}.webp", folder / "drawing" / f"{record['id']}.png"

    def rejected_path(self, record: dict) -> Path:
        """Where the drawing of a blank or dense one lies."""
        return self.out / "rejected" / f"{record['id']}.png"

    def twin(self, record: dict, photo: Image.Image) -> str | None:
        """The file kept earlier that has the same content or looks the same, or None."""

        def same(name: str) -> bool:
            with Image.open(self.paths(self.records[name])[0]) as kept:
                return look_alike(kept.convert("RGB"), photo)

        if record["sha256"] in self._by_content:
            return self._by_content[record["sha256"]]
        return self._index.find(signature_of(record), same)

    def finish(self, record: dict, status: str, why: str = "") -> None:
        """Enter a file's record with its status and the reason."""
        record.update(status=status, why=why)
        self.records[record["file"]] = record

    def keep(self, record: dict, photo: Image.Image, drawing: np.ndarray) -> None:
        """Write a pair, in the split that its content's hash gives, and enter its record."""
        share = int(record["sha256"][:12], 16) / 16**12
        record["split"] = "val" if share < self.settings["val_fraction"] else "train"
        photo_path, drawing_path = self.paths(record)
        write_atomically(photo_path, encoded(photo, "WEBP", quality=95, method=4))
        write_atomically(drawing_path, encoded(Image.fromarray(drawing).convert("1"), "PNG"))
        self._remember(record)
        self.finish(record, "kept")

    def fill_empty_splits(self) -> None:
        """Where chance left a split empty, move the pair with the smallest or largest hash there."""
        kept = sorted(self.kept(), key=lambda record: record["sha256"])
        for split, chosen in (("val", kept[0]), ("train", kept[-1])):
            wanted = split == "train" or self.settings["val_fraction"] > 0
            if not wanted or any(record["split"] == split for record in kept):
                continue
            before = self.paths(chosen)
            chosen["split"] = split
            for old, new in zip(before, self.paths(chosen), strict=True):
                new.parent.mkdir(parents=True, exist_ok=True)
                os.replace(old, new)

    def kept(self) -> list[dict]:
        return [record for record in self.records.values() if record["status"] == "kept"]

    def counts(self) -> dict[str, int]:
        """Number of files of every status."""
        counted = Counter(record["status"] for record in self.records.values())
        return {status: counted[status] for status in STATUSES}

    def save(self, at_most_every: float = 0.0) -> None:
        """Write manifest.json, unless that was done less than `at_most_every` seconds ago."""
        if time.monotonic() - self._saved < at_most_every:
            return
        files = [self.records[key] for key in sorted(self.records)]
        content = {"settings": self.settings, "counts": self.counts(), "files": files}
        write_atomically(self.out / "manifest.json", json.dumps(content, indent=1).encode())
        self._saved = time.monotonic()


def signature_of(record: dict) -> Signature:
    """The signature that a record holds as text."""
    return Signature(int(record["dhash"], 16), bytes.fromhex(record["colours"]), record["contrast"])


def stamp(item: Item) -> list[int]:
    """Sizes and times of an item's files (empty if one is not there): a changed file is prepared again."""
    try:
        stats = [path.stat() for path in item.files]
    except OSError:
        return []
    return [number for stat in stats for number in (stat.st_size, stat.st_mtime_ns)]


def encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    """The bytes of an image file of the given kind."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
