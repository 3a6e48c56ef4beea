"""Pairs in two folders with equal file names: which of the two holds the drawings, and what is no pair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from i2i.data.line_art import MOST, is_drawing, sample
from i2i.data.pictures import key_of

_DRAWN = ("edge", "draw", "sketch", "line")  # words in the names of folders of drawings
_LABELLED = ("label", "mask", "segm")


@dataclass(frozen=True)
class TwoFolders:
    """Exactly two subfolders that share most of their files' names.

    Attributes:
        pairs: stem -> (drawing, photo) of the names that both hold, in whichever of Unicode's normal forms; in the
            folders' order while `drawings` is empty.
        names: of the two folders.
        drawings: the one that holds the drawings; empty where neither does, or where that is unclear.
        odd: files that are in no pair, paths within the folder.
        unclear: why it cannot be told which one holds the drawings; empty where it can, or where both hold photos.
    """

    pairs: dict[str, tuple[Path, Path]]
    names: tuple[str, str]
    drawings: str
    odd: tuple[str, ...]
    unclear: str


def find_two_folders(folder: Path, files: list[Path], drawings: str = "auto") -> TwoFolders | None:
    """The two subfolders that the pictures of a folder make pairs in, or None where there are no such two.

    Args:
        folder: the folder. files: its pictures.
        drawings: name of the drawings' folder; "auto" looks at the pictures, and then at the names.
    """
    groups: dict[str, dict[str, Path]] = {}
    odd: list[Path] = []
    for path in files:
        parts = path.relative_to(folder).parts
        if len(parts) < 2:
            odd.append(path)
            continue
        stem = normalize("NFC", _stem_within(folder, path))
        group = groups.setdefault(parts[0], {})
        if stem in group:
            odd.append(path)
        else:
            group[stem] = path
    if len(groups) != 2:
        return None
    (name_a, a), (name_b, b) = groups.items()
    shared = sorted(a.keys() & b.keys())
    if 2 * len(shared) <= max(len(a), len(b)):
        return None
    odd += [group[stem] for group in (a, b) for stem in group.keys() - set(shared)]
    chosen, unclear = _drawings((name_a, name_b), [a[stem] for stem in shared], [b[stem] for stem in shared], drawings)
    first, second = (b, a) if chosen == name_b else (a, b)
    return TwoFolders(
        {_stem_within(folder, a[stem]): (first[stem], second[stem]) for stem in shared},
        (name_a, name_b), chosen, tuple(sorted(key_of(folder, path) for path in odd)), unclear,
    )  # fmt: skip


def _stem_within(folder: Path, path: Path) -> str:
    """The path within its subfolder without suffix, as it is written."""
    return Path(*path.relative_to(folder).parts[1:]).with_suffix("").as_posix()


def _drawings(names: tuple[str, str], a: list[Path], b: list[Path], asked: str) -> tuple[str, str]:
    """(the folder of the drawings, why that is unclear); neither where both hold photos."""
    if asked != "auto":
        return (asked, "") if asked in names else ("", f"neither of them is called {asked!r}")
    looked_at = [sample(group) for group in (a, b)]
    votes = [sum(map(is_drawing, group)) for group in looked_at]
    named = [any(word in name.lower() for word in _DRAWN) for name in names]
    if max(votes) >= MOST * len(looked_at[0]):
        if votes[0] != votes[1]:
            return names[votes[1] > votes[0]], ""
        # Both look like drawings, say photos of products on white in black and white: the names decide.
        return (names[named[1]], "") if named[0] != named[1] else ("", "both look like drawings")
    labelled = [any(word in name.lower() for word in _LABELLED) for name in names]
    if named[0] != named[1]:
        return "", f"{names[named[1]]} is named like drawings, but does not look like black lines on white paper"
    if labelled[0] != labelled[1]:
        return "", f"{names[labelled[1]]} is named like label maps, not like drawings"
    if set(names) == {"A", "B"}:
        return "", "they are named as pairs are, but neither looks like black lines on white paper"
    return "", ""  # two folders of photos whose names happen to be equal
