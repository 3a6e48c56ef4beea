"""What the tasks of evaluate.py that take MODEL [MODEL ...] PAIRS share: options, models with their pairs, pictures."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from cli import add_options
from tqdm import tqdm

from i2i.data.paired import PairedConfig
from i2i.metrics import page
from i2i.metrics.held_out import ColouredLabels, HeldOut, contradictions, held_out_for
from i2i.metrics.scores import Score
from i2i.metrics.view import View, grid_image
from i2i.serving.pictures import write
from i2i.translator import Translator


def add_models(parser: argparse.ArgumentParser, what: str) -> None:
    """The arguments of a task; options of the pairs that are not given are as the models were trained."""
    parser.add_argument("paths", nargs="+", metavar="MODEL [MODEL ...] PAIRS", help=what)
    parser.add_argument("--split", choices=("val", "train"), default="val", help="which pairs (default: val)")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "auto"), default="float32", help="of the models")
    add_options(parser, PairedConfig, skip=("jitter", "flip"))


def load_models(names: Sequence[str], args: argparse.Namespace) -> dict[str, Translator]:
    """The models by name; runs of one name are told apart by their weights."""
    loaded = [Translator.from_pretrained(name, args.device, args.dtype) for name in names]
    called = [t.name for t in loaded]
    models = {t.name if called.count(t.name) == 1 else f"{t.name} {t.weights_id}": t for t in loaded}
    if len(models) < len(names):
        raise ValueError(f"the same model is given twice: {' '.join(names)}")
    return models


def tell_dtypes(columns: dict[str, list[Score]], models: Mapping[str, Translator]) -> dict[str, list[Score]]:
    """The columns, with the dtype that a model computed in, where it is not float32, in its protocols."""
    told = {name: str(t.dtype).removeprefix("torch.") for name, t in models.items() if t.dtype != torch.float32}
    return columns | {
        name: [dataclasses.replace(s, protocol=f"{s.protocol}; model in {dtype}") for s in columns[name]]
        for name, dtype in told.items()
    }


def load(args: argparse.Namespace) -> tuple[dict[str, Translator], HeldOut]:
    """The models by name, and the pairs that all of them translate."""
    *names, root = args.paths
    if not names:
        raise ValueError(f"give one or more models and then the folder of pairs; got {root} alone")
    models = load_models(names, args)
    fields = (f.name for f in dataclasses.fields(PairedConfig))
    given = {name: value for name in fields if (value := getattr(args, name, None)) is not None}
    held = [held_out_for(t.config, root, args.split, given) for t in models.values()]
    first = next(iter(models))
    for name, other in zip(models, held, strict=True):
        if (other.input, other.output) != (held[0].input, held[0].output):
            raise ValueError(f"{name} translates other kinds of pictures than {first}: measure them apart")
        ours, theirs = (dataclasses.asdict(h.config) for h in (held[0], other))
        if held[0].which() == other.which():  # apart in folders of their own
            ours["val_fraction"] = theirs["val_fraction"]
        if differ := [f"--{k.replace('_', '-')} {ours[k]}" for k in ours if ours[k] != theirs[k]]:
            raise ValueError(
                f"{name} was trained on other pairs than {first}: add {' '.join(differ)} to measure all as {first}"
            )
    for line in [line for t in models.values() for line in contradictions(t.config, given)]:
        print(f"note: {line}", file=sys.stderr)
    return models, held[0]


def bar(total: int, text: str) -> tqdm:
    return tqdm(total=total, desc=text, unit="img", dynamic_ncols=True, file=sys.stderr)


def limit(held: HeldOut, pictures: int) -> int:
    """How many pairs are measured, once they are found to be readable."""
    if pictures < 1:
        raise ValueError(f"--pictures must be at least 1, got {pictures}")
    held.check(pictures)
    return min(pictures, len(held))


def shown(translator: Translator, held: HeldOut, index: int):
    """The answer with seed = index as a picture."""
    x = held.x(index, translator.image_size)
    y = translator.answer(x, [index])[0]
    return write(y, translator.config.get("output", {"kind": "photo"}), x).convert("RGB")


def by_colour(args: argparse.Namespace, held: HeldOut) -> ColouredLabels:
    """Pairs of models of photos, one side of which the user says to be label maps."""
    sides = [side for side in ("a", "b") if getattr(args, side) == "labels"]
    if len(sides) != 1:
        raise ValueError(
            "the models translate photos to photos: say which side of the pairs holds label maps as pictures, "
            "--a labels or --b labels, and give their names and colours with --palette FILE"
        )
    return ColouredLabels(held, sides[0])


def side_by_side(models: dict[str, Translator], held: HeldOut, count: int, rows: int = 8) -> str:
    """Input, real picture, and each model's answer."""
    size = min(t.image_size for t in models.values())
    view = View(held, size, count)
    grid = []
    for i in range(min(rows, count)):
        answers = [view.sample(t, view.x(t, i), [i])[0] for t in models.values()]
        grid.append(np.stack([*view.inputs([i]), *view.photos([i]), *answers]))
    picture = grid_image(torch.from_numpy(np.stack(grid)))
    return page.figure(picture, f"input, truth, {', '.join(models)}")
