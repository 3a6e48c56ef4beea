"""The folder of the results: where it may lie, and which files in it are not ours to overwrite."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from i2i.data.pictures import PrepareError


def refuse_inside(sources: Iterable[Path], out: Path) -> None:
    """Raise a PrepareError where `out` is a source or lies inside one, which would then hold its own results."""
    for source in sources:
        if out.resolve().is_relative_to(source.resolve()):
            raise PrepareError(
                f"--out {out} lies inside {source}, which would then hold its own results: choose a folder beside it"
            )


def refuse_around(sources: Iterable[Path], out: Path) -> None:
    """Raise a PrepareError where a source is `out` or lies inside it: results could overwrite the originals."""
    for source in sources:
        if source.resolve().is_relative_to(out.resolve()):
            raise PrepareError(
                f"{source} lies inside --out {out}, where results could overwrite it: choose an empty or new folder "
                "beside it"
            )


def check_writable(out: Path) -> None:
    """Raise a PrepareError where `out` is no folder, or nothing may be written there; it need not exist yet."""
    place = Path(os.path.abspath(out))
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        what = "a broken link" if place.is_symlink() and not place.exists() else "a file"
        raise PrepareError(f"--out {out}: {place} is {what}, not a folder: choose another --out")
    if not os.access(place, os.W_OK | os.X_OK):
        raise PrepareError(f"--out {out}: nothing may be written in {place}: choose another --out, or allow writing")


def make_folder(out: Path) -> None:
    """Make the folder of the results; a PrepareError where the system does not let us."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PrepareError(f"--out {out} cannot be made ({error.strerror or error}): choose another --out") from error


def refuse_to_overwrite(out: Path, places: Iterable[str], ours: Collection[str]) -> None:
    """Raise a PrepareError where a result would take the place of a file that no earlier run made.

    Args:
        out: the output folder. places: paths of results within it. ours: those that earlier runs wrote.
    """
    if not out.is_dir():
        return
    others = [place for place in places if place not in ours and _is_file(out / place)]
    if others:
        more = f" and {len(others) - 1} more would be overwritten" if len(others) > 1 else " would be overwritten"
        raise PrepareError(
            f"{out / others[0]}{more}, which no earlier run made: choose an empty or new folder for --out, or move "
            "what is there away"
        )


def _is_file(path: Path) -> bool:
    """Of folders, a result's name in a subfolder may have made one; a name that is too long is no file either."""
    return os.path.lexists(path) and not os.path.isdir(path)


class Originals:
    """The files that results are made of, as they lie on disk, also where links lead to their folders.

    Args:
        paths: the files.
    """

    def __init__(self, paths: Iterable[Path]):
        self._folders: dict[Path, str] = {}  # resolving each folder once is enough: folders are few
        self._paths = {self._real(path) for path in paths}

    def _real(self, path: Path) -> tuple[str, str]:
        if path.parent not in self._folders:
            self._folders[path.parent] = os.path.realpath(path.parent)
        return self._folders[path.parent], path.name

    def __contains__(self, path: Path) -> bool:
        return self._real(path) in self._paths

    def refuse(self, paths: Iterable[Path]) -> None:
        """Raise a PrepareError where a path is an original."""
        for path in paths:
            if path in self:
                raise PrepareError(f"{path} would overwrite the original, by a link: choose another --out")
