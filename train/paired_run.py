"""What the scripts that train on pairs share: options, recipes, the run, the model folder."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from cli import add_options, collect, print_plan, refuse_unused, shown_command
from from_model import began_with, begin_discriminators, begin_with, shape_of
from model_run import (
    add_model_options,
    check_steps,
    check_training,
    find_accelerator,
    first_batch,
    parse_run_of_epochs,
    refuse_other_recipe,
    save_samples,
    train_model,
    training_facts,
)
from processes import processes
from recipes import RECIPES, find_recipe
from run_folder import begin_run, check_run_folder
from same_data import digest_of, refuse_other_data

from i2i.cards import classes, plain
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.photo_inputs import seen_in
from i2i.grids import tile
from i2i.methods.pix2pix import visible
from i2i.metrics.held_out import KEPT as KEPT_PAIRS
from i2i.nets.resnet import ResNetGenerator
from i2i.training.loop import Outcome, TrainConfig
from i2i.training.state import StateFolder
from i2i.translator import Translator

# Kept with the run, so that --resume needs none of them again.
KEPT = ("name", "data", "licence", "note", "recipe")


@dataclasses.dataclass(frozen=True)
class Script:
    """A script: its docstring, its method (class), its configuration (class), and what differs from TrainConfig.

    `unused` tells for a method which options mean nothing to it and why; `resnet`, whether it takes a ResNet.
    """

    name: str
    about: str
    method: type
    config: type
    title: str
    training: dict[str, Any]
    unused: Callable[[Any], dict[str, str]] = lambda method: {}
    resnet: bool = False


def parse(script: Script, argv: list[str] | None) -> argparse.Namespace:
    known = "\n".join(f"  {name:14} {r.about}" for name, r in RECIPES.items())
    differs = ", ".join(f"--{k} {v}" for k, v in script.training.items())
    parser = argparse.ArgumentParser(
        description=f"{script.about}\n\nWithout a recipe: {differs}.\n\nrecipes:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pairs", type=Path, help="folder of pairs, or a run folder of edges2photo.py")
    add_model_options(parser, f"runs/{script.method.method}", "pairs", "the pairs' folder")
    parser.add_argument("--recipe", default=None, help="a task of the paper, see above; options given here override it")
    parser.add_argument("--epochs", type=float, default=None, help="length of the run instead of --steps")
    add_options(parser, script.config, skip=("inputs", "outputs"))
    add_options(parser, PairedConfig)
    add_options(parser, TrainConfig)
    return parse_run_of_epochs(parser, argv, script.method.method, ("pairs",))


def fitting_unet(size: int, resnet: bool) -> str:
    """Name of the U-Net that shrinks pictures of `size` pixels as far as they can be halved; to one, as the paper's.

    Raises:
        ValueError: for sizes that cannot be halved five times; it names the nearest that can, and a ResNet where the
            script has them.
    """
    factor = size & -size
    if size > 0 and factor >= 32:
        return f"unet_{factor}"
    low = max(0, size) // 32 * 32
    message = f"no U-Net fits pictures of {size} pixels, which cannot be halved five times: choose --size "
    message += f"{low} or {low + 32}" if low else "32"
    if resnet and size >= ResNetGenerator.least:
        message += ", or --generator resnet_9" + (f" with --size {size // 4 * 4}" if size % 4 else "")
    raise ValueError(message)


def resolve(
    script: Script, args: argparse.Namespace, defaults: dict[str, Any]
) -> tuple[Any, TrainConfig, PairedDataset, PairedDataset]:
    """Configurations and data: what was given, over the run that goes on, over the model of --init, over the recipe,
    over the defaults."""
    previous = StateFolder(args.out).meta() if args.resume else None
    if previous:
        kept = previous["recipe"]
        refuse_other_recipe(args, kept["options"].get("recipe"))
        net, pairs, how = dict(kept["config"]), dict(kept["pairs"]), previous["train"] | {"minutes": 0.0}
    else:
        recipe = find_recipe(args.recipe) if args.recipe else None
        net, pairs = (dict(recipe.net), dict(recipe.pairs)) if recipe else ({}, {})
        net = defaults | net | shape_of(args.init, script.method, script.config)
        how = dict(script.training)
        if recipe:
            how["batch"] = max(recipe.batch, how["batch"])
        if recipe and args.epochs is None and args.steps is None:
            args.epochs = recipe.epochs
    size = args.size if args.size is not None else net.get("size", script.config.size)
    if not previous and args.generator is None and "generator" not in net:
        net["generator"] = fitting_unet(size, script.resnet)
    pairs = collect(PairedConfig, args, **pairs)
    data = PairedDataset(args.pairs, "train", size, pairs)
    val = PairedDataset(args.pairs, "val", size, data.config, cache=False)
    digest = digest_of({"train": data.ids, "val": val.ids})
    refuse_other_data(args, previous and previous["recipe"], digest, f"the pairs of {args.pairs}", "--val-fraction")
    config = collect(script.config, args, **net | {"size": size, "inputs": data.inputs, "outputs": data.outputs})
    if args.palette and data.palette is None:
        raise ValueError(
            f"{args.pairs} is taken for {data.config.a} and {data.config.b}, which need no palette: leave --palette "
            "out, or say which side holds label maps with --a labels or --b labels"
        )
    how = collect(TrainConfig, args, **how)
    if args.epochs is not None:
        how = dataclasses.replace(how, steps=max(1, round(args.epochs * len(data) / (how.batch * processes(args.cpu)))))
    check_steps(args, how)
    return config, how, data, val


def card(script: Script, config: dict[str, Any]) -> str:
    data, training = config["data"], config["training"]
    return f"""# {plain(config["name"])}

{script.title}: {config["input"]["kind"]} to {config["output"]["kind"]}.

- Data: {plain(data["name"])}, {data["train"]} training and {data["val"]} validation pairs.
- Licence of the data: {plain(data["licence"])}.
- Command: `{training["command"]}`
{began_with(config)}- Trained for {training["steps"]} of {training["of_steps"]} steps of {training["batch"]} pictures,
  {training["hours"]} hours on {training["device"]}.

Measures: `python train/evaluate.py` on the validation pairs.
{classes(config)}
![validation inputs and the answers to seeds 0 to 3](examples/samples.jpg)
"""


def samples_picture(translator: Translator, pairs: PairedDataset, rows: int = 8):
    """Inputs of the validation split and four seeds of each; no photo is an answer, since licences may forbid it."""
    given, wanted = (translator.config[side] for side in ("input", "output"))
    table = []
    for i in range(min(rows, len(pairs))):
        x = pairs[i]["x"][None]
        answers = translator.answer(x[0], range(4))
        table.append(torch.cat([visible(x, x, given), visible(answers, x.expand(4, -1, -1, -1), wanted)]))
    return tile(torch.stack(table))


def run(script: Script, argv: list[str] | None, defaults: dict[str, Any] | None = None) -> int:
    """Train, or print the plan; see the scripts.

    Args:
        defaults: fields of the script's configuration for a new run; recipe and options come before them.
    """
    args = parse(script, argv)
    check_run_folder(args, args.pairs)
    config, how, data, val = resolve(script, args, defaults or {})
    accelerator, how = find_accelerator(args, how, config.size)
    held_out = first_batch(val)
    torch.manual_seed(how.seed)
    # A plan needs no weights, and to draw 54 million takes seconds; those of --init and of a saved state need a place.
    with torch.device("meta") if args.dry_run and not (args.init or args.resume) else contextlib.nullcontext():
        method = script.method(config)
    refuse_unused(args, script.unused(method))
    method.sides = data.input, data.output
    if args.init and not args.resume:
        args.began_with = begin_with(method, args.init)
        begin_discriminators(method, args.init)
    check_training(method, args, how, accelerator)
    if how.batch % script.training["batch"]:
        raise ValueError(f"--batch must be a multiple of {script.training['batch']}, got {how.batch}")
    name = args.name or args.pairs.resolve().name
    if args.dry_run:
        facts = {
            "pairs": f"{args.pairs}: {len(data)} training and {len(val)} validation pairs",
            "task": f"{data.input['kind']} ({data.inputs}) to {data.output['kind']} ({data.outputs}), "
            f"{data.config.direction}, A is {data.config.a}, B is {data.config.b}",
            "receptive field": method.receptive_field(),
            "out": args.out, "name": name,
            "device": accelerator.device, "processes": accelerator.num_processes,
        }  # fmt: skip
        print_plan([config, data.config, how], method.nets, facts)
        return 0
    begin_run(accelerator, args)
    looks = seen_in(data)

    def describe(step: int, seconds: float) -> dict[str, Any]:
        command = shown_command(script.name, "PAIRS", args.given, args.changed)
        return {
            "kind": "translator", "method": script.method.method, "name": name, "net": dataclasses.asdict(config),
            "input": data.input | looks, "output": data.output, "size": config.size,
            "preprocessing": f"pairs: {data.config.fit}, {config.size} pixels (i2i.data.paired)",
            "data": {
                "name": args.data or name, "train": len(data), "val": len(val), "licence": args.licence,
                **{name: getattr(data.config, name) for name in KEPT_PAIRS},
            },
            "training": training_facts(accelerator, how, step, seconds, command, args.began_with),
            "metrics": {},
        } | ({"note": args.note} if args.note else {})  # fmt: skip

    def finish(model: Path, outcome: Outcome) -> None:
        translator = Translator.from_pretrained(model, "cpu" if args.cpu else "auto", "float32")
        save_samples(model, samples_picture(translator, val))

    return train_model(
        method, data, held_out, args, how, accelerator=accelerator,
        recipe={
            "config": dataclasses.asdict(config), "pairs": dataclasses.asdict(data.config),
            "data_digest": digest_of({"train": data.ids, "val": val.ids}),
            "options": {k: getattr(args, k) for k in KEPT} | {"name": name},
        },
        describe=describe, card=lambda config: card(script, config), finish=finish,
    )  # fmt: skip
