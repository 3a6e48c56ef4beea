"""Photos, or ready pairs, to the pairs that models are trained on; a manifest says what became of each file.

OUT/pairs/{train,val}/photo/<id>.webp     WebP at quality 95: a third of PNG's size, about a grey level off
OUT/pairs/{train,val}/drawing/<id>.png    one bit a pixel, lossless
OUT/pairs/{train,val}/<id>.png            instead of the two: drawing|photo side by side, where that was asked for
OUT/drawings/<path>.png                   instead of pairs: the drawings alone, where that was asked for
OUT/rejected/<id>.png                     the drawings that were blank or dense, to look at
OUT/manifest.json  OUT/report.json  OUT/contact_sheet.jpg
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from i2i.data.contact_sheet import contact_sheet
from i2i.data.layout import PrepareError, detect_layout, find_items, find_photos, other_files
from i2i.data.manifest import OUTPUTS, STATUSES, Manifest
from i2i.data.out_folder import make_folder
from i2i.data.pair_plan import MAX_INK, MIN_INK, SIZE, PairPlan, plan_pairs
from i2i.data.pair_work import PairWork
from i2i.data.records import write_atomically
from i2i.edges.detector import EdgeDetector
from i2i.images import fit_square, load_image

__all__ = [
    "OUTPUTS",
    "STATUSES",
    "PrepareError",
    "Report",
    "Share",
    "detect_layout",
    "draw_with",
    "find_items",
    "find_photos",
    "prepare_pairs",
]


@dataclass
class Report:
    """What a preparation did.

    Attributes:
        out: the folder with `pairs/`.
        layout: what the source was taken for.
        side: where the drawings of ready pairs are, see `i2i.data.layout.side_of`.
        counts: number of files of every status in `STATUSES`.
        train: kept pairs for training.
        val: kept pairs for validation.
        skipped: files that an earlier run had done.
        removed: earlier results whose source files are gone.
        added: files done by this run, where an earlier one had done others.
        seconds: time taken.
        ink: mean, 5 % and 95 % quantile of the kept drawings' share of ink.
        files: one record a file, as in the manifest.
        ignored: files in the source that are no pictures by their suffix.
    """

    out: Path
    layout: str
    side: str
    counts: dict[str, int]
    train: int
    val: int
    skipped: int
    removed: int
    added: int
    seconds: float
    ink: tuple[float, float, float]
    files: list[dict] = field(repr=False)
    ignored: list[str] = field(repr=False, default_factory=list)

    def summary(self) -> str:
        """One line for people."""
        rejected = ", ".join(f"{n} {status}" for status, n in self.counts.items() if status != "kept" and n)
        made = f"{self.train} train, {self.val} val"
        kept = f"{self.counts['kept']} pairs ({made})" if self.train + self.val else f"{self.counts['kept']} drawings"
        others = f"; {len(self.ignored)} ignored, by their suffix" if self.ignored else ""
        before = f"; {self.skipped} were done before, {self.added} added" if self.skipped else ""
        gone = f"; the results of {self.removed} files that are gone were removed" if self.removed else ""
        taken = "" if self.layout == "photos" else f", taken for ready pairs ({self.layout}, drawings {self.side})"
        files = f"{sum(self.counts.values())} files{taken}"
        return f"{kept} of {files}; left out: {rejected or 'none'}{others}{before}{gone}"

    def commonest_reason(self) -> str:
        """Why most of the files that were left out were: "12 unreadable: HEIC photo, ..."; empty where none was."""
        reasons = Counter((record["status"], record["why"]) for record in self.files if record["status"] != "kept")
        if not reasons:
            return ""
        ((status, why), n), *_ = reasons.most_common(1)
        return f"{n} {status}: {why}"


@dataclass(frozen=True)
class Share:
    """The part of a folder that one of several processes takes, by a hash of each file's path.

    Attributes:
        index, count: this is share `index` of `count`.
        wait: returns once every process has called it.
    """

    index: int = 0
    count: int = 1
    wait: Callable[[], None] = lambda: None

    def holds(self, key: str) -> bool:
        """Whether a file belongs to this share; the same in every process and run."""
        return zlib.crc32(key.encode("utf-8", "surrogateescape")) % self.count == self.index


def draw_with(
    detector: EdgeDetector, scales: tuple[float, ...] = (1.0,)
) -> tuple[Callable[[list[Image.Image]], list[np.ndarray]], str]:
    """What `prepare_pairs` needs of an edge detector: (the function that draws a batch, the recipe's name).

    Args:
        detector: the network. scales: each photo is seen at each of these, and the maps are averaged.

    Raises:
        PrepareError: for no scale, or one outside 0.1 to 4.
    """
    if not scales or not all(0.1 <= scale <= 4 for scale in scales):
        raise PrepareError(f"got the scales {scales}, expected one or more numbers from 0.1 to 4")
    name = f"{detector.config['name']} {detector.config['sha256'][:8]}"
    if tuple(scales) != (1.0,):
        name += " scales " + " ".join(f"{scale:g}" for scale in scales)
    return lambda photos: detector.detect_batch([np.asarray(photo) for photo in photos], scales), name


def prepare_pairs(
    source: str | os.PathLike,
    out: str | os.PathLike,
    size: int = SIZE,
    fit: str = "crop",
    detector: Callable[[list[Image.Image]], list[np.ndarray]] | None = None,
    val_fraction: float = 0.1,
    *,
    layout: str = "auto",
    drawing_side: str = "auto",
    min_ink: float = MIN_INK,
    max_ink: float = MAX_INK,
    batch: int = 16,
    workers: int | None = None,
    recipe: str = "",
    output: str = "folders",
    share: Share | None = None,
    again: bool = True,
    progress: Callable[[int, int, dict[str, int]], None] | None = None,
) -> Report | None:
    """Make training pairs of a folder of photos or ready pairs.

    A second run skips what is done, and a killed one goes on where it was. A pair's split follows from a hash of its
    content alone, so added files never move others, and near-duplicates, mirrored ones too, are left out, so none
    straddles the split. (Where that leaves a split empty, the pair with the smallest or largest hash is moved
    there, and stays.) Every file gets a status in the manifest: kept, unreadable, mismatch (the two halves of
    a ready pair differ in shape), small, blank, dense, or duplicate, and why.

    Several processes, on one machine or on several that share the folder, may work together: each calls this with its
    share, and the first one brings everything together at the end.

    Args:
        source: folder of photos or ready pairs, see `i2i.data.layout`.
        out: folder for the results; pairs whose source files are gone or have changed are removed from it, unless
            most of them are: then it was made of another folder.
        size: side of photos and drawings.
        fit: how photos become square, see `i2i.images.fit_square`.
        detector: maps a list of RGB PIL images (size, size) to soft edge maps, float32 (H, W) in [0, 1].
            Not needed for ready pairs.
        val_fraction: share of the pairs for validation, 0 to below 1.
        layout, drawing_side: see `i2i.data.layout.find_items`.
        min_ink, max_ink: shares of ink below and above which a drawing counts as blank or dense.
        batch: photos a detector call.
        workers: threads that read, post-process and write (default: one a processor, at most 8).
        recipe: names the detector's weights; results of different recipes are never mixed.
        output: "folders" of photos and drawings; "side_by_side", one picture drawing|photo each; or "drawings" alone,
            one for every readable photo, named as it is, without splits and with nothing left out.
        share: what this process does of the work.
        again: whether files that an earlier run could not read are tried again.
        progress: called with (files done, files in all, counts by status), of this share.

    Returns:
        The report; None in all processes but the first.

    Raises:
        PrepareError: for a folder without usable photos or with pairs that are not whole (see
            `i2i.data.layout.detect_layout`), fewer than two pairs, or an `out` made with other settings or of another
            folder: one that lacks most of the files, by name and content, that `out` was made of; for an `out` that the
            source lies in, that nothing can be written to, or whose files no earlier run made and would be
            overwritten. Of `out`, nothing is changed then, but where pairs are too few.
    """
    began = time.monotonic()
    source, out, share = Path(source), Path(out), share or Share()
    plan = plan_pairs(
        source, out, size, fit, val_fraction, layout=layout, drawing_side=drawing_side,
        min_ink=min_ink, max_ink=max_ink, recipe=recipe, output=output,
    )  # fmt: skip
    layout, items, manifest = plan.layout, plan.items, plan.manifest
    settings = manifest.settings
    if layout == "photos" and detector is None:
        raise PrepareError(f"{source} holds photos without drawings: an edge detector is needed to draw them")
    ignored = other_files(source, out)
    removed, tried = 0, [key for key, record in manifest.records.items() if record["status"] == "unreadable"]
    if share.index == 0:
        plan.check()
        make_folder(out)
        manifest.clean(items, plan.changes, again)
        todo = [item.key for item in items if item.key not in manifest.records]
        manifest.save(ignored=ignored, unfinished={key: [] for key in todo})  # also takes in what a killed run left
        removed = manifest.removed
    share.wait()
    manifest = manifest if share.index == 0 else Manifest(out, settings)
    mine = [item for item in items if share.holds(item.key)]
    todo = [item for item in mine if item.key not in manifest.records]
    skipped = len(items) - sum(item.key not in manifest.records for item in items)
    names = PairPlan(layout, items, manifest).names
    done = len(mine) - len(todo)

    def report_progress(finished: int, counts: dict[str, int]) -> None:
        nonlocal done
        done += finished
        if progress is not None:
            progress(done, len(mine), counts)

    work = PairWork(manifest, source, detector, names, f"{share.index}-of-{share.count}")
    work.run(todo, batch, workers or min(8, os.cpu_count() or 1), report_progress)
    share.wait()
    if share.index != 0:
        return None
    manifest = Manifest(out, settings) if share.count > 1 else manifest
    if output != "drawings":
        manifest.remove_duplicates()
        if len(manifest.kept()) >= 2:
            manifest.fill_empty_splits()
    manifest.removed = removed
    manifest.save(ignored=ignored)
    if again:  # tried in vain
        skipped += sum(manifest.records.get(key, {}).get("status") == "unreadable" for key in tried)
    report = _report(manifest, layout, skipped, time.monotonic() - began, ignored)
    least = 1 if output == "drawings" else 2
    if report.counts["kept"] < least:
        raise PrepareError(
            f"{source}: {report.summary()}; at least {least} {'drawing is' if least == 1 else 'pairs are'} needed, "
            f"{out / 'manifest.json'} says why for each file; most often: {report.commonest_reason()}"
        )
    described = {
        "summary": report.summary(), "counts": report.counts, "train": report.train, "val": report.val,
        "ink": dict(zip(("mean", "q05", "q95"), report.ink, strict=True)), "skipped": skipped,
        "removed": report.removed, "added": report.added, "seconds": round(report.seconds, 1), "settings": settings,
    }  # fmt: skip

    def pair_of(record: dict) -> tuple[Image.Image, Image.Image]:
        if output == "drawings":
            return fit_square(load_image(source / record["photo"]), size, fit), manifest.drawing(record)
        return manifest.photo(record), manifest.drawing(record)

    write_atomically(out / "report.json", json.dumps(described, indent=2).encode())
    write_atomically(out / "contact_sheet.jpg", contact_sheet(out, source, report.files, pair_of))
    return report


def _report(manifest: Manifest, layout: str, skipped: int, seconds: float, ignored: list[str]) -> Report:
    kept = manifest.kept()
    inks = np.array([record["ink"] for record in kept] or [0.0])
    splits = Counter(record["split"] for record in kept)
    ink = (float(inks.mean()), float(np.quantile(inks, 0.05)), float(np.quantile(inks, 0.95)))
    counts = manifest.counts()
    added = sum(counts.values()) - skipped if skipped else 0
    return Report(
        manifest.out, layout, manifest.settings["drawing_side"], counts, splits["train"], splits["val"], skipped,
        manifest.removed, added, seconds, ink, manifest.ordered(), ignored,
    )  # fmt: skip
