"""The task cycle of evaluate.py: models that translate both ways, on pairs (the truth is known) or two folders."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import torch
from model_run import features_or_none
from models_on_pairs import load_models, tell_dtypes
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from i2i.data.paired import PairedConfig
from i2i.data.unpaired import UnpairedConfig, unpaired_folders
from i2i.images import photo_to_tensor
from i2i.metrics import page
from i2i.metrics.cycle import OneWay, cycle_scores, realism_scores, truth_scores, ways
from i2i.metrics.held_out import HeldOut, digest_of, held_out_for, told_fit
from i2i.metrics.scores import REAL, UNCHANGED, Score
from i2i.metrics.segmentation import Judge, judge_labels, judge_photos, load_judge
from i2i.metrics.view import grid_image
from i2i.serving.pictures import write
from i2i.translator import Translator, choose_device

Columns = dict[str, list[Score]]
SHOWN = 8  # rows of the grids


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", help="models that translate alike; with --paired also one-way ones")
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--paired", type=Path, help="folder of pairs: answers are held against the truth")
    data.add_argument("--folders", type=Path, nargs=2, metavar=("DIR_A", "DIR_B"), help="photos of either side")
    parser.add_argument("--select-a", default="", help="photos of DIR_A, COLUMN=VALUE of its index.csv")
    parser.add_argument("--select-b", default="", help="the same of DIR_B")
    for name, kind, what in (("val-fraction", float, "share of DIR_A and DIR_B kept for validation"),
                             ("fit", str, "how photos become square, crop or stretch")):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, help=f"{what} (default: as in the first model's training)")
    parser.add_argument("--palette", default="", help="JSON file of the labels' names and colours")
    parser.add_argument("--a", default="auto", help="what left halves (or folder A) hold, where it is not found out")
    parser.add_argument("--b", default="auto", help="what right halves (or folder B) hold")
    parser.add_argument("--segmenter", help="judge of photos made from labels: RUN/model of the task segmenter")
    parser.add_argument(
        "--features",
        default="torchvision",
        help="feature network: a MobileNet v1 safetensors file that sat in no loss, torchvision, or none",
    )
    parser.add_argument("--pictures", type=int, default=200, help="of each direction, at most (default: 200)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "auto"), default="float32", help="of the models")


def run(args: argparse.Namespace) -> tuple[Columns, list]:
    """The table's columns and the report's sections."""
    if args.pictures < 2:
        raise ValueError(f"--pictures must be at least 2, got {args.pictures}")
    if args.folders is None and (args.select_a or args.select_b):
        raise ValueError("--select-a and --select-b choose from --folders")
    if args.folders is None and (args.val_fraction is not None or args.fit):
        raise ValueError("--val-fraction and --fit are for --folders: pairs are divided and fitted as in training")
    of_pairs = [f"--{name}" for name in ("segmenter", "palette") if getattr(args, name)]
    of_pairs += [f"--{name}" for name in ("a", "b") if getattr(args, name) != "auto"]
    if args.folders is not None and of_pairs:
        raise ValueError(f"{' and '.join(of_pairs)}: for --paired, folders of photos have neither labels nor kinds")
    models = load_models(args.models, args)
    features = features_or_none(args.features, "measure")
    if features is not None:
        features = features.to(choose_device(args.device))
    if args.folders is None:
        columns, sections = on_pairs(args, models, features)
        return tell_dtypes(columns, models), sections
    one_way = [name for name, t in models.items() if len(t.directions) < 2]
    if one_way:
        raise ValueError(f"{one_way[0]} translates one way only: without pairs there is nothing to hold it against")
    columns, sections = on_folders(args, models, features)
    return tell_dtypes(columns, models), sections


def on_pairs(
    args: argparse.Namespace, models: dict[str, Translator], features: nn.Module | None
) -> tuple[Columns, list]:
    """Every direction of every model against the truth; two-way models also there and back."""
    pairs = PairedConfig(args.a, args.b, palette=args.palette)
    columns: Columns = {name: [] for name in models}
    seen: dict[str, tuple[HeldOut, dict[str, OneWay]]] = {}
    judge: Judge | None = None
    # All are looked at before the first is measured, which takes long.
    all_ways = []
    for name, translator in models.items():
        for way in ways(translator):
            held = held_out_for(way.config, args.paired, "val", pairs=pairs)
            kinds = held.input["kind"], held.output["kind"]
            title = f"{kinds[0]} to {kinds[1]}" if kinds[0] != kinds[1] else held.config.direction
            held = same_pairs(title, name, held, seen)
            seen[title][1][name] = way
            all_ways.append((name, way, held, kinds, title))
            if kinds == ("labels", "photo") and args.segmenter:
                judge = judge or load_judge(args.segmenter, held.palette, choose_device(args.device))
    for held, _ in seen.values():
        held.check(args.pictures)
    for name, way, held, kinds, title in all_ways:
        count, prefix = min(args.pictures, len(held)), f"{title}: "
        with bar(count, f"{name}, {title}") as progress:
            if held.output["kind"] == "labels":
                scores = judge_labels(held, way, count, progress.update)[1]
            else:
                scores = truth_scores(way, held, count, features, progress.update)
            columns[name] += renamed(prefix, scores)
        if kinds == ("labels", "photo") and args.segmenter:
            with bar(count, f"{name}, segmented") as progress:
                columns[name] += renamed(prefix, judge_photos(held, judge, count, way, progress.update)[1])
            if REAL not in columns:
                columns[REAL] = renamed(prefix, judge_photos(held, judge, count, None, lambda done: None)[1])
        if way.returns:
            with bar(count, f"{name}, there and back") as progress:
                inputs = (held.x(i, way.image_size) for i in range(count))
                scores = cycle_scores(way, inputs, held.describe(), features, progress.update)
            columns[name] += renamed(prefix, scores)
    sections = []
    for title, (held, found) in seen.items():
        words = f"input, truth, {', '.join(found)}; then back, where there is a way"
        sections.append((title, page.figure(grid(held, found, min(SHOWN, len(held))), words)))
    return columns, sections


def same_pairs(title: str, name: str, held: HeldOut, seen: dict[str, tuple[HeldOut, dict[str, OneWay]]]) -> HeldOut:
    """The held-out pairs that the models before were measured on, or this first one's own; on stderr, where training
    fitted them otherwise.

    Raises:
        ValueError: where training kept others apart.
    """
    first, models = seen.setdefault(title, (held, {}))
    if held.which() != first.which():
        ours, theirs = (f"--val-fraction {h.config.val_fraction}" for h in (held, first))
        raise ValueError(
            f"{name} was trained on other pairs ({ours}) than {next(iter(models))} ({theirs}), and would be measured "
            "on some that it has seen: measure each in a call of its own"
        )
    if held.config.fit != first.config.fit:
        print(f"note: {name} was trained with --fit {held.config.fit}, and not {first.config.fit}", file=sys.stderr)
    return first


def training_split(args: argparse.Namespace, models: dict[str, Translator]) -> dict[str, Any]:
    """`fit` and `val_fraction` as given, or as the first model was trained with, so that it saw none of the photos that
    it is measured on. Models of older versions do not tell; those that were trained otherwise are named on stderr."""
    found = {}
    for name in ("fit", "val_fraction"):
        told = {model: t.config["data"][name] for model, t in models.items() if name in t.config.get("data", {})}
        found[name] = given = getattr(args, name)
        if given is None:
            found[name] = next(iter(told.values()), getattr(UnpairedConfig, name))
        for model, value in told.items():
            if value != found[name]:
                option = f"--{name.replace('_', '-')}"
                print(f"note: {model} was trained with {option} {value}, and not {found[name]}", file=sys.stderr)
    return found


def on_folders(
    args: argparse.Namespace, models: dict[str, Translator], features: nn.Module | None
) -> tuple[Columns, list]:
    """Both directions of every model: there and back, and how answers fit in among the other side's photos."""
    size = next(iter(models.values())).image_size
    for name, translator in models.items():  # before the first is measured, which takes long
        photos = all(translator.sides(way) == ({"kind": "photo"},) * 2 for way in ("AtoB", "BtoA"))
        if not photos or translator.image_size != size:
            raise ValueError(f"{name} is no model of photos at {size} px as the others: measure it apart")
    config = UnpairedConfig(args.select_a, args.select_b, 1.0, 0.0, **training_split(args, models))
    val = unpaired_folders(*args.folders, "val", size, config, cache=False)
    sides = {"A": val.a, "B": val.b}
    few = [str(folder) for folder, side in zip(args.folders, (val.a, val.b), strict=True) if len(side) < 2]
    compared = features is not None and not few
    if few:
        print(
            f"note: one validation photo of {' and of '.join(few)}: realism not measured; a larger --val-fraction in "
            "training keeps more apart",
            file=sys.stderr,
        )
    columns: Columns = {name: [] for name in models}
    sections = []
    for direction in ("AtoB", "BtoA"):
        here, there = sides[direction[0]], sides[direction[-1]]
        counts = min(args.pictures, len(here)), min(args.pictures, len(there))
        names = " and ".join(
            f"{folder.name} {digest_of(os.path.relpath(path, folder) for path in side.files)}"
            for folder, side in zip(args.folders, (val.a, val.b), strict=True)
        )
        text = f"validation photos of {names} at {size} px{told_fit(config.fit)}, {direction}"
        text += "".join(f", {s}" for s in (args.select_a, args.select_b) if s)
        prefix = f"{direction}: "
        inputs = [here[i] for i in range(counts[0])]
        rows = [[x] for x in inputs[:SHOWN]]
        if compared:
            reals = torch.stack([there[i] for i in range(counts[1])])
            own = realism_scores(torch.stack(inputs), reals, text, features)
            columns.setdefault(UNCHANGED, []).extend(renamed(prefix, own))
        for name, translator in models.items():
            way = OneWay(translator, direction)
            with bar(2 * len(inputs), f"{name}, {direction}") as progress:
                scores = cycle_scores(way, inputs, text, features, progress.update)
                answers = []
                for x in inputs:
                    answers.append(photo_to_tensor(write(way.answer(x, [0])[0], {"kind": "photo"}, x)))
                    progress.update(1)
            if compared:
                scores += realism_scores(torch.stack(answers), reals, text, features)
            columns[name] += renamed(prefix, scores)
            for row, x, answer in zip(rows, inputs, answers, strict=False):
                row += [answer, way.there_and_back(x)[1]]
        picture = grid_image(torch.stack([torch.stack(row) for row in rows]))
        words = f"input; then the answer and the way back of {', '.join(models)}"
        sections.append((direction, page.figure(picture, words)))
    return columns, sections


def renamed(prefix: str, scores: list[Score]) -> list[Score]:
    return [Score(prefix + s.name, s.value, s.protocol, s.better) for s in scores]


def grid(held: HeldOut, found: dict[str, OneWay], count: int) -> Image.Image:
    """Rows of input, truth, every model's answer, and the inputs that came back."""
    size = min(way.image_size for way in found.values())

    def fitted(y: Tensor, described: dict, x: Tensor) -> Tensor:
        picture = photo_to_tensor(write(y, described, x).convert("RGB"))
        return torch.nn.functional.interpolate(picture[None], size=(size, size), mode="area")[0]

    rows = []
    for i in range(count):
        row = [photo_to_tensor(held.input_picture(i, size)), photo_to_tensor(held.photo(i, size))]
        back = []
        for way in found.values():
            x = held.x(i, way.image_size)
            row.append(fitted(way.answer(x, [i])[0], way.config["output"], x))
            if way.returns:
                back.append(fitted(way.there_and_back(x)[1], way.config["input"], x))
        rows.append(torch.stack(row + back))
    return grid_image(torch.stack(rows))


def bar(total: int, text: str) -> tqdm:
    return tqdm(total=total, desc=text, unit="img", dynamic_ncols=True, file=sys.stderr)
