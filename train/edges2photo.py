"""From a folder of photos to a page: python train/edges2photo.py PHOTOS --out RUN.

PHOTOS may be nested; it may also hold ready pairs: A|B side by side, two folders with equal names, or what prepare.py
edges or another run made. Makes drawings, trains styled pix2pix, measures it, and leaves a model folder:
python demo/app.py --model RUN/model

With --labels palette.json label maps become photos instead: PHOTOS holds photos and label maps side by side, or in two
folders, photo and labels, with equal names.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from cli import add_options, collect, print_plan, run_script, shown_command
from from_model import began_with, begin_discriminators, begin_with, shape_of
from growing import grown_shape, grown_weights, times_to_grow
from loss_features import name_of
from mapping_refit import refit_mapping
from model_run import (
    add_model_options,
    check_training,
    features_or_none,
    find_accelerator,
    first_batch,
    parse_run,
    save_samples,
    tell,
    train_model,
    training_facts,
)
from pace import stages, steps_within
from pair_sources import DrawnPairs, LabelPairs, refuse_other_pairs
from run_folder import begin_run
from same_data import digest_of
from styled_start import (
    VARIED_AT,
    advice_on_background,
    advice_on_few,
    check_options,
    find_features,
    settle_variation,
    shown_features,
)
from styled_views import samples_picture, seeds_of_page
from tqdm import tqdm

from i2i import model_folder
from i2i.cards import classes, plain
from i2i.data.hold import alone
from i2i.data.layout import LAYOUTS
from i2i.data.paired import PairedDataset
from i2i.data.pairs import PairDataset
from i2i.edges.detector import EdgeDetector
from i2i.grids import colours_of
from i2i.methods.styled import StyledConfig, StyledPix2Pix
from i2i.metrics.report import evaluate
from i2i.training.loop import Outcome, TrainConfig
from i2i.training.state import StateFolder
from i2i.translator import Translator

# Kept with the run, so that --resume needs none of them again.
KEPT = (
    *("name", "data", "licence", "note", "fit", "val_fraction", "detector", "scales", "layout", "drawing_side"),
    *("sketchify", "move", "no_flip", "features", "measure_features", "labels"),
)
# bfloat16 halves the time of a step where the machine computes in it, and the pictures look the same.
TRAINING = {"mixed_precision": "auto"}
# Of a new run; the class's own defaults are what folders and runs have that do not name these.
RECIPE = {"noise": 4, "lambda_contrast": 3.0}


def parse(argv: list[str] | None) -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("photos", type=Path, help="folder of photos, or of ready pairs")
    add_model_options(parser, "runs/edges2photo", "photos", "the photo folder's")
    parser.add_argument("--fit", choices=("crop", "pad", "stretch"), default="crop", help="how photos become square")
    parser.add_argument("--val-fraction", type=float, default=0.1, help="share of the pairs kept for validation")
    parser.add_argument("--detector", default="edges", help="edge detector: bundled name or model folder")
    parser.add_argument(
        "--scales", type=float, nargs="+", default=[0.5, 1.0, 1.5], help="scales that the edges are averaged over"
    )
    parser.add_argument(
        "--layout", choices=("auto", *LAYOUTS), default="auto", help="what PHOTOS holds; photos takes every picture"
    )
    parser.add_argument(
        "--drawing-side", default="auto", help="left or right of A|B pairs; the name of the drawings' folder of two"
    )
    parser.add_argument("--labels", default=None, help="translate label maps, not drawings; their palette.json")
    varied = f"(default: 0.8 from {VARIED_AT:,} pictures on or from a model, less in shorter runs)"
    parser.add_argument(
        "--sketchify", type=float, default=None, help=f"how far drawings vary in training, 0 to 1 {varied}"
    )
    parser.add_argument(
        "--move",
        type=float,
        default=None,
        help="how far pairs are turned, resized and shifted in training, 0 to 1: people draw anywhere, in any size "
        + varied,
    )
    parser.add_argument("--no-flip", action="store_true", help="do not mirror pairs")
    parser.add_argument(
        "--features",
        default="torchvision",
        help="feature network of the losses: a MobileNet v1 safetensors file, torchvision, or none",
    )
    parser.add_argument(
        "--measure-features", default="torchvision", help="feature network of the measures: the same choices"
    )
    parser.add_argument(
        "--hours",
        type=float,
        default=None,
        help="instead of --steps: as many as take about this long on this machine, which a few steps tell",
    )
    add_options(parser, StyledConfig, skip=("inputs",), defaults=RECIPE)
    add_options(parser, TrainConfig, defaults=TRAINING)
    argv = without_resume(parser, argv)
    # Runs of version 0.1 know one scale, and find out the layout.
    missing = {"scales": [1.0], "layout": "auto", "move": 0.0}
    return parse_run(parser, argv, StyledPix2Pix.method, ("photos",), missing)


def without_resume(parser: argparse.ArgumentParser, argv: list[str] | None) -> list[str]:
    """The command's words; without --resume where a run was stopped while its pairs were made, so that it begins."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = parser.parse_args(words)
    if not args.resume or StateFolder(args.out).exists() or not (args.out / "data" / "manifest.json").exists():
        return words
    tell(
        f"{args.out} holds pairs but no training yet: it begins now, with the pairs that are done and with the options "
        "of this command"
    )
    return [word for word in words if not (len(word) > 2 and "--resume".startswith(word))]


def model_config(
    name: str, config: StyledConfig, source: DrawnPairs | LabelPairs, facts: dict[str, Any]
) -> dict[str, Any]:
    return {
        "kind": "translator",
        "method": StyledPix2Pix.method,
        "name": name,
        "net": dataclasses.asdict(config),
        "input": source.input,
        "size": config.size,
        "preprocessing": source.preprocessing,
    } | facts


def card(config: dict[str, Any]) -> str:
    data, training = config["data"], config["training"]
    measured = {k: v for k, v in config.get("metrics", {}).items() if k != "protocol"}
    x = "drawing" if config["input"]["kind"] == "edges" else "label map"
    rows = "\n".join(f"| {k} | {v} |" for k, v in measured.items()) or "| not measured yet | |"
    return f"""# {plain(config["name"])}

Styled pix2pix: a {x} becomes as many photos as one asks for. Each seed is a style, each style a look.

- Data: {plain(data["name"])}, {data["train"]} training and {data["val"]} validation pairs.
- Licence of the data: {plain(data["licence"])}.
- {x.capitalize()}s: {data["drawings"]}
- Command: `{training["command"]}`
{began_with(config)}- Trained for {training["steps"]} of {training["of_steps"]} steps of {training["batch"]} pictures,
  {training["hours"]} hours on {training["device"]}. Features in the losses: {training["features"]}.

| measure | value |
|---|---|
{rows}

Protocol: {config.get("metrics", {}).get("protocol", "none")}.
{classes(config)}
![validation {x}s and the answers to seeds 0 to 3](examples/samples.jpg)
"""


def main(argv: list[str] | None) -> int:
    args = parse(argv)
    previous = StateFolder(args.out).meta() if args.resume else None
    # Runs of versions that did not know the views go on without.
    began = {"style_views": 0.0, "fit_mapping": 0} | previous["recipe"]["config"] if previous else {}
    shape = {} if previous else shape_of(args.init, StyledPix2Pix, StyledConfig)
    config_before = began or RECIPE | shape
    train_before = dict(previous["train"]) if previous else {}
    how = collect(TrainConfig, args, **TRAINING | train_before | {"minutes": 0.0})
    size = collect(StyledConfig, args, **config_before).size
    more_levels = times_to_grow(args.init, shape, size)
    config_before = grown_shape(config_before, more_levels)
    accelerator, how = find_accelerator(args, how, size)

    def say(text: str) -> None:
        if accelerator.is_main_process:
            tell(text)

    drawn_by = previous["recipe"].get("drawn_by") if previous else None
    source = LabelPairs(args) if args.labels else DrawnPairs(args, accelerator, say, drawn_by)
    config = collect(StyledConfig, args, **config_before | {"inputs": source.inputs})
    # What can be wrong is told before anything is fetched or written, and by a dry run too.
    check_options(args, how, config.size)
    source.check()
    features = find_features(args, say, previous["recipe"].get("taught") if previous else None)
    if features is not None:
        features.to(accelerator.device)
    taught = name_of(features)
    torch.manual_seed(how.seed)
    method = StyledPix2Pix(config, features)
    method.colours = colours_of(source.input)
    if args.init and not args.resume:
        args.began_with = begin_with(method, args.init, functools.partial(grown_weights, times=more_levels))
        if more_levels:
            count = "a level" if more_levels == 1 else f"{more_levels} levels"
            say(f"{args.init} writes smaller pictures: its generator grows by {count} at the fine end")
        begin_discriminators(method, args.init, say)
    check_training(method, args, how, accelerator)
    name = args.name or args.photos.resolve().name
    kept = previous["recipe"] if previous else {}
    if args.dry_run:
        made = source.made(config.size)
        if made is not None:
            refuse_other_pairs(args, kept, *(split.ids for split in made))
        facts = {"photos": f"{args.photos}: {source.plan()}", "out": args.out, "name": name}
        if made is None:
            known = "at least two are usable" + (" and whether they are the run's own" if args.resume else "")
            facts["pairs"] = f"made when training begins: whether {known} shows only then"
        facts |= {"features": shown_features(args.features), "measure features": shown_features(args.measure_features)}
        facts |= {"device": accelerator.device, "processes": accelerator.num_processes}
        later = {}
        if args.hours is not None:
            later["steps"] = f"as many as --hours {args.hours:g} allows, which shows when training begins"
        else:
            settle_variation(args, how.steps * how.batch * accelerator.num_processes)
        if not args.labels:
            found = {name: getattr(args, name) for name in ("sketchify", "move")}
            facts |= {name: "by the number of steps" if v is None else v for name, v in found.items()}
        if accelerator.is_main_process:
            print_plan([config, how], method.nets, facts, later)
            advice_on_few(source.count, args, say)
        return 0
    if args.labels:  # nothing is made of them, and nothing to be written yet
        return train_on(source, method, args, how, accelerator, kept, name, taught, say)
    begin_run(accelerator, args)
    # From here on nobody else may work there: pairs whose photos are gone would be removed from a run that trains.
    with alone(args.out) if accelerator.is_main_process else contextlib.nullcontext():
        return train_on(source, method, args, how, accelerator, kept, name, taught, say)


def train_on(
    source: DrawnPairs | LabelPairs,
    method: StyledPix2Pix,
    args: argparse.Namespace,
    how: TrainConfig,
    accelerator: Accelerator,
    kept: dict[str, Any],
    name: str,
    taught: str,
    say: Callable[[str], None],
) -> int:
    """Make the pairs, train, and leave the model with its card.

    Args:
        kept: recipe of the run that goes on; empty for a new one.
        name: of the model. taught: name of the losses' feature network.
    """
    config = method.config
    pairs, val = source.load(config.size)
    refuse_other_pairs(args, kept, pairs.ids, val.ids)
    begin_run(accelerator, args)
    advice_on_few(len(pairs) + len(val), args, say)
    advice_on_background(pairs, args, say)
    if args.hours is not None:
        at = stages(config.small_until, config.discriminators_first)
        items = [pairs[i % len(pairs)] for i in range(how.batch)]
        batch = {k: torch.stack([item[k] for item in items]) for k in ("x", "y")}
        how = dataclasses.replace(how, steps=steps_within(args.hours, method, batch, at, accelerator))
        say(f"{how.steps} steps of {how.batch} pictures, about {args.hours:g} h on this machine")
        del args.given["hours"]  # another machine does others in that time
        args.given["steps"] = [str(how.steps)]
    settle_variation(args, how.steps * how.batch * accelerator.num_processes)
    source.vary(pairs)
    if not args.labels:  # said in the card's command: the run may yet end at another number of steps
        args.given |= {name: [str(getattr(args, name))] for name in ("sketchify", "move")}

    def describe(step: int, seconds: float, metrics: dict[str, Any] | None = None) -> dict[str, Any]:
        command = shown_command("edges2photo.py", "PHOTOS", args.given, args.changed)
        facts = {
            "data": {
                "name": args.data or name, "train": len(pairs), "val": len(val), "licence": args.licence,
                "drawings": source.origin, **source.split,
            },
            "training": training_facts(accelerator, how, step, seconds, command, args.began_with)
            | {"features": taught},
            "metrics": metrics or {},
        } | ({"note": args.note} if args.note else {})  # fmt: skip
        return model_config(name, config, source, facts)

    def finish(model: Path, outcome: Outcome) -> None:
        refitted = {}
        if config.fit_mapping:
            plain = source.as_they_are(config.size)  # neither moved nor mirrored
            photos = (len(plain), lambda i: plain[i]["y"])
            refitted = refit_mapping(model, [photos], config.latent, config.fit_mapping, card)
        translator = Translator.from_pretrained(model, "cpu" if args.cpu else "auto", "float32")
        metrics = measured(translator, val, args, source.detector)
        final = describe(outcome.step, outcome.seconds, metrics)
        if refitted:
            final["training"]["fit_mapping"] = refitted
        final |= seeds_of_page(translator, val)
        model_folder.save(model, final, translator.nets, card(final))
        save_samples(model, samples_picture(translator, val))
        print(json.dumps(metrics, indent=1))

    return train_model(
        method, pairs, first_batch(val), args, how, accelerator=accelerator,
        recipe={
            "config": dataclasses.asdict(config), "options": {k: getattr(args, k) for k in KEPT} | {"name": name},
            "pairs_digest": digest_of({"train": pairs.ids, "val": val.ids}),
            "taught": taught, "drawn_by": source.origin,
        },
        describe=describe, card=card, finish=finish,
    )  # fmt: skip


def measured(
    translator: Translator, val: PairDataset | PairedDataset, args: argparse.Namespace, detector: EdgeDetector | None
) -> dict[str, Any]:
    """The measures of the model on the validation pairs, with a bar."""
    features = features_or_none(args.measure_features, "measure")
    with tqdm(desc="measuring", unit="img", file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return evaluate(
            translator, val, features=features and features.to(translator.device), detector=detector, progress=progress
        )


if __name__ == "__main__":
    run_script(main)
