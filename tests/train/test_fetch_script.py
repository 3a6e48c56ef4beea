"""The script around fetching: what it prints, in which order, and how it ends."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "data"))

from archive_server import archive_server, zip_of  # noqa: E402

from i2i.data.fetch_sets import SETS, Archive, FetchedSet  # noqa: E402

TINY = FetchedSet(
    name="tiny",
    what="noise",
    archives=(Archive("tiny.zip", "http://127.0.0.1:1/tiny.zip"),),
    counts={"trainA/*.jpg": 2, "trainB/*.jpg": 1},
    megabytes=1,
    licence="for tests alone",
    page="https://example.org/tiny",
    counted="the test",
    then="python train/cyclegan.py FOLDER --out RUN",
)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setitem(SETS, "tiny", TINY)
    with archive_server() as running:
        running.files["/tiny.zip"] = zip_of({f"tiny/train{n}.jpg": b"x" for n in ("A/1", "A/2", "B/1")})
        yield running


@pytest.fixture
def run(load_script, tmp_path):
    """A function: words of the command line -> exit code, as the shell would see it."""
    script, cli = load_script("fetch"), load_script("cli")

    def run(*words: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.run_script(lambda _: script.main(["--out", str(tmp_path), *words]))
        return ended.value.code or 0

    return run


def test_the_licence_comes_first_and_the_next_command_last(run, server, capsys, tmp_path):
    assert run("tiny", "--url", server.url) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "tiny: for tests alone" and lines[1].strip() == "https://example.org/tiny"
    assert "3 files in" in lines[-2] and lines[-1] == f"  next: python train/cyclegan.py {tmp_path / 'tiny'} --out RUN"
    assert "download tiny.zip" in said.err and "unpack tiny.zip" in said.err


def test_the_next_command_can_be_pasted(run, server, capsys, tmp_path):
    assert run("tiny", "--url", server.url, "--out", str(tmp_path / "my data")) == 0
    command = capsys.readouterr().out.splitlines()[-1].strip().removeprefix("next: ")
    assert shlex.split(command)[2] == str(tmp_path / "my data" / "tiny")


def test_again_it_says_that_all_is_there(run, server, capsys):
    run("tiny", "--url", server.url)
    capsys.readouterr()
    assert run("tiny") == 0
    assert "is complete already" in capsys.readouterr().out and len(server.asked) == 1


def test_a_dry_run_asks_nobody_and_writes_nothing(run, server, capsys, tmp_path):
    assert run("tiny", "facades", "--dry-run") == 0
    out = capsys.readouterr().out
    for words in ("for tests alone", "trainA/*.jpg: 2 files", "127.0.0.1:1/tiny.zip", "about 2 MB", "facades.tar.gz"):
        assert words in out
    assert server.asked == [] and list(tmp_path.iterdir()) == []


def test_the_list_has_every_data_set_with_size_and_licence(run, capsys):
    assert run("--list") == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(SETS)
    assert "138,767" in lines[1] and "8,600" in lines[1] and lines[-1].endswith("each photo with its own owner")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("shoes",), "no data set 'shoes': choose one of edges2shoes"),
        (("tiny", "shoes"), "no data set 'shoes'"),
        (("cityscapes",), "register at https://www.cityscapes-dataset.com"),
        (("tiny", "--url", "ftp://example.org"), "is not an http(s) address"),
    ],
)
def test_mistakes_are_one_line(run, server, capsys, words, complaint):
    assert run(*words) == 2
    said = capsys.readouterr()
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and complaint in errors[0]
    assert server.asked == []


def test_without_a_name_it_says_how_to_see_them(run, capsys):
    assert run() == 2
    assert "--list" in capsys.readouterr().err
