"""CycleGAN on two folders of photos: python train/cyclegan.py DIR_A DIR_B --out RUN.

The folders have nothing to do with each other picture by picture: horses and zebras, summer and winter. One folder
with an index.csv will do: --select-a coat=orange --select-b coat=grey. With --paired PAIRS, pairs (as for pix2pix) are
taken apart, so that measures know the truth. Leaves a model folder that translates both ways:
python demo/app.py --model RUN/model
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path
from typing import Any

import torch
from cli import add_options, collect, print_plan, refuse_unused, run_script, shown_command
from from_model import began_with, begin_discriminators, begin_with, shape_of
from model_run import (
    add_model_options,
    check_steps,
    check_training,
    find_accelerator,
    first_batch,
    parse_run_of_epochs,
    show_grid,
    train_model,
    training_facts,
)
from processes import processes
from run_folder import begin_run, check_run_folder
from same_data import digest_of, names_of, refuse_other_data

from i2i.cards import classes, plain
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.unpaired import UnpairedConfig, UnpairedDataset, unpaired_folders, unpaired_pairs
from i2i.methods.cyclegan import OBJECTIVES, CycleGAN, CycleGANConfig
from i2i.nets.cost import multiply_adds
from i2i.training.loop import TrainConfig
from i2i.training.state import StateFolder

TRAINING = {"batch": 1, "warmup": 0}
EPOCHS = 200.0  # the paper: 100 with a constant rate, 100 while it falls to zero
# Kept with the run, so that --resume needs none of them again.
KEPT = ("name", "name_a", "name_b", "data", "licence", "note")
# Options of pairs that folders have under the same name.
SHARED = ("jitter", "flip", "fit", "val_fraction")


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that is decided before a run: configurations and data; `pairs` is None for two folders."""

    config: CycleGANConfig
    how: TrainConfig
    unpaired: UnpairedConfig
    pairs: PairedConfig | None
    data: UnpairedDataset
    val: UnpairedDataset
    names: tuple[str, str]  # of A and B
    digest: str  # tells the data, `same_data`


def parse(argv: list[str] | None) -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="DIR", help="DIR_A and DIR_B, photos of either side")
    parser.add_argument("--paired", type=Path, default=None, help="instead of them: folder of pairs, taken apart")
    parser.add_argument("--epochs", type=float, default=None, help=f"length instead of --steps (default: {EPOCHS:g})")
    add_model_options(parser, "runs/cyclegan", "photos", "A2B, from the names of the sides")
    parser.add_argument("--name-a", default=None, help="what A shows, for page and card (default: folder or selection)")
    parser.add_argument("--name-b", default=None, help="what B shows")
    add_options(parser, CycleGANConfig, skip=("inputs", "outputs"))
    add_options(parser, UnpairedConfig)
    add_options(parser, PairedConfig, skip=SHARED)
    add_options(parser, TrainConfig, defaults=TRAINING | {"steps": f"{EPOCHS:g} epochs"})
    args = parse_run_of_epochs(parser, argv, CycleGAN.method, ("folders", "paired"))
    if (len(args.folders), args.paired is None) not in ((2, True), (0, False)):
        raise ValueError(f"give two folders, DIR_A and DIR_B, or --paired PAIRS alone; got {len(args.folders)} folders")
    of_pairs = [field.name for field in dataclasses.fields(PairedConfig) if field.name not in SHARED]
    for name in of_pairs if args.paired is None else ("select_a", "select_b"):
        if getattr(args, name):
            where = "pairs: give --paired PAIRS" if args.paired is None else "two folders, not of pairs"
            raise ValueError(f"--{name.replace('_', '-')} is an option of {where}")
    return args


def resolve(args: argparse.Namespace) -> Plan:
    """Configurations and data: what was given, over the run that goes on or the model of --init, over the defaults."""
    previous = StateFolder(args.out).meta() if args.resume else None
    kept = previous["recipe"] if previous else {"config": {}, "unpaired": {}, "pairs": None}
    if previous and (kept["pairs"] is None) != (args.paired is None):
        raise ValueError(f"{args.out} was trained on {'two folders' if kept['pairs'] is None else '--paired PAIRS'}")
    net = dict(kept["config"])
    how = previous["train"] | {"minutes": 0.0} if previous else TRAINING
    size = args.size or net.get("size", CycleGANConfig.size)
    unpaired = collect(UnpairedConfig, args, **kept["unpaired"])
    if args.paired is None:
        pairs = None
        data, val = (unpaired_folders(*args.folders, split, size, unpaired) for split in ("train", "val"))
        names = [side_name(f, s) for f, s in zip(args.folders, (unpaired.select_a, unpaired.select_b), strict=True)]
    else:
        pairs = collect(PairedConfig, args, **kept["pairs"] or {name: getattr(unpaired, name) for name in SHARED})
        whole = PairedDataset(args.paired, "train", size, pairs)
        pairs = whole.config
        data, val = map(unpaired_pairs, (whole, PairedDataset(args.paired, "val", size, pairs, cache=False)))
        names = [s.described["kind"] for s in (data.a, data.b)]
    if pairs is None:
        sides = {f"{split} {side}": names_of(getattr(found, side).files)
                 for split, found in (("train", data), ("val", val)) for side in ("a", "b")}  # fmt: skip
    else:
        sides = {"train": data.a.pairs.ids, "val": val.a.pairs.ids}
    digest = digest_of(sides)
    refuse_other_data(
        args, previous and kept, digest, "the pictures", "--select-a, --select-b, --direction and --val-fraction"
    )
    if len(set(names)) == 1:
        names = ["A", "B"]
    if not previous:
        net = {"generator": "resnet_9" if size >= 256 else "resnet_6"} | shape_of(args.init, CycleGAN, CycleGANConfig)
        if (args.generator or net["generator"]) == "lean":
            net["patch_width"] = 32  # or the discriminators would cost more than the generators do
        if data.a.channels != data.b.channels:
            net["lambda_identity"] = 0.0
    net |= {"size": size, "inputs": data.a.channels, "outputs": data.b.channels}
    config = collect(CycleGANConfig, args, **net)
    epochs = EPOCHS if args.epochs is None and args.steps is None and not previous else args.epochs
    if epochs is not None:
        seen = (args.batch or how["batch"]) * processes(args.cpu)
        how["steps"] = max(1, round(epochs * len(data) / seen))
    names = (args.name_a or names[0], args.name_b or names[1])
    return Plan(config, collect(TrainConfig, args, **how), unpaired, pairs, data, val, names, digest)


def unused(config: CycleGANConfig) -> dict[str, str]:
    """Options that mean nothing to this objective -> why, and what to do."""
    adversarial, forward, backward = OBJECTIVES[config.objective]
    lacks, why = f"which --objective {config.objective} has not: leave it out, or choose --objective full", {}
    if not adversarial:
        why |= dict.fromkeys(("gan", "patch", "patch_width", "pool"), f"is of the discriminators, {lacks}")
    if not (forward or backward):
        why["lambda_cycle"] = f"is of the cycles, {lacks}"
    if config.objective != "full":
        why["lambda_identity"] = f"is of the identity term, {lacks}"
    return why


def side_name(folder: Path, select: str) -> str:
    """What a side shows, in a word: what was selected, or the folder's name."""
    if select:
        return " or ".join(value.strip() for value in select.partition("=")[2].split(","))
    return folder.resolve().name.removeprefix("train") or folder.resolve().parent.name


def cost(method: CycleGAN) -> dict[str, str]:
    """Parameters and multiply-adds, of an answer and of a training step, for a picture of either side."""
    c, nets = method.config, method.nets
    _, forward, backward = OBJECTIVES[c.objective]
    one = {"AtoB": c.inputs, "BtoA": c.outputs, "discriminator_A": c.inputs, "discriminator_B": c.outputs}
    one = {name: multiply_adds(net, 1, one[name], c.size, c.size) for name, net in nets.items()}
    # Back through a net costs its forward pass again for the gradient of its input, and again for that of its weights.
    step = 3 * (1 + backward + c.identity) * one["AtoB"] + 3 * (1 + forward + c.identity) * one["BtoA"]
    # A judge sees a fake without learning, then a real picture and a fake with it.
    step += sum((2 + 2 * 3) * one[f"discriminator_{side}"] for side in method.judges)
    served = sum(p.numel() for name in method.served for p in nets[name].parameters())
    return {
        "model folder": f"{2 * served / 1e6:.1f} MB, both directions, half precision",
        "an answer": f"{one['AtoB'] / 1e9:.2f} G multiply-adds (AtoB)",
        "a training step": f"about {step / 1e9:.0f} G multiply-adds for each picture of the batch",
    }


def card(config: dict[str, Any]) -> str:
    data, training = config["data"], config["training"]
    one, other = (plain(config["sides"][side]) for side in "AB")
    return f"""# {plain(config["name"])}

CycleGAN, trained without pairs: {one} to {other} (`direction="AtoB"`), and back (`direction="BtoA"`).

- Data: {plain(data["name"])}; A {data["train_a"]}, B {data["train_b"]} training pictures;
  {data["val_a"]} and {data["val_b"]} for validation.
- Licence of the data: {plain(data["licence"])}.
- Command: `{training["command"]}`
{began_with(config)}- Trained for {training["steps"]} of {training["of_steps"]} steps of
  {training["batch"]} pictures of either side, {training["hours"]} hours on {training["device"]}.

Colours and textures change, geometry stays; pictures unlike the training photos come out wrong. Measures:
`python train/evaluate.py cycle`.
{classes(config)}
![validation pictures of A, translated, and back to A; the same for B](examples/samples.jpg)
"""


def main(argv: list[str] | None) -> int:
    args = parse(argv)
    check_run_folder(args, *(args.folders or [args.paired]))
    plan = resolve(args)
    config, how, data, val = plan.config, plan.how, plan.data, plan.val
    refuse_unused(args, unused(config))
    check_steps(args, how)
    accelerator, how = find_accelerator(args, how, config.size)
    torch.manual_seed(how.seed)
    method = CycleGAN(config)
    method.sides = data.a.described, data.b.described
    if args.init and not args.resume:
        args.began_with = begin_with(method, args.init)
        begin_discriminators(method, args.init)
    check_training(method, args, how, accelerator)
    held_out = first_batch(val)
    name = args.name or re.sub(r"\W+", "_", "2".join(plan.names))
    if args.dry_run:
        counts = {s: f"{len(d)} training and {len(v)} validation pictures"
                  for s, d, v in (("A", data.a, val.a), ("B", data.b, val.b))}  # fmt: skip
        facts = {
            "A": f"{plan.names[0]}, {data.a.described['kind']} ({data.a.channels}): {counts['A']}",
            "B": f"{plan.names[1]}, {data.b.described['kind']} ({data.b.channels}): {counts['B']}",
            "an epoch": f"{len(data)} pictures of either side",
            "receptive field": method.receptive_field(),
        } | cost(method) | {
            "out": args.out, "name": name, "device": accelerator.device, "processes": accelerator.num_processes,
        }  # fmt: skip
        print_plan([config, plan.pairs or plan.unpaired, how], method.nets, facts)
        return 0
    begin_run(accelerator, args)

    def describe(step: int, seconds: float) -> dict[str, Any]:
        where = "DIR_A DIR_B" if args.paired is None else "--paired PAIRS"
        command = shown_command("cyclegan.py", where, args.given, args.changed)
        fit = plan.pairs.fit if plan.pairs else plan.unpaired.fit
        return {
            "kind": "translator", "method": CycleGAN.method, "name": name, "net": dataclasses.asdict(config),
            "input": data.a.described, "output": data.b.described, "size": config.size,
            "sides": {"A": plan.names[0], "B": plan.names[1]},
            "preprocessing": f"{'pairs, taken apart' if plan.pairs else 'two folders'}: {fit}, {config.size} pixels",
            "data": {
                "name": args.data or name, "licence": args.licence,
                "train_a": len(data.a), "train_b": len(data.b), "val_a": len(val.a), "val_b": len(val.b),
                "direction": plan.pairs.direction if plan.pairs else "AtoB",
                "fit": fit, "val_fraction": (plan.pairs or plan.unpaired).val_fraction,
            },
            "training": training_facts(accelerator, how, step, seconds, command, args.began_with),
            "metrics": {},
        } | ({"note": args.note} if args.note else {})  # fmt: skip

    return train_model(
        method, data, held_out, args, how, accelerator=accelerator,
        recipe={
            "config": dataclasses.asdict(config), "unpaired": dataclasses.asdict(plan.unpaired),
            "pairs": dataclasses.asdict(plan.pairs) if plan.pairs else None, "data_digest": plan.digest,
            "options": {k: getattr(args, k) for k in KEPT} | {"name": name},
        },
        describe=describe, card=card, finish=show_grid(method, held_out),
    )  # fmt: skip


if __name__ == "__main__":
    run_script(main)
