"""StarGAN v2 on photos of several domains: python train/starganv2.py ROOT --out RUN.

ROOT holds one subfolder a domain. Or one folder of photos, and a CSV file says which domain each belongs to:
--index index.csv --column coat --domains black orange grey white. Leaves a model folder that translates a photo into
each domain, in the style of a seed or of a reference photo: python demo/app.py --model RUN/model
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from cli import add_options, collect, print_plan, run_script, shown_command
from from_model import began_with, begin_with, shape_of
from loss_features import loss_features, name_of
from mapping_refit import refit_mapping
from model_run import (
    add_model_options,
    check_steps,
    check_training,
    find_accelerator,
    parse_run,
    refuse_other_recipe,
    show_grid,
    tell,
    train_model,
    training_facts,
)
from run_folder import begin_run, check_run_folder
from same_data import digest_of, names_of, refuse_other_data
from torch import Tensor, nn

from i2i.cards import plain
from i2i.data.domains import DomainConfig, DomainDataset
from i2i.methods.starganv2 import StarGANv2, StarGANv2Config
from i2i.methods.starganv2_recipes import RECIPES, find_recipe
from i2i.nets.cost import multiply_adds
from i2i.training.loop import Outcome, TrainConfig
from i2i.training.state import StateFolder
from i2i.translator import Translator

# The paper's length, and no warm-up.
PAPER = {"steps": 100_000, "batch": 8, "warmup": 0}
# Kept with the run, so that --resume needs none of them again.
KEPT = ("name", "data", "licence", "note", "recipe", "features")


def parse(argv: list[str] | None) -> argparse.Namespace:
    known = "\n".join(f"  {name:10} {r.about}" for name, r in RECIPES.items())
    differs = ", ".join(f"--{k} {v}" for k, v in PAPER.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\nWithout a recipe: {differs}.\n\nrecipes:\n{known}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("root", type=Path, help="folder with a subfolder of photos for each domain, or of photos")
    add_model_options(parser, "runs/starganv2", "photos", "the folder's")
    parser.add_argument("--recipe", default=None, help="a setting, see above; options given here override it")
    parser.add_argument(
        "--features",
        default="none",
        help="feature network of a second, projected discriminator: a MobileNet v1 safetensors file, torchvision, or "
        "none as in the paper (default)",
    )
    add_options(parser, StarGANv2Config, skip=("domains",))
    add_options(parser, DomainConfig)
    add_options(parser, TrainConfig)
    return parse_run(parser, argv, StarGANv2.method, ("root",))


def resolve(args: argparse.Namespace) -> tuple[StarGANv2Config, TrainConfig, DomainDataset, DomainDataset]:
    """Configurations and data: what was given, over the run that goes on, over the model of --init, over the recipe,
    over the defaults."""
    if args.resume:
        previous = StateFolder(args.out).meta()
        # Runs of old versions kept none.
        refuse_other_recipe(args, previous["recipe"].get("options", {}).get("recipe", args.recipe))
        net, domains = previous["recipe"]["config"], previous["recipe"]["domains"]
        how = previous["train"] | {"minutes": 0.0}
    else:
        recipe = find_recipe(args.recipe) if args.recipe else None
        shape = shape_of(args.init, StarGANv2, StarGANv2Config)
        if shape.get("style_nets") == "lean":
            if not recipe and args.style_nets is None:
                raise ValueError(
                    f"--init {args.init} is a lean model: add --recipe lean, whose discriminator and rates fit it"
                )
            del shape["judge_widths"]  # which shape the paper's style encoder alone
        net = (recipe.at(args.size, args.fold or shape.get("fold")) if recipe else {}) | shape
        domains, how = {}, PAPER | (recipe.training if recipe else {})
    size = args.size or net.get("size", StarGANv2Config.size)
    chosen = collect(DomainConfig, args, **domains)
    data = DomainDataset(args.root, "train", size, chosen)
    if args.resume and list(data.domains) != list(domains["domains"]):
        raise ValueError(
            f"the run in {args.out} learns the domains {' '.join(domains['domains'])}, in this order, and --resume got "
            f"{' '.join(data.domains)}: leave --domains out"
        )
    val = DomainDataset(args.root, "val", size, data.config, cache=False)
    if args.resume:
        what = f"the photos of {args.root}"
        digest = digest_of_domains(data, val)
        refuse_other_data(args, previous["recipe"], digest, what, "--index, --column and --val-fraction")
    # The nets count the domains that the data name.
    given = argparse.Namespace(**vars(args) | {"domains": None})
    config = collect(StarGANv2Config, given, **net | {"domains": len(data.domains)})
    return config, collect(TrainConfig, args, **how), data, val


def digest_of_domains(data: DomainDataset, val: DomainDataset) -> str:
    splits = (("train", data), ("val", val))
    return digest_of({f"{s} {k}": names_of(f) for s, d in splits for k, f in zip(d.domains, d.files, strict=True)})


def weights_by_name(start: Translator, config: StarGANv2Config, domains: Sequence[str]) -> dict[str, Tensor]:
    """A model's weights, its domains' heads in the order of `domains`; ValueError where these are not the same."""
    if sorted(start.domains) != sorted(domains):
        raise ValueError(
            f"--init {start.name} has the domains {' '.join(start.domains)}, this run has "
            f"{' '.join(domains)}: they must be the same; choose photos with --domains, or start without --init"
        )
    if tuple(start.domains) != tuple(domains) and config.condition != "style":
        raise ValueError(
            f"the generator of --init {start.name} is given its domains by number: use its order, "
            f"--domains {' '.join(start.domains)}"
        )
    weights = {}
    for name, value in start.nets.state_dict().items():
        before, heads, rest = name.partition(".heads.")
        if heads:
            number, _, rest = rest.partition(".")
            rest = f"{domains.index(start.domains[int(number)])}.{rest}"
        weights[before + heads + rest] = value
    return weights


def held_out_batch(val: DomainDataset, rows: int = 6) -> dict[str, Tensor]:
    """What a grid shows: photos of all domains, and a reference of each."""
    count = len(val.domains)
    reference = torch.stack([val.photo(k, 0) for k in range(count)])
    # The second photos, as far as they go: nothing is its own reference.
    x = torch.stack([val.photo(k % count, 1 + k // count % (len(val.files[k % count]) - 1)) for k in range(rows)])
    return {"x": x, "reference": reference, "target": torch.arange(count)}


class _Given(nn.Module):
    """A net with its second argument fixed, as counting wants it."""

    def __init__(self, net: nn.Module, second: Tensor):
        super().__init__()
        self.net = net
        self.register_buffer("second", second)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x, self.second)


def cost(method: StarGANv2) -> dict[str, str]:
    """Size of the model, and multiply-adds of an answer and of a training step."""
    c, nets = method.config, method.nets
    shape, domain = (1, 3, c.size, c.size), torch.zeros(1, dtype=torch.long)
    answer = multiply_adds(_Given(nets["generator"], torch.zeros(1, c.code)), *shape)
    judge = multiply_adds(nets["discriminator"].trunk, *shape)
    read = multiply_adds(_Given(nets["style_encoder"], domain), *shape) if c.read else 0
    # A pass back costs two forwards. G: the fake, its cycle, and the decoder once more for the diversity loss. D: a
    # real photo, a fake with learning and without, and R1's second derivative. E: the fake and the photo itself.
    turn = (6 + 0.5 * c.ds_until * (c.lambda_ds > 0)) * answer + (8 + 4 / c.r1_every) * judge + 6 * read
    served = sum(p.numel() for name in method.served for p in nets[name].parameters())
    return {
        "model folder": f"{2 * served / 1e6:.1f} MB, half precision",
        "an answer": f"{answer / 1e9:.2f} G multiply-adds",
        "a training step": f"about {turn * (1 + (c.turns == 'both')) / 1e9:.0f} G multiply-adds for each photo of the "
        "batch, without a projected discriminator",
    }


def card(config: dict[str, Any]) -> str:
    data, training = config["data"], config["training"]
    counts = ", ".join(f"{plain(name)} {count}" for name, count in data["train"].items())
    held = ", ".join(f"{plain(name)} {count}" for name, count in data["val"].items())
    domains = ", ".join(map(plain, config["domains"]))
    note = f"- Note: {config['note']}\n" if "note" in config else ""
    return f"""# {plain(config["name"])}

StarGAN v2: a photo becomes one of {domains}, in the style of a seed or of a reference photo.

- Data: {plain(data["name"])}. Training photos: {counts}; for validation: {held}.
- Which photo is in which domain: {plain(data["labels"])}.
- Licence of the data: {plain(data["licence"])}.
{note}- Command: `{training["command"]}`
{began_with(config)}- Trained for {training["steps"]} of {training["of_steps"]} steps of
  {training["batch"]} photos, {training["hours"]} hours on {training["device"]}.
  Features in the losses: {training["features"]}.

Photos unlike the training photos come out wrong. Measures: `python train/evaluate.py domains`.

![on top references; below, photos, two seeds in each domain, and the styles of the references](examples/samples.jpg)
"""


def main(argv: list[str] | None) -> int:
    args = parse(argv)
    check_run_folder(args, args.root)
    config, how, data, val = resolve(args)
    check_steps(args, how)
    accelerator, how = find_accelerator(args, how, config.size)
    began = StateFolder(args.out).meta()["recipe"] if args.resume else {}
    features = loss_features(args, tell, began.get("taught"))
    if features is not None:
        features.to(accelerator.device)
    torch.manual_seed(how.seed)
    method = StarGANv2(config, features)
    if args.init and not args.resume:
        args.began_with = begin_with(method, args.init, lambda start: weights_by_name(start, config, data.domains))
    check_training(method, args, how, accelerator)
    held_out = held_out_batch(val)
    name = args.name or args.root.resolve().name
    if args.dry_run:
        facts = {
            "training photos": data.describe(), "validation photos": val.describe(),
            "an epoch": f"{len(data)} photos, {len(data) // config.domains} of each domain",
        } | cost(method) | {
            "out": args.out, "name": name, "device": accelerator.device, "processes": accelerator.num_processes,
        }  # fmt: skip
        print_plan([config, data.config, how], method.nets, facts)
        return 0
    begin_run(accelerator, args)

    def describe(step: int, seconds: float) -> dict[str, Any]:
        command = shown_command("starganv2.py", "ROOT", args.given, args.changed)
        facts = training_facts(accelerator, how, step, seconds, command, args.began_with)
        d = data.config
        counts = {
            split: dict(zip(s.domains, map(len, s.files), strict=True)) for split, s in (("train", data), ("val", val))
        }
        return {
            "kind": "translator", "method": StarGANv2.method, "name": name, "net": dataclasses.asdict(config),
            "input": {"kind": "photo"}, "size": config.size, "domains": list(data.domains),
            "preprocessing": f"photos: {d.fit}, {config.size} pixels (i2i.data.domains)",
            "data": {
                "name": args.data or name, "licence": args.licence,
                "labels": f"column {d.column} of {Path(d.index).name}" if d.index else "its subfolder",
                "fit": d.fit, "val_fraction": d.val_fraction,
            } | counts,
            "training": facts | {"features": name_of(features)},
            "metrics": {},
        } | ({"note": args.note} if args.note else {})  # fmt: skip

    show = show_grid(method, held_out)

    def finish(model: Path, outcome: Outcome) -> None:
        if config.fit_mapping:
            photos = [(len(f), functools.partial(data.photo, k)) for k, f in enumerate(data.files)]
            refit_mapping(model, photos, config.latent, config.fit_mapping, card)
        show(model, outcome)

    return train_model(
        method, data, held_out, args, how, accelerator=accelerator,
        recipe={
            "config": dataclasses.asdict(config), "domains": dataclasses.asdict(data.config),
            "data_digest": digest_of_domains(data, val), "taught": name_of(features),
            "options": {k: getattr(args, k) for k in KEPT} | {"name": name},
        },
        describe=describe, card=card, finish=finish,
    )  # fmt: skip


if __name__ == "__main__":
    run_script(main)
