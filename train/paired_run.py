"""What the scripts that train on pairs share: options, recipes, the run, the model folder."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from cli import Progress, add_options, claim_run_folder, collect, print_plan
from recipes import RECIPES, find_recipe

from i2i import model_folder
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.grids import tile
from i2i.methods.pix2pix import visible
from i2i.training.loop import TrainConfig, train
from i2i.training.state import StateFolder
from i2i.translator import Translator

# Kept with the run, so that --resume needs none of them again.
KEPT = ("name", "data", "licence", "note", "recipe", "epochs")
# Not worth telling in the card's command.
PRIVATE = ("pairs", "out", "resume", "dry_run", "workers", "minutes", "save_minutes", "cpu", "licence", "data", "note")


@dataclasses.dataclass(frozen=True)
class Script:
    """A script: its docstring, its method (class), its configuration (class), and what differs from TrainConfig."""

    name: str
    about: str
    method: type
    config: type
    title: str
    training: dict[str, Any]


def parse(script: Script, argv: list[str] | None) -> argparse.Namespace:
    known = "\n".join(f"  {name:14} {r.about}" for name, r in RECIPES.items())
    differs = ", ".join(f"--{k} {v}" for k, v in script.training.items())
    parser = argparse.ArgumentParser(
        description=f"{script.about}\n\nWithout a recipe: {differs}.\n\nrecipes:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pairs", type=Path, help="folder of pairs, or a run folder of edges2photo.py")
    parser.add_argument("--out", type=Path, default=Path("runs") / script.method.method, help="run folder")
    parser.add_argument("--recipe", default=None, help="a task of the paper, see above; options given here override it")
    parser.add_argument("--epochs", type=float, default=None, help="length of the run instead of --steps")
    parser.add_argument("--name", default=None, help="the model's name (default: the pairs' folder)")
    parser.add_argument("--data", default=None, help="what the pairs are, for card and page (default: the name)")
    parser.add_argument("--licence", default="not stated", help="licence of the pairs, for card and page")
    parser.add_argument("--note", default=None, help="a sentence that the page shows: what the model knows")
    parser.add_argument("--init", default=None, help="start from this model's weights: bundled name or folder")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--cpu", action="store_true", help="train on the CPU even where there is a GPU")
    parser.add_argument("--dry-run", action="store_true", help="print everything and stop")
    add_options(parser, script.config, skip=("inputs", "outputs"))
    add_options(parser, PairedConfig)
    add_options(parser, TrainConfig)
    args = parser.parse_args(argv)
    if args.resume:
        parser.set_defaults(**StateFolder(args.out).meta()["recipe"]["options"])
        args = parser.parse_args(argv)
    return args


def resolve(script: Script, args: argparse.Namespace) -> tuple[Any, TrainConfig, PairedDataset, PairedDataset]:
    """Configurations and data: what was given, over the run that goes on, over the recipe, over the defaults."""
    previous = StateFolder(args.out).meta() if args.resume else None
    if previous:
        kept = previous["recipe"]
        net, pairs, how = dict(kept["config"]), dict(kept["pairs"]), previous["train"] | {"minutes": 0.0}
    else:
        recipe = find_recipe(args.recipe) if args.recipe else None
        net, pairs = (dict(recipe.net), dict(recipe.pairs)) if recipe else ({}, {})
        how = dict(script.training)
        if recipe:
            how["batch"] = max(recipe.batch, how["batch"])
        if recipe and args.epochs is None and args.steps is None:
            args.epochs = recipe.epochs
    size = args.size or net.get("size", script.config.size)
    if not previous and args.generator is None and "generator" not in net:
        # The net that shrinks the picture to one pixel, as the paper's does.
        net["generator"] = f"unet_{size & -size}"
    pairs = collect(PairedConfig, args, **pairs)
    data = PairedDataset(args.pairs, "train", size, pairs, cache=False if args.dry_run else None)
    val = PairedDataset(args.pairs, "val", size, data.config, cache=False)
    config = collect(script.config, args, **net | {"size": size, "inputs": data.inputs, "outputs": data.outputs})
    if args.epochs is not None and not previous:
        batch = args.batch or how.get("batch", TrainConfig.batch)
        how = how | {"steps": max(1, round(args.epochs * len(data) / batch))}
    return config, collect(TrainConfig, args, **how), data, val


def begin_with(method: Any, source: str) -> None:
    """Take the weights of a model folder for the served nets."""
    start = Translator.from_pretrained(source, "cpu", "float32")
    try:
        torch.nn.ModuleDict({k: method.nets[k] for k in method.served}).load_state_dict(start.nets.state_dict())
    except RuntimeError as error:
        raise ValueError(f"--init {source} has another architecture: {str(error).splitlines()[0]}") from error


def card(script: Script, config: dict[str, Any]) -> str:
    data, training = config["data"], config["training"]
    return f"""# {config["name"]}

{script.title}: {config["input"]["kind"]} to {config["output"]["kind"]}.

- Data: {data["name"]}, {data["train"]} training and {data["val"]} validation pairs.
- Licence of the data: {data["licence"]}.
- Command: `{training["command"]}`
- Trained for {training["steps"]} of {training["of_steps"]} steps of {training["batch"]} pictures,
  {training["hours"]} hours on {training["device"]}.

Measures: `python train/evaluate.py` on the validation pairs.

![validation inputs and the answers to seeds 0 to 3](examples/samples.jpg)
"""


def command_line(script: Script, args: argparse.Namespace) -> str:
    """The command for the card, with folders of this machine replaced by what they are."""
    words = []
    for key, value in vars(args).items():
        if key in PRIVATE or value is None or value is False:
            continue
        value = Path(value).name if key == "palette" else value
        words += ["--" + key.replace("_", "-"), *map(str, value if isinstance(value, (list, tuple)) else [value])]
    return f"python train/{script.name} PAIRS --out RUN {shlex.join(words)}".strip()


def samples_picture(translator: Translator, pairs: PairedDataset, rows: int = 8):
    """Inputs of the validation split and four seeds of each; no photo is an answer, since licences may forbid it."""
    table = []
    for i in range(min(rows, len(pairs))):
        x = pairs[i]["x"]
        answers = translator.answer(x, range(4))
        table.append(torch.cat([visible(x[None], x[None]), visible(answers, x.expand(4, -1, -1, -1))]))
    return tile(torch.stack(table))


def run(script: Script, argv: list[str] | None) -> int:
    """Train, or print the plan; see the scripts."""
    args = parse(script, argv)
    config, how, data, val = resolve(script, args)
    accelerator = Accelerator(cpu=args.cpu or not torch.cuda.is_available(), mixed_precision=how.mixed_precision)
    torch.manual_seed(how.seed)
    method = script.method(config)
    if args.init and not args.resume:
        begin_with(method, args.init)
    if how.batch % script.training["batch"]:
        raise ValueError(f"--batch must be a multiple of {script.training['batch']}, got {how.batch}")
    name = args.name or args.recipe or args.pairs.resolve().name
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
    if args.out.resolve().is_relative_to(args.pairs.resolve()):
        raise ValueError(f"--out {args.out} lies inside {args.pairs}, which would then hold its own results")
    if accelerator.is_main_process:
        claim_run_folder(args.out, args.resume)
    accelerator.wait_for_everyone()

    def describe(step: int, seconds: float) -> dict[str, Any]:
        device = "CPU" if accelerator.device.type == "cpu" else torch.cuda.get_device_name()
        return {
            "kind": "translator", "method": script.method.method, "name": name, "net": dataclasses.asdict(config),
            "input": data.input, "output": data.output, "size": config.size,
            "preprocessing": f"pairs: {data.config.fit}, {config.size} pixels (i2i.data.paired)",
            "data": {
                "name": args.data or name, "train": len(data), "val": len(val), "licence": args.licence,
                "direction": data.config.direction,
            },
            "training": {
                "steps": step, "of_steps": how.steps, "batch": how.batch * accelerator.num_processes,
                "hours": round(seconds / 3600, 2), "device": f"{accelerator.num_processes} x {device}",
                "command": command_line(script, args),
            },
            "metrics": {},
        } | ({"note": args.note} if args.note else {})  # fmt: skip

    target = args.out / "model"

    def export(step: int, nets: torch.nn.ModuleDict, seconds: float) -> None:
        finished = describe(step, seconds)
        model_folder.save(target, finished, nets, card(script, finished))

    start = StateFolder(args.out).meta()["step"] if args.resume else 0
    bar = Progress(how.steps, start, how.batch * accelerator.num_processes) if accelerator.is_main_process else None
    held_out = [val[i] for i in range(min(6, len(val)))]
    outcome = train(
        method, data, {k: torch.stack([item[k] for item in held_out]) for k in ("x", "y")}, args.out, how,
        accelerator=accelerator, resume=args.resume,
        recipe={
            "config": dataclasses.asdict(config), "pairs": dataclasses.asdict(data.config),
            "options": {k: getattr(args, k) for k in KEPT} | {"name": name},
        },
        on_step=bar or (lambda step, logs: None), on_save=export,
    )  # fmt: skip
    if bar:
        bar.close()
    if accelerator.is_main_process:
        if outcome.reason == "finished":
            (target / "examples").mkdir(exist_ok=True)
            translator = Translator.from_pretrained(target, "cpu" if args.cpu else "auto", "float32")
            samples_picture(translator, val).save(target / "examples" / "samples.jpg", quality=88)
        else:
            print(f"stopped ({outcome.reason}) after {outcome.step} of {how.steps} steps; go on with --resume",
                  file=sys.stderr)  # fmt: skip
        print(f"open it: python demo/app.py --model {target}")
    return 0
