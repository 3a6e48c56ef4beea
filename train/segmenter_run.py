"""The task segmenter of evaluate.py: trains the network that judges FCN-scores."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch
from cli import add_options, collect, print_plan
from model_run import (
    add_run_options,
    check_steps,
    check_training,
    find_accelerator,
    first_batch,
    refuse_other_method,
    train_with_bar,
)
from run_folder import begin_run, check_run_folder
from same_data import digest_of, refuse_other_data

from i2i import model_folder
from i2i.cards import classes, plain
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.methods.segmenter import SegmenterConfig, SegmenterTraining
from i2i.metrics.held_out import HeldOut
from i2i.metrics.segmentation import judge_photos, load_judge
from i2i.training.loop import TrainConfig
from i2i.training.state import StateFolder

TRAINING = {"steps": 2000, "ema": 0.99, "warmup": 50}  # a judge is small and soon done


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pairs", type=Path, help="folder of pairs of photos and labels with a palette.json")
    parser.add_argument("--name", default=None, help="the network's name (default: segmenter of the pairs' folder)")
    parser.add_argument("--licence", default=None, help="licence of the pairs, for the card (default: not stated)")
    parser.add_argument("--palette", default="", help="JSON file of the labels' names and colours")
    add_run_options(parser)
    add_options(parser, SegmenterConfig, skip=("classes",))
    add_options(parser, TrainConfig, defaults=TRAINING)


def card(config: dict) -> str:
    data, metrics = config["data"], config["metrics"]
    rows = "\n".join(f"| {k} | {v} |" for k, v in metrics.items() if k != "protocol") or "| not measured yet | |"
    return f"""# {plain(config["name"])}

A small segmentation network, photo -> {len(config["output"]["palette"]["names"])} classes. It judges label -> photo
models (FCN-score); see `python train/evaluate.py labels`.

- Data: {plain(data["name"])}, {data["train"]} training and {data["val"]} validation pairs.
- Licence of the data: {plain(data["licence"])}.
- Trained for {config["training"]["steps"]} steps of {config["training"]["batch"]} pictures.

| on real validation photos | value |
|---|---|
{rows}

Protocol: {metrics.get("protocol", "none")}.
{classes(config)}"""


def run(args: argparse.Namespace) -> int:
    """Train, measure on the real validation photos, and leave the network in RUN/model."""
    check_run_folder(args, args.pairs)
    before = StateFolder(args.out).meta() if args.resume else None
    if before:
        refuse_other_method(args, SegmenterTraining.method, before["recipe"])
    kept = before["recipe"] if before else {"config": {}, "palette": args.palette, "name": args.name}
    defaults = before["train"] | {"minutes": 0.0} if before else TRAINING
    how = collect(TrainConfig, args, **defaults)
    size = args.size or kept["config"].get("size", SegmenterConfig.size)
    # Photos are answered with labels, whatever the folder calls A and B.
    pairs = PairedConfig(palette=args.palette or kept["palette"])
    found = PairedDataset(args.pairs, "val", size, pairs, cache=False).config
    if "labels" not in (found.a, found.b):
        raise ValueError(f"{args.pairs} holds no label maps but {found.a} and {found.b}: give photos and labels")
    pairs = dataclasses.replace(found, direction="BtoA" if found.a == "labels" else "AtoB")
    data = PairedDataset(args.pairs, "train", size, pairs)
    val = PairedDataset(args.pairs, "val", size, pairs, cache=False)
    digest = digest_of({"train": data.ids, "val": val.ids})
    refuse_other_data(args, before and kept, digest, f"the pairs of {args.pairs}", "other pairs")
    config = collect(SegmenterConfig, args, **kept["config"] | {"size": size, "classes": len(data.palette)})
    check_steps(args, how)
    accelerator, how = find_accelerator(args, how, size)
    torch.manual_seed(how.seed)
    method = SegmenterTraining(config)
    method.colours = data.palette.colours
    check_training(method, args, how, accelerator)
    held_out = first_batch(val)
    licence = args.licence or kept.get("licence") or "not stated"
    name = args.name or kept["name"] or f"segmenter of {args.pairs.resolve().name}"
    if args.dry_run:
        facts = {"pairs": f"{len(data)} training and {len(val)} validation", "out": args.out, "name": name}
        print_plan([config, pairs, how], method.nets, facts)
        return 0
    begin_run(accelerator, args)

    def describe(step: int, metrics: dict) -> dict:
        return {
            "kind": "segmenter", "method": SegmenterTraining.method, "name": name, "net": dataclasses.asdict(config),
            "input": {"kind": "photo"}, "output": val.output, "size": config.size,
            "data": {"name": name, "train": len(data), "val": len(val), "licence": licence},
            "training": {"steps": step, "batch": how.batch * accelerator.num_processes},
            "metrics": metrics,
        }  # fmt: skip

    def export(step: int, nets: torch.nn.ModuleDict, seconds: float) -> None:
        model_folder.save(args.out / "model", describe(step, {}), nets, card(describe(step, {})))

    outcome = train_with_bar(
        method, data, held_out, args, how, accelerator=accelerator,
        recipe={
            "config": dataclasses.asdict(config), "palette": pairs.palette, "name": name, "licence": licence,
            "data_digest": digest,
        },
        on_save=export,
    )  # fmt: skip
    if accelerator.is_main_process and outcome.reason == "finished":
        judge = load_judge(str(args.out / "model"), val.palette, accelerator.device)
        held = HeldOut(args.pairs, "val", dataclasses.replace(pairs, direction=_turned(pairs.direction)))
        scores = judge_photos(held, judge, len(held), None, lambda count: None)[1]
        metrics = {s.name: round(s.value, 4) for s in scores} | {"protocol": scores[0].protocol}
        final = describe(outcome.step, metrics)
        nets = torch.nn.ModuleDict({"segmenter": judge.net})
        model_folder.save(args.out / "model", final, nets, card(final))
        print(f"model: {args.out / 'model'}   {metrics}")
    elif accelerator.is_main_process:
        print(f"stopped ({outcome.reason}) after {outcome.step} of {how.steps} steps; go on with --resume")
    return 0


def _turned(direction: str) -> str:
    return "BtoA" if direction == "AtoB" else "AtoB"
