"""The picture files of a folder, told by their suffix."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from PIL import Image

# The last three are reported as unreadable where Pillow lacks their codec, instead of being overlooked.
SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"),
    *(".avif", ".heic", ".heif"),
)


HELD_OUT = ("val", "valid", "validation", "dev", "test")  # names of folders kept for validation, beside train


class PrepareError(ValueError):
    """A data folder that cannot be used; the message is one line that says why and what to do."""


def find_photos(folder: str | os.PathLike, skip: str | os.PathLike | None = None) -> list[Path]:
    """All pictures in a folder and its subfolders, sorted by path.

    Files are told by their suffix (any case), see `SUFFIXES`. Hidden files and folders are ignored, and so are pipes,
    devices, and the folder `skip` (results written inside the source). A folder that links lead to as well is met
    once, in its own place if that lies in the folder.

    Raises:
        PrepareError: if the folder does not exist or is a file, or one of its subfolders cannot be opened.
    """
    folder = Path(folder)
    found = [path for path in _files(folder, skip) if path.name.lower().endswith(SUFFIXES)]
    found = [path for path in found if not _endless(path)]
    return sorted(found, key=lambda path: key_of(folder, path))


def _endless(path: Path) -> bool:
    """Whether reading could wait for ever: a pipe, a socket, a device."""
    try:
        mode = path.stat().st_mode
    except OSError:  # reported as unreadable
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def other_files(folder: str | os.PathLike, skip: str | os.PathLike | None = None) -> list[str]:
    """Paths within a folder of the files that `find_photos` passes over because of their suffix, sorted.

    Raises:
        PrepareError: as `find_photos`.
    """
    folder = Path(folder)
    return sorted(key_of(folder, path) for path in _files(folder, skip) if not path.name.lower().endswith(SUFFIXES))


def _files(folder: Path, skip: str | os.PathLike | None) -> list[Path]:
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise PrepareError(f"{folder} {what}: give a folder of photos")
    skipped = Path(skip).resolve() if skip is not None else None
    found, seen = [], set()
    waiting = [folder]  # links come after all real folders, so that none takes a real one's place
    while waiting:
        for place, folders, files in os.walk(waiting.pop(0), onerror=_refuse_closed):
            real = Path(place).resolve()
            if real in seen or (real == skipped and real != folder.resolve()):
                folders.clear()  # a loop of links, or our own results
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            waiting += [Path(place) / name for name in folders if (Path(place) / name).is_symlink()]
            found += [Path(place) / name for name in files if not name.startswith(".")]
    return found


def _refuse_closed(error: OSError) -> None:
    """To pass a folder over would look as if its pictures were gone, and their results would be removed."""
    raise PrepareError(
        f"{error.filename} cannot be opened ({error.strerror or error}): allow reading it, or move it out of the folder"
    ) from error


def key_of(folder: Path, path: Path) -> str:
    """The path of a file within a folder, with slashes on every system."""
    return path.relative_to(folder).as_posix()


def header_size(path: Path) -> tuple[int, int] | None:
    """(width, height) as a picture's header has it, or None where it has none that can be read."""
    try:
        with Image.open(path) as image:  # reads the header alone
            return image.size
    except Exception:  # whatever a broken header raises: the file is reported when its pixels are read
        return None
