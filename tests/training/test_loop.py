"""The training loop: resuming equals never having stopped; stops, limits and the order of data."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from tiny_runs import HOW, TINY, Shapes, run, weights

from i2i.methods.pix2pix import Pix2Pix, Pix2PixConfig
from i2i.methods.styled import StyledPix2Pix
from i2i.training.loop import EpochSampler, TrainConfig, _memory_format, _stop_request, train
from i2i.training.state import StateFolder


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


def in_two_processes(script, folder):
    here, root = Path(__file__).parent, Path(__file__).parents[2]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    command = [*launcher, str(here / script), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, cwd=root)
    assert done.returncode == 0, done.stderr[-3000:]


def test_processes_whose_weights_begin_differently_train_one_model(tmp_path):
    in_two_processes("two_beginnings.py", tmp_path)
    first, second = (torch.load(tmp_path / f"{k}.pt", weights_only=True) for k in range(2))
    assert first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_each_process_goes_on_with_what_it_had(tmp_path):
    """Two processes: each has a queue of styles of its own; one alone then goes on with the main one's."""
    in_two_processes("two_processes.py", tmp_path)
    for name in ("nets", "ema", "process_1"):
        whole, broken = weights(tmp_path / "whole", name), weights(tmp_path / "broken", name)
        assert whole.keys() == broken.keys() and all(torch.equal(whole[k], broken[k]) for k in whole), name
    own, main = weights(tmp_path / "whole", "process_1"), weights(tmp_path / "whole", "nets")
    assert own.keys() == {"style_queue", "queue_filled"} and not torch.equal(own["style_queue"], main["style_queue"])
    noise = [torch.load(tmp_path / "whole" / "state" / f"random_{k}.pt", weights_only=True)["torch"] for k in range(2)]
    assert not torch.equal(*noise)
    seeds = []
    method, outcome = run(
        tmp_path / "whole",
        dataclasses.replace(HOW, steps=4),
        resume=True,
        on_step=lambda step, logs: seeds.append(torch.initial_seed()),
    )
    # Neither the noise that the weights began with, nor that of the first steps.
    assert outcome.step == 4 and seeds[0] not in (HOW.seed, HOW.seed * 7919 + 1)
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


def test_on_a_cpu_instance_norm_is_fed_as_it_answers():
    """It gives back contiguous pictures, which would be turned around at each convolution; batch norm does not."""
    for norm, device, wanted in (
        ("instance", "cpu", torch.contiguous_format),
        ("batch", "cpu", torch.channels_last),
        ("instance", "cuda", torch.channels_last),
    ):
        method = Pix2Pix(Pix2PixConfig(size=32, generator="unet_32", width=4, patch=16, patch_width=4, norm=norm))
        assert _memory_format(method, torch.device(device)) is wanted


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
