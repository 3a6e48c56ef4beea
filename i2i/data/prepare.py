"""Photos, or ready pairs, to the pairs that models are trained on; a manifest says what became of each file.

OUT/pairs/{train,val}/photo/<id>.webp     WebP at quality 95: a third of PNG's size, about a grey level off
OUT/pairs/{train,val}/drawing/<id>.png    one bit a pixel, lossless
OUT/rejected/<id>.png                     the drawings that were blank or dense, to look at
OUT/manifest.json  OUT/report.json  OUT/contact_sheet.jpg
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from i2i.data.contact_sheet import contact_sheet
from i2i.data.duplicates import Signature
from i2i.data.layout import Item, PrepareError, detect_layout, find_items, find_photos, split_sides
from i2i.data.manifest import STATUSES, Manifest, encoded, stamp, write_atomically
from i2i.edges.normalize import normalize_sketch
from i2i.edges.postprocess import postprocess, thin
from i2i.images import FITS, fit_square, load_image

__all__ = [
    "STATUSES",
    "PrepareError",
    "Report",
    "detect_layout",
    "find_items",
    "find_photos",
    "prepare_pairs",
]

FORMAT = 1
_SAVE_SECONDS = 20.0


@dataclass
class Report:
    """What a preparation did.

    Attributes:
        out: the folder with `pairs/`.
        layout: what the source was taken for.
        counts: number of files of every status in `STATUSES`.
        train: kept pairs for training.
        val: kept pairs for validation.
        skipped: files that an earlier run had done.
        removed: earlier results whose source files are gone.
        seconds: time taken.
        ink: mean, 5 % and 95 % quantile of the kept drawings' share of ink.
        files: one record a file, as in the manifest.
    """

    out: Path
    layout: str
    counts: dict[str, int]
    train: int
    val: int
    skipped: int
    removed: int
    seconds: float
    ink: tuple[float, float, float]
    files: list[dict] = field(repr=False)

    def summary(self) -> str:
        """One line for people."""
        rejected = ", ".join(f"{n} {status}" for status, n in self.counts.items() if status != "kept" and n)
        return (
            f"{self.counts['kept']} pairs ({self.train} train, {self.val} val) of "
            f"{sum(self.counts.values())} files; left out: {rejected or 'none'}"
        )


@dataclass
class _Loaded:
    """What a reader thread made of an item; `error` is (status, why) for one that cannot be used."""

    record: dict
    photo: Image.Image | None = None
    drawing: np.ndarray | None = None
    error: tuple[str, str] | None = None


def prepare_pairs(
    source: str | os.PathLike,
    out: str | os.PathLike,
    size: int = 256,
    fit: str = "crop",
    detector: Callable[[list[Image.Image]], list[np.ndarray]] | None = None,
    val_fraction: float = 0.1,
    *,
    layout: str = "auto",
    drawing_side: str = "auto",
    min_ink: float = 0.002,
    max_ink: float = 0.1,
    batch: int = 16,
    workers: int | None = None,
    recipe: str = "",
    progress: Callable[[int, int, dict[str, int]], None] | None = None,
) -> Report:
    """Make training pairs of a folder of photos or ready pairs.

    A second run skips what is done, and an interrupted one goes on where it was. A pair's split follows from
    a hash of its content alone, so added files never move others, and near-duplicates are left out, so none
    straddles the split. (Where that leaves a split empty, the pair with the smallest or largest hash is moved
    there, and stays.) Every file gets a status in the manifest: kept, unreadable, mismatch (the two halves of
    a ready pair differ in shape), blank, dense, or duplicate, and why.

    Args:
        source: folder of photos or ready pairs, see `i2i.data.layout`.
        out: folder for the results; pairs whose source files are gone are removed from it.
        size: side of photos and drawings.
        fit: how photos become square, see `i2i.images.fit_square`.
        detector: maps a list of RGB PIL images (size, size) to soft edge maps, float32 (H, W) in [0, 1].
            Not needed for ready pairs.
        val_fraction: share of the pairs for validation, 0 to below 1.
        layout, drawing_side: see `i2i.data.layout.find_items`.
        min_ink, max_ink: shares of ink below and above which a drawing counts as blank or dense.
        batch: photos a detector call.
        workers: reader threads (default: one a processor, at most 8).
        recipe: names the detector's weights; results of different recipes are never mixed.
        progress: called with (files done, files in all, counts by status).

    Raises:
        PrepareError: for a folder without usable photos, fewer than two pairs, or an `out` made of another
            folder or with other settings.
    """
    began = time.monotonic()
    source, out = Path(source), Path(out)
    if fit not in FITS:
        raise PrepareError(f"unknown fit {fit!r}: expected one of {', '.join(FITS)}")
    if not 0 <= val_fraction < 1:
        raise PrepareError(f"got val_fraction {val_fraction}, expected a number from 0 to below 1")
    layout, items = find_items(source, layout, drawing_side, skip=out)
    if layout == "photos" and detector is None:
        raise PrepareError(f"{source} holds photos without drawings: an edge detector is needed to draw them")
    settings = {
        "format": FORMAT, "size": size, "fit": fit, "val_fraction": val_fraction, "layout": layout,
        "min_ink": min_ink, "max_ink": max_ink, "recipe": recipe,
    }  # fmt: skip
    manifest = Manifest(out, settings)
    todo = manifest.todo(items)
    done = skipped = len(items) - len(todo)
    workers = workers or min(8, os.cpu_count() or 1)
    try:
        with ThreadPoolExecutor(workers) as pool:
            for loaded in _read_ahead(pool, todo, batch, lambda item: _load(item, source, size, fit)):
                _process(manifest, loaded, detector)
                manifest.save(at_most_every=_SAVE_SECONDS)
                done += len(loaded)
                if progress is not None:
                    progress(done, len(items), manifest.counts())
        if len(manifest.kept()) >= 2:
            manifest.fill_empty_splits()
    finally:
        if manifest.records:
            manifest.save()  # also when interrupted: what is done stays done
    report = _report(manifest, layout, skipped, time.monotonic() - began)
    if report.counts["kept"] < 2:
        raise PrepareError(
            f"{source}: {report.summary()}; at least 2 pairs are needed, "
            f"{out / 'manifest.json'} says why for each file"
        )
    described = {
        "summary": report.summary(), "counts": report.counts, "train": report.train, "val": report.val,
        "ink": dict(zip(("mean", "q05", "q95"), report.ink, strict=True)), "skipped": skipped,
        "removed": report.removed, "seconds": round(report.seconds, 1), "settings": settings,
    }  # fmt: skip
    write_atomically(out / "report.json", json.dumps(described, indent=2).encode())
    write_atomically(out / "contact_sheet.jpg", contact_sheet(out, source, report.files))
    return report


def _report(manifest: Manifest, layout: str, skipped: int, seconds: float) -> Report:
    kept = manifest.kept()
    inks = np.array([record["ink"] for record in kept] or [0.0])
    splits = Counter(record["split"] for record in kept)
    ink = (float(inks.mean()), float(np.quantile(inks, 0.05)), float(np.quantile(inks, 0.95)))
    files = [manifest.records[key] for key in sorted(manifest.records)]
    return Report(
        manifest.out, layout, manifest.counts(), splits["train"], splits["val"], skipped, manifest.removed,
        seconds, ink, files,
    )  # fmt: skip


def _read_ahead(
    pool: ThreadPoolExecutor, items: list[Item], batch: int, load: Callable
) -> Iterator[list[_Loaded]]:
    """Batches of loaded items in order, the next ones being read while the caller works on the last."""
    waiting = []
    for start in range(0, len(items), batch):
        waiting.append([pool.submit(load, item) for item in items[start : start + batch]])
        if len(waiting) > 2:
            yield [future.result() for future in waiting.pop(0)]
    for futures in waiting:
        yield [future.result() for future in futures]


def _load(item: Item, source: Path, size: int, fit: str) -> _Loaded:
    photo_path = item.photo.relative_to(source).as_posix()
    record = {
        "file": item.key,
        "photo": photo_path,
        "id": "",
        "stamp": stamp(item),
        "sha256": "",
        "dhash": "",
    }
    record |= {"split": "", "ink": 0.0}
    loaded = _Loaded(record)
    try:
        contents = [path.read_bytes() for path in item.files]
        record["sha256"] = hashlib.sha256(b"".join(contents)).hexdigest()
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(item.key).with_suffix("").as_posix())[-48:].strip("_")
        record["id"] = f"{stem or 'photo'}-{record['sha256'][:10]}"
        photo = _decode(contents[0], item.photo)
        if item.drawing is not None:
            if item.side is not None:
                drawing, photo = split_sides(photo, item.side)
            else:
                drawing = _decode(contents[1], item.drawing)
            if abs(photo.width * drawing.height / (photo.height * drawing.width) - 1) > 0.02:
                sizes = f"photo is {photo.width}x{photo.height}, drawing {drawing.width}x{drawing.height}"
                loaded.error = ("mismatch", f"{sizes}: not the same shape")
                return loaded
            loaded.drawing = _ready_drawing(drawing, size, fit)
        loaded.photo = fit_square(photo, size, fit)
        signature = Signature.of(loaded.photo)
        record |= {"dhash": f"{signature.dhash:016x}", "colours": signature.colours.hex()}
        record["contrast"] = round(signature.contrast, 3)
    except OSError as error:
        loaded.error = ("unreadable", f"cannot read: {error.strerror or error}")
    except ValueError as error:
        blank = str(error).startswith("empty drawing")
        loaded.error = ("blank", "the drawing has no ink") if blank else ("unreadable", str(error))
    return loaded


def _decode(content: bytes, path: Path) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content))
    except Exception as error:  # the header readers raise many kinds for broken files
        raise ValueError(
            f"not a picture in a known format ({path.suffix} file of {len(content)} bytes)"
        ) from error
    return load_image(image)


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


def _process(manifest: Manifest, batch: list[_Loaded], detector: Callable | None) -> None:
    """Sort one batch into kept and rejected, in order; draw what has no drawing yet."""
    usable = [loaded for loaded in batch if loaded.error is None]
    to_draw = [i for i in usable if i.drawing is None and manifest.twin(i.record, i.photo) is None]
    if to_draw:
        maps = detector([loaded.photo for loaded in to_draw])
        if len(maps) != len(to_draw):
            raise ValueError(f"the detector returned {len(maps)} edge maps for {len(to_draw)} photos")
        for loaded, soft in zip(to_draw, maps, strict=True):
            loaded.drawing = postprocess(soft, manifest.settings["size"])
    low, high = manifest.settings["min_ink"], manifest.settings["max_ink"]
    for loaded in batch:
        record, drawing = loaded.record, loaded.drawing
        if loaded.error is not None:
            manifest.finish(record, *loaded.error)
            continue
        twin = manifest.twin(record, loaded.photo)  # again: it may be in this very batch
        if twin is not None:
            record["twin"] = twin
            manifest.finish(record, "duplicate", f"looks like {twin}")
            continue
        record["ink"] = round(float(np.mean(drawing == 0)), 5)
        if low <= record["ink"] <= high:
            manifest.keep(record, loaded.photo, drawing)
            continue
        write_atomically(manifest.rejected_path(record), encoded(Image.fromarray(drawing), "PNG"))
        if record["ink"] < low:
            manifest.finish(record, "blank", f"{record['ink']:.2%} ink, at least {low:.2%} expected")
        else:
            manifest.finish(record, "dense", f"{record['ink']:.2%} ink, at most {high:.2%} expected")
