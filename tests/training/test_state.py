"""Saved states: kills, full disks, damage, copies, other versions, other shapes."""

from __future__ import annotations

import copy
import dataclasses
import os
import random
import re
import shutil
import signal

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tiny_runs import HOW, TINY, run

from i2i.methods.styled import StyledPix2Pix
from i2i.training import state
from i2i.training.state import StateError, StateFolder, _load_optimizer, random_state, set_random_state


def test_a_kill_between_the_renames_loses_nothing(tmp_path):
    run(tmp_path / "run")
    (tmp_path / "run" / "state").rename(tmp_path / "run" / ".state.old")
    folder = StateFolder(tmp_path / "run")
    assert folder.exists() and folder.meta()["step"] == 6
    # Somebody may look while the run that renames is alive.
    assert (tmp_path / "run" / ".state.old").exists() and not (tmp_path / "run" / "state").exists()
    run(tmp_path / "run", dataclasses.replace(HOW, steps=7), resume=True)
    assert folder.meta()["step"] == 7 and not (tmp_path / "run" / ".state.old").exists()


def test_all_three_generators_go_on_where_they_were(tmp_path):
    def drawn() -> tuple:
        return random.random(), random.gauss(0, 1), np.random.normal(), np.random.rand(), float(torch.rand(()))

    random.gauss(0, 1), np.random.normal()  # both generators hold the second of a pair
    torch.save(random_state(), tmp_path / "random.pt")
    expected = drawn()
    drawn()
    set_random_state(torch.load(tmp_path / "random.pt", weights_only=True))
    assert drawn() == expected


def test_states_of_another_version_or_shape_are_refused(tmp_path):
    run(tmp_path / "run", dataclasses.replace(HOW, steps=1))
    differs = r"nets.generator.\S+ is [\dx]+ there and [\dx]+ here; resume with the options"
    with pytest.raises(StateError, match=f"does not fit this configuration: {differs}"):
        run(tmp_path / "run", resume=True, config=dataclasses.replace(TINY, widths=(8, 8, 16)))
    optimizers = tmp_path / "run" / "state" / "optimizers.pt"
    whole = optimizers.read_bytes()
    torch.save({"generator": {}}, optimizers)
    with pytest.raises(StateError, match="does not fit this configuration: its optimizers are of other nets .*resume"):
        run(tmp_path / "run", resume=True)
    optimizers.write_bytes(whole)
    path = tmp_path / "run" / "state" / "meta.pt"
    meta = torch.load(path, weights_only=True)
    torch.save(meta | {"format": 99}, path)
    with pytest.raises(StateError, match="format 99"):
        run(tmp_path / "run", resume=True)
    path.write_bytes(b"not a state")
    with pytest.raises(StateError, match="cannot be read"):
        run(tmp_path / "run", resume=True)
    with pytest.raises(StateError, match="nothing to resume"):
        run(tmp_path / "elsewhere", resume=True)


def test_what_a_method_keeps_since_begins_as_in_a_new_run(tmp_path, monkeypatch):
    run(tmp_path / "run", dataclasses.replace(HOW, steps=2))
    nets = tmp_path / "run" / "state" / "nets.safetensors"
    save_file({k: v for k, v in load_file(nets).items() if k != "style_queue"}, nets)
    with pytest.raises(StateError, match="it has no style_queue"):
        run(tmp_path / "run", resume=True)
    monkeypatch.setattr(StyledPix2Pix, "added", ("style_queue", "queue_filled"), raising=False)
    method, outcome = run(tmp_path / "run", resume=True)
    assert outcome.step == HOW.steps and method.queue_filled == HOW.steps * HOW.batch  # which was there
    # Filled by the four steps since, two styles each; the first two steps' are those of an empty queue.
    assert method.style_queue[:8].any(1).all() and not method.style_queue[8:].any()


@pytest.mark.parametrize("here", [1, 2, 3])
def test_a_state_of_more_gpus_than_there_are(monkeypatch, here):
    saved = random_state() | {"cuda": [torch.tensor([1]), torch.tensor([2])]}
    given = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: here)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", given.extend)
    set_random_state(saved)
    assert given == saved["cuda"][:here]


def test_a_pickle_in_the_state_is_not_run(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "owned"),))

    run(tmp_path / "run", dataclasses.replace(HOW, steps=1))
    (tmp_path / "run" / "state" / "meta.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(StateError):
        run(tmp_path / "run", resume=True)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("turned", [False, True])
def test_a_state_goes_on_where_weights_lie_differently_in_memory(turned):
    """As after a change of device; a state that an optimizer of another kind made is computed as here."""
    before, now = (torch.contiguous_format, torch.channels_last)[:: -1 if turned else 1]
    start, gradient = torch.randn(8, 4, 3, 3), torch.randn(8, 4, 3, 3)

    def optimizer(weight, **how):
        return torch.optim.Adam([weight], lr=0.1, **how)

    def step(weight, adam):
        weight.grad = torch.empty_like(weight).copy_(gradient + weight.detach())  # laid out as backward does it
        adam.step()

    first = start.clone(memory_format=before).requires_grad_()
    plain = optimizer(first, fused=False)
    step(first, plain)
    second = first.detach().clone(memory_format=now).requires_grad_()
    fused = optimizer(second, fused=True)
    _load_optimizer(fused, copy.deepcopy(plain.state_dict()))
    assert fused.param_groups[0]["fused"] is True
    for _ in range(2):
        step(first, plain)
        step(second, fused)
    assert torch.allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("name", ["nets.safetensors", "ema.safetensors", "optimizers.pt", "random_0.pt"])
def test_a_damaged_state_says_what_to_do(tmp_path, name):
    run(tmp_path / "run", dataclasses.replace(HOW, steps=1))
    file = tmp_path / "run" / "state" / name
    file.write_bytes(file.read_bytes()[:40])
    says = f"{name} is missing or damaged .*: bring .*state back from a copy, or start a new run with --out NEW --init"
    with pytest.raises(StateError, match=says):
        run(tmp_path / "run", resume=True)


def test_a_state_with_a_file_missing_says_what_to_do(tmp_path):
    run(tmp_path / "run", dataclasses.replace(HOW, steps=1))
    (tmp_path / "run" / "state" / "ema.safetensors").unlink()
    with pytest.raises(StateError, match="ema.safetensors is missing or damaged .*bring .* back from a copy"):
        run(tmp_path / "run", resume=True)


TORCH_FULL = RuntimeError("[enforce fail at inline_container.cc:1] . PytorchStreamWriter failed writing file data/0")


@pytest.mark.parametrize("error", [SafetensorError("No space left"), OSError("No space left"), TORCH_FULL], ids=type)
def test_a_full_disk_leaves_the_state_before(tmp_path, monkeypatch, error):
    run(tmp_path / "run", dataclasses.replace(HOW, steps=2))

    def full(*args):
        raise error

    monkeypatch.setattr(state, "save_file", full)
    says = re.escape(f"state cannot be written ({error}): free space,") + ".*the last saved state is whole: --resume"
    with pytest.raises(StateError, match=says):
        run(tmp_path / "run", dataclasses.replace(HOW, steps=3), resume=True)
    monkeypatch.undo()
    assert run(tmp_path / "run", dataclasses.replace(HOW, steps=3), resume=True)[1].step == 3


def test_a_gpu_that_fails_while_a_state_is_saved_is_no_full_disk(tmp_path, monkeypatch):
    def fails(*args):
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(state, "save_file", fails)
    with pytest.raises(RuntimeError, match="device-side assert") as caught:
        run(tmp_path / "run", dataclasses.replace(HOW, steps=1))
    assert not isinstance(caught.value, StateError)


def test_a_copy_beside_the_state_stays(tmp_path):
    run(tmp_path / "run", dataclasses.replace(HOW, steps=1))
    for name in ("state.old", "state.new"):
        shutil.copytree(tmp_path / "run" / "state", tmp_path / "run" / name)
    run(tmp_path / "run", dataclasses.replace(HOW, steps=2), resume=True)
    for name in ("state.old", "state.new"):
        assert torch.load(tmp_path / "run" / name / "meta.pt", weights_only=True)["step"] == 1
    assert StateFolder(tmp_path / "run").meta()["step"] == 2
    assert not [path.name for path in (tmp_path / "run").glob(".state*")]


def test_ctrl_c_while_the_last_state_is_written_loses_nothing(tmp_path, monkeypatch):
    whole, asked = StateFolder.save, []

    def interrupted(self, *args):
        os.kill(os.getpid(), signal.SIGINT)
        whole(self, *args)

    monkeypatch.setattr(StateFolder, "save", interrupted)
    _, outcome = run(tmp_path / "run", on_stop=lambda: asked.append(True))
    assert (outcome.step, outcome.reason, asked) == (6, "interrupted", [True])
    assert StateFolder(tmp_path / "run").meta()["step"] == 6
