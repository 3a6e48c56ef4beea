"""Options made from dataclasses, their precedence, the run folder, and errors as one line."""

from __future__ import annotations

import argparse
import inspect
from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest
import torch

from i2i.methods.edge_detector import EdgeConfig
from i2i.methods.styled import StyledConfig
from i2i.training.loop import TrainConfig


@dataclass(frozen=True)
class Recipe:
    """A recipe.

    Attributes:
        rate: learning rate, 50 % of the usual
            one.
        widths, heights: sizes of the layers.
        name: what it is called.
    """

    rate: float = 0.5
    widths: tuple[int, ...] = (8, 16)
    heights: tuple[float, ...] = (1.0,)
    name: str = "plain"
    count: int = 3


@pytest.fixture
def cli(load_script):
    return load_script("cli")


def parse(cli, *words: str, skip: tuple[str, ...] = (), cls: type = Recipe) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli.add_options(parser, cls, skip=skip)
    return parser.parse_args(words)


def test_one_option_for_each_field(cli):
    args = parse(cli, "--rate", "2", "--widths", "1", "2", "3", "--heights", "4", "--name", "x", "--count", "7")
    assert vars(args) == {"rate": 2.0, "widths": [1, 2, 3], "heights": [4.0], "name": "x", "count": 7}
    assert isinstance(args.rate, float) and isinstance(args.widths[0], int) and isinstance(args.heights[0], float)


@pytest.mark.parametrize(
    "words", [["--rate", "fast"], ["--widths", "1.5"], ["--widths"], ["--count", "2.0"], ["--nam"]]
)
def test_values_of_another_type_are_refused(cli, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(cli, *words)
    assert stopped.value.code == 2 and words[0] in capsys.readouterr().err


def test_skipped_fields_have_no_option(cli):
    assert "name" not in vars(parse(cli, skip=("name",)))
    with pytest.raises(SystemExit):
        parse(cli, "--name", "x", skip=("name",))


def test_given_options_come_before_defaults_before_the_classes_own(cli):
    assert cli.collect(Recipe, parse(cli)) == Recipe()
    assert cli.collect(Recipe, parse(cli), rate=0.1, widths=(4,)) == Recipe(rate=0.1, widths=(4,))
    args = parse(cli, "--rate", "0", "--widths", "1", "2")
    assert cli.collect(Recipe, args, rate=0.1, name="given") == Recipe(rate=0.0, widths=(1, 2), name="given")
    assert isinstance(cli.collect(Recipe, args).widths, tuple)
    with pytest.raises(TypeError):
        cli.collect(Recipe, args, colour=3)


@pytest.mark.parametrize("cls", [StyledConfig, TrainConfig, EdgeConfig])
def test_the_real_recipes_survive_their_options(cli, cls):
    assert cli.collect(cls, parse(cli, cls=cls)) == cls()
    words = []
    for name, value in vars(cls()).items():
        values = value if isinstance(value, tuple) else (value,)
        words += ["--" + name.replace("_", "-"), *map(str, values)]
    assert cli.collect(cls, parse(cli, *words, cls=cls)) == cls()
    # Every field is explained.
    assert vars(cls()).keys() == cli._attribute_help(cls).keys()


def help_of(cli, cls: type) -> str:
    parser = argparse.ArgumentParser()
    cli.add_options(parser, cls)
    return " ".join(parser.format_help().split())


def test_help_comes_from_the_docstring(cli):
    text = help_of(cli, Recipe)
    assert "--rate FLOAT learning rate, 50 % of the usual one. (default: 0.5)" in text
    assert "--widths INT [INT ...] sizes of the layers. (default: (8, 16))" in text
    assert "--heights FLOAT [FLOAT ...] sizes of the layers. (default: (1.0,))" in text
    assert "--name STR what it is called. (default: plain)" in text
    assert "--count INT (default: 3)" in text


def test_help_survives_docstrings_without_indentation(cli):
    # Python 3.13 strips the indentation when it compiles.
    @dataclass(frozen=True)
    class Stripped(Recipe):
        pass

    Stripped.__doc__ = inspect.cleandoc(Recipe.__doc__)
    assert cli._attribute_help(Stripped) == cli._attribute_help(Recipe) != {}


@pytest.mark.parametrize(
    "words, told",
    [
        ("", ""),
        ("--name plain --count 3 --no-flip", "--no-flip --name plain --count 3"),
        ("--widths 4 8 --rate 2 --scales 1", "--scales 1.0 --rate 2.0 --widths 4 8"),
        ("--scales 0.5 1 --fit crop --features torchvision", ""),
        ("--out there --licence mine --workers 3 --minutes 5 --resume --cpu", ""),
        ("--init edges2cats --features none", "--init edges2cats --features none"),
        ("--init owner/name --features {here}", "--init owner/name --features FEATURES.safetensors"),
        ("--init {here} --name {here}", "--init MODEL --name {here}"),
        ("--init /of/another/machine", "--init MODEL"),
    ],
)
def test_a_card_tells_what_was_given_and_no_folder_of_this_machine(cli, tmp_path, words, told):
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    for name, default in (("out", None), ("init", None), ("features", "torchvision"), ("fit", "crop"), ("licence", "")):
        parser.add_argument("--" + name, default=default)
    parser.add_argument("--scales", type=float, nargs="+", default=[0.5, 1.0])
    for name in ("no-flip", "resume", "cpu"):
        parser.add_argument("--" + name, action="store_true")
    cli.add_options(parser, Recipe)
    cli.add_options(parser, TrainConfig, skip=("steps", "batch", "seed"))
    args = parser.parse_args([str(tmp_path), *(w.format(here=tmp_path) for w in words.split())])
    command = cli.shown_command("script.py", "PHOTOS", cli.given_options(parser, args, ("photos",)))
    assert command == f"python train/script.py PHOTOS --out RUN {told.format(here=tmp_path)}".strip()


FULL = (
    "error: the memory is full: give a smaller --batch or fewer --workers, or smaller pictures; a run that was saved "
    "goes on with --resume"
)


@pytest.mark.parametrize(
    "error, code, line",
    [
        (ValueError("the folder\n  is empty"), 2, "error: the folder is empty"),
        (FileNotFoundError(2, "No such file", "x.jpg"), 2, "error: [Errno 2] No such file: 'x.jpg'"),
        (FloatingPointError("step 3: not finite"), 2, "error: step 3: not finite"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 2, FULL),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), 2, FULL),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."), 2, FULL),
        (cv2.error("(-4:Insufficient memory) Failed to allocate 3000000000000 bytes"), 2, FULL),
    ],
)
def test_expected_errors_become_one_line(cli, capsys, error, code, line):
    def main(argv):
        raise error

    with pytest.raises(SystemExit) as stopped:
        cli.run_script(main)
    assert stopped.value.code == code
    assert capsys.readouterr().err == line + "\n"


def test_success_and_bugs_are_not_dressed_up(cli):
    with pytest.raises(SystemExit) as stopped:
        cli.run_script(lambda argv: 0)
    assert stopped.value.code == 0

    def bug(argv):
        raise TypeError("a bug")

    with pytest.raises(TypeError):
        cli.run_script(bug)

    def shapes(argv):
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        cli.run_script(shapes)


def test_the_plan_shows_settings_sizes_and_facts(cli, capsys):
    nets = {"small": torch.nn.Linear(3, 2), "large": torch.nn.Linear(100, 100)}
    cli.print_plan([Recipe(rate=0.25)], nets, {"photos": "8 files"})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Recipe" and "  rate: 0.25" in lines and "  widths: (8, 16)" in lines
    assert "  small: 8" in lines and "  large: 10,100" in lines and "photos: 8 files" in lines


def test_the_bar_counts_pictures_from_where_the_run_stands(cli, capsys):
    bar = cli.Progress(steps=10, start=4, images_per_step=8)
    bar(5, {"l1": 0.5})
    bar(6, {"l1": 0.25})
    assert (bar.bar.n, bar.bar.total, bar.bar.unit) == (48, 80, "img")
    bar.close()
    assert capsys.readouterr().out == ""  # the bar is for the terminal, not for what is piped
