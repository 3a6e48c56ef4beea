"""The benchmark runs and puts a number in every row; its numbers are not tested."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def bench(*words: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "train" / "bench.py"), *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, cwd=ROOT)


def rows(text: str) -> dict[str, tuple[float, str]]:
    """name -> (number, unit) of each row below the heading; every line must be one."""
    heading, *lines = text.splitlines()
    assert heading.startswith("torch ") and "median of 1" in heading
    found = {}
    for line in lines:
        match = re.match(r" *(\S.*?) {2,}([\d.]+) ?(img/s|ms|)(?: {2,}|$)", line)
        assert match, line
        found[match[1]] = (float(match[2]), match[3])
    return found


def test_edges():
    done = bench("--only", "edges", "--repeats", 1)
    assert done.returncode == 0, done.stderr
    table = rows(done.stdout)
    assert len(table) == 6 and {unit for _, unit in table.values()} == {"img/s"}
    network, both = table["edge network, 256x256"][0], table["photo to drawing, 256x256"][0]
    assert 0 < both <= network


@pytest.mark.slow
def test_sampling_beside_the_unet(tiny_model_folder):
    done = bench("--only", "sampling", "--model", tiny_model_folder, "--repeats", 1)
    assert done.returncode == 0, done.stderr
    *measured, choice = done.stdout.splitlines()
    assert re.match(r"the page would use +(float32|bfloat16) ", choice)
    table = rows("\n".join(measured))
    unet = table.pop("U-Net-256 (54.4 M), batch 4, float32")
    assert table.pop("U-Net-256 (54.4 M), channels last, float32")[0] > 0
    difference = table.pop("its mean difference from float32")
    assert difference[0] < 5 and difference[1] == ""
    kinds = ("four samples, encoder once", "four samples, sketch to PIL")
    assert list(table) == [f"{kind}, {dtype}" for dtype in ("float32", "bfloat16") for kind in kinds]
    assert {unit for _, unit in table.values()} == {"ms"} == {unet[1]}
    sizes = "at 64 px, the U-Net at 256; tiny"
    assert re.search(rf"[\d.]+ x the U-Net, [\d.]+ x with channels last; {sizes} [0-9a-f]{{8}}", done.stdout)


def test_a_missing_model_is_told_before_anything_is_measured(tmp_path):
    done = bench("--only", "sampling", "--model", tmp_path, "--repeats", 1)
    assert done.returncode == 2 and "no config.json" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and len(done.stdout.splitlines()) == 1


def test_bad_input_is_told_before_anything_is_timed():
    for words, message in (
        (["--only", "sampling", "--model", "labels2facade"], "it wants a styled model of drawings"),
        (["--repeats", 0], "--repeats must be at least 1"),
    ):
        done = bench(*words)
        assert done.returncode == 2 and message in done.stderr and " ms" not in done.stdout
