"""Where a model runs, and in which arithmetic, is the machine's alone: not what else it does meanwhile."""

import pytest
import torch

from i2i import devices


@pytest.mark.parametrize(
    ("able", "chosen"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
        ({"avx512_f": True, "avx512_bf16": False}, torch.float32),
        ({"neon": True, "bf16": True}, torch.float32),
    ],
)
def test_cpus_with_instructions_for_bfloat16_take_it(monkeypatch, able, chosen):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert devices.best_dtype(torch.device("cpu"), 256) == chosen
    assert devices.best_dtype(torch.device("cpu"), 64) == torch.float32  # nothing is won there


def test_a_torch_that_does_not_tell_takes_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert devices.best_dtype(torch.device("cpu"), 256) == torch.float32


def test_gpus_take_bfloat16_and_others_float32():
    assert devices.best_dtype(torch.device("cuda"), 256) == torch.bfloat16
    assert devices.best_dtype(torch.device("mps"), 256) == torch.float32
