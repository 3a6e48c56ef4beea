"""Which arithmetic "auto" stands for: a check on the CPU, the GPU's own word on CUDA."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from i2i.training import precision
from i2i.training.loop import TrainConfig
from i2i.training.precision import convolution_seconds, resolve_precision

CPU = torch.device("cpu")
AUTO = TrainConfig(mixed_precision="auto")


@pytest.fixture
def times(monkeypatch):
    """Seconds that the check will find, by dtype."""
    found = {torch.float32: 1.0, torch.bfloat16: 1.0}
    monkeypatch.setattr(precision, "convolution_seconds", lambda dtype, device: found[dtype])
    return found


@pytest.mark.parametrize(("seconds", "expected"), [(0.4, "bf16"), (0.74, "bf16"), (0.76, "no"), (3.0, "no")])
def test_a_cpu_takes_bfloat16_where_it_is_plainly_faster(times, seconds, expected):
    times[torch.bfloat16] = seconds
    assert resolve_precision(AUTO, CPU, 256).mixed_precision == expected


def test_small_pictures_are_not_worth_the_check(monkeypatch):
    monkeypatch.setattr(precision, "convolution_seconds", lambda *_: pytest.fail("checked"))
    assert resolve_precision(AUTO, CPU, 64).mixed_precision == "no"


@pytest.mark.parametrize("asked", ["no", "bf16"])
def test_what_was_asked_for_holds(times, asked):
    times[torch.bfloat16] = 0.1 if asked == "no" else 10.0
    config = TrainConfig(mixed_precision=asked)
    assert resolve_precision(config, CPU, 256) is config


@pytest.mark.parametrize(("has", "expected"), [(True, "bf16"), (False, "no")])
def test_a_gpu_tells_whether_it_has_bfloat16(monkeypatch, has, expected):
    def answer(including_emulation=True):
        return True if including_emulation else has

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", answer)
    assert resolve_precision(AUTO, SimpleNamespace(type="cuda"), 256).mixed_precision == expected


def test_only_the_precision_changes(times):
    times[torch.bfloat16] = 0.1
    config = TrainConfig(mixed_precision="auto", steps=7, seed=3)
    assert resolve_precision(config, CPU, 128) == TrainConfig(mixed_precision="bf16", steps=7, seed=3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_check_computes_in_the_dtype_that_it_times(monkeypatch, dtype):
    seen = []
    plain = torch.nn.functional.conv2d

    def watched(*args, **kwargs):
        out = plain(*args, **kwargs)
        seen.append(out.dtype)
        return out

    monkeypatch.setattr(precision.F, "conv2d", watched)
    assert convolution_seconds(dtype, CPU) > 0
    assert set(seen) == {dtype}
