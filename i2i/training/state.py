"""Everything a resume needs, on disk: nets, EMA, optimizers, random generators, position.

A state made on a GPU resumes on a CPU and the other way round. `RUN/state/` is written under a temporary name and
renamed, so a kill at any moment leaves a whole state. Tensors of nets lie in safetensors; the rest in files that load
with `weights_only=True`. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from i2i.model_folder import difference

FORMAT = 1


class StateError(ValueError):
    """A run's state is missing, foreign, or of another version."""


def random_state() -> dict[str, Any]:
    """The state of Python's, numpy's and torch's generators, in types that load without pickle."""
    name, keys, position, has_gauss, gauss = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), int(position), int(has_gauss), float(gauss)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: dict[str, Any]) -> None:
    version, keys, gauss = state["python"]
    random.setstate((version, tuple(keys), gauss))
    name, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        # Where it was saved there may have been more GPUs than here.
        torch.cuda.set_rng_state_all(state["cuda"][: torch.cuda.device_count()])


def _beside_nets(method: torch.nn.Module) -> dict[str, torch.Tensor]:
    """What a process gathers for itself: queues of styles, pools of pictures, counts."""
    return {k: v for k, v in method.state_dict().items() if not k.startswith("nets.")}


def _contiguous(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k: v.detach().to("cpu", memory_format=torch.contiguous_format).clone() for k, v in tensors.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    """`load_state_dict` across devices and versions: moments get the memory layout that the weights have here, and how
    the optimizer is computed, and its betas and the like, stay as they are here: they may have been given anew.

    A fused optimizer walks through memory, and nets need not lie in it as they did where the state was made.
    """
    settings = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(saved)
    for group, how in zip(optimizer.param_groups, settings, strict=True):
        group.update(how)
        for weight in group["params"]:
            moments = optimizer.state.get(weight, {})
            for key, value in moments.items():
                if torch.is_tensor(value) and value.shape == weight.shape and value.dim():
                    moments[key] = torch.empty_like(weight, dtype=value.dtype).copy_(value)


class StateFolder:
    """Writes and reads `RUN/state`.

    With several processes the main one writes nets, EMA and optimizers, which all share, and each process its random
    generators and what its method holds beside the nets. A run that goes on with another number of processes gives
    all of them what the main one held, and no generators: the caller seeds them.
    """

    def __init__(self, run: Path):
        self.path = run / "state"
        # Names that nobody gives a copy of their own: what lies under them is deleted.
        self.fresh = run / ".state.new"
        self.old = run / ".state.old"

    @property
    def whole(self) -> Path:
        """Where the saved state lies; nothing is moved, since somebody may only look while a run goes on."""
        # A kill between the two renames leaves the previous state under its old name.
        return self.old if self.old.exists() and not self.path.exists() else self.path

    def exists(self) -> bool:
        return (self.whole / "meta.pt").exists()

    def save(self, accelerator, method, ema, optimizers, meta: dict[str, Any]) -> None:
        """Write the state; the one before is whole until the new one is.

        Raises:
            StateError: if it cannot be written, on a full disk for instance.
        """
        with self._writing():
            if accelerator.is_main_process:
                shutil.rmtree(self.fresh, ignore_errors=True)
                self.fresh.mkdir(parents=True)
            accelerator.wait_for_everyone()
            torch.save(random_state(), self.fresh / f"random_{accelerator.process_index}.pt")
            if accelerator.is_main_process:
                save_file(_contiguous(method.state_dict()), self.fresh / "nets.safetensors")
                save_file(_contiguous(ema.nets.state_dict()), self.fresh / "ema.safetensors")
                torch.save({k: o.state_dict() for k, o in optimizers.items()}, self.fresh / "optimizers.pt")
                torch.save(meta | {"format": FORMAT, "processes": accelerator.num_processes}, self.fresh / "meta.pt")
            else:
                own = self.fresh / f"process_{accelerator.process_index}.safetensors"
                save_file(_contiguous(_beside_nets(method)), own)
            accelerator.wait_for_everyone()
            if accelerator.is_main_process:
                if self.path.exists():
                    shutil.rmtree(self.old, ignore_errors=True)
                    self.path.rename(self.old)
                self.fresh.rename(self.path)
                shutil.rmtree(self.old, ignore_errors=True)
        accelerator.wait_for_everyone()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        # safetensors and torch wrap what the system says in errors of their own; torch's is a RuntimeError of the
        # file's container; others, a GPU's among them, are something else.
        try:
            yield
        except (OSError, SafetensorError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "inline_container" not in str(error):
                raise
            kept = "the last saved state is whole: --resume goes on with it" if self.exists() else "none was saved"
            message = f"{self.path} cannot be written ({error}): free space, or allow writing; {kept}"
            raise StateError(message) from error

    @contextlib.contextmanager
    def _reading(self, file: Path) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # whatever reads a damaged file may raise
            model = self.path.with_name("model")
            raise StateError(
                f"{file} is missing or damaged ({error}): bring {self.path} back from a copy, or start a new run with "
                f"--out NEW --init {model}"
            ) from error

    def meta(self) -> dict[str, Any]:
        """Position and configuration of the saved run."""
        path = self.whole / "meta.pt"
        if not path.exists():
            raise StateError(f"{self.path} holds no saved state: there is nothing to resume; start without --resume")
        try:
            meta = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise StateError(
                f"{path} cannot be read ({type(error).__name__}): it is not one of our run states"
            ) from error
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            found = meta.get("format") if isinstance(meta, dict) else type(meta).__name__
            raise StateError(
                f"{self.path} has format {found}, this version reads {FORMAT}: resume with the version that wrote it, "
                "or start a new run from its model folder with --init"
            )
        return meta

    def _misfit(self, differs: str) -> str:
        return (
            f"{self.path} does not fit this configuration: {differs}; resume with the options that the run was started "
            "with, or start a new run in another folder"
        )

    def load(self, accelerator, method, ema, optimizers) -> dict[str, Any]:
        meta = self.meta()
        as_before = meta["processes"] == accelerator.num_processes
        place = self.whole
        files = [place / "nets.safetensors", place / "ema.safetensors"]
        own = place / f"process_{accelerator.process_index}.safetensors"
        if as_before and own.exists():  # the main process has none, nor have states of earlier versions
            files.append(own)
        found = []
        for file in files:
            with self._reading(file):
                found.append(load_file(file))
        tensors, averages, *beside = found
        for more in beside:
            tensors |= more
        # What a method has learned to keep since the state was saved begins as in a new run.
        lacking = set(getattr(method, "added", ())) - tensors.keys()
        tensors |= {name: value for name, value in method.state_dict().items() if name in lacking}
        for saved, wanted in ((tensors, method), (averages, ema.nets)):
            if differs := difference(saved, wanted.state_dict()):
                raise StateError(self._misfit(differs))
            wanted.load_state_dict(saved)
        file = place / "optimizers.pt"
        with self._reading(file):
            saved = torch.load(file, map_location="cpu", weights_only=True)
        try:
            for name, optimizer in optimizers.items():
                _load_optimizer(optimizer, saved[name])
        except (RuntimeError, KeyError, ValueError) as error:
            raise StateError(self._misfit(f"its optimizers are of other nets ({error})")) from error
        file = place / f"random_{accelerator.process_index}.pt"
        if as_before and file.exists():
            with self._reading(file):
                set_random_state(torch.load(file, map_location="cpu", weights_only=True))
        return meta
