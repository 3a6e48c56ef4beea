"""GPUs that are lent for a call: only where the package `spaces` is there, and without a live preview."""

from __future__ import annotations

import importlib.util
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeTranslator

from demo import answers, handlers, tools
from demo.batching import Worker
from demo.tile_styles import style_text

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def zero_gpu(monkeypatch):
    """A function: demo/zero_gpu.py as it is where `spaces` is or is not, with an environment."""

    def load(spaces=None, **environment):
        monkeypatch.setitem(sys.modules, "spaces", spaces)  # None: importing it fails
        monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        spec = importlib.util.spec_from_file_location("zero_gpu_of_a_test", ROOT / "demo" / "zero_gpu.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def fake_spaces():
    """A stand-in for the package: its decorator notes what it was asked for."""
    module = types.ModuleType("spaces")

    def lend(duration):
        def decorate(function):
            def lent(*args):
                return ("lent", duration, function(*args))

            return lent

        return decorate

    module.GPU = lend
    return module


def test_without_spaces_functions_stay_as_they_are(zero_gpu):
    module = zero_gpu()
    assert module.gpu(len) is len and module.LIVE


def test_on_zero_gpu_a_call_borrows_a_gpu_for_seconds_and_there_is_no_live_preview(zero_gpu):
    module = zero_gpu(fake_spaces(), SPACES_ZERO_GPU="true")
    what, seconds, result = module.gpu(len)("abc")
    assert (what, result) == ("lent", 3) and 0 < seconds <= 15
    assert module.gpu(len, duration=2)("")[1] == 2
    assert not module.LIVE


def test_a_space_without_zero_gpu_previews_live(zero_gpu):
    """`spaces` is installed on every Space; it lends nothing on one with a CPU."""
    assert zero_gpu(fake_spaces()).LIVE


class Lent(FakeTranslator):
    """A model on a GPU that is there during a lent call alone, as torch is on ZeroGPU outside of the main thread."""

    now = threading.local()

    @classmethod
    def gpu(cls, function):
        def lent(*values):
            cls.now.lent = True
            try:
                return function(*values)
            finally:
                cls.now.lent = False

        return lent

    def styles(self, *values, **options):
        assert getattr(self.now, "lent", False), "the model ran without a GPU"
        return super().styles(*values, **options)


@pytest.fixture
def borrowing(monkeypatch):
    for module in (answers, handlers, tools):
        monkeypatch.setattr(module, "gpu", Lent.gpu)
    worker = Worker()
    yield answers.Answers({"edges2cats": Lent()}, worker)
    worker.close()


def test_styles_and_mixtures_are_computed_while_a_gpu_is_lent(borrowing):
    drawing = [{"tool": "pen", "points": [[20, 20], [200, 220]]}]
    tiles = [{"seed": 1}, {"style": style_text(np.ones(8))}, {"mix": [{"seed": 1}, {"seed": 2}, 0.5]}]
    asked = {"session": "s", "model": "edges2cats", "strokes": drawing, "tiles": tiles}
    assert borrowing.answer_now(asked)["state"] == "pictures"
    buttons = tools.Tools(borrowing)
    assert buttons.save(asked)["png"] and buttons.clip(asked)["webp"]
    assert len(handlers.Endpoints(borrowing).styles(seeds=[1, 2])["styles"]) == 2
