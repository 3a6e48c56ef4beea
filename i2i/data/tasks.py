"""What is done to the pictures of a folder: a task, the jobs it is made of, and what becomes of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from i2i.data.layout import SUFFIXES, PrepareError, find_photos, other_files

SPLITS = ("train", "val", "test")
WRITTEN = "written"
PALETTE = "palette.json"  # beside label maps: names and colours of the classes


@dataclass(frozen=True)
class Job:
    """What one result is made of.

    Attributes:
        key: names the job in the manifest; a path within the source folder.
        sources: the files that are read; none where `refused` says why there is nothing to read.
        name: path of the results within the output folder, without suffix; no two jobs may share it.
        refused: (status, why) of a job that cannot be done.
    """

    key: str
    sources: tuple[Path, ...]
    name: str
    refused: tuple[str, str] | None = None


@dataclass(frozen=True)
class Outcome:
    """What was made of one job.

    Attributes:
        files: path within the output folder -> content.
        notes: what had to be done to read the picture, and what else is worth knowing.
        facts: numbers about it, for the manifest.
        refused: (status, why) where nothing was made.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    refused: tuple[str, str] | None = None


class Task(ABC):
    """What is done to each file; a frozen dataclass whose fields are the options."""

    command: ClassVar[str]

    @abstractmethod
    def jobs(self, sources: tuple[Path, ...], out: Path) -> tuple[list[Job], list[str]]:
        """The jobs of the source folders, and the files in them that are passed over."""

    @abstractmethod
    def do(self, job: Job, contents: tuple[bytes, ...]) -> Outcome:
        """Do one job, given its sources' contents; a ValueError means that one is unreadable. Runs in threads."""

    def places(self, job: Job) -> tuple[str, ...]:
        """Every path within the output folder where a job may write; by default its name with the option `format`."""
        return (f"{job.name}.{self.format}",)

    def review(self, records: list[dict]) -> dict[str, tuple[str, str]]:
        """key -> (status, why) of what turns out to be of no use once all files are done; by default nothing."""
        return {}

    def settings(self) -> dict[str, Any]:
        """What determines the results: runs with other settings are never mixed."""
        return {"command": self.command} | asdict(self)


def jobs_of_folder(source: Path, out: Path, name_of: Callable[[str], str] | None = None) -> tuple[list[Job], list[str]]:
    """One job for each picture of a folder, and the files that are no pictures.

    Args:
        source: the folder. out: a folder within it to leave out.
        name_of: key -> name of the results (default: the path without suffix, so that results lie as pictures do).

    Raises:
        PrepareError: for a folder that is not there or holds no pictures.
    """
    files = pictures_in(source, out)
    keys = [path.relative_to(source).as_posix() for path in files]
    jobs = [Job(key, (path,), (name_of or tree_name)(key)) for key, path in zip(keys, files, strict=True)]
    return jobs, other_files(source, out)


def carry_palette(source: Path, jobs: list[Job], ignored: list[str]) -> None:
    """Where palette.json lies beside label maps, a job more that copies it, in `jobs` instead of in `ignored`: without
    it classes would be numbered anew.
    """
    if PALETTE in ignored:
        jobs.append(Job(PALETTE, (source / PALETTE,), PALETTE))
        ignored.remove(PALETTE)


def pictures_in(source: Path, out: Path) -> list[Path]:
    """The pictures of a folder, sorted.

    Raises:
        PrepareError: for a folder that is not there or holds none.
    """
    files = find_photos(source, out)
    if not files:
        raise PrepareError(f"{source} holds no pictures: looked for {' '.join(SUFFIXES)} there and in its subfolders")
    return files


def tree_name(key: str) -> str:
    """The path without suffix: results lie as their sources do."""
    return PurePosixPath(key).with_suffix("").as_posix()


def pair_name(key: str) -> str:
    """The name of a pair: folders other than a leading train, val or test become part of the file's name, since
    folders of pairs are flat.
    """
    parts = PurePosixPath(key).with_suffix("").parts
    split = f"{parts[0]}/" if len(parts) > 1 and parts[0] in SPLITS else ""
    return split + "__".join(parts[1:] if split else parts)
