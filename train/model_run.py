"""What the scripts that train share: their options, the device, the run, the model folder."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from cli import Progress, changes_on_the_way, given_options, how_to_open
from memory import check_batch
from PIL import Image
from processes import processes
from run_folder import held_alone
from torch import Tensor, nn
from torch.utils.data import Dataset

from i2i import model_folder
from i2i.data.records import write_atomically
from i2i.nets.features import UnfetchedFeatures, load_features
from i2i.training.loop import Outcome, TrainConfig, train
from i2i.training.precision import resolve_precision
from i2i.training.ready import make_ready
from i2i.training.state import StateFolder
from i2i.translator import Translator

# Options

MOST_EPOCHS = 1e9  # no run takes longer; their steps could not be counted in the end


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """--resume, --cpu and --dry-run."""
    about = "check all that can be checked without training, pictures too, print the plan and stop; writes nothing"
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--cpu", action="store_true", help="train on the CPU even where there is a GPU")
    parser.add_argument("--dry-run", action="store_true", help=about)


def add_model_options(parser: argparse.ArgumentParser, out: str, data: str, name: str) -> None:
    """The options of every script that leaves a model folder.

    Args:
        out: the default of --out.
        data: what it learns from, in a word.
        name: the default of --name, in words.
    """
    parser.add_argument("--out", type=Path, default=Path(out), help="run folder")
    parser.add_argument("--name", default=None, help=f"the model's name (default: {name})")
    parser.add_argument("--data", default=None, help=f"what the {data} are, for card and page (default: the name)")
    parser.add_argument("--licence", default="not stated", help=f"licence of the {data}, for card and page")
    parser.add_argument("--note", default=None, help="a sentence that the page shows: what the model knows")
    about = "start from this model, its weights and the shape of its nets: bundled name, folder or Hub id"
    parser.add_argument("--init", default=None, help=about)
    add_run_options(parser)


def parse_run(
    parser: argparse.ArgumentParser,
    argv: list[str] | None,
    method: str,
    data: Collection[str],
    missing: Mapping[str, Any] | None = None,
) -> argparse.Namespace:
    """Parse; with --resume, the options that are kept with the run in --out come from there.

    Args:
        method: what the script trains.
        data: arguments that say where the data lie.
        missing: values of options that old runs did not keep.

    Returns:
        The options and, as `given`, those for the command in the card: what was given, in earlier calls too; as
        `changed`, which of them the first steps of the run had otherwise (`changes_on_the_way`); as `began_with`, the
        models that the run began with (the function `begin_with`), once that is known.
    """
    args = parser.parse_args(argv)
    given, changed, origin = given_options(parser, args, data), [], []
    if args.resume:
        meta = StateFolder(args.out).meta()
        refuse_other_method(args, method, meta["recipe"])
        kept = dict(missing or {}) | meta["recipe"]["options"]
        before = meta["recipe"].get("given")
        if before is None:  # a run of a version that did not keep them: what is known of it
            known = argparse.Namespace(**kept, steps=meta["train"]["steps"])
            before = given_options(parser, known, data)
        parser.set_defaults(**kept)
        args = parser.parse_args(argv)
        if "init" not in before:  # the saved state wins: nothing comes from that model
            given.pop("init", None)
        origin = meta["recipe"].get("began_with")
        if origin is None:  # a run of a version that did not keep it
            unknown = {"weights": "not kept", "data": "what its card says", "licence": "what its card says"}
            origin = [{"name": before["init"][0]} | unknown] if "init" in before else []
        changed = changes_on_the_way(meta["recipe"].get("changed", ()), meta["step"], before, given)
        given = before | given
    args.given, args.changed, args.began_with = given, changed, origin
    return args


def parse_run_of_epochs(
    parser: argparse.ArgumentParser, argv: list[str] | None, method: str, data: Collection[str]
) -> argparse.Namespace:
    """`parse_run` where --epochs may say the length instead of --steps; it is this call's alone, not the run's."""
    now = parser.parse_args(argv)  # before --resume adds what the run has kept
    if now.epochs is not None and now.steps is not None:
        raise ValueError("--epochs and --steps both say how long the run is: give one of them")
    if now.epochs is not None and not 0 < now.epochs <= MOST_EPOCHS:
        most = f" and at most {MOST_EPOCHS:g}" if MOST_EPOCHS < now.epochs < math.inf else ""
        raise ValueError(f"--epochs must be above 0{most}, got {now.epochs:g}")
    args = parse_run(parser, argv, method, data)
    args.epochs = now.epochs  # runs of old versions kept theirs
    # The command in the card tells the length that holds: the later call's.
    args.given.pop("steps" if now.epochs is not None else "epochs" if "steps" in args.given else "", None)
    return args


# The scripts by the methods that they train.
SCRIPTS = {
    "styled": "edges2photo.py", "pix2pix": "pix2pix.py", "bicyclegan": "bicyclegan.py", "cyclegan": "cyclegan.py",
    "starganv2": "starganv2.py", "hed": "edge_detector.py", "segmenter": "evaluate.py segmenter",
}  # fmt: skip


def refuse_other_method(args: argparse.Namespace, method: str, recipe: Mapping[str, Any]) -> None:
    """ValueError where another script began the run in --out; runs of old versions do not tell."""
    began = recipe.get("method", method)
    if began != method:
        raise ValueError(
            f"{args.out} is a run of {began}: go on with train/{SCRIPTS.get(began, began)}, or begin another run with "
            "another --out"
        )


def refuse_other_recipe(args: argparse.Namespace, begun: str | None) -> None:
    """ValueError where --recipe is not the one that the run in --out began with."""
    if args.recipe != begun:
        raise ValueError(
            f"the run in {args.out} began with {f'--recipe {begun}' if begun else 'no recipe'} and keeps to it: "
            "leave --recipe out, or begin another run with another --out"
        )


# Before the run


def tell(text: str) -> None:
    print(text, file=sys.stderr)


def find_accelerator(args: argparse.Namespace, how: TrainConfig, size: int) -> tuple[Accelerator, TrainConfig]:
    """The GPU, or the CPU where there is none or --cpu asks for it; and `how`, its precision decided for pictures of
    `size` pixels; ValueError where no memory holds a batch of these."""
    check_batch(how.batch, size)
    cpu = args.cpu or not torch.cuda.is_available()
    how = resolve_precision(how, torch.device("cpu" if cpu else "cuda"), size)
    if processes(cpu) > 1:
        # Each process has timed its own device, and a close check may fall out differently: the main one decides.
        (precision,) = broadcast_object_list([how.mixed_precision])
        how = replace(how, mixed_precision=precision)
    return Accelerator(cpu=cpu, mixed_precision=how.mixed_precision), how


def features_or_none(source: str, use: str, say: Callable[[str], None] = tell, fetch: bool = True) -> nn.Module | None:
    """The feature network, or None; a file that was named must be there, torchvision may be out of reach.

    Without `fetch`, what stands for torchvision's network is enough to build nets on it.
    """
    if source == "none":
        return None
    if source == "torchvision" and not fetch:
        return UnfetchedFeatures(use)
    try:
        return load_features(source, use)
    except ValueError as error:
        if source != "torchvision":
            raise
        what = "perceptual term and projected discriminator" if use == "loss" else "measures on features"
        say(f"without {what}: {error}")
        return None


def check_training(method: Any, args: argparse.Namespace, how: TrainConfig, accelerator: Accelerator) -> None:
    """Raise what `train` would raise before its first step, and write nothing: StateError where the run that goes on
    was saved with other nets, ValueError for settings that no optimizer takes."""
    make_ready(method, args.out, how.ema, accelerator, args.resume)


def check_steps(args: argparse.Namespace, how: TrainConfig) -> None:
    """ValueError where a run that goes on is to end at fewer steps than it has done."""
    done = StateFolder(args.out).meta()["step"] if args.resume else 0
    if how.steps < done:
        raise ValueError(
            f"{args.out} has done {done} steps and cannot end at {how.steps}: give --steps {done} to end the run where "
            "it is, or more to go on"
        )


def first_batch(data: Dataset, count: int = 6) -> dict[str, Tensor]:
    """The first items as a batch, for the sample grids."""
    items = [data[i] for i in range(min(count, len(data)))]
    return {k: torch.stack([item[k] for item in items]) for k in items[0]}


# The run

SAMPLES = "examples/samples.jpg"  # in a model's folder: what the card shows
UNFINISHED = "\nall steps are done, but not what follows them, the measures of {}: --resume does it"
STOPPING = "\nstopping after this step; once more stops at once, without saving it"


def train_with_bar(
    method: Any,
    data: Dataset,
    held_out: dict[str, Tensor],
    args: argparse.Namespace,
    how: TrainConfig,
    *,
    accelerator: Accelerator,
    recipe: dict[str, Any],
    on_save: Callable[[int, nn.ModuleDict, float], None],
) -> Outcome:
    """`train` into args.out, with a bar on stderr.

    Raises:
        ValueError: where another process works there.
    """
    recipe = recipe | {"method": method.method}
    before = StateFolder(args.out).meta() if args.resume else {"step": 0, "processes": accelerator.num_processes}
    bar = None
    if accelerator.is_main_process:
        if before["processes"] != accelerator.num_processes:
            tell(
                f"the run was saved by {before['processes']} processes and goes on with {accelerator.num_processes}: "
                "another order of the data and other noise than without the stop"
            )
        bar = Progress(how.steps, before["step"], how.batch * accelerator.num_processes)
    try:
        with held_alone(accelerator, args):
            return train(
                method, data, held_out, args.out, how, accelerator=accelerator, resume=args.resume, recipe=recipe,
                on_step=bar or (lambda step, logs: None), on_save=on_save,
                on_stop=lambda: tell(STOPPING) if bar else None,
            )  # fmt: skip
    finally:  # also before an error, which would stand at the end of the bar's line
        if bar:
            bar.close()


def train_model(
    method: Any,
    data: Dataset,
    held_out: dict[str, Tensor],
    args: argparse.Namespace,
    how: TrainConfig,
    *,
    accelerator: Accelerator,
    recipe: dict[str, Any],
    describe: Callable[[int, float], dict[str, Any]],
    card: Callable[[dict[str, Any]], str],
    finish: Callable[[Path, Outcome], None],
) -> int:
    """Train into args.out, write RUN/model with every saved state, and say how to open it.

    Args:
        describe: (step, seconds) -> config.json.
        card: config.json -> README.md.
        finish: called with RUN/model and the outcome when all steps are done (main process).

    Returns:
        The script's exit code.
    """
    target = args.out / "model"

    def export(step: int, nets: nn.ModuleDict, seconds: float) -> None:
        config = describe(step, seconds)
        text = card(config)
        if not (target / SAMPLES).is_file():  # there is no picture yet
            text = re.sub(rf"\n!\[[^\]]*\]\({SAMPLES}\)\n", "", text)
        model_folder.save(target, config, nets, text)

    recipe = recipe | {"given": args.given, "changed": args.changed, "began_with": args.began_with}
    with held_alone(accelerator, args):  # to the end: a second process would write the same model
        outcome = train_with_bar(
            method, data, held_out, args, how, accelerator=accelerator, recipe=recipe, on_save=export
        )  # fmt: skip
        if accelerator.is_main_process and outcome.reason == "finished":
            try:
                finish(target, outcome)
                if (target / SAMPLES).is_file():  # now the card can show it
                    write_atomically(target / model_folder.CARD, card(model_folder.read_config(target)).encode())
            except KeyboardInterrupt:
                tell(UNFINISHED.format(target))
                return 130
    if accelerator.is_main_process:
        if outcome.reason != "finished":
            tell(f"stopped ({outcome.reason}) after {outcome.step} of {how.steps} steps; go on with --resume")
        print(how_to_open(target))
    return 0


def training_facts(
    accelerator: Accelerator,
    how: TrainConfig,
    step: int,
    seconds: float,
    command: str,
    origin: Collection[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """How long and on what the model was trained, for config.json and card.

    Args:
        command: as the card shows it. origin: the models that the run began with, see `begin_with`.
    """
    device = "CPU" if accelerator.device.type == "cpu" else torch.cuda.get_device_name()
    return {
        "steps": step, "of_steps": how.steps, "batch": how.batch * accelerator.num_processes,
        "hours": round(seconds / 3600, 2), "device": f"{accelerator.num_processes} x {device}",
        "mixed_precision": how.mixed_precision, "command": command,
    } | ({"began_with": list(origin)} if origin else {})  # fmt: skip


def save_samples(model: Path, picture: Image.Image) -> None:
    """Put the picture of samples where the card shows it."""
    (model / SAMPLES).parent.mkdir(exist_ok=True)
    picture.save(model / SAMPLES, quality=88)


def show_grid(method: Any, held_out: dict[str, Tensor]) -> Callable[[Path, Outcome], None]:
    """A `finish` of `train_model` that puts the method's sample grid, by the served nets, into the card."""

    def finish(model: Path, outcome: Outcome) -> None:
        save_samples(model, method.grid(Translator.from_pretrained(model, "cpu", "float32").nets, held_out))

    return finish
