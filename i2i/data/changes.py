"""How a folder differs from what was prepared of it, by the files' content; and when it is another folder."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i2i.data.layout import PrepareError
from i2i.data.records import Records, stamp_of


@dataclass(frozen=True)
class Changes:
    """Keys of files, sorted.

    Attributes:
        added: there is no record of them.
        removed: only their record is left.
        changed: the content is another than the record's.
        touched: the content is the record's, the time is another: the folder was copied, say.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    touched: tuple[str, ...]


def find_changes(records: Mapping[str, dict[str, Any]], files: Mapping[str, Collection[Path]]) -> Changes:
    """Compare records with the files they are of; only files whose size or time is another are read.

    Args:
        records: key -> record with `stamp` and perhaps `sha256`. files: key -> the files that it stands for now.
    """
    stamps = {key: stamp_of(paths) for key, paths in files.items()}
    met = sorted(key for key in records.keys() & files.keys() if records[key]["stamp"] != stamps[key])
    touched = {key for key in met if records[key].get("sha256") and records[key]["sha256"] == _sha256(files[key])}
    return Changes(
        tuple(sorted(files.keys() - records.keys())), tuple(sorted(records.keys() - files.keys())),
        tuple(key for key in met if key not in touched), tuple(sorted(touched)),
    )  # fmt: skip


def refuse_another_folder(out: Path, records: Records, changes: Changes) -> None:
    """PrepareError where most of what was prepared is gone or has another content: the folder is another one, and
    to go on would delete the results of the first. To begin anew then costs little, if it is the same after all.
    """
    lost, known = [*changes.removed, *changes.changed], len(records.records)
    if records.made_something and 2 * len(lost) > known:
        raise PrepareError(
            f"{out} was prepared from another folder: of the {known} files that it was made of, {len(lost)} are "
            f"not here or have another content, such as {lost[0]}; choose another output folder, or delete {out} if "
            "the files are meant to replace those"
        )


def _sha256(files: Iterable[Path]) -> str:
    """Of the files' contents one after the other; empty if one cannot be read."""
    digest = hashlib.sha256()
    try:
        for path in files:
            with open(path, "rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()
