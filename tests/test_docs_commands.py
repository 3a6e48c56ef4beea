"""Every command and every option in README and docs is one that the scripts know."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = {page.name: page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}
SUBJECTS = {"TASK", "JOB", "COMMAND", "TABLE"}  # stand for a script's first word
FOREIGN = {"--multi_gpu", "--num_processes", "--nproc_per_node"}  # options of accelerate and torchrun


class Refused(Exception):
    """What argparse has to say against a command."""


class Parsed(Exception):
    """Carries out of a script: its parser, the words that were left over, and what was refused."""


@cache
def parsed(script: Path, words: tuple[str, ...]) -> tuple[argparse.ArgumentParser, list[str], str]:
    """Run a script until its options are parsed."""
    original, outer = argparse.ArgumentParser.parse_known_args, []

    def stop(self, *args, **options):
        outer.append(self)
        if len(outer) > 1:  # a subcommand
            return original(self, *args, **options)
        try:
            raise Parsed(self, original(self, *args, **options)[1], "")
        except Refused as error:
            raise Parsed(self, [], str(error)) from None

    def refuse(self, message):
        raise Refused(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_known_args", stop)
        patch.setattr(argparse.ArgumentParser, "error", refuse)
        patch.setattr(sys, "argv", [str(script), *words])
        patch.syspath_prepend(str(script.parent))
        with pytest.raises(Parsed) as found:
            runpy.run_path(str(script), run_name="__main__")
    return found.value.args


def scripts_in(line: str) -> list[tuple[Path, tuple[str, ...]]]:
    """The scripts that a line of shell runs, with their words."""
    words = shlex.split(line.replace("[", " ").replace("]", " "), comments=True)
    found = []
    for i, word in enumerate(words):
        script = next((p for p in (ROOT / word, ROOT / "train" / word) if p.suffix == ".py" and p.is_file()), None)
        if script:
            # Dots stand for more of the same, or for an option's value.
            rest = [word for before, word in pairwise(words[i:]) if word != "..." or before.startswith("--")]
            found += [] if SUBJECTS & set(rest[:1]) else [(script, tuple(w for w in rest if w != "--help"))]
    return found


def commands(text: str) -> list[tuple[Path, tuple[str, ...], bool]]:
    """Scripts with their words: from code blocks (whole commands), and from code within sentences and tables."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    mentions = re.findall(r"`([^`]+\.py [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    return [(*found, whole) for part, whole in ((lines, True), (mentions, False)) for line in part
            for found in scripts_in(line)]  # fmt: skip


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Names of a parser's options, those of its subcommands too."""
    names = set()
    for action in parser._actions:
        names |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            names = names.union(*map(options, action.choices.values()))
    return names


@pytest.mark.parametrize("page", PAGES)
def test_commands_parse(page):
    for script, words, whole in commands(PAGES[page]):
        _, rest, refused = parsed(script, words)
        # A script may be named without all that it wants.
        assert not refused or (not whole and "required" in refused), f"{script.name} {' '.join(words)}: {refused}"
        if script.name == "reproduce.py":  # hands on what it does not know
            rest = parsed(script.with_name("starganv2.py"), ("PHOTOS", *rest))[1]
        assert not rest, f"{script.name} has no option {rest[0]}"


def test_options_exist():
    named = {script: words for text in PAGES.values() for script, words, _ in commands(text)}
    known = FOREIGN.union(*(options(parsed(script, words)[0]) for script, words in named.items()))
    for page, text in PAGES.items():
        code = " ".join(re.findall(r"`([^`]+)`", text))
        unknown = set(re.findall(r"(?<!\S)--[a-z][\w-]*", code)) - known
        assert not unknown, f"{page}: {', '.join(sorted(unknown))}"
