"""The task domains of evaluate.py: models that translate between domains, on photos of these domains."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from cli import add_options, collect
from model_run import features_or_none
from models_on_pairs import load_models, tell_dtypes
from torch import nn
from tqdm import tqdm

from i2i.data.domains import DomainConfig, DomainDataset
from i2i.images import tensor_to_photo
from i2i.metrics import page
from i2i.metrics.domains import DomainMeasures, DomainProtocol
from i2i.metrics.scores import REAL, UNCHANGED, Score
from i2i.style_pictures import style_matrix
from i2i.translator import Translator, choose_device

Columns = dict[str, list[Score]]
SHOWN = 6  # sources and references of a matrix


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", help="models of the same domains")
    parser.add_argument("--root", type=Path, required=True, help="folder of photos, as for starganv2.py")
    parser.add_argument(
        "--features",
        default="torchvision",
        help="feature network: a MobileNet v1 safetensors file that sat in no loss, or torchvision",
    )
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "auto"), default="float32", help="of the models")
    add_options(parser, DomainConfig, skip=("domains", "crop", "flip"))
    add_options(parser, DomainProtocol)


def split_of(translator: Translator) -> dict[str, Any]:
    """How training fitted photos, and which it kept apart; models of older versions do not tell all of it."""
    return {k: v for k, v in translator.config.get("data", {}).items() if k in ("fit", "val_fraction")}


def measures_for(
    translator: Translator, root: Path, config: DomainConfig, features: nn.Module, protocol: DomainProtocol
) -> DomainMeasures:
    """The measures on photos of a model's domains, in its size."""
    if not translator.domains:
        raise ValueError(f"{translator.name} has no domains: this task is for models of starganv2.py")
    # Nothing of it is cropped at random, and each photo is looked at once.
    config = replace(config, domains=translator.domains, crop=0.0)
    sets = (DomainDataset(root, split, translator.image_size, config, cache=False) for split in ("train", "val"))
    return DomainMeasures(*sets, features, protocol)


def measure(measures: DomainMeasures, translator: Translator, name: str) -> list[Score]:
    """One model's scores, with a bar."""
    with tqdm(total=measures.answers, desc=name, unit="img", dynamic_ncols=True, file=sys.stderr) as bar:
        measures.report = bar.update
        return measures.model(translator)


def matrix(translator: Translator, val: DomainDataset):
    """Held-out photos of all domains in the styles of others."""
    count = len(val.domains)
    domains = [k % count for k in range(max(SHOWN, count))]
    references = [tensor_to_photo(val.photo(k, i // count % len(val.files[k]))) for i, k in enumerate(domains)]
    sources = [tensor_to_photo(val.photo(k, -1 - i // count % len(val.files[k]))) for i, k in enumerate(domains)]
    return style_matrix(translator, sources, references, [val.domains[k] for k in domains])


def run(args: argparse.Namespace) -> tuple[Columns, list]:
    """The table's columns and the report's sections."""
    features = features_or_none(args.features, "measure")
    if features is None:
        raise ValueError("all measures of this task are made of features: give a network with --features")
    features = features.to(choose_device(args.device))
    models = load_models(args.models, args)
    first = next(iter(models.values()))
    config = collect(DomainConfig, args, **split_of(first))
    measures = measures_for(first, args.root, config, features, collect(DomainProtocol, args))
    for translator in models.values():  # before the first is measured, which takes long
        measures.check(translator)
    columns, sections = {}, []
    for name, translator in models.items():
        for option, value in split_of(translator).items():
            if value != getattr(config, option):
                given = f"--{option.replace('_', '-')}"
                print(f"note: {name} was trained with {given} {value}, not {getattr(config, option)}", file=sys.stderr)
        columns[name] = measure(measures, translator, name)
        with torch.inference_mode():
            picture = matrix(translator, measures.val)
        sections.append((name, page.figure(picture, "sources on the left, references on top")))
    return tell_dtypes(columns, models) | {UNCHANGED: measures.unchanged(), REAL: measures.real()}, sections
