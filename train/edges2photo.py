"""From a folder of photos to a page: python train/edges2photo.py PHOTOS --out RUN.

PHOTOS may be nested; it may also hold ready pairs: A|B side by side, or two folders with equal names. Makes drawings,
trains styled pix2pix, measures it, and leaves a model folder: python demo/app.py --model RUN/model

With --labels palette.json label maps become photos instead: PHOTOS holds pairs photo|labels side by side, or two
folders, photo and labels, with equal names.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from cli import Progress, add_options, claim_run_folder, collect, print_plan, run_script
from pair_sources import DrawnPairs, LabelPairs
from PIL import Image
from tqdm import tqdm

from i2i import model_folder
from i2i.data.paired import PairedDataset
from i2i.data.pairs import PairDataset
from i2i.grids import draw_input, tile
from i2i.methods.styled import StyledConfig, StyledPix2Pix
from i2i.metrics.report import evaluate
from i2i.nets.features import load_features
from i2i.training.loop import TrainConfig, train
from i2i.training.state import StateFolder
from i2i.translator import Translator

# Kept with the run, so that --resume needs none of them again.
KEPT = (
    *("name", "data", "licence", "note", "fit", "val_fraction", "detector", "scales", "drawing_side"),
    *("sketchify", "no_flip", "features", "measure_features", "labels"),
)
# A batch of two is the least that has a foreign style in it.
LEAST_BATCH = 2
SIZES = (64, 128, 256)  # pairs are made at 256 and may be shrunk


def parse(argv: list[str] | None) -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("photos", type=Path, help="folder of photos, or of ready pairs")
    parser.add_argument("--out", type=Path, default=Path("runs/edges2photo"), help="run folder")
    parser.add_argument("--name", default=None, help="the model's name (default: the photo folder's)")
    parser.add_argument("--data", default=None, help="what the photos are, for card and page (default: the name)")
    parser.add_argument("--licence", default="not stated", help="licence of the photos, for card and page")
    parser.add_argument("--note", default=None, help="a sentence that the page shows: what the model knows")
    parser.add_argument("--fit", choices=("crop", "pad", "stretch"), default="crop", help="how photos become square")
    parser.add_argument("--val-fraction", type=float, default=0.1, help="share of the pairs kept for validation")
    parser.add_argument("--detector", default="edges", help="edge detector: bundled name or model folder")
    parser.add_argument(
        "--scales", type=float, nargs="+", default=[0.5, 1.0, 1.5], help="scales that the edges are averaged over"
    )
    parser.add_argument("--drawing-side", choices=("auto", "left", "right"), default="auto", help="of A|B pairs")
    parser.add_argument("--labels", default=None, help="translate label maps, not drawings; their palette.json")
    parser.add_argument("--sketchify", type=float, default=0.5, help="how far drawings vary in training, 0 to 1")
    parser.add_argument("--no-flip", action="store_true", help="do not mirror pairs")
    parser.add_argument(
        "--features",
        default="torchvision",
        help="feature network of the losses: a MobileNet v1 safetensors file, torchvision, or none",
    )
    parser.add_argument(
        "--measure-features", default="torchvision", help="feature network of the measures: the same choices"
    )
    parser.add_argument("--init", default=None, help="start from this model's weights: bundled name or folder")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--cpu", action="store_true", help="train on the CPU even where there is a GPU")
    parser.add_argument("--dry-run", action="store_true", help="print everything and stop")
    add_options(parser, StyledConfig, skip=("inputs",))
    add_options(parser, TrainConfig)
    args = parser.parse_args(argv)
    if args.resume:
        kept = StateFolder(args.out).meta()["recipe"]["options"]
        parser.set_defaults(**({"scales": [1.0]} | kept))  # runs of version 0.1 know one scale
        args = parser.parse_args(argv)
    return args


def features_or_none(source: str, use: str, say) -> torch.nn.Module | None:
    """The network, or None; a file that was named must be there, torchvision may be out of reach."""
    if source == "none":
        return None
    try:
        return load_features(source, use)
    except ValueError as error:
        if source != "torchvision":
            raise
        what = "perceptual term and projected discriminator" if use == "loss" else "measures on features"
        say(f"without {what}: {error}")
        return None


def held_out_batch(pairs: PairDataset | PairedDataset, count: int = 6) -> dict[str, torch.Tensor]:
    items = [pairs[i] for i in range(min(count, len(pairs)))]
    return {k: torch.stack([item[k] for item in items]) for k in items[0]}


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


def samples_picture(translator: Translator, pairs: PairDataset | PairedDataset, rows: int = 8) -> Image.Image:
    """Inputs of the validation split and four seeds of each; no photo, since its licence may forbid showing it."""
    styles = torch.from_numpy(translator.styles(range(4)))
    table = []
    for i in range(min(rows, len(pairs))):
        x = pairs[i]["x"]
        table.append(torch.cat([draw_input(x[None]), translator.render(x, styles)]))
    return tile(torch.stack(table))


def main(argv: list[str] | None) -> int:
    args = parse(argv)
    previous = StateFolder(args.out).meta() if args.resume else None
    config_before = dict(previous["recipe"]["config"]) if previous else {}
    train_before = dict(previous["train"]) if previous else {}
    how = collect(TrainConfig, args, **train_before | {"minutes": 0.0})
    if how.batch < LEAST_BATCH:
        raise ValueError(f"--batch must be at least {LEAST_BATCH}, since the second style comes from another pair")
    accelerator = Accelerator(cpu=args.cpu or not torch.cuda.is_available(), mixed_precision=how.mixed_precision)

    def say(text: str) -> None:
        if accelerator.is_main_process:
            print(text, file=sys.stderr)

    source = LabelPairs(args) if args.labels else DrawnPairs(args, accelerator, say)
    config = collect(StyledConfig, args, **config_before | {"inputs": source.inputs})
    if config.size not in SIZES:
        raise ValueError(f"--size must be one of {', '.join(map(str, SIZES))}; got {config.size}")
    features = features_or_none(args.features, "loss", say)
    if features is not None:
        features.to(accelerator.device)
    torch.manual_seed(how.seed)
    method = StyledPix2Pix(config, features)
    if args.init:
        start = Translator.from_pretrained(args.init, "cpu")
        try:
            torch.nn.ModuleDict({k: method.nets[k] for k in method.served}).load_state_dict(start.nets.state_dict())
        except RuntimeError as error:
            raise ValueError(f"--init {args.init} has another architecture: {str(error).splitlines()[0]}") from error
    name = args.name or args.photos.resolve().name
    if args.dry_run:
        facts = {"photos": f"{args.photos}: {source.plan()}", "out": args.out, "name": name}
        facts |= {"device": accelerator.device, "processes": accelerator.num_processes}
        print_plan([config, how], method.nets, facts)
        return 0
    # What can be wrong with the input is told before anything is written.
    if args.out.resolve().is_relative_to(args.photos.resolve()):
        raise ValueError(f"--out {args.out} lies inside {args.photos}, which would then hold its own results")
    source.check()
    if accelerator.is_main_process:
        claim_run_folder(args.out, args.resume)
    accelerator.wait_for_everyone()
    pairs, val = source.load(config.size)

    def facts(step: int, seconds: float, metrics: dict[str, Any] | None = None) -> dict[str, Any]:
        device = "CPU" if accelerator.device.type == "cpu" else torch.cuda.get_device_name()
        return {
            "data": {
                "name": args.data or name, "train": len(pairs), "val": len(val), "licence": args.licence,
                "drawings": source.origin,
            },
            "training": {
                "steps": step, "of_steps": how.steps, "batch": how.batch * accelerator.num_processes,
                "hours": round(seconds / 3600, 2), "device": f"{accelerator.num_processes} x {device}",
                "command": "python train/edges2photo.py " + shlex.join(public_arguments(args)),
                "features": features.name if features is not None else "none",
            },
            "metrics": metrics or {},
        } | ({"note": args.note} if args.note else {})  # fmt: skip

    target = args.out / "model"

    def export(step: int, nets: torch.nn.ModuleDict, seconds: float) -> None:
        finished = model_config(name, config, source, facts(step, seconds))
        model_folder.save(target, finished, nets, card(finished))

    start = previous["step"] if previous else 0
    images = how.batch * accelerator.num_processes
    bar = Progress(how.steps, start, images) if accelerator.is_main_process else None
    outcome = train(
        method, pairs, held_out_batch(val), args.out, how,
        accelerator=accelerator, resume=args.resume,
        recipe={"config": dataclasses.asdict(config), "options": {k: getattr(args, k) for k in KEPT} | {"name": name}},
        on_step=bar or (lambda step, logs: None), on_save=export,
    )  # fmt: skip
    if bar:
        bar.close()
    if accelerator.is_main_process:
        if outcome.reason == "finished":

            def final(metrics: dict[str, Any]) -> dict[str, Any]:
                return model_config(name, config, source, facts(outcome.step, outcome.seconds, metrics))

            finish(args, target, val, source.detector, final, say)
        else:
            say(f"stopped ({outcome.reason}) after {outcome.step} of {how.steps} steps; go on with --resume")
        print(f"open it: python demo/app.py --model {target}")
    return 0


def finish(args, target: Path, val: PairDataset | PairedDataset, detector, describe, say) -> None:
    """Measure the model on the validation pairs and write its final card and example grid."""
    translator = Translator.from_pretrained(target, "cpu" if args.cpu else "auto", "float32")
    measure = features_or_none(args.measure_features, "measure", say)
    bar = tqdm(desc="measuring", unit="img", file=sys.stderr)

    def progress(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    metrics = evaluate(
        translator,
        val,
        features=measure and measure.to(translator.device),
        detector=detector,
        progress=progress,
    )
    bar.close()
    final = describe(metrics)
    model_folder.save(target, final, translator.nets, card(final))
    (target / "examples").mkdir(exist_ok=True)
    samples_picture(translator, val).save(target / "examples" / "samples.jpg", quality=88)
    print(json.dumps(metrics, indent=1))


def public_arguments(args: argparse.Namespace) -> list[str]:
    """The command line for the card, with folders of this machine replaced by what they are."""
    words = ["PHOTOS", "--out", "RUN"]
    skip = {
        "photos",
        "out",
        "resume",
        "dry_run",
        "workers",
        "minutes",
        "save_minutes",
        "cpu",
        "licence",
        "data",
        "note",
    }
    for key, value in vars(args).items():
        value = Path(value).name if key == "labels" and value else value
        if key in skip or value is None or value is False:
            continue
        if key in ("features", "measure_features") and value not in ("torchvision", "none"):
            value = "MOBILENET_V1.safetensors"
        option = "--" + key.replace("_", "-")
        if value is True:
            words.append(option)
        elif isinstance(value, (list, tuple)):
            words += [option, *map(str, value)]
        elif str(value) not in ("crop", "edges", "auto", "torchvision"):
            words += [option, str(value)]
    return words


if __name__ == "__main__":
    run_script(main)
