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
        match = re.match(r"(.+?) {2,}([\d.]+) (img/s|ms)\b", line)
        assert match, line
        found[match[1]] = (float(match[2]), match[3])
        assert found[match[1]][0] > 0, line
    return found


def test_edges():
    done = bench("--only", "edges", "--repeats", 1)
    assert done.returncode == 0, done.stderr
    table = rows(done.stdout)
    assert len(table) == 6 and {unit for _, unit in table.values()} == {"img/s"}
    network, both = table["edge network, 256x256"][0], table["photo to drawing, 256x256"][0]
    assert both < network < table["Canny (OpenCV), 256x256"][0]


@pytest.mark.slow
def test_sampling_beside_the_unet(tiny_model_folder):
    done = bench("--only", "sampling", "--model", tiny_model_folder, "--repeats", 1)
    assert done.returncode == 0, done.stderr
    table = rows(done.stdout)
    names = ["U-Net-256 (54.4 M), batch 4, float32", "four samples, encoder once, float32"]
    names += ["four samples, encoder once, bfloat16", "four samples, sketch to PIL, float32"]
    assert list(table) == names
    assert table[names[1]][0] < table[names[0]][0]  # a tiny model beside 54 M parameters
    assert re.search(r"[\d.]+ x the U-Net; tiny [0-9a-f]{8}", done.stdout)


def test_a_missing_model_is_told_before_anything_is_measured(tmp_path):
    done = bench("--only", "sampling", "--model", tmp_path, "--repeats", 1)
    assert done.returncode == 2 and "no config.json" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and len(done.stdout.splitlines()) == 1
