"""From a folder of photos to a page: python train/edges2photo.py PHOTOS --out RUN.

PHOTOS may be nested; it may also hold ready pairs: A|B side by side, two folders with equal names, or what prepare.py
edges or another run made. Makes drawings, trains styled pix2pix, measures it, and leaves a model folder:
python demo/app.py --model RUN/model

With --labels palette.json label maps become photos instead: PHOTOS holds pairs photo|labels side by side, or two
folders, photo and labels, with equal names.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from cli import add_options, collect, print_plan, run_script, shown_command
from mapping_refit import refit_mapping
from model_run import (
    add_model_options,
    begin_run,
    begin_with,
    check_steps,
    features_or_none,
    find_accelerator,
    first_batch,
    parse_run,
    save_samples,
    shape_of,
    tell,
    train_model,
    training_facts,
)
from pace import check_hours, steps_within
from pair_sources import DrawnPairs, LabelPairs, digest_of, how_to_go_on
from styled_views import samples_picture, seeds_of_page
from torch import nn
from tqdm import tqdm

from i2i import model_folder
from i2i.data.layout import LAYOUTS
from i2i.data.paired import PairedDataset
from i2i.data.pairs import PairDataset
from i2i.edges.detector import EdgeDetector
from i2i.methods.plain_ground import plain_border
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
OF_DRAWINGS = ("move", "sketchify", "detector", "scales", "layout", "drawing_side")
# A batch of two is the least that has a foreign style in it.
LEAST_BATCH = 2
SIZES = (64, 128, 256)  # pairs are made at 256 and may be shrunk
FEW_PAIRS = 100
LOOKED_AT = 48  # photos whose background is looked at
NONE = "none"  # no feature network, in cards and states
# bfloat16 halves the time of a step where the machine computes in it, and the pictures look the same.
TRAINING = {"mixed_precision": "auto"}


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
    parser.add_argument("--sketchify", type=float, default=0.5, help="how far drawings vary in training, 0 to 1")
    parser.add_argument(
        "--move",
        type=float,
        default=0.0,
        help="how far pairs are turned, resized and shifted in training, 0 to 1; for subjects on a plain background",
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
    add_options(parser, StyledConfig, skip=("inputs",))
    add_options(parser, TrainConfig, defaults=TRAINING)
    argv = without_resume(parser, argv)
    # Runs of version 0.1 know one scale, and find out the layout.
    return parse_run(parser, argv, ("photos",), missing={"scales": [1.0], "layout": "auto", "move": 0.0})


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


def check_options(args: argparse.Namespace, how: TrainConfig, size: int) -> None:
    """ValueError for a number out of range, or a run folder that cannot be taken; nothing is written."""
    check_hours(args.hours, args.steps, args.resume)
    check_steps(args, how)
    if how.batch < LEAST_BATCH:
        raise ValueError(f"--batch must be at least {LEAST_BATCH}, since the second style comes from another pair")
    if size not in SIZES:
        raise ValueError(f"--size must be one of {', '.join(map(str, SIZES))}; got {size}")
    if not 0 <= args.sketchify <= 1:
        raise ValueError(f"--sketchify must be from 0 to 1; got {args.sketchify:g}")
    if not 0 <= args.move <= 1:
        raise ValueError(f"--move must be from 0 to 1; got {args.move:g}")
    if args.labels and (given := [name for name in OF_DRAWINGS if name in args.given]):
        raise ValueError(
            f"--{given[0].replace('_', '-')} is for drawings: leave it out; label maps are found by the palette, and "
            "jittered and mirrored in training"
        )
    if not 0 < args.val_fraction < 1:
        raise ValueError(f"--val-fraction must be above 0 and below 1; got {args.val_fraction:g}")
    if not all(0.1 <= scale <= 4 for scale in args.scales):
        raise ValueError(f"--scales must be from 0.1 to 4; got {' '.join(f'{scale:g}' for scale in args.scales)}")
    if args.out.resolve().is_relative_to(args.photos.resolve()):
        raise ValueError(f"--out {args.out} lies inside {args.photos}, which would then hold its own results")
    if not args.resume and StateFolder(args.out).exists():
        raise ValueError(f"{args.out} already holds a run: add --resume to go on with it, or choose another --out")


def find_features(args: argparse.Namespace, say: Callable[[str], None], taught: str | None) -> nn.Module | None:
    """The feature network of the losses. A file must be there, that of the measures too, which would otherwise be
    missed when training is over; a dry run fetches none.

    Args:
        taught: the name of the network that the run which goes on began with, NONE where it had to do without (what
            torchvision fetches may be out of reach at one time and in reach at another), None where it is not known.

    Raises:
        ValueError: for a file that cannot be read, or where the run began with a network that is out of reach now.
    """
    if args.measure_features not in ("torchvision", "none"):
        features_or_none(args.measure_features, "measure")
        if args.features not in ("torchvision", "none") and Path(args.features).samefile(args.measure_features):
            say(f"{args.features} teaches and measures: a network that has taught flatters what it taught")
    if args.features == "torchvision" and taught == NONE:
        say("without perceptual term and projected discriminator, as the run began")
        return None
    if args.dry_run and args.features == "torchvision":
        return None
    found = features_or_none(args.features, "loss", say)
    if found is None and taught not in (None, NONE):
        raise ValueError(
            f"{args.out} began with the feature network {taught}, which is out of reach: resume where there is a "
            "network connection, or name its file with --features"
        )
    return found


def shown_features(source: str) -> str:
    """Where a feature network would come from, for the plan."""
    if source != "torchvision":
        return source
    place = Path(torch.hub.get_dir()) / "checkpoints"
    return f"torchvision's, from {place}, or fetched once where it is not there"


def advice_on_few(count: int, args: argparse.Namespace, say: Callable[[str], None]) -> None:
    if count < FEW_PAIRS and not args.init and not args.resume:
        say(
            f"{count} pairs are few: below {FEW_PAIRS} a model mostly repeats its photos; add photos, or start from a "
            "model of a similar subject with --init MODEL (edges2cats, say)"
        )


def advice_on_background(
    pairs: PairDataset | PairedDataset, args: argparse.Namespace, say: Callable[[str], None]
) -> None:
    """Products on white want other options than the defaults."""
    if args.move or args.lambda_ground or args.labels or args.resume:
        return
    photos = torch.stack([pairs[i]["y"] for i in range(0, len(pairs), -(-len(pairs) // LOOKED_AT))])
    plain, _ = plain_border(photos)
    if plain.float().mean() > 0.5:
        say(
            "most photos show their subject on a plain background: --move 1 --sketchify 0.8 --lambda-ground 10 "
            "teaches the model to answer drawings in other places, sizes and proportions than theirs, and to put "
            "nothing beside them"
        )


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
    return f"""# {config["name"]}

Styled pix2pix: a {x} becomes as many photos as one asks for. Each seed is a style, each style a look.

- Data: {data["name"]}, {data["train"]} training and {data["val"]} validation pairs.
- Licence of the data: {data["licence"]}.
- {x.capitalize()}s: {data["drawings"]}
- Command: `{training["command"]}`
- Trained for {training["steps"]} of {training["of_steps"]} steps of {training["batch"]} pictures,
  {training["hours"]} hours on {training["device"]}. Features in the losses: {training["features"]}.

| measure | value |
|---|---|
{rows}

Protocol: {config.get("metrics", {}).get("protocol", "none")}.

![validation {x}s and the answers to seeds 0 to 3](examples/samples.jpg)
"""


def main(argv: list[str] | None) -> int:
    args = parse(argv)
    previous = StateFolder(args.out).meta() if args.resume else None
    # Runs of versions that did not know the views go on without.
    began = {"style_views": 0.0, "fit_mapping": 0} | previous["recipe"]["config"] if previous else {}
    config_before = began or shape_of(args.init, StyledPix2Pix, StyledConfig)
    train_before = dict(previous["train"]) if previous else {}
    how = collect(TrainConfig, args, **TRAINING | train_before | {"minutes": 0.0})
    size = collect(StyledConfig, args, **config_before).size
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
    taught = features.name if features is not None else NONE
    torch.manual_seed(how.seed)
    method = StyledPix2Pix(config, features)
    if args.init and not args.resume:
        begin_with(method, args.init)
    name = args.name or args.photos.resolve().name
    if args.dry_run:
        facts = {"photos": f"{args.photos}: {source.plan()}", "out": args.out, "name": name}
        facts |= {"features": shown_features(args.features), "measure features": shown_features(args.measure_features)}
        facts |= {"device": accelerator.device, "processes": accelerator.num_processes}
        if args.hours is not None:
            facts["hours"] = f"{args.hours:g}, which give the number of steps when training begins"
        if accelerator.is_main_process:
            print_plan([config, how], method.nets, facts)
            advice_on_few(source.count, args, say)
        return 0
    begin_run(accelerator, args, args.photos)
    pairs, val = source.load(config.size)
    began_with = previous["recipe"].get("pairs_digest") if previous else None  # runs of version 0.1 kept none
    digest = digest_of(pairs.ids, val.ids)
    if began_with not in (None, digest):
        made = (
            ""
            if args.labels
            else f" (they lie in {args.out / 'data'} now: delete that before you go on with the first)"
        )
        raise ValueError(
            f"the {len(pairs)} training and {len(val)} validation pairs of {args.photos} are not those that {args.out} "
            f"began with{made}. {how_to_go_on(args.out)}"
        )
    advice_on_few(len(pairs) + len(val), args, say)
    advice_on_background(pairs, args, say)
    if args.hours is not None:
        stages = {0.0: config.small_until, 1 - 1e-6: 1 - config.small_until}
        items = [pairs[i % len(pairs)] for i in range(how.batch)]
        batch = {k: torch.stack([item[k] for item in items]) for k in ("x", "y")}
        how = dataclasses.replace(how, steps=steps_within(args.hours, method, batch, stages, accelerator))
        say(f"{how.steps} steps of {how.batch} pictures, about {args.hours:g} h on this machine")
        del args.given["hours"]  # another machine does others in that time
        args.given["steps"] = [str(how.steps)]

    def describe(step: int, seconds: float, metrics: dict[str, Any] | None = None) -> dict[str, Any]:
        command = shown_command("edges2photo.py", "PHOTOS", args.given)
        facts = {
            "data": {
                "name": args.data or name, "train": len(pairs), "val": len(val), "licence": args.licence,
                "drawings": source.origin, **source.split,
            },
            "training": training_facts(accelerator, how, step, seconds, command)
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
            "pairs_digest": digest, "taught": taught, "drawn_by": source.origin,
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
