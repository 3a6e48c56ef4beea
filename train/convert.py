"""Open a model of pytorch-CycleGAN-and-pix2pix: python train/convert.py latest_net_G.pth --out FOLDER.

The checkpoint may hold the U-Net or the ResNet, with batch or instance norm; CycleGAN's latest_net_G_A.pth too, and
with --back latest_net_G_B.pth both directions become one model. The options beside it (train_opt.txt, test_opt.txt; in
older versions opt.txt) are read where they are there. Nothing but tensors is unpickled.
Leaves a model folder: python demo/app.py --model FOLDER
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path

from cli import how_to_open, print_plan, run_script

from i2i import model_folder
from i2i.cards import classes, plain
from i2i.data.out_folder import check_writable
from i2i.importing import find_direction, import_generator, join_directions, read_checkpoint, read_options
from i2i.palette import Palette

# What is worth keeping of the options: no paths, no names of machines.
KEPT = (
    *("model", "dataset_mode", "direction", "netG", "ngf", "norm", "no_dropout", "crop_size", "load_size"),
    *("preprocess", "gan_mode", "lambda_L1", "lr", "n_epochs", "n_epochs_decay", "batch_size"),
)


def parse(argv: list[str] | None) -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("checkpoint", type=Path, help="latest_net_G.pth, latest_net_G_A.pth, 200_net_G.pth, ...")
    parser.add_argument("--out", type=Path, required=True, help="the new model folder")
    parser.add_argument("--back", type=Path, help="latest_net_G_B.pth of the same CycleGAN run, for both directions")
    parser.add_argument("--options", type=Path, help="train_opt.txt, test_opt.txt or opt.txt (default: found beside)")
    parser.add_argument("--name", help="the model's name (default: that of the options, or of the checkpoint's folder)")
    parser.add_argument(
        "--input",
        default="",
        choices=("", "photo", "edges", "labels", "gray"),
        help="what is translated: photo; edges (black lines on white); labels (with --palette); gray (colorization). "
        "Default: photo for nets of three channels",
    )
    parser.add_argument("--palette", type=Path, help="JSON file with the colours of the label maps, for --input labels")
    parser.add_argument("--size", type=int, default=0, help="side of the pictures (default: from the options, or 256)")
    parser.add_argument(
        "--direction", choices=("AtoB", "BtoA"), help="of its pairs (default: from the options, or AtoB)"
    )
    parser.add_argument("--no-dropout", action="store_true", help="the U-Net was trained without dropout")
    parser.add_argument("--data", help="what it was trained on, for card and page (default: the name)")
    parser.add_argument("--licence", default="not stated", help="licence of weights and data, for card and page")
    parser.add_argument("--note", help="a sentence that the page shows: what the model knows")
    parser.add_argument("--dry-run", action="store_true", help="say what the checkpoint holds, and stop")
    return parser.parse_args(argv)


def find_options(args: argparse.Namespace) -> tuple[dict[str, str], str]:
    """The options, and where they come from in words."""
    beside = (args.checkpoint.parent / name for name in ("train_opt.txt", "test_opt.txt", "opt.txt"))
    path = args.options or next((p for p in beside if p.is_file()), None)
    return (read_options(path), path.name) if path else ({}, "none: dropout, size and direction are assumed")


def card(config: dict) -> str:
    options = config["training"]["options"]
    origin = "\n".join(f"- {plain(name)}: {plain(value)}" for name, value in options.items()) or "- not known"
    return f"""# {plain(config["name"])}

Imported from a checkpoint of pytorch-CycleGAN-and-pix2pix, `{config["training"]["checkpoint"]}`, with
`python train/convert.py`. {config["input"]["kind"]} to {config["output"]["kind"]}, {config["size"]} pixels,
{config["net"]["generator"]}, {config["net"]["norm"]} norm.

- Data: {plain(config["data"]["name"])}.
- Licence: {plain(config["data"]["licence"])}.
{classes(config)}
Options of its training:

{origin}
"""


def main(argv: list[str] | None) -> int:
    args = parse(argv)
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise ValueError(f"{args.out} is there already: choose another --out, or delete it")
    check_writable(args.out)
    state = read_checkpoint(args.checkpoint)
    options, origin = find_options(args)
    palette = Palette.load(args.palette) if args.palette else None
    given, answered, config, nets = import_generator(
        state, options, args.input, palette, args.size, False if args.no_dropout else None
    )
    direction = args.direction or find_direction(options, args.checkpoint.name)
    name = args.name or options.get("name") or args.checkpoint.resolve().parent.name
    more = {"note": args.note} if args.note else {}
    if args.back:
        second = import_generator(
            read_checkpoint(args.back), options, size=config.size, dropout=False if args.no_dropout else None
        )
        if {given["kind"], second[0]["kind"]} != {"photo"}:
            raise ValueError("--back joins nets that translate photos to photos: leave --input out")
        forth, back = (config, nets), second[2:]
        if direction == "BtoA":  # trained the other way round, G_A translates B
            forth, back = back, forth
        config, nets = join_directions(forth, back)
        direction = "AtoB"
        # As the published runs are called: horse2zebra.
        sides = re.fullmatch(r"([A-Za-z]+)2([A-Za-z]+)(_.*)?", name)
        more |= {"method": "cyclegan"} | ({"sides": {"A": sides[1], "B": sides[2]}} if sides else {})
    if args.dry_run:
        facts = {"input": given["kind"], "output": answered["kind"], "direction": direction, "options": origin}
        print_plan([config], nets, facts)
        return 0
    a, b = (given["kind"], answered["kind"])[:: 1 if direction == "AtoB" else -1]
    described = {
        "kind": "translator",
        "method": "pix2pix",
        "name": name,
        "net": dataclasses.asdict(config),
        "input": given,
        "output": answered,
        "size": config.size,
        "preprocessing": f"centre square, {config.size} pixels",
        "data": {"name": args.data or name, "licence": args.licence, "direction": direction, "a": a, "b": b},
        "training": {
            "checkpoint": args.checkpoint.name,
            "options": {k: options[k] for k in KEPT if k in options},
        },
        "metrics": {},
    } | more
    args.out.parent.mkdir(parents=True, exist_ok=True)
    model_folder.save(args.out, described, nets, card(described))
    what = f"{given['kind']} to {answered['kind']}, {direction}"
    print(f"{config.generator}, {config.norm} norm, {what}; options: {origin}")
    print(how_to_open(args.out))
    return 0


if __name__ == "__main__":
    run_script(main)
