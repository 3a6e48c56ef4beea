"""The training loop: resuming equals never having stopped; stops, limits and foreign states."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.utils.data import Dataset

from i2i.methods.pix2pix import Pix2Pix, Pix2PixConfig
from i2i.methods.styled import StyledConfig, StyledPix2Pix
from i2i.training import state
from i2i.training.loop import EpochSampler, TrainConfig, _memory_format, _stop_request, train
from i2i.training.state import StateError, StateFolder, _load_optimizer, random_state, set_random_state

TINY = StyledConfig(size=64, style=8, latent=4, widths=(8, 8, 8))
HOW = TrainConfig(steps=6, batch=2, warmup=2, grid_every=3, log_every=1, workers=0, save_minutes=1e9)


class Shapes(Dataset):
    """Pairs of one line and a colour; an item is a pure function of its key."""

    def __len__(self):
        return 5

    def __getitem__(self, key):
        index, seed = key
        generator = torch.Generator().manual_seed(seed * 7 + index)
        x = torch.ones(1, 64, 64)
        x[:, 10 + 8 * index] = -1
        y = torch.rand(3, 1, 1, generator=generator).expand(3, 64, 64) * 2 - 1
        return {"x": x, "y": y.contiguous()}


def run(folder, how=HOW, resume=False, config=TINY, **callbacks):
    torch.manual_seed(how.seed)
    method = StyledPix2Pix(config)
    data = Shapes()
    held_out = {k: torch.stack([data[(i, 0)][k] for i in range(2)]) for k in ("x", "y")}
    folder.mkdir(parents=True, exist_ok=True)
    outcome = train(method, data, held_out, folder, how, accelerator=Accelerator(cpu=True), resume=resume, **callbacks)
    return method, outcome


def weights(folder, name):
    return load_file(folder / "state" / f"{name}.safetensors")


def test_a_resumed_run_equals_an_unbroken_one(tmp_path):
    run(tmp_path / "whole")

    def interrupt(step, logs):
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    _, first = run(tmp_path / "broken", on_step=interrupt)
    assert (first.step, first.reason) == (2, "interrupted")
    torch.rand(17)  # whatever happens in between
    _, second = run(tmp_path / "broken", resume=True)
    assert (second.step, second.reason) == (6, "finished")
    for name in ("nets", "ema"):
        whole, broken = weights(tmp_path / "whole", name), weights(tmp_path / "broken", name)
        assert whole.keys() == broken.keys()
        assert all(torch.equal(whole[k], broken[k]) for k in whole)
    assert (tmp_path / "whole" / "log.jsonl").read_text() == (tmp_path / "broken" / "log.jsonl").read_text()


def test_each_process_goes_on_with_what_it_had(tmp_path):
    """Two processes: each has a queue of styles of its own; one alone then goes on with the main one's."""
    here, root = Path(__file__).parent, Path(__file__).parents[2]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    command = [*launcher, str(here / "two_processes.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, cwd=root)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in ("nets", "ema", "process_1"):
        whole, broken = weights(tmp_path / "whole", name), weights(tmp_path / "broken", name)
        assert whole.keys() == broken.keys() and all(torch.equal(whole[k], broken[k]) for k in whole), name
    own, main = weights(tmp_path / "whole", "process_1"), weights(tmp_path / "whole", "nets")
    assert own.keys() == {"style_queue", "queue_filled"} and not torch.equal(own["style_queue"], main["style_queue"])
    seeds = []
    method, outcome = run(
        tmp_path / "whole",
        dataclasses.replace(HOW, steps=4),
        resume=True,
        on_step=lambda step, logs: seeds.append(torch.initial_seed()),
    )
    assert outcome.step == 4 and seeds[0] != HOW.seed  # not the noise that the weights began with
    assert torch.equal(method.style_queue[2:], main["style_queue"][:-2])
    assert not list((tmp_path / "whole" / "state").glob("process_*"))


def test_training_moves_the_weights_and_writes_what_it_promises(tmp_path):
    torch.manual_seed(HOW.seed)
    before = {k: v.clone() for k, v in StyledPix2Pix(TINY).nets.state_dict().items()}
    saved = []
    method, outcome = run(tmp_path / "run", on_save=lambda step, nets, seconds: saved.append((step, seconds)))
    after = method.nets.state_dict()
    for net in ("generator", "mapping", "style_encoder", "patch"):
        assert any(not torch.equal(before[k], after[k]) for k in before if k.startswith(net)), net
    assert outcome.reason == "finished" and saved[-1][0] == 6 and saved[-1][1] > 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert {"l1", "adversarial", "cover", "discriminator", "rate"} <= rows[0].keys()
    assert sorted(p.name for p in (tmp_path / "run" / "grids").iterdir()) == ["0000003.png", "0000006.png"]
    assert (tmp_path / "run" / "curves.png").exists()
    assert any((tmp_path / "run" / "tensorboard").iterdir())


def test_the_time_limit_stops_with_a_resumable_state(tmp_path):
    _, outcome = run(tmp_path / "run", dataclasses.replace(HOW, minutes=1e-9))
    assert (outcome.step, outcome.reason) == (1, "time")
    assert StateFolder(tmp_path / "run").meta()["step"] == 1


def test_a_kill_between_the_renames_loses_nothing(tmp_path):
    run(tmp_path / "run")
    (tmp_path / "run" / "state").rename(tmp_path / "run" / ".state.old")
    folder = StateFolder(tmp_path / "run")
    assert folder.exists() and folder.meta()["step"] == 6
    # Somebody may look while the run that renames is alive.
    assert (tmp_path / "run" / ".state.old").exists() and not (tmp_path / "run" / "state").exists()
    run(tmp_path / "run", dataclasses.replace(HOW, steps=7), resume=True)
    assert folder.meta()["step"] == 7 and not (tmp_path / "run" / ".state.old").exists()


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


def test_on_a_cpu_instance_norm_is_fed_as_it_answers():
    """It gives back contiguous pictures, which would be turned around at each convolution; batch norm does not."""
    for norm, device, wanted in (
        ("instance", "cpu", torch.contiguous_format),
        ("batch", "cpu", torch.channels_last),
        ("instance", "cuda", torch.channels_last),
    ):
        method = Pix2Pix(Pix2PixConfig(size=32, generator="unet_32", width=4, patch=16, patch_width=4, norm=norm))
        assert _memory_format(method, torch.device(device)) is wanted


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


def test_the_sampler_sees_everything_once_an_epoch_from_any_position():
    def take(count, **options):
        stream = iter(EpochSampler(7, seed=3, **options))
        return [next(stream) for _ in range(count)]

    whole = take(21)
    assert all(sorted(i for i, _ in whole[e : e + 7]) == list(range(7)) for e in (0, 7, 14))
    assert take(10, start=11) == whole[11:21]
    assert len({seed for _, seed in whole}) == 21
    halves = [take(10, rank=r, world=2) for r in (0, 1)]
    assert [k for pair in zip(*halves, strict=True) for k in pair] == whole[:20]


def test_numbers_that_are_not_finite_stop_the_run(tmp_path):
    class Broken(StyledPix2Pix):
        def step(self, batch, progress, update):
            return super().step(batch, progress, update) | {"l1": float("nan")}

    method = Broken(TINY)
    held_out = {k: v[None] for k, v in Shapes()[(0, 0)].items()}
    (tmp_path / "run").mkdir()
    with pytest.raises(FloatingPointError, match="step 0: l1 not finite; start again with a lower --lr"):
        train(method, Shapes(), held_out, tmp_path / "run", HOW, accelerator=Accelerator(cpu=True))


def test_the_first_signal_is_answered_and_the_second_obeyed():
    told = []
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt), _stop_request(lambda: told.append("stopping")) as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked.is_set() and told == ["stopping"]
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the second signal was swallowed")
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"steps": 0}, "steps"),
        ({"batch": -1}, "batch"),
        ({"grid_every": 0}, "grid_every"),
        ({"log_every": 0}, "log_every"),
        ({"warmup": -1}, "warmup"),
        ({"minutes": -1.0}, "minutes"),
        ({"minutes": float("nan")}, "minutes"),
        ({"save_minutes": float("inf")}, "save_minutes"),
        ({"workers": -1}, "workers"),
        ({"ema": 1.0}, "ema"),
        ({"mixed_precision": "fp16"}, "mixed_precision"),
    ],
)
def test_numbers_that_would_train_nothing_are_refused(wrong, field):
    with pytest.raises(ValueError, match=rf"\b{field}\b"):
        TrainConfig(**wrong)


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


class Plain(torch.nn.Module):
    """A method of one net, as small as can be; it logs a tensor, and updates whatever it is told to."""

    served = ("net",)

    def __init__(self, name="net"):
        super().__init__()
        self.nets, self.name = torch.nn.ModuleDict({"net": torch.nn.Conv2d(1, 3, 1)}), name

    def optimizers(self):
        return {"net": torch.optim.SGD(self.nets.parameters(), lr=1e-3)}

    def rate(self, progress):
        return 1.0

    def step(self, batch, progress, update):
        loss = (self.nets["net"](batch["x"]) - batch["y"]).square().mean()
        update(self.name, loss)
        return {"loss": loss, "half": loss.detach() / 2, "one": 1}

    def grid(self, nets, batch):
        return Image.new("RGB", (8, 8))


def plain(folder, how=HOW, data=None, **options):
    data = Shapes() if data is None else data
    return train(Plain(**options), data, {}, folder, how, accelerator=Accelerator(cpu=True))


def test_a_step_may_log_tensors(tmp_path):
    assert plain(tmp_path).reason == "finished"
    row = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert row["half"] == pytest.approx(row["loss"] / 2, abs=1e-6) and row["one"] == 1


def test_an_update_of_nobody_is_told(tmp_path):
    with pytest.raises(ValueError, match="the step updates 'typo', and the method's optimizers are net"):
        plain(tmp_path, name="typo")


def test_nothing_to_train_on_is_told(tmp_path):
    with pytest.raises(ValueError, match="nothing to train on"):
        plain(tmp_path, data=torch.utils.data.TensorDataset(torch.zeros(0)))


def test_the_precision_is_the_accelerators(tmp_path):
    with pytest.raises(ValueError, match=r"is bf16, .* computes in no: make it with Accelerator\(mixed_"):
        plain(tmp_path, dataclasses.replace(HOW, mixed_precision="bf16"))


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
