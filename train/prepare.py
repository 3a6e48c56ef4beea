"""Data preparation people can trust: python train/prepare.py COMMAND FOLDER --out OUT.

Each command does one thing to every picture of a folder and its subfolders. Files that are done are skipped, so a
stopped run goes on where it was. OUT/manifest.json says for each file what happened and why.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cli import add_options, collect, run_script
from tqdm import tqdm

from i2i.checks import check_choice
from i2i.data.blank import Blank
from i2i.data.folder_jobs import FolderReport, plan, run_folder, status_lines
from i2i.data.grayscale import Grayscale
from i2i.data.hold import alone
from i2i.data.label_maps import LabelMaps, LabelOptions, class_shares, unknown_colours, write_palette
from i2i.data.layout import LAYOUTS as SOURCES
from i2i.data.layout import PrepareError, find_items, other_files
from i2i.data.out_folder import check_writable, make_folder, refuse_around, refuse_inside
from i2i.data.pair_plan import plan_pairs
from i2i.data.prepare import Share, draw_with, prepare_pairs
from i2i.data.resize import Resize
from i2i.data.side_by_side import Combine, SplitPairs
from i2i.data.splits import Split, empty_splits
from i2i.data.subject import Subject
from i2i.data.tasks import WRITTEN, Task

# How errors about the folder of `edges` spell its options.
OPTIONS = {
    "layout": "--source {}", "drawing_side": "--drawing-side {}", "labels": "train/edges2photo.py --labels {}"
}  # fmt: skip
LAYOUTS = {"folders": "folders", "side-by-side": "side_by_side", "drawings-only": "drawings"}
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Edges:
    """Draw the edges of photos: pairs of drawing and photo for training, near-duplicates and bad drawings left out.

    Attributes:
        layout: folders (OUT/pairs/train/photo, .../drawing and the same for val); side-by-side (drawing|photo in one
            file); or drawings-only (OUT/drawings, one for each photo and named as it is).
        size: side of photos and drawings in pixels.
        fit: how photos become square, crop (the centre), pad (mirrors at the borders) or stretch.
        source: what the folder holds, photos; side_by_side or two_folders for ready pairs, whose drawings are kept;
            auto finds out.
        drawing_side: of ready pairs, left or right, or the name of the drawings' folder; auto finds out.
        detector: edge detector, bundled name or model folder.
        scales: each photo is seen at each of these scales and the maps are averaged; one scale is three times faster.
        device: auto (a CUDA GPU where there is one), cpu or cuda.
        batch: photos that are drawn at once.
        val_fraction: share of the pairs for validation, chosen by each photo's content.
        min_ink: drawings with a smaller share of ink are left out as blank.
        max_ink: drawings with a larger share of ink are left out as dense.
    """

    command: ClassVar[str] = "edges"

    layout: str = "folders"
    size: int = 256
    fit: str = "crop"
    source: str = "auto"
    drawing_side: str = "auto"
    detector: str = "edges"
    scales: tuple[float, ...] = (0.5, 1.0, 1.5)
    device: str = "auto"
    batch: int = 16
    val_fraction: float = 0.1
    min_ink: float = 0.002
    max_ink: float = 0.1

    def __post_init__(self) -> None:
        check_choice("layout", self.layout, LAYOUTS)
        check_choice("source", self.source, ("auto", *SOURCES))
        check_choice("device", self.device, DEVICES)
        if self.size < 16 or self.batch < 1:
            raise ValueError(f"got size {self.size} and batch {self.batch}, expected at least 16 and 1")


# command -> (its options, {name of a source folder: (what it holds, whether it may be left out)})
COMMANDS: dict[str, tuple[type, dict[str, tuple[str, bool]]]] = {
    "edges": (Edges, {"photos": ("folder of photos, or of ready pairs", False)}),
    "resize": (Resize, {"pictures": ("folder of pictures", False)}),
    "combine": (Combine, {"a": ("folder of the left pictures", False), "b": ("folder of the right ones", False)}),
    "split-pairs": (SplitPairs, {"pairs": ("folder of pictures A|B", False)}),
    "split": (Split, {"pictures": ("folder of pictures, or of two folders A and B", False)}),
    "blank": (Blank, {"photos": ("folder of photos", False)}),
    "grayscale": (Grayscale, {"photos": ("folder of photos", False)}),
    "labels": (LabelOptions, {"maps": ("folder of label maps", False)}),
    "subject": (
        Subject,
        {
            "photos": ("folder of photos", False),
            "masks": ("folder of masks with the photos' names, white or --values on the subject; "
                      "without it the photos' own transparency is the mask", True),
        },
    ),
}  # fmt: skip
MANY = """
A folder on several GPUs or machines, which must share it: accelerate launch train/prepare.py edges PHOTOS --out OUT.
Each process takes its share of the photos, and the first one brings everything together at the end.
"""


def parse(argv: list[str] | None) -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (options, sources) in COMMANDS.items():
        what = options.__doc__.splitlines()[0]
        epilog = MANY if name == "edges" else None
        sub = commands.add_parser(name, help=what, description=what, epilog=epilog, formatter_class=formatter)
        for source, (text, optional) in sources.items():
            sub.add_argument(source, type=Path, nargs="?" if optional else None, help=text)
        where = "folder of the results, beside the source: new, or an earlier run's"
        sub.add_argument("--out", type=Path, required=True, help=where)
        sub.add_argument("--workers", type=int, help="threads (default: one a processor, at most 8)")
        sub.add_argument("--dry-run", action="store_true", help="say what would be done, write nothing")
        add_options(sub, options)
    args = parser.parse_args(argv)
    if args.workers is not None and args.workers < 1:
        raise ValueError(f"--workers must be at least 1; got {args.workers}")
    return args


class Bar:
    """A bar that appears with the first file, so that an error before it stands alone."""

    def __init__(self, what: str, shown: bool = True):
        self.what, self.shown = what, shown
        self.bar: tqdm | None = None

    def __call__(self, done: int, total: int, counts: dict[str, int] | None = None) -> None:
        if self.bar is None:
            self.bar = tqdm(
                total=total, unit="file", desc=self.what, dynamic_ncols=True, file=sys.stderr, disable=not self.shown
            )
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def say(lines: list[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


def edges(args: argparse.Namespace) -> int:
    # Imported here since they take seconds that the other commands need not wait.
    import torch
    from accelerate import Accelerator, InitProcessGroupKwargs
    from processes import LONGEST

    from i2i.edges.detector import EdgeDetector

    options: Edges = collect(Edges, args)
    refuse_inside([args.photos], args.out)
    refuse_around([args.photos], args.out)
    check_writable(args.out)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: PyTorch sees no CUDA GPU here; leave the option out to use the CPU")
    # Without cpu=True accelerate would not connect processes on machines that have no GPU.
    cpu = options.device == "cpu" or not torch.cuda.is_available()
    accelerator = Accelerator(cpu=cpu, kwargs_handlers=[InitProcessGroupKwargs(timeout=LONGEST)])
    layout, items = find_items(args.photos, options.source, options.drawing_side, args.out, OPTIONS)
    detector = recipe = None
    if layout == "photos":
        detector, recipe = draw_with(EdgeDetector(options.detector, accelerator.device), options.scales)
    elif options.layout == "drawings-only":
        raise PrepareError(f"{args.photos} holds ready pairs, {layout}: --layout drawings-only needs --source photos")
    first = accelerator.is_main_process
    how = {
        "layout": layout, "drawing_side": options.drawing_side, "min_ink": options.min_ink, "max_ink": options.max_ink,
        "recipe": recipe or "", "output": LAYOUTS[options.layout],
    }  # fmt: skip
    if args.dry_run:
        if first:
            found = plan_pairs(args.photos, args.out, options.size, options.fit, options.val_fraction, **how)
            found.check()
            print(f"edges: {len(items)} files in {args.photos}, taken for {layout}; drawn by {recipe or 'nobody'}")
            print(f"device {accelerator.device}, {accelerator.num_processes} processes; would write {args.out}")
            again = sum(record["status"] == "unreadable" for record in found.manifest.records.values())
            gone = {record["file"] for record in found.manifest.kept()} & {*found.changes.removed}
            print(f"  done before: {len(items) - len(found.todo) - again}; pairs of photos that are gone: {len(gone)}")
            for name in ("layout", "size", "fit", "val_fraction", "min_ink", "max_ink"):
                print(f"  {name}: {getattr(options, name)}")
            others = other_files(args.photos, args.out)
            print(f"  files that are no pictures by their suffix: {len(others)} {' '.join(others[:5])}")
        return 0
    count = accelerator.num_processes
    bar = Bar("edges" if count == 1 else f"share 1 of {count}", first)
    if first:
        make_folder(args.out)
    with alone(args.out) if first else contextlib.nullcontext():
        report = prepare_pairs(
            args.photos, args.out, options.size, options.fit, detector, options.val_fraction, **how,
            batch=options.batch, workers=args.workers,
            share=Share(accelerator.process_index, count, accelerator.wait_for_everyone), progress=bar,
        )  # fmt: skip
    bar.close()
    accelerator.end_training()  # lets go of the process group
    if report is not None:
        say(status_lines(report.files))
        print(f"{report.summary()}; look at {args.out / 'contact_sheet.jpg'}")
    return 0


def run_task(args: argparse.Namespace, task: Task, sources: list[Path]) -> FolderReport | None:
    """Run a task over its folders with a bar; None after a dry run."""
    if args.dry_run:
        jobs, todo, ignored, gone = plan(task, sources, args.out)
        refused = Counter(job.refused[0] for job in jobs if job.refused)
        print(f"{task.command}: {len(jobs)} in {' and '.join(map(str, sources))}, {len(jobs) - len(todo)} done before")
        print(f"would write {args.out}; left out beforehand: {dict(refused) or 'none'}")
        if gone:
            print(f"  results of {gone} files that are gone would be removed")
        print(f"  files that are no pictures by their suffix: {len(ignored)} {' '.join(ignored[:5])}")
        for name, value in task.settings().items():
            print(f"  {name}: {value}")
        return None
    bar = Bar(task.command)
    report = run_folder(task, sources, args.out, args.workers, bar)
    bar.close()
    say(status_lines(report.files))
    return report


def finish(report: FolderReport, out: Path, also: str = "") -> int:
    """The summary; nothing made at all is an error."""
    if not report.counts.get(WRITTEN):
        raise PrepareError(f"nothing was written: {report.summary()}; {out / 'manifest.json'} says why for each file")
    print(f"{report.summary()}{also}")
    return 0


def simple(args: argparse.Namespace, options: type, sources: list[Path]) -> int:
    report = run_task(args, collect(options, args), sources)
    return 0 if report is None else finish(report, args.out)


def split(args: argparse.Namespace) -> int:
    task = collect(Split, args).resolved(args.pictures, args.out)
    report = run_task(args, task, [args.pictures])
    if report is None:
        return 0
    met = Counter(record["split"] for record in report.files if "split" in record)
    empty = empty_splits(task, report.files)
    if empty:
        say([f"{' and '.join(empty)} got nothing: with few files chance decides; try another --seed"])
    return finish(report, args.out, f"; by {task.by}: {', '.join(f'{n} {name}' for name, n in sorted(met.items()))}")


def labels(args: argparse.Namespace) -> int:
    options = collect(LabelOptions, args)
    task, origin = options.task(args.maps, args.out)
    task: LabelMaps
    say([f"palette: {len(task.palette)} classes, {origin}"])
    report = run_task(args, task, [args.maps])
    if report is None:
        return 0
    write_palette(args.out, task.palette)
    unknown = unknown_colours(report.files)
    if unknown:
        say(["unknown colours:", *(f"  {colour}: {n} pixels in {maps} maps" for colour, n, maps in unknown)])
        if options.border:
            what = f"whole areas, or borders blurred further than {options.border} pixels"
            say([f"these are {what}: add the colours to the palette, or raise --border"])
        else:
            say(["if these are the blurred borders of JPEGs or of antialiasing, --border 8 mends them; the colours of "
                 "whole areas belong into the palette"])  # fmt: skip
    absent = [name for name, share in class_shares(report.files, task.palette) if share == 0]
    return finish(report, args.out, f"; classes that never occur: {', '.join(absent) or 'none'}")


def main(argv: list[str] | None) -> int:
    # What Pillow mutters about damaged extra data would run into the bar; what matters is in the manifest.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    args = parse(argv)
    options, sources = COMMANDS[args.command]
    own: dict[str, Callable[[argparse.Namespace], int]] = {"edges": edges, "split": split, "labels": labels}
    if args.command in own:
        return own[args.command](args)
    folders = [getattr(args, name) for name in sources if getattr(args, name) is not None]
    return simple(args, options, folders)


if __name__ == "__main__":
    run_script(main)
