"""The seeds of a finished styled model spread anew: python train/refit.py MODEL PAIRS --out FOLDER

Fits the mapping network alone, through the generator, so that the answers to seeds are spread as photos are: fewer in a
contrast that no photo has, and further apart the larger --diversity is. The generator stays as it is, and the style of
a reference photo too; what changes is which style a seed stands for. MODEL is a bundled name, folder or Hub id; PAIRS
are pairs as it was trained on. The new model folder has no measures: python train/evaluate.py photos FOLDER PAIRS
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cli import add_options, collect, given_options, how_to_open, run_script, shown_command
from from_model import began_with
from model_run import save_samples
from styled_views import samples_picture, seeds_of_page
from tqdm import tqdm

from i2i import model_folder
from i2i.cards import classes, plain
from i2i.data.layout import ready_pairs
from i2i.data.out_folder import check_writable, refuse_inside
from i2i.methods.answer_fit import AnswerFit, fit_answers
from i2i.metrics.held_out import held_out_for
from i2i.nets.features import load_features
from i2i.translator import Translator


def parse(argv: list[str] | None) -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("model", help="styled model: bundled name, model folder or Hub id")
    parser.add_argument("pairs", type=Path, help="the run folder that it comes from, or its pairs")
    parser.add_argument("--out", type=Path, required=True, help="new model folder")
    parser.add_argument(
        "--features", default="torchvision", help="feature network: a MobileNet v1 safetensors file, or torchvision"
    )
    parser.add_argument("--palette", default=None, help="palette.json of label maps, where it is not beside them")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ...")
    add_options(parser, AnswerFit)
    args = parser.parse_args(argv)
    args.given = given_options(parser, args, ("model", "pairs", "device"))
    return args


def card(config: dict[str, Any], began_as: str) -> str:
    data, training = config.get("data", {}), config["training"]
    made = f"- Trained by `{training['command']}`\n" if "command" in training else ""
    return f"""# {plain(config["name"])}

Styled pix2pix whose seeds were spread anew: the weights {began_as}, but for the mapping network.

- Data: {plain(data.get("name", "not stated"))}. Licence of the data: {plain(data.get("licence", "not stated"))}.
{made}{began_with(config)}- Seeds by `{training["fit_answers"]["command"]}`
- Measures: `python train/evaluate.py photos` on the validation pairs.
{classes(config)}
![validation inputs and the answers to seeds 0 to 3](examples/samples.jpg)
"""


def main(argv: list[str] | None) -> int:
    args = parse(argv)
    config = collect(AnswerFit, args)
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise ValueError(f"{args.out} is there already: choose another --out, or delete it")
    check_writable(args.out)
    refuse_inside([ready_pairs(args.pairs) or args.pairs], args.out)
    translator = Translator.from_pretrained(args.model, args.device, "float32")
    about = dict(translator.config)
    if about["method"] != "styled":
        raise ValueError(f"{args.model} is a {about['method']} model: only styled pix2pix has seeds to spread so")
    size, chosen = translator.image_size, {"palette": args.palette} if args.palette else None
    train, val = (held_out_for(about, args.pairs, split, chosen) for split in ("train", "val"))
    features = load_features(args.features, "fit").to(translator.device)
    with tqdm(total=config.steps, unit="step", file=sys.stderr) as bar:
        found = fit_answers(
            translator.nets, features, about["net"]["latent"], len(train), train.at(size).__getitem__, config,
            lambda step: bar.update(step - bar.n),
        )  # fmt: skip
    command = shown_command("refit.py", f"{translator.name} PAIRS", args.given)
    done = asdict(config) | found | {"features": features.name, "command": command}
    about["training"] = about.get("training", {}) | {"fit_answers": done}
    about["metrics"] = {}  # those of the model before
    nets = translator.nets.cpu()
    model_folder.save(args.out, about, nets, "")
    fresh = Translator.from_pretrained(args.out, args.device, "float32")
    pairs = val.at(size)
    about |= seeds_of_page(fresh, pairs)
    model_folder.save(args.out, about, nets, card(about, translator.weights_id))
    save_samples(args.out, samples_picture(fresh, pairs))
    print(", ".join(f"{name} {value:.4f}" for name, value in found.items()))
    print(how_to_open(args.out))
    return 0


if __name__ == "__main__":
    run_script(main)
