"""Measure models: python train/evaluate.py TASK ...

Every task prints a table and writes scores.json and report.html (plots and pictures, nothing else needed) to --out.
Each number names its protocol; numbers of different protocols cannot be held against each other.
"""

from __future__ import annotations

import argparse
import html
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import cycle_task
import domains_task
import numpy as np
import segmenter_run
from cli import add_options, collect, run_script
from model_run import features_or_none
from models_on_pairs import add_models, bar, by_colour, limit, load, shown, side_by_side, tell_dtypes
from tqdm import tqdm

from i2i.data.bsds import find_bsds, read_annotators
from i2i.data.out_folder import check_writable
from i2i.edges.detector import EdgeDetector
from i2i.metrics import page
from i2i.metrics.boundaries import MAX_DISTANCE, BoundaryScores, annotators_f, evaluate_detector
from i2i.metrics.color_histogram import BINS, PROTOCOL, intersections, shares, sum_histograms
from i2i.metrics.drawings import compare_drawings, find_drawings
from i2i.metrics.fcn_score import FcnScores
from i2i.metrics.held_out import find_sketches
from i2i.metrics.photos import PhotoMeasures, PhotoProtocol
from i2i.metrics.scores import REAL, Score, make_table, table_html, table_text
from i2i.metrics.segmentation import judge_labels, judge_photos, load_judge
from i2i.metrics.view import View, grid_image
from i2i.translator import choose_device

Columns = dict[str, list[Score]]
LEAST = 32  # pixels: below, feature networks shrink pictures to nothing, and a detector finds no edges


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = parser.add_subparsers(dest="task", required=True, metavar="TASK")

    def task(name: str, text: str, aliases: Sequence[str] = ()) -> argparse.ArgumentParser:
        new = tasks.add_parser(name, help=text, description=text, aliases=list(aliases))
        new.set_defaults(task=name)
        new.add_argument("--out", type=Path, default=Path("runs/evaluate") / name, help="where the results go")
        if name != "segmenter":
            new.add_argument("--device", default="auto", help="auto, cpu, cuda, ...")
        return new

    edges = task("edges", "the BSDS500 boundary benchmark of an edge detector: ODS, OIS, AP, precision-recall curve")
    edges.add_argument("model", help="edge detector: bundled name, folder, or Hub id")
    edges.add_argument("bsds", type=Path, help="folder of BSDS500 that holds images/ and groundTruth/")
    edges.add_argument("--split", choices=("train", "val", "test"), default="val")
    edges.add_argument("--scales", type=float, nargs="+", default=[1.0], help="the photo is seen at each (default: 1)")
    edges.add_argument("--drawings", type=Path, help="folder with photo/ and edges/: also compare with these drawings")
    edges.add_argument("--limit", type=int, default=0, help="only the first N photos (0: all)")
    edges.add_argument("--workers", type=int, default=1, help="processes that match boundaries")

    photos = task("photos", "realism, diversity, faithfulness and styles of models that answer with photos", ["styled"])
    add_models(photos, "models that translate alike, and the folder of pairs (the data folder of a run, for instance)")
    photos.add_argument(
        "--features",
        default="torchvision",
        help="feature network: a MobileNet v1 safetensors file that sat in no loss, torchvision, or none",
    )
    photos.add_argument("--detector", default="edges", help="finds edges again: bundled name, folder, or none")
    photos.add_argument("--sketches", type=Path, help="folder of drawings by people, perhaps with an index.csv")
    photos.add_argument("--classes", nargs="+", default=[], help="classes of the index.csv that are given")
    add_options(photos, PhotoProtocol)

    labels = task("labels", "FCN-score of label -> photo models, or the same scores of photo -> label models")
    add_models(labels, "models, and the folder of pairs of photos and labels")
    labels.add_argument(
        "--segmenter",
        help="judge of photos: RUN/model of the task segmenter, torchvision:NAME, torchvision:NAME:FILE, or "
        "torchvision:NAME:FILE:CLASSES.json (a list of the names of its classes)",
    )
    labels.add_argument("--pictures", type=int, default=500, help="pairs, at most (default: 500)")

    color = task("color", "colour histograms in Lab and their overlap with the real photos'")
    add_models(color, "models that answer with photos or with colour, and the folder of pairs")
    color.add_argument("--pictures", type=int, default=500, help="pairs, at most (default: 500)")

    cycle_task.add_arguments(task("cycle", "models that translate both ways: there and back, and against the truth"))
    domains_task.add_arguments(task("domains", "models that translate between domains: every ordered pair of domains"))
    segmenter_run.add_arguments(task("segmenter", "train a small segmentation network on real photos and their labels"))
    return parser.parse_args(argv)


# Tasks: each returns the table's columns and the report's sections


def edges(args: argparse.Namespace) -> tuple[Columns, list]:
    if args.limit < 0:
        raise ValueError(f"--limit must be at least 0, which is all, got {args.limit}")
    if args.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {args.workers}")
    device = choose_device(args.device)
    detector = EdgeDetector(args.model, device)
    pairs = find_bsds(args.bsds, (args.split,))
    pairs = pairs[: args.limit] if args.limit else pairs
    references = find_drawings(args.drawings) if args.drawings else []
    name = f"{detector.config['name']} {detector.config['sha256'][:8]}"
    found = evaluate_detector(detector, tqdm(pairs, unit="img", file=sys.stderr), args.scales, args.workers)
    scales = " ".join(f"{s:g}" for s in args.scales)
    text = f"BSDS500 {args.split}, {found.images} photos at full size, scales {scales}; "
    text += f"non-maximum suppression, {len(found.thresholds)} thresholds, partners within {MAX_DISTANCE} diagonals"
    scores = [
        Score("ODS", found.ods, f"{text}; best single threshold {found.threshold:.3f}", "higher"),
        Score("OIS", found.ois, text, "higher"),
        Score("AP", found.ap, text, "higher"),
    ]
    truths = [read_annotators(truth) for _, truth in pairs]
    if any(len(truth) > 1 for truth in truths):
        alone = f"BSDS500 {args.split}, {found.images} photos; each annotator's boundaries against the others', "
        alone += f"partners within {MAX_DISTANCE} diagonals: how hard the photos are"
        scores.append(Score("F of single annotators", annotators_f(truths), alone))
    if references:
        pairs = references[: args.limit] if args.limit else references
        scores += compare_drawings(detector, tqdm(pairs, unit="img", file=sys.stderr), args.scales)
    return {name: scores}, [("Precision and recall", precision_recall(name, found))]


def precision_recall(name: str, found: BoundaryScores) -> str:
    """The curve among lines of equal F."""
    series = {f"{name}, ODS {found.ods:.3f}": (found.recall, found.precision)}
    recall = np.linspace(0.05, 1, 96)
    for f in (0.5, 0.6, 0.7, 0.8):
        precision = np.where(2 * recall > f, f * recall / np.maximum(1e-9, 2 * recall - f), np.nan)
        series[f"F = {f:g}"] = (recall, np.where(precision <= 1, precision, np.nan))
    return page.line_plot(series, "boundaries", "recall", "precision", x_range=(0, 1), y_range=(0, 1))


def photos(args: argparse.Namespace) -> tuple[Columns, list]:
    if args.classes and not args.sketches:
        raise ValueError("--classes chooses among drawings by people: give their folder with --sketches")
    models, held = load(args)
    if held.labels_answered:
        raise ValueError("the models answer with label maps, which are no photos: use the task labels")
    protocol = collect(PhotoProtocol, args)
    smallest = min(t.image_size for t in models.values())
    size = protocol.size or smallest
    if size > smallest:
        raise ValueError(f"--size {size} is larger than the answers of the smallest model ({smallest} pixels)")
    if size < LEAST:
        raise ValueError(
            f"pictures of {size} pixels are too small to be measured: compare at {LEAST} or more, with another --size "
            "or with larger models"
        )
    sketches = find_sketches(args.sketches, tuple(args.classes)) if args.sketches else {}
    device = choose_device(args.device)
    features = features_or_none(args.features, "measure")
    detector = EdgeDetector(args.detector, device) if args.detector != "none" else None
    held.check(protocol.pictures)
    view = View(held, size, protocol.pictures, features and features.to(device), detector)
    measures = PhotoMeasures(view, protocol, sketches)
    left_out = measures.left_out()
    if features is None and view.detector is None and not any(map(measures.with_styles, models.values())):
        raise ValueError(
            f"no score can be made ({'; '.join(left_out)}): give a feature network with --features, or for models of "
            "drawings a --detector"
        )
    for line in left_out:
        print(f"note: {line}", file=sys.stderr)
    results = {}
    for name, translator in models.items():
        progress = bar(measures.pictures_made(translator), name)
        view.report = progress.update
        results[name] = measures.model(translator)
        progress.close()
    columns = {name: found.scores for name, found in results.items()} | {REAL: measures.real().scores}
    if alike := add_shares(columns):
        print(f"note: {alike}", file=sys.stderr)
        left_out.append(alike)
    sections = [("Not measured", "".join(f"<p>{html.escape(line)}</p>" for line in left_out))] if left_out else []
    plotted = {
        name: ([s.value], [r.value])
        for name, found in columns.items()
        for s in found
        for r in found
        if s.name == "diversity" and r.name == "kernel distance"
    }
    if plotted:
        plot = page.line_plot(plotted, "realism and diversity", "diversity", "kernel distance", points=True)
        sections.append(("Realism and diversity (right and low is better)", plot))
    for name, found in results.items():
        pictures = "".join(page.figure(grid_image(grid), title) for title, grid in found.grids.items())
        sections.append((name, pictures))
    return tell_dtypes(columns, models), sections


def add_shares(columns: Columns) -> str:
    """Put each model's diversity as a share of the real photos' behind it; why there is none where they are alike."""
    real = next((s.value for s in columns[REAL] if s.name == "diversity"), None)
    if real == 0:
        return "the real photos are alike: diversity as a share of theirs not measured"
    for scores in (scores for name, scores in columns.items() if name != REAL and real is not None):
        for score in [s for s in scores if s.name == "diversity"]:
            share = Score("diversity, share of the photos'", score.value / real, score.protocol, "higher")
            scores.insert(scores.index(score) + 1, share)
    return ""


def labels(args: argparse.Namespace) -> tuple[Columns, list]:
    models, held = load(args)
    count = limit(held, args.pictures)
    if held.input["kind"] == held.output["kind"] == "photo":
        held = by_colour(args, held)
    elif "labels" not in (held.input["kind"], held.output["kind"]):
        kinds = f"{held.input['kind']} to {held.output['kind']}"
        raise ValueError(f"the models translate {kinds}: this task wants label maps on one side")
    judged: dict[str, tuple[FcnScores, list[Score]]] = {}
    if held.labels_answered:
        for name, translator in models.items():
            with bar(count, name) as progress:
                judged[name] = judge_labels(held, translator, count, progress.update)
    else:
        if not args.segmenter:
            raise ValueError(
                "give the judge of the photos with --segmenter RUN/model; make one from real photos with: "
                "python train/evaluate.py segmenter PAIRS --out RUN"
            )
        judge = load_judge(args.segmenter, held.palette, choose_device(args.device))
        for name, translator in (models | {REAL: None}).items():
            with bar(count, name) as progress:
                judged[name] = judge_photos(held, judge, count, translator, progress.update)
    classes = page.bar_plot(
        {name: found.ious for name, (found, _) in judged.items()}, held.palette.names, "IoU of each class", "IoU"
    )
    sections = [("Classes", classes), ("Side by side", side_by_side(models, held, count))]
    return tell_dtypes({name: scores for name, (_, scores) in judged.items()}, models), sections


def color(args: argparse.Namespace) -> tuple[Columns, list]:
    models, held = load(args)
    if held.output["kind"] == "labels":
        raise ValueError("the models answer with labels, which have no colours to compare: use the task labels")
    count = limit(held, args.pictures)
    columns, counted = {}, {}
    for name, translator in models.items():
        size = translator.image_size
        with bar(2 * count, name) as progress:
            found = sum_histograms((shown(translator, held, i) for i in range(count)), progress.update)
            real = sum_histograms((held.photo(i, size) for i in range(count)), progress.update)
        text = f"{held.describe()}; {count} pictures at {size} px, seed = index; {PROTOCOL}"
        columns[name] = intersections(found, real, text)
        counted |= {REAL: real, name: found}
    plots = [
        page.line_plot(
            {name: ((edges[1:] + edges[:-1]) / 2, shares(found[channel])) for name, found in counted.items()},
            f"marginal of {channel}", channel, "share of pixels", log_y=True,
        )
        for channel, edges in BINS.items()
    ]  # fmt: skip
    pictures = side_by_side(models, held, count)
    columns = tell_dtypes(columns, models)
    return columns, [("Distributions of colour", page.side_by_side(plots)), ("Side by side", pictures)]


TASKS = {
    "edges": edges,
    "photos": photos,
    "labels": labels,
    "color": color,
    "cycle": cycle_task.run,
    "domains": domains_task.run,
}
TITLES = {
    "edges": "Edges: the BSDS500 boundary benchmark",
    "photos": "Photos: realism, diversity, faithfulness, styles",
    "labels": "Label maps: FCN-score",
    "color": "Colour",
    "cycle": "There and back",
    "domains": "Domains: realism and diversity, latent- and reference-guided",
}


def main(argv: list[str] | None) -> int:
    args = parse(argv)
    if args.task == "segmenter":
        return segmenter_run.run(args)
    check_writable(args.out)
    columns, sections = TASKS[args.task](args)
    table = make_table(columns)
    print(table_text(table))  # before anything is written: a measurement takes minutes and must not get lost
    args.out.mkdir(parents=True, exist_ok=True)
    plain = {name: {s.name: s.json() for s in scores} for name, scores in columns.items()}
    (args.out / "scores.json").write_text(
        json.dumps({"task": args.task, "scores": plain}, indent=1, ensure_ascii=False) + "\n"
    )
    about = "Numbers with different letters in the last column were measured differently."
    report = page.page(TITLES[args.task], about, [("Scores", table_html(table)), *sections])
    (args.out / "report.html").write_text(report, encoding="utf-8")
    print(f"\nreport: {args.out / 'report.html'}   numbers: {args.out / 'scores.json'}")
    return 0


if __name__ == "__main__":
    run_script(main)
