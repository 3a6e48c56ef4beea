"""What has been prepared so far: the records, and the pairs they stand for, kept consistent on disk."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from i2i.data.changes import Changes, find_changes
from i2i.data.duplicates import Signature, SignatureIndex, look_alike
from i2i.data.layout import Item, PrepareError
from i2i.data.out_folder import refuse_to_overwrite
from i2i.data.records import Records, encoded, stamp_of, write_atomically

STATUSES = ("kept", "unreadable", "small", "mismatch", "blank", "dense", "duplicate")
OUTPUTS = ("folders", "side_by_side", "drawings")
_OF_A_PAIR = re.compile(r"-[0-9a-f]{10}\.(webp|png)$")


class Manifest(Records):
    """The records of the photos of one output folder, and the places of their pairs.

    A kept record that has not been compared with the others carries "unchecked".

    Args:
        out: the output folder; what an earlier run left there is read.
        settings: what determines the results.

    Raises:
        PrepareError: if the folder holds something else, or was made with other settings.
    """

    def __init__(self, out: Path, settings: dict[str, Any]):
        # Manifests from before there was a choice, or from before it was kept, do not hold these.
        assumed = {"output": "folders", "drawing_side": settings.get("drawing_side", "")}
        super().__init__(out, settings, assumed)
        self.removed = 0

    def refuse_strangers(self, names: dict[str, str] | None) -> None:
        """Raise a PrepareError where files of the output folder that no earlier run made would be overwritten.

        Args:
            names: key -> name of a drawing, where drawings are called as their photos are; names of pairs hold a hash
                of their content, so that only folders without any manifest of ours are in doubt.
        """
        if not (self.out / "manifest.json").exists() and not self._journals():
            folders = [self.out / name for name in ("pairs", "rejected")]
            there = [self.out / name for name in ("report.json", "contact_sheet.jpg") if (self.out / name).exists()]
            there += [path for folder in folders for path in folder.rglob("*") if not path.is_dir()]
            refuse_to_overwrite(self.out, (path.relative_to(self.out).as_posix() for path in there), ())
        if names is not None:
            ours = {record["file"] for record in self.kept()} | self.unfinished.keys()
            places = {key: f"drawings/{name}.png" for key, name in names.items()}
            refuse_to_overwrite(self.out, places.values(), {place for key, place in places.items() if key in ours})

    def changes(self, items: Iterable[Item]) -> Changes:
        """How the files differ from those that the records are of; nothing is changed."""
        return find_changes(self.records, {item.key: item.files for item in items})

    def lost(self) -> list[str]:
        """The files whose records say kept, but whose pairs are not there, or not whole."""
        return [record["file"] for record in self.kept() if not all(path.exists() for path in self.paths(record))]

    def clean(self, items: Iterable[Item], changes: Changes, again: bool = True) -> None:
        """Bring the records in line with the files: drop those of files that changed, are gone, or whose pair has
        vanished, with what is left of their pairs, and those of the duplicates of such files. What a killed run wrote
        and nobody knows of is removed.

        Args:
            items: the examples as they are now. changes: what `changes` says of them.
            again: drop those of unreadable files too: it may have been the disk, or a codec that is there now.
        """
        by_key = {item.key: item for item in items}
        for key in changes.touched:
            self.records[key]["stamp"] = stamp_of(by_key[key].files)
        self.removed = len(changes.removed)
        unreadable = [key for key, record in self.records.items() if again and record["status"] == "unreadable"]
        for key in dict.fromkeys((*changes.removed, *changes.changed, *unreadable)):
            self._forget(key)
        for key in self.lost():  # also where two photos of a killed run shared a pair, and one of them is gone now
            self._forget(key)
        for record in self.void:
            self._remove_rejected(record)
        self._remove_unknown()
        kept = {key for key, record in self.records.items() if record["status"] == "kept"}
        for key in [key for key, record in self.records.items() if "twin" in record and record["twin"] not in kept]:
            self._forget(key)

    def _forget(self, key: str) -> None:
        record = self.drop(key)
        if record["status"] == "kept":
            self.remove_files(self.paths(record))
        self._remove_rejected(record)

    def _remove_rejected(self, record: dict) -> None:
        if record["status"] in ("blank", "dense"):
            self.remove_files([self.rejected_path(record)])

    def _remove_unknown(self) -> None:
        """Pairs that a run was killed over before it could enter them: their photos may be gone by now."""
        if self.unfinished and self.settings["output"] != "drawings":
            known = {path for record in self.kept() for path in self.paths(record)}
            made = (path for path in (self.out / "pairs").rglob("*") if _OF_A_PAIR.search(path.name))
            self.remove_files([path for path in made if path.is_file()], known)

    def paths(self, record: dict) -> tuple[Path, ...]:
        """Files of a kept pair: photo and drawing, the one that holds both, or the drawing alone."""
        output, name = self.settings["output"], record["id"]
        if output == "drawings":
            return (self.out / "drawings" / f"{name}.png",)
        folder = self.out / "pairs" / record["split"]
        if output == "side_by_side":
            return (folder / f"{name}.png",)
        return folder / "photo" / f"{name}.webp", folder / "drawing" / f"{name}.png"

    def rejected_path(self, record: dict) -> Path:
        """Where the drawing of a blank or dense one lies."""
        return self.out / "rejected" / f"{record['id']}.png"

    def write(self, record: dict, photo: Image.Image, drawing: np.ndarray) -> None:
        """Write a kept pair in its place."""
        paths, ink = self.paths(record), Image.fromarray(drawing)
        if self.settings["output"] == "side_by_side":
            both = Image.new("RGB", (2 * photo.width, photo.height))
            both.paste(ink, (0, 0))
            both.paste(photo, (photo.width, 0))
            write_atomically(paths[0], encoded(both, "PNG"))
            return
        if len(paths) == 2:
            write_atomically(paths[0], encoded(photo, "WEBP", quality=95, method=4))
        write_atomically(paths[-1], encoded(ink.convert("1"), "PNG"))

    def photo(self, record: dict) -> Image.Image:
        """The photo of a kept pair, RGB."""
        with Image.open(self.paths(record)[0]) as image:
            if self.settings["output"] == "side_by_side":
                return image.convert("RGB").crop((image.width // 2, 0, image.width, image.height))
            return image.convert("RGB")

    def drawing(self, record: dict) -> Image.Image:
        """The drawing of a kept pair, mode L."""
        with Image.open(self.paths(record)[-1]) as image:
            if self.settings["output"] == "side_by_side":
                return image.convert("L").crop((0, 0, image.width // 2, image.height))
            return image.convert("L")

    def split_of(self, sha256: str) -> str:
        """The split that a hash gives."""
        return "val" if int(sha256[:12], 16) / 16**12 < self.settings["val_fraction"] else "train"

    def remove_duplicates(self) -> None:
        """Take out the kept pairs that repeat another, be it mirrored; of two, the earlier run's, then the first by
        name stays.
        """
        kept = sorted(self.kept(), key=lambda record: ("unchecked" in record, record["file"]))
        checked = sum("unchecked" not in record for record in kept)
        index = SignatureIndex([signature_of(record) for record in kept])

        def same(place: int, other: int, mirrored: bool) -> bool:
            if kept[place]["sha256"] == kept[other]["sha256"]:
                return not mirrored
            photo = self.photo(kept[place])
            return look_alike(self.photo(kept[other]), ImageOps.mirror(photo) if mirrored else photo)

        for place, (other, mirrored) in index.repeats(checked, same).items():
            record, twin = kept[place], kept[other]
            self.remove_files(self.paths(record), self.paths(twin))  # both may be one and the same file
            record = record | {"status": "duplicate", "why": f"looks like {twin['file']}", "twin": twin["file"]}
            record["why"] += ", mirrored" if mirrored else ""
            self.set(record | {"split": ""})
        for record in kept:
            self.records[record["file"]].pop("unchecked", None)

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
        """Number of files of every status in `STATUSES`, and of "unwritable" where it occurs."""
        return dict.fromkeys(STATUSES, 0) | super().counts()


def settings_of(out: Path) -> dict[str, Any]:
    """The settings that the pairs of an output folder were made with.

    Raises:
        PrepareError: if it has no manifest of ours.
    """
    path = out / "manifest.json"
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PrepareError(f"{path} is not a manifest of prepared files ({error}): delete {out}") from error


def signature_of(record: dict) -> Signature:
    """The signature that a record holds as text."""
    mirrored = int(record["mirrored"], 16) if "mirrored" in record else None
    return Signature(int(record["dhash"], 16), bytes.fromhex(record["colours"]), record["contrast"], mirrored)
