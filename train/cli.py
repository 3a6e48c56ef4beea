"""What the scripts share: options made from frozen dataclasses, one-line errors, the progress bar."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import shlex
import sys
import typing
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tqdm import tqdm

# What the command in a card leaves out: options of one machine or one call, and what the card says elsewhere.
UNSAID = ("out", "resume", "dry_run", "workers", "minutes", "save_minutes", "cpu", "licence", "data", "note")
# Options that shape no step of training.
AFTER_TRAINING = (
    *("name", "measure_features", "grid_every", "log_every", "epochs", "hours", "init"),
    *("fit_mapping", "calibrate", "ink"),
)  # fmt: skip
# What stands there for files and folders of this machine.
STANDS_FOR = {
    "init": "MODEL", "detector": "DETECTOR", "features": "FEATURES.safetensors",
    "measure_features": "MEASURE.safetensors", "labels": "PALETTE.json", "palette": "PALETTE.json",
    "index": "INDEX.csv", "calibrate": "PHOTOS", "unlabelled": "PHOTOS", "teacher": "TEACHER",
    "trunk_weights": "IMAGENET.safetensors",
}  # fmt: skip


def _attribute_help(cls: type) -> dict[str, str]:
    """name -> text of the `Attributes:` section of a docstring; `a, b: text` describes both."""
    section = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:")[2]
    found: dict[str, str] = {}
    current: list[str] = []
    for line in section.splitlines():
        match = re.match(r"^ {4}(\w+(?:, \w+)*): (.*)$", line)
        if match:
            current = match[1].split(", ")
            for name in current:
                found[name] = match[2]
        elif line.startswith(" " * 8) and current:
            for name in current:
                found[name] += " " + line.strip()
    return found


def add_options(
    parser: argparse.ArgumentParser,
    cls: type,
    skip: tuple[str, ...] = (),
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """One option for each field of a dataclass: `--lambda-l1 5.0`; tuples take several values.

    `defaults` are those of a script where they differ from the dataclass's; `collect` has to be given them too.
    """
    group = parser.add_argument_group(cls.__name__)
    texts, types = _attribute_help(cls), typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.name in skip:
            continue
        hint = types[field.name]
        several = typing.get_origin(hint) is tuple
        kind = typing.get_args(hint)[0] if several else hint
        text = texts.get(field.name, "").replace("%", "%%")
        group.add_argument(
            "--" + field.name.replace("_", "-"),
            type=kind,
            nargs="+" if several else None,
            default=None,
            metavar=kind.__name__.upper(),
            help=f"{text} (default: {defaults.get(field.name, field.default)})",
        )


def collect(cls: type, args: argparse.Namespace, **defaults: Any) -> Any:
    """The dataclass with the options that were given, over `defaults`, over its own defaults."""
    values = dict(defaults)
    for field in dataclasses.fields(cls):
        given = getattr(args, field.name, None)
        if given is not None:
            values[field.name] = tuple(given) if isinstance(given, list) else given
    return cls(**values)


def refuse_unused(args: argparse.Namespace, unused: Mapping[str, str]) -> None:
    """ValueError for an option that was given and has no use; `unused` tells for each why, and what to do."""
    for name, why in unused.items():
        if getattr(args, name) is not None:
            raise ValueError(f"{_option(name)} {why}")


def given_options(
    parser: argparse.ArgumentParser, args: argparse.Namespace, data: Collection[str]
) -> dict[str, list[str]]:
    """The options that differ from the parser's defaults, for the command in a card.

    Args:
        data: arguments that say where the data lie; the caller has better words for them.

    Returns:
        Name of the option -> its values as words, none for a switch; files and folders by `STANDS_FOR`.
    """
    given = {}
    for name, value in vars(args).items():
        if name in UNSAID or name in data or value == parser.get_default(name):
            continue
        values = [] if value is True else value if isinstance(value, (list, tuple)) else [value]
        given[name] = [_shown(name, str(v)) for v in values]
    return given


def _shown(name: str, value: str) -> str:
    # Bundled models, Hub ids and words such as torchvision are no files, and mean the same everywhere.
    local = name in STANDS_FOR and (Path(value).is_absolute() or Path(value).exists())
    return STANDS_FOR[name] if local else value


def shown_command(
    script: str, data: str, given: Mapping[str, list[str]], changed: Collection[Mapping[str, Any]] = ()
) -> str:
    """The command for a card: `python train/SCRIPT DATA --out RUN` and what `given_options` found.

    Args:
        changed: what was otherwise in the beginning, see `changes_on_the_way`; it follows as a comment.
    """
    command = f"python train/{script} {data} --out RUN {_options(given)}".strip()
    told = []
    for change in changed:
        had = {name: values for name, values in change["before"].items() if values is not None}
        lacked = [name for name in change["before"] if name not in had]
        parts = [f"with {_options(had)}"] if had else []
        parts += ["without " + " ".join(map(_option, lacked))] if lacked else []
        told.append(f"until step {change['step']} {' and '.join(parts)}")
    return command + (f"   # {'; '.join(told)}" if told else "")


def changes_on_the_way(
    earlier: Collection[Mapping[str, Any]],
    step: int,
    before: Mapping[str, list[str]],
    given: Mapping[str, list[str]],
) -> list[dict[str, Any]]:
    """`earlier`, and one entry more where a run goes on with other options than those that its first steps had.

    Args:
        earlier: {"step": steps done with them, "before": {option: its values then, None where it was not given}}.
        step: steps done so far. before: options until then. given: those of this call.
    """
    otherwise = {
        name: before.get(name)
        for name, values in given.items()
        if name not in AFTER_TRAINING and values != before.get(name)
    }
    changes = [dict(change) for change in earlier]
    if step and otherwise:
        if changes and changes[-1]["step"] == step:  # twice without a step in between
            changes[-1]["before"] = otherwise | changes[-1]["before"]
        else:
            changes.append({"step": step, "before": otherwise})
    return changes


def how_to_open(model: Path) -> str:
    """The last line of a script that has made a model: how to look at it."""
    return f"open it: python demo/app.py --model {shlex.quote(str(model))}"


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _options(given: Mapping[str, list[str]]) -> str:
    return shlex.join(word for name, values in given.items() for word in (_option(name), *values))


def run_script(main: Callable[[list[str] | None], int | None]) -> None:
    """Run `main`; an expected error becomes one line on stderr and exit code 2, Ctrl-C exit code 130."""
    try:
        sys.exit(main(None))
    except (ValueError, OSError, FloatingPointError) as error:
        line = " ".join(str(error).split())
        print(f"error: {line}", file=sys.stderr)
        sys.exit(2)
    except Exception as error:
        if not _out_of_memory(error):
            raise
        print(
            "error: the memory is full: give a smaller --batch or fewer --workers, or smaller pictures; a run that was "
            "saved goes on with --resume",
            file=sys.stderr,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _out_of_memory(error: Exception) -> bool:
    """torch tells a full CPU memory as a RuntimeError, and a GPU's as a kind of it; OpenCV has an error of its own."""
    known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    told = ("can't allocate memory", "not enough memory", "Insufficient memory")
    return known or any(words in str(error) for words in told)


class Progress:
    """A bar with images/s and time left; `on_step` of the training loop."""

    def __init__(self, steps: int, start: int, images_per_step: int):
        self.bar = tqdm(
            total=steps * images_per_step,
            initial=start * images_per_step,
            unit="img",
            dynamic_ncols=True,
            file=sys.stderr,
        )
        self.images = images_per_step

    def __call__(self, step: int, logs: dict[str, float]) -> None:
        self.bar.update(self.images)
        if step % 10 == 0:
            self.bar.set_postfix({k: f"{v:.3f}" for k, v in list(logs.items())[:4]}, refresh=False)

    def close(self) -> None:
        self.bar.close()


def print_plan(configs: list[Any], nets: Any, facts: dict[str, Any], later: dict[str, str] | None = None) -> None:
    """What `--dry-run` shows: the resolved configuration, facts about the data, parameters of each net. `later`: words
    in the place of values of the configuration that only training decides."""
    for config in configs:
        print(type(config).__name__)
        for name, value in (dataclasses.asdict(config) | (later or {})).items():
            if hasattr(config, name):
                print(f"  {name}: {value}")
    print("Parameters")
    for name, net in nets.items():
        print(f"  {name}: {sum(p.numel() for p in net.parameters()):,}")
    for name, value in facts.items():
        print(f"{name}: {value}")
