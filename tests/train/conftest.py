"""The scripts in train/ are no package; tests that want their functions load them as Python does when it runs them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)

from tiny_features import random_features  # noqa: E402

TRAIN = Path(__file__).resolve().parents[2] / "train"


@pytest.fixture
def load_script(monkeypatch):
    """A function: name of a script without .py -> its module."""
    monkeypatch.syspath_prepend(str(TRAIN))
    return importlib.import_module


@pytest.fixture(scope="session")
def features(tmp_path_factory):
    """File of a feature network with random weights."""
    return random_features(tmp_path_factory.mktemp("features") / "mobilenet.safetensors")
