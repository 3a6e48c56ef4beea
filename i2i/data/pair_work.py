"""The work of making pairs: photos are read ahead, drawn in batches, post-processed and written by threads."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from i2i.data.duplicates import Signature
from i2i.data.layout import Item, split_sides
from i2i.data.manifest import Manifest
from i2i.data.reading import TOO_LARGE, Picture, read_picture
from i2i.data.records import encoded, short_name, stamp_of, why_unwritable, write_atomically
from i2i.edges.normalize import normalize_sketch
from i2i.edges.postprocess import postprocess, thin
from i2i.images import fit_square

LEAST_SIDE = 64  # pixels of a photo's shorter side: smaller ones have next to no detail to learn
_AHEAD = 2  # batches that are read while one is drawn

Detector = Callable[[list[Image.Image]], list[np.ndarray]]


@dataclass
class _Loaded:
    """What a reader made of an item; `error` is (status, why) for one that cannot be used."""

    record: dict[str, Any]
    photo: Image.Image | None = None
    drawing: np.ndarray | None = None
    split: str = ""  # that the item came in
    error: tuple[str, str] | None = None


def plain_names(items: list[Item], made: Mapping[str, str] | None = None) -> dict[str, str]:
    """key -> name of a drawing, which no other has: the path without suffix, the whole path where another file differs
    from it by the suffix alone, and with a hash where a third is called like that or a name would be too long.

    Args:
        items: all items. made: key -> name of what an earlier run has drawn, which keeps its name.
    """
    made = made or {}
    stems = {item.key: Path(item.key).with_suffix("").as_posix() for item in items}
    met = Counter(stem.lower() for stem in stems.values())
    names = {key: short_name(stem if met[stem.lower()] == 1 else key) for key, stem in stems.items()}
    # Counted with all the names that would be given now, so that processes which know of more drawings agree.
    taken = Counter(name.lower() for name in names.values())
    taken.update(name.lower() for key, name in made.items() if name != names.get(key))
    folders = {parent.as_posix().lower() for name in names.values() for parent in PurePosixPath(name).parents}
    for key, name in names.items():
        if taken[name.lower()] > 1 or f"{name}.png".lower() in folders:
            names[key] = f"{name}-{hashlib.sha256(os.fsencode(key)).hexdigest()[:10]}"
    return {key: made.get(key, name) for key, name in names.items()}


class PairWork:
    """Makes the pairs of some items and enters them into a manifest.

    Args:
        manifest: where the records go and the pairs lie.
        source: folder of the items.
        detector: see `i2i.data.prepare.prepare_pairs`.
        names: key -> name of a drawing, where photos and drawings are to be called alike; else names are made of the
            path and a hash of the content.
        part: name of this process's journal.
    """

    def __init__(
        self, manifest: Manifest, source: Path, detector: Detector | None, names: dict[str, str] | None, part: str
    ):
        self.manifest, self.source, self.detector, self.names, self.part = manifest, source, detector, names, part
        self.size, self.fit = manifest.settings["size"], manifest.settings["fit"]

    def run(self, items: list[Item], batch: int, workers: int, progress: Callable[[int, dict[str, int]], None]) -> None:
        """Do the work; what is finished is on disk and in the journal, also when this is interrupted.

        Args:
            items: what to do. batch: photos a detector call. workers: threads.
            progress: called with (number of items just finished, counts by status).
        """
        finishing: list[list[Future]] = []

        def collect() -> None:
            records = [future.result() for future in finishing.pop(0)]
            for record in records:
                self.manifest.log(record, self.part)
            progress(len(records), self.manifest.counts())

        with ThreadPoolExecutor(workers) as pool:
            try:
                for loaded in self._read_ahead(pool, items, batch):
                    maps = self._draw(loaded)
                    finishing.append([pool.submit(self._finish, *pair) for pair in zip(loaded, maps, strict=True)])
                    if len(finishing) > 1:  # one is post-processed and written while the next is drawn
                        collect()
            finally:
                while finishing:
                    collect()
                self.manifest.close()

    def _read_ahead(self, pool: ThreadPoolExecutor, items: list[Item], batch: int) -> Iterator[list[_Loaded]]:
        waiting: list[list[Future]] = []
        for start in range(0, len(items), batch):
            waiting.append([pool.submit(self._load, item) for item in items[start : start + batch]])
            if len(waiting) > _AHEAD:
                yield [future.result() for future in waiting.pop(0)]
        for futures in waiting:
            yield [future.result() for future in futures]

    def _load(self, item: Item) -> _Loaded:
        record = {
            "file": item.key, "photo": item.photo.relative_to(self.source).as_posix(), "id": "",
            "stamp": stamp_of(item.files), "sha256": "", "dhash": "", "split": "", "ink": 0.0, "why": "",
        }  # fmt: skip
        loaded = _Loaded(record, split=item.split)
        try:
            contents = [path.read_bytes() for path in item.files]
            record["sha256"] = hashlib.sha256(b"".join(contents)).hexdigest()
            record["id"] = self._name(item.key, record["sha256"])
            read = _read(item.photo, contents[0], item)
            photo = read.image
            drawing = None
            if item.side is not None:
                drawing, photo = split_sides(photo, item.side)
            elif item.drawing is not None:
                drawn = _read(item.drawing, contents[1], item)
                drawing = drawn.image
                read = Picture(read.image, read.notes + drawn.notes)
            notes = list(read.notes)
            if _used_side(photo, self.fit) < self.size:
                notes.append(f"enlarged from {photo.width}x{photo.height}")
            if notes:
                record["notes"] = notes
            least = min(LEAST_SIDE, self.size)
            if min(photo.size) < least and self.manifest.settings["output"] != "drawings":
                sides = f"{photo.width}x{photo.height}"
                loaded.error = ("small", f"{sides}: at least {least} pixels are needed on the shorter side")
                return loaded
            if drawing is not None:
                if abs(photo.width * drawing.height / (photo.height * drawing.width) - 1) > 0.02:
                    sizes = f"photo is {photo.width}x{photo.height}, drawing {drawing.width}x{drawing.height}"
                    loaded.error = ("mismatch", f"{sizes}: not the same shape")
                    return loaded
                loaded.drawing = _ready_drawing(drawing, self.size, self.fit)
            loaded.photo = fit_square(photo, self.size, self.fit)
            signature = Signature.of(loaded.photo)
            record |= {"dhash": f"{signature.dhash:016x}", "mirrored": f"{signature.mirrored:016x}"}
            record |= {"colours": signature.colours.hex(), "contrast": round(signature.contrast, 3)}
        except OSError as error:
            loaded.error = ("unreadable", f"cannot read: {error.strerror or error}")
        except MemoryError:
            loaded.error = ("unreadable", TOO_LARGE)
        except ValueError as error:
            blank = str(error).startswith("empty drawing")
            loaded.error = ("blank", "the drawing has no ink") if blank else ("unreadable", str(error))
        return loaded

    def _name(self, key: str, sha256: str) -> str:
        if self.names is not None:
            return self.names[key]
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(key).with_suffix("").as_posix())[-48:].strip("_")
        return f"{stem or 'photo'}-{sha256[:10]}"

    def _draw(self, batch: list[_Loaded]) -> list[np.ndarray | None]:
        """The soft maps of what has no drawing yet, None for the others."""
        to_draw = [i for i, loaded in enumerate(batch) if loaded.error is None and loaded.drawing is None]
        maps: list[np.ndarray | None] = [None] * len(batch)
        if to_draw:
            drawn = self.detector([batch[i].photo for i in to_draw])
            if len(drawn) != len(to_draw):
                raise ValueError(f"the detector returned {len(drawn)} edge maps for {len(to_draw)} photos")
            for i, soft in zip(to_draw, drawn, strict=True):
                maps[i] = soft
        return maps

    def _finish(self, loaded: _Loaded, soft: np.ndarray | None) -> dict[str, Any]:
        """Write the pair, or what shows why it was left out; its record comes back."""
        record, drawing = loaded.record, loaded.drawing
        if loaded.error is not None:
            return record | dict(zip(("status", "why"), loaded.error, strict=True))
        if drawing is None:
            drawing = postprocess(soft, self.size)
        record["ink"] = ink = round(float(np.mean(drawing == 0)), 5)
        low, high = self.manifest.settings["min_ink"], self.manifest.settings["max_ink"]
        everything = self.manifest.settings["output"] == "drawings"
        if everything or low <= ink <= high:
            record |= {"status": "kept", "split": ""}
            if not everything:
                record["split"] = loaded.split or self.manifest.split_of(record["sha256"])
            try:
                self.manifest.write(record, loaded.photo, drawing)
            except OSError as error:
                return record | {"status": "unwritable", "why": why_unwritable(error), "split": ""}
            return record if everything else record | {"unchecked": True}
        write_atomically(self.manifest.rejected_path(record), encoded(Image.fromarray(drawing), "PNG"))
        if ink < low:
            return record | {"status": "blank", "why": f"{ink:.2%} ink, at least {low:.2%} expected"}
        return record | {"status": "dense", "why": f"{ink:.2%} ink, at most {high:.2%} expected"}


def _read(path: Path, content: bytes, item: Item) -> Picture:
    """One of an item's files; where there are two, notes and errors say which of them."""
    if len(item.files) == 1:
        return read_picture(content, path)
    side = path.parent.name
    try:
        read = read_picture(content, path)
    except ValueError as error:
        raise ValueError(f"{side}: {error}") from error
    return Picture(read.image, tuple(f"{side}: {note}" for note in read.notes))


def _used_side(photo: Image.Image, fit: str) -> int:
    """The side of the photo that becomes the square's: the whole longer one only where nothing is cut off."""
    return max(photo.size) if fit == "pad" else min(photo.size)


def _ready_drawing(image: Image.Image, size: int, fit: str) -> np.ndarray:
    """A ready drawing made square as its photo is, normalised unless it is one-pixel ink already."""
    if image.width != image.height:
        image = fit_square(image, min(image.size) if fit == "crop" else max(image.size), fit)
    pixels = np.asarray(image.convert("L"))
    if pixels.shape == (size, size) and not np.any((pixels != 0) & (pixels != 255)):
        ink = pixels == 0
        if 0 < ink.mean() < 0.5 and np.count_nonzero(thin(ink)) >= 0.98 * np.count_nonzero(ink):
            return pixels
    return normalize_sketch(image, size)
