"""The tables losses, generators and patches of reproduce.py: what the pix2pix paper compares, on one's own pairs.

A variant that several tables hold is trained once: its run folder is named by all that it depends on.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pix2pix
import segmenter_run
import torch
from cli import add_options, collect
from evaluate import shown
from pix2pix_tables import TABLES, PaperTable, Variant, markdown

from i2i.data.out_folder import refuse_inside
from i2i.data.paired import PairedDataset
from i2i.methods.pix2pix import Pix2Pix, Pix2PixConfig
from i2i.metrics.color_histogram import PROTOCOL, intersections, sum_histograms
from i2i.metrics.held_out import HeldOut
from i2i.metrics.segmentation import Judge, judge_photos, load_judge
from i2i.nets.cost import multiply_adds
from i2i.palette import Palette
from i2i.training.state import StateFolder
from i2i.translator import Translator, choose_device

DOCS = Path(__file__).resolve().parents[1] / "docs" / "reproduction.md"


@dataclass(frozen=True)
class Setup:
    """What all variants share.

    Attributes:
        size: height and width of the pictures, pixels; smaller than 256, a patch of 286 means little.
        width: channels of the first layer of the generator (ngf) and of the discriminator (ndf); the paper's is 64.
        epochs: passes over the training pairs.
        seed: of weights, order, augmentation and noise; the judge is the same for all seeds.
        judge_steps: training steps of the segmentation network that judges.
    """

    size: int = 256
    width: int = 16
    epochs: float = 40
    seed: int = 0
    judge_steps: int = 1000

    def __post_init__(self) -> None:
        for name in ("size", "width", "epochs", "judge_steps"):
            if getattr(self, name) <= 0:
                raise ValueError(f"--{name.replace('_', '-')} must be above 0, got {getattr(self, name)}")

    @property
    def judge(self) -> str:
        """Name of the judge's run folder."""
        return f"judge-{self.size}px-{self.judge_steps}"

    def name(self, variant: Variant) -> str:
        """Name of a variant's run folder."""
        patch = f"-p{variant.patch}" if "gan" in variant.objective else ""
        how = f"{self.size}px-w{self.width}-{self.epochs:g}ep-s{self.seed}"
        return f"{variant.generator}-{variant.objective}{patch}-{how}"

    def config(self, variant: Variant, inputs: int, outputs: int) -> Pix2PixConfig:
        return Pix2PixConfig(
            self.size, inputs, outputs, f"{variant.generator}_{self.size & -self.size}", self.width,
            objective=variant.objective, patch=variant.patch, patch_width=self.width,
        )  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("root", type=Path, help="pairs of photos and label maps (photo/, labels/, palette.json)")
    parser.add_argument("--out", type=Path, default=Path("runs/reproduce"), help="a run folder for each lies in it")
    parser.add_argument("--results", type=Path, default=None, help="JSON of the scores (default: OUT/results.json)")
    parser.add_argument(
        "--write-docs", type=Path, nargs="?", const=DOCS, default=None, metavar="FILE",
        help="put the table into this file, between its markers (default: docs/reproduction.md)",
    )  # fmt: skip
    parser.add_argument(
        "--minutes", type=float, default=0, help="stop after this time; the same command goes on (0: no limit)"
    )
    parser.add_argument("--workers", type=int, default=1, help="loader processes (default: 1)")
    parser.add_argument("--cpu", action="store_true", help="use the CPU even where there is a GPU")
    parser.add_argument("--dry-run", action="store_true", help="list the variants and stop")
    add_options(parser, Setup)


def run(args: argparse.Namespace, rest: list[str]) -> int:
    """Train and measure what is missing, print the table, and put it into the documentation if asked to."""
    if rest:
        raise ValueError(f"the table {args.table} has no option {rest[0]}: see --help")
    if args.minutes < 0:
        raise ValueError(f"--minutes must be 0 (no limit) or more, got {args.minutes:g}")
    table, setup = TABLES[args.table], collect(Setup, args)
    path = args.results or args.out / "results.json"
    results = _read(path)
    one_judge(setup, path, results)
    missing = [v for v in dict.fromkeys(r.variant for r in table.rows) if setup.name(v) not in results["variants"]]
    if missing:
        refuse_inside([args.root], args.out)
        data = labelled(args.root, setup.size)
        results["pairs"] = same_pairs(args.root, data, path, results)
        if finished(args.out / setup.judge):
            same_judge(args.out / setup.judge, setup.judge, data.palette, torch.device("cpu"), path, results)
    if args.dry_run:
        plan(args, table, setup, results)
        return 0
    if missing and not _Work(args, setup, path, results).make(missing):
        done = sum(setup.name(row.variant) in results["variants"] for row in table.rows)
        print(f"{done} of {len(table.rows)} variants are measured: the same command goes on", file=sys.stderr)
    text = render(table, setup, results)
    print(text)
    if args.write_docs:
        write_docs(args.write_docs, args.table, text)
    return 0


def _read(path: Path) -> dict[str, Any]:
    """Results as they lie in the file, or none yet."""
    if not path.exists():
        return {"pairs": None, "judges": {}, "variants": {}}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}): give another --results, or remove it") from error
    if not isinstance(found, dict) or not {"pairs", "judges", "variants"} <= found.keys():
        raise ValueError(f"{path} holds no results of these tables: give another --results")
    return found


def _write(path: Path, text: str) -> None:
    """A kill leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)


def _progress(run_folder: Path) -> tuple[int, int] | None:
    """Steps done and wanted, or None before the first saved state."""
    if not StateFolder(run_folder).exists():
        return None
    meta = StateFolder(run_folder).meta()
    return meta["step"], meta["train"]["steps"]


def finished(run_folder: Path) -> bool:
    found = _progress(run_folder)
    return found is not None and found[0] >= found[1]


def labelled(root: Path, size: int) -> PairedDataset:
    """The validation pairs; ValueError where they are not label maps and photos."""
    data = PairedDataset(root, "val", size, cache=False)
    if (data.input["kind"], data.output["kind"]) != ("labels", "photo"):
        raise ValueError(
            f"{root} holds pairs of {data.config.a} and {data.config.b}, but these tables are scored by label maps: "
            "give photo/ and labels/ with a palette.json"
        )
    return data


def same_pairs(root: Path, data: PairedDataset, path: Path, results: dict[str, Any]) -> str:
    """Which pairs these are, in words; ValueError where the results in the file `path` are those of others."""
    described = HeldOut(root, "val", data.config).describe()
    if results["pairs"] not in (None, described):
        raise ValueError(
            f"{path} holds results of the pairs {results['pairs']}, but {root} is {described}: give another --out, and "
            "another --results if you name one"
        )
    return described


def same_judge(
    run_folder: Path, key: str, palette: Palette, device: torch.device, path: Path, results: dict[str, Any]
) -> Judge:
    """The judge of a finished run; ValueError where the results in the file `path` were measured by another one."""
    judge = load_judge(str(run_folder / "model"), palette, device)
    known = results["judges"].get(key)
    if known is not None and known["name"] != judge.name:
        raise ValueError(
            f"{path} was measured by {known['name']}, but {run_folder} holds {judge.name}, and scores of two judges "
            "cannot be compared: bring the first one back, or give another --results"
        )
    return judge


def one_judge(setup: Setup, path: Path, results: dict[str, Any]) -> None:
    """ValueError where scores in the file `path` come from another judge than this setup's."""
    judges = results["judges"].keys() | {found["judge"] for found in results["variants"].values()}
    if others := sorted(judges - {setup.judge}):
        raise ValueError(
            f"{path} holds scores of {', '.join(others)}, and with this --size and --judge-steps the judge is "
            f"{setup.judge}; scores of two judges cannot be compared: give the same as before, or another --results"
        )


def ghost(config: Pix2PixConfig) -> Pix2Pix:
    """The nets without their weights; ValueError where a net does not fit the size."""
    with torch.device("meta"):
        return Pix2Pix(config)


def plan(args: argparse.Namespace, table: PaperTable, setup: Setup, results: dict[str, Any]) -> None:
    """What `--dry-run` prints."""
    data = labelled(args.root, setup.size)
    train = PairedDataset(args.root, "train", setup.size, data.config)
    steps = max(1, round(setup.epochs * len(train)))
    print(f"{table.about}\npairs: {args.root}: {len(train)} training and {len(data)} validation pairs")
    for name, value in asdict(setup).items():
        print(f"{name}: {value}")
    print(f"steps: {steps} of one pair each, for each variant")
    for row in table.rows:
        method = ghost(setup.config(row.variant, data.inputs, data.outputs))
        sizes = ", ".join(
            f"{name} {sum(p.numel() for p in net.parameters()):,} parameters" for name, net in method.nets.items()
        )
        macs = multiply_adds(method.nets["generator"], 1, data.inputs, setup.size, setup.size)
        name = setup.name(row.variant)
        at = _progress(args.out / name)
        state = "measured" if name in results["variants"] else f"step {at[0]} of {at[1]}" if at else "not begun"
        print(f"{row.name}\n  run folder: {name}: {state}\n  {sizes}\n  generator: {macs / 1e9:.3f} G multiply-adds")
        print(f"  receptive field: {method.receptive_field()}")


class _Work:
    """Trains and measures variants within the time that is given, and keeps the results on disk after each."""

    def __init__(self, args: argparse.Namespace, setup: Setup, path: Path, results: dict[str, Any]):
        self.args, self.setup, self.path, self.results = args, setup, path, results
        self.begin, self.trained = time.monotonic(), False
        self.data = labelled(args.root, setup.size)
        self.held = HeldOut(args.root, "val", self.data.config)
        self.device = choose_device("cpu" if args.cpu else "auto")

    def save(self) -> None:
        _write(self.path, json.dumps(self.results, indent=1, ensure_ascii=False) + "\n")

    def make(self, variants: list[Variant]) -> bool:
        """Whether all of them are measured; False where time was up or somebody interrupted."""
        for variant in variants:
            ghost(self.setup.config(variant, self.data.inputs, self.data.outputs))  # complain before hours have passed
        self.save()
        judge_run = self.args.out / self.setup.judge
        if not self.train(judge_run, self.train_judge):
            return False
        judge = same_judge(judge_run, self.setup.judge, self.held.palette, self.device, self.path, self.results)
        if self.setup.judge not in self.results["judges"]:
            scores = judge_photos(self.held, judge, len(self.held), None, lambda count: None)[1]
            self.results["judges"][self.setup.judge] = {
                "name": judge.name, "pictures": len(self.held), "scores": {s.name: s.json() for s in scores}
            }  # fmt: skip
            self.save()
        for variant in variants:
            name = self.setup.name(variant)
            if not self.train(self.args.out / name, lambda words, v=variant: self.train_variant(v, words)):
                return False
            self.results["variants"][name] = self.measure(variant, judge)
            self.save()
        return True

    def train(self, run_folder: Path, train) -> bool:
        """Train or go on with a run; whether it is finished."""
        if finished(run_folder):
            return True
        words = ["--out", str(run_folder), "--workers", str(self.args.workers)]
        if self.args.minutes:
            left = self.args.minutes - (time.monotonic() - self.begin) / 60
            if self.trained and left <= 0:
                return False
            words += ["--minutes", str(max(left, 1e-6))]
        words += ["--cpu"] * self.args.cpu + ["--resume"] * StateFolder(run_folder).exists()
        print(f"training {run_folder.name}", file=sys.stderr)
        self.trained = True
        # The table alone is this script's output.
        with contextlib.redirect_stdout(sys.stderr):
            train(words)
        return finished(run_folder)

    def train_judge(self, words: list[str]) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--out", type=Path)
        segmenter_run.add_arguments(parser)
        own = [str(self.args.root), "--size", str(self.setup.size), "--steps", str(self.setup.judge_steps)]
        segmenter_run.run(parser.parse_args(own + words))

    def train_variant(self, variant: Variant, words: list[str]) -> None:
        c = self.setup.config(variant, self.data.inputs, self.data.outputs)
        own = [str(self.args.root), "--name", self.setup.name(variant), "--epochs", str(self.setup.epochs)]
        own += ["--seed", str(self.setup.seed)]
        patches = {"patch": c.patch, "patch_width": c.patch_width}
        for key in ("size", "generator", "width", "objective", *(patches if c.adversarial else ())):
            own += ["--" + key.replace("_", "-"), str(getattr(c, key))]
        # Raw weights, as the paper has them. The config of a run without a discriminator tells these two all the same.
        pix2pix.main([*own, "--ema", "0", *words], patches)

    def measure(self, variant: Variant, judge) -> dict[str, Any]:
        """Scores of a finished variant, and what it took."""
        run_folder = self.args.out / self.setup.name(variant)
        translator = Translator.from_pretrained(run_folder / "model", self.device.type, "float32")
        count, size = len(self.held), translator.image_size
        scores = judge_photos(self.held, judge, count, translator, lambda count: None)[1]
        found = sum_histograms(shown(translator, self.held, i) for i in range(count))
        real = sum_histograms(self.held.photo(i, size) for i in range(count))
        text = f"{self.held.describe()}; {count} pictures at {size} px, seed = index; {PROTOCOL}"
        scores += intersections(found, real, text)
        meta = StateFolder(run_folder).meta()
        nets = ghost(self.setup.config(variant, self.data.inputs, self.data.outputs)).nets
        return asdict(variant) | {
            "judge": self.setup.judge,
            "steps": meta["step"],
            "hours": round(meta["seconds"] / 3600, 3),
            "device": translator.config["training"]["device"],
            "parameters": {name: sum(p.numel() for p in net.parameters()) for name, net in nets.items()},
            "scores": {s.name: s.json() for s in scores},
        }


def render(table: PaperTable, setup: Setup, results: dict[str, Any]) -> str:
    """The table in Markdown with what agrees, and how it was measured."""
    runs = {row.name: results["variants"].get(setup.name(row.variant)) for row in table.rows}
    values = {name: {k: s["value"] for k, s in r["scores"].items()} for name, r in runs.items() if r}
    judge = results["judges"].get(setup.judge)
    real = {k: s["value"] for k, s in judge["scores"].items()} if judge else {}
    text = markdown(table, values, real)
    if not values:
        return f"Not run yet.\n\n{text}\n"
    done = [r for r in runs.values() if r]
    hours, devices = sum(r["hours"] for r in done), ", ".join(sorted({r["device"] for r in done}))
    notes = [
        f"Measured on {results['pairs']}: {judge['pictures']} held-out pairs, one answer each, at {setup.size} pixels, "
        f"judged by {judge['name']}.",
        f"One run of each variant (seed {setup.seed}): {setup.epochs:g} epochs, {done[0]['steps']:,} steps of one "
        f"pair, ngf = ndf = {setup.width}; {len(done)} of {len(runs)} trained, {hours:.1f} hours in all on {devices}.",
        "Small differences may be chance: a run with another --seed tells how much.",
    ]
    return f"{text}\n\n{' '.join(notes)}\n"


def write_docs(path: Path, name: str, text: str) -> None:
    """Put a table between `<!-- NAME: begin -->` and `<!-- NAME: end -->` of a file.

    Raises:
        ValueError: if the file does not hold these two markers once each, in this order.
    """
    before = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if before.count(begin) != 1 or before.count(end) != 1 or before.index(begin) > before.index(end):
        raise ValueError(f"{path} must hold the lines {begin} and {end} once each: the table stands between them")
    head, tail = before.split(begin)[0], before.split(end)[1]
    _write(path, f"{head}{begin}\n\n{text}\n{end}{tail}")
