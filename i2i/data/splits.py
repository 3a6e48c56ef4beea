"""Train, validation and test: every file's place follows from itself, so added files never move others."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import ClassVar
from unicodedata import normalize

from i2i.checks import check_choice
from i2i.data.layout import PrepareError, find_photos, pictures_folder
from i2i.data.pictures import key_of
from i2i.data.reading import read_picture
from i2i.data.tasks import PALETTE, SPLITS, WRITTEN, Job, Outcome, Task, carry_palette, jobs_of_folder


@dataclass(frozen=True)
class Split(Task):
    """Copy pictures into train, val and test, each to the place that a hash of it and the seed gives.

    Attributes:
        train: share of the files for training.
        val: share for validation.
        test: share for testing.
        seed: another one gives another division.
        by: content, so that equal files stay together whatever they are called; name, so that pictures of equal names
            in several folders (A and B) stay together, and are left out together where one is unreadable; auto takes
            name where folders share their names.
    """

    command: ClassVar[str] = "split"

    train: float = 0.8
    val: float = 0.1
    test: float = 0.1
    seed: int = 0
    by: str = "auto"

    def __post_init__(self) -> None:
        shares = (self.train, self.val, self.test)
        if not (min(shares) >= 0 and abs(sum(shares) - 1) <= 1e-6):  # nor anything that is no number
            raise ValueError(f"got the shares {shares} of train, val and test, expected three that add up to 1")
        check_choice("by", self.by, ("auto", "content", "name"))

    def resolved(self, source: Path, out: Path) -> Split:
        """The same with "auto" decided: as the earlier run in `out` did, else by looking at the names."""
        if self.by != "auto":
            return self
        try:
            by = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["settings"]["by"]
        except (OSError, ValueError, KeyError, TypeError):
            by = "name" if _folders_share_names(pictures_folder(source), out) else "content"
        return replace(self, by=by)

    def jobs(self, sources: tuple[Path, ...], out: Path) -> tuple[list[Job], list[str]]:
        _check_whole(sources[0])
        jobs, ignored = jobs_of_folder(sources[0], out, lambda key: key)
        carry_palette(sources[0], jobs, ignored)  # it belongs to the label maps, whatever their split
        return jobs, ignored

    def do(self, job: Job, contents: tuple[bytes, ...]) -> Outcome:
        content = contents[0]
        if job.key == PALETTE:
            return Outcome({PALETTE: content})
        read_picture(content, job.sources[0])  # what nobody can read is not passed on
        what = _stem(job.key) if self.by == "name" else hashlib.sha256(content).hexdigest()
        split = self.place(what)
        return Outcome({f"{split}/{job.key}": content}, facts={"split": split})

    def places(self, job: Job) -> tuple[str, ...]:
        return (PALETTE,) if job.key == PALETTE else tuple(f"{split}/{job.key}" for split in SPLITS)

    def review(self, records: list[dict]) -> dict[str, tuple[str, str]]:
        """By name, what is left without a partner: all files of its name in another folder are unreadable."""
        if self.by != "name":
            return {}
        met: dict[tuple[str, str], set[str]] = {}
        places = {record["file"]: _places_of(PurePosixPath(record["file"])) for record in records}
        for place, folder, name in (found for file in places.values() for found in file):
            met.setdefault((place, name), set()).add(folder)
        partners: dict[tuple[str, str], dict[str, list[dict]]] = {}
        for record in records:
            # The nearest: one/A/1 belongs to one/B/1, whatever two/A/1 is.
            for place, folder, name in places[record["file"]]:
                if len(met[place, name]) > 1:
                    partners.setdefault((place, name), {}).setdefault(folder, []).append(record)
                    break
        alone = {}
        for folders in partners.values():
            lost = [files[0]["file"] for files in folders.values() if all(r["status"] == "unreadable" for r in files)]
            for record in sum(folders.values(), []) if lost else ():
                if record["status"] == WRITTEN:
                    alone[record["file"]] = ("lonely", f"its partner {lost[0]} is unreadable; --by content keeps it")
        return alone

    def place(self, what: str) -> str:
        """The split of a name, or of a content's hash."""
        digest = hashlib.sha256(f"{self.seed}:{what}".encode("utf-8", "surrogateescape")).digest()
        position = int.from_bytes(digest[:8], "big") / 2**64
        # Test first, then val: moving the border between train and val never moves a test picture.
        if position < self.test:
            return "test"
        return "val" if position < self.test + self.val else "train"


def empty_splits(task: Split, files: list[dict]) -> list[str]:
    """The splits that should hold something but were given nothing."""
    met = Counter(record.get("split") for record in files)
    return [name for name in SPLITS if getattr(task, name) > 0 and not met[name]]


def _stem(key: str) -> str:
    """The name without folders and suffix, the same in all of Unicode's normal forms."""
    return normalize("NFC", PurePosixPath(key).stem)


def _places_of(path: PurePosixPath) -> list[tuple[str, str, str]]:
    """(where they lie, folder, name within it) of the folders that may have one with a partner beside them: the last
    in a path, and the first.
    """
    found = []
    for depth in sorted({1, len(path.parts) - 1} - {0}, reverse=True) if len(path.parts) > 1 else ():
        above, name = path.parts[:depth], PurePosixPath(*path.parts[depth:]).with_suffix("")
        found.append((PurePosixPath(*above[:-1]).as_posix(), above[-1], normalize("NFC", name.as_posix())))
    return found


def _folders_share_names(source: Path, out: Path) -> bool:
    """Whether more than half of the pictures lie where most names of a folder occur in one beside it as well."""
    names: dict[str, dict[str, set[str]]] = {}
    files = [_places_of(PurePosixPath(key_of(source, path))) for path in find_photos(source, out)]
    for place, folder, name in (found for places in files for found in places):
        names.setdefault(place, {}).setdefault(folder, set()).add(_stem(name))
    shared = {place for place, folders in names.items() if _share_names(list(folders.values()))}
    return 2 * sum(any(place in shared for place, _, _ in places) for places in files) > len(files)


def _share_names(folders: list[set[str]]) -> bool:
    if len(folders) < 2:
        return False
    met = Counter(stem for stems in folders for stem in stems)
    smallest = min(folders, key=len)
    return sum(met[stem] > 1 for stem in smallest) > len(smallest) / 2


def _check_whole(source: Path) -> None:
    """Raise a PrepareError for a folder that is divided already."""
    there = [name for name in SPLITS if (source / name).is_dir()]
    if len(there) > 1:
        raise PrepareError(f"{source} already holds {' and '.join(there)}: give one of these, or a folder without them")
