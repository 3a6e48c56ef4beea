"""The training loop, the same for every method, on one process or many (Hugging Face accelerate)."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from i2i.checks import check_choice, check_finite, check_least, check_types
from i2i.training.monitor import Monitor
from i2i.training.ready import make_ready
from i2i.training.state import StateFolder


class Method(Protocol):
    """What the loop asks of a method, an `nn.Module` (docs/library.md has a small one).

    Attributes:
        nets: all that learns, by name.
        served: names of the nets that get an average of their weights and go into the model folder.
    """

    nets: nn.ModuleDict
    served: tuple[str, ...]

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The players, by name: whatever `step` updates apart."""

    def rate(self, progress: float) -> float:
        """Factor of all learning rates, after the share `progress` of the run, in [0, 1)."""

    def step(self, batch: dict[str, Tensor], progress: float, update: Callable) -> dict[str, float | Tensor]:
        """One step: losses of a batch, `update(name of an optimizer, loss)` for each player; what it returns, numbers
        or tensors of one, is logged."""

    def grid(self, nets: nn.ModuleDict, batch: dict[str, Tensor]) -> Image.Image:
        """Samples of the averaged nets for a batch that stays the same, to look at."""


PRECISIONS = ("no", "bf16", "auto")


@dataclass(frozen=True)
class TrainConfig:
    """How long and how a run trains.

    Attributes:
        steps: steps of the whole run; the schedules refer to it.
        batch: pictures a step in each process.
        seed: of weights, order, augmentation and noise; `train` itself takes the weights of the nets as they are.
        warmup: steps over which the learning rate rises from zero.
        ema: decay of the weight average.
        minutes: stop with a resumable state after this time (0: no limit).
        save_minutes: time between saved states.
        grid_every: steps between sample grids.
        log_every: steps between log lines.
        workers: loader processes.
        mixed_precision: no or bf16, on CUDA and on the CPU, or auto: the one that this machine is faster in
            (`i2i.training.precision`), which must be decided before the run begins.
    """

    steps: int = 20000
    batch: int = 8
    seed: int = 0
    warmup: int = 100
    ema: float = 0.999
    minutes: float = 0.0
    save_minutes: float = 5.0
    grid_every: int = 500
    log_every: int = 20
    workers: int = 1
    mixed_precision: str = "no"

    def __post_init__(self) -> None:
        check_types(self)
        check_least(self, dict.fromkeys(("steps", "batch", "grid_every", "log_every"), 1))
        check_least(self, dict.fromkeys(("warmup", "minutes", "save_minutes", "workers"), 0))
        if math.inf in (self.minutes, self.save_minutes):
            raise ValueError("minutes and save_minutes must be finite; for no time limit set minutes to 0")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must be from 0 to {2**32 - 1}, got {self.seed}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must lie in [0, 1), got {self.ema}")
        check_choice("mixed_precision", self.mixed_precision, PRECISIONS)
        check_finite(self)


class EpochSampler(Sampler):
    """Keys (index, seed) from position `start` on, without end; a pure function of (seed, position, process).

    Each epoch is a permutation of the data; the item's seed drives its augmentation, so a resumed run sees exactly
    what an unbroken one would have seen.
    """

    def __init__(self, length: int, seed: int, start: int = 0, rank: int = 0, world: int = 1):
        self.length, self.seed, self.start, self.rank, self.world = length, seed, start, rank, world

    def __iter__(self) -> Iterator[tuple[int, int]]:
        position = self.start * self.world + self.rank
        epoch, order = -1, []
        while True:
            now, place = divmod(position, self.length)
            if now != epoch:
                epoch = now
                generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
                order = torch.randperm(self.length, generator=generator).tolist()
            yield order[place], self.seed * 1_000_003 + position
            position += self.world


@dataclass
class Outcome:
    """How a call of `train` ended: after `step` steps and `seconds`, earlier calls counted in; `reason` is "finished",
    "time" or "interrupted"."""

    step: int
    reason: str
    seconds: float


@contextlib.contextmanager
def _stop_request(on_stop: Callable[[], None]) -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, so that a run stops between two steps and never inside one.

    `on_stop` is called at the first signal, since a step may take long; a second one stops at once (KeyboardInterrupt).
    """
    asked, process = threading.Event(), os.getpid()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(*_) -> None:
        if os.getpid() != process:
            return  # a loader process, which inherits this handler
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        on_stop()

    before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def timed_algorithms() -> Iterator[None]:
    """cuDNN times its algorithms for each shape: those of a run stay the same for thousands of steps."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def _until_asked(batches: Iterator, asked: threading.Event) -> Iterator:
    """The loader's batches; a stop request may have reached its processes too and ended them."""
    try:
        yield from batches
    except RuntimeError:
        if not asked.is_set():
            raise


def _start_worker(_: int) -> None:
    # One thread a loader process: OpenCV's own pool would fight the training step for the cores.
    cv2.setNumThreads(0)


def _memory_format(method: Method, device: torch.device) -> torch.memory_format:
    """Channels last, as convolutions want it; but on a CPU not with instance norm, which answers in contiguous memory.

    There each convolution would turn its input around and each norm turn it back: a fifth of BicycleGAN's step.
    """
    by_instance = any(isinstance(layer, nn.InstanceNorm2d) for layer in method.nets.modules())
    return torch.contiguous_format if by_instance and device.type == "cpu" else torch.channels_last


def _begin_alike(accelerator: Accelerator, nets: nn.Module) -> None:
    """The main process's weights for all. Each may have drawn its own, and what they average are gradients alone."""
    if accelerator.num_processes > 1:
        for tensor in nets.state_dict().values():
            tensor.copy_(broadcast(tensor.detach().clone(memory_format=torch.contiguous_format)))


def _average_gradients(accelerator: Accelerator, optimizer: torch.optim.Optimizer) -> None:
    """Mean gradient over processes. By hand, since a GAN step runs nets several times with parts frozen, which
    DistributedDataParallel's hooks do not support."""
    grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    flat = accelerator.reduce(torch.cat([g.flatten() for g in grads]), "mean")
    for grad, part in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
        grad.copy_(part.view_as(grad))


def train(
    method: Any,
    data: Dataset,
    held_out: dict[str, Tensor],
    run: Path,
    config: TrainConfig,
    *,
    accelerator: Accelerator,
    resume: bool = False,
    recipe: dict[str, Any] | None = None,
    on_step: Callable[[int, dict[str, float]], None] = lambda step, logs: None,
    on_save: Callable[[int, nn.ModuleDict, float], None] = lambda step, nets, seconds: None,
    on_stop: Callable[[], None] = lambda: None,
) -> Outcome:
    """Train `method` until `config.steps`, the time limit, or Ctrl-C; the state on disk resumes all three.

    On one CPU, as many processes as before go on to the very weights of a run that never stopped; on a GPU nearly, as
    cuDNN's algorithms are chosen by timing them. Another number of them goes on with the same nets, but with other
    noise, in another order of the data, and with what the main process held beside the nets.

    Args:
        method: a `Method` that is also an `nn.Module`. Of several processes all begin with the main one's weights.
        data: items, dicts of tensors, for keys (index, seed): the seed drives an item's augmentation.
        held_out: a fixed batch for the sample grids.
        run: run folder.
        recipe: kept beside the state; whoever resumes finds the configuration there.
        on_step: called after each step with its logs (main process).
        on_save: called with the step, the EMA nets and the seconds trained so far whenever a state was saved
            (main process).
        on_stop: called at the first Ctrl-C or SIGTERM, before the step at hand ends (every process); a second one
            raises KeyboardInterrupt, and what came after the last saved state is lost.

    Raises:
        ValueError: without data, for an `update` of no optimizer, or for a precision that is not the accelerator's,
            which computes in its own.
        FloatingPointError: where a step's logs are not finite.
        StateError: where a state cannot be written, or does not fit.
    """
    if not len(data):
        raise ValueError("there is nothing to train on: the data set is empty")
    if config.mixed_precision not in ("auto", accelerator.mixed_precision):
        raise ValueError(
            f"mixed_precision is {config.mixed_precision}, and the accelerator computes in "
            f"{accelerator.mixed_precision}: make it with Accelerator(mixed_precision={config.mixed_precision!r})"
        )
    device, main = accelerator.device, accelerator.is_main_process
    method.to(device)
    _begin_alike(accelerator, method.nets)
    memory_format = _memory_format(method, device)
    for net in method.nets.values():
        net.to(memory_format=memory_format)
    ready, folder = make_ready(method, run, config.ema, accelerator, resume), StateFolder(run)
    optimizers, ema = ready.optimizers, ready.ema
    step, seconds_before, processes = 0, 0.0, 0
    if ready.meta:
        step, seconds_before, processes = (ready.meta[name] for name in ("step", "seconds", "processes"))
    if processes != accelerator.num_processes:
        # Noise of its own for each process: at the start, and where another number of them goes on.
        torch.manual_seed(config.seed * 7919 + 1 + accelerator.process_index + step * 1_000_003)
    monitor = Monitor(run, step) if main else None
    held_out = {k: v.to(device) for k, v in held_out.items()}

    sampler = EpochSampler(
        len(data), config.seed, step * config.batch, accelerator.process_index, accelerator.num_processes
    )
    loader = DataLoader(
        data,
        batch_size=config.batch,
        sampler=sampler,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
        worker_init_fn=_start_worker,
        pin_memory=device.type == "cuda",
        # The loader draws a seed when it starts; from its own generator, or a resumed run's noise would shift.
        generator=torch.Generator().manual_seed(config.seed),
    )

    def update(name: str, loss: Tensor) -> None:
        if name not in optimizers:
            raise ValueError(f"the step updates {name!r}, and the method's optimizers are {', '.join(optimizers)}")
        optimizer = optimizers[name]
        optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        if accelerator.num_processes > 1:
            _average_gradients(accelerator, optimizer)
        optimizer.step()

    def save() -> None:
        seconds = seconds_before + time.monotonic() - begin
        meta = {"step": step, "seconds": seconds, "train": asdict(config), "recipe": recipe or {}}
        folder.save(accelerator, method, ema, optimizers, meta)
        if main:
            monitor.curves()
            on_save(step, ema.nets, seconds)

    begin = saved = time.monotonic()
    reason = "finished"
    with _stop_request(on_stop) as asked, timed_algorithms():
        batches = iter(loader) if step < config.steps else iter(())
        for batch in _until_asked(batches, asked):
            progress = step / config.steps
            factor = method.rate(progress) * min(1.0, (step + 1) / max(1, config.warmup))
            for name, optimizer in optimizers.items():
                for group, rate in zip(optimizer.param_groups, ready.rates[name], strict=True):
                    group["lr"] = rate * factor
            batch = {
                k: v.to(device, non_blocking=True, memory_format=memory_format) if v.dim() == 4 else v.to(device)
                for k, v in batch.items()
            }
            with accelerator.autocast():
                logs = method.step(batch, progress, update)
            logs = {k: v.item() if isinstance(v, Tensor) else float(v) for k, v in logs.items()}
            broken = [name for name, value in logs.items() if not math.isfinite(value)]
            if broken:
                kept = "the last saved state is whole: resume it" if folder.exists() else "start again"
                raise FloatingPointError(f"step {step}: {', '.join(broken)} not finite; {kept} with a lower --lr")
            step += 1
            ema.update(nn.ModuleDict({name: method.nets[name] for name in method.served}), step)
            if main:
                on_step(step, logs)
                if step % config.log_every == 0:
                    monitor.scalars(step, logs | {"rate": factor})
                if step % config.grid_every == 0 or step == config.steps:
                    monitor.grid(step, method.grid(ema.nets, held_out))
            now = time.monotonic()
            if step >= config.steps:
                break
            clock = [now - begin, now - saved, asked.is_set()]
            if accelerator.num_processes > 1:
                # The main process's clock decides for all, so that no process waits for one that has stopped.
                clock = accelerator.gather(torch.tensor(clock, device=device))[:3].tolist()
            if clock[2]:
                reason = "interrupted"
                break
            if config.minutes and clock[0] > config.minutes * 60:
                reason = "time"
                break
            if clock[1] > config.save_minutes * 60:
                save()
                saved = time.monotonic()
        # Still within: one Ctrl-C while it is written does not lose what was trained since the last saved state.
        save()
        if asked.is_set():
            reason = "interrupted"
    if main:
        monitor.close()
    return Outcome(step, reason, seconds_before + time.monotonic() - begin)
