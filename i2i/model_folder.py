"""A model is a folder that explains itself: config.json, model.safetensors (half precision), README.md, examples/."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

FORMAT = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"

_here = Path(__file__).resolve().parent
# In an installed wheel the assets lie inside the package; in a clone they lie beside it.
ASSETS = _here / "assets" if (_here / "assets").is_dir() else _here.parent / "assets"


class ModelFolderError(ValueError):
    """The folder is missing, foreign, damaged, or of another version."""


def bundled_models(kind: str = "translator") -> list[str]:
    """Names of the models that come with the project: `edges2cats`, others of drawings, of label maps, of photos.

    Args:
        kind: "translator" (drawing or label map to photo) or "detector" (photo to edges).
    """
    inputs = {}
    for path in (ASSETS / "models").glob(f"*/{CONFIG}"):
        config = json.loads(path.read_text(encoding="utf-8"))
        if config.get("kind") == kind:
            inputs[path.parent.name] = config.get("input", {}).get("kind", "")
    # The kinds of input happen to be in the alphabet's order.
    return sorted(inputs, key=lambda name: (name != "edges2cats", inputs[name], name))


def resolve(name_or_folder: str | os.PathLike) -> Path:
    """The folder of a model: a folder, a bundled name, or a Hugging Face Hub id `owner/name[@revision]` (downloaded).

    Raises:
        ModelFolderError: naming the bundled models and what to do.
    """
    text = os.fspath(name_or_folder)
    path = Path(text)
    bundled = ASSETS / "models" / text
    # A folder of photos that is called like a bundled model does not hide it.
    if path.is_dir() and ((path / CONFIG).is_file() or not (bundled / CONFIG).is_file()):
        return path
    if (bundled / CONFIG).is_file():
        return bundled
    known = ", ".join(bundled_models()) or "none"
    if path.exists():
        raise ModelFolderError(f"{text} is a file; give the model's folder, the one that holds {CONFIG} and {WEIGHTS}")
    parts = text.split("/")
    if len(parts) == 2 and all(p and not p.startswith(".") for p in parts):
        from i2i import hub  # it knows model folders; they need it here alone

        try:
            return hub.pull(text)
        except ModelFolderError as error:
            raise ModelFolderError(
                f"{text} is neither a folder nor could it be fetched from the Hub ({error}); "
                f"check the path or the id; bundled models: {known}"
            ) from error
    raise ModelFolderError(f"no model {text!r}: give a model folder, a Hub id owner/name, or a bundled one ({known})")


def read_config(folder: Path) -> dict[str, Any]:
    """config.json, checked.

    Raises:
        ModelFolderError: if it is missing, not ours, or of another format version.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise ModelFolderError(
            f"{folder} has no {CONFIG}, so it is not a model folder; a run's model lies in RUN/model"
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ModelFolderError(f"{path} is not valid JSON ({error}); copy the model folder again") from error
    if not isinstance(config, dict) or "method" not in config or "format" not in config:
        raise ModelFolderError(f"{path} is not one of ours: it names no format and method")
    if config["format"] != FORMAT:
        raise ModelFolderError(
            f"{path} has format {config['format']!r}, this version reads {FORMAT}: install the version that wrote it"
        )
    return config


@contextlib.contextmanager
def describing(folder: Path, what: str) -> Iterator[None]:
    """Nets are built from a config.json within: where it was edited into something else, ModelFolderError says so."""
    try:
        # Initial weights, which the file's replace, leave the caller's random numbers as they were.
        with torch.random.fork_rng(devices=[]):
            yield
    except ModelFolderError:
        raise
    except KeyError as error:
        raise ModelFolderError(_undo(folder, what, f"it lacks {error}")) from error
    except (ArithmeticError, AttributeError, IndexError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        raise ModelFolderError(_undo(folder, what, str(error))) from error


def _undo(folder: Path, what: str, why: str) -> str:
    return (
        f"{folder / CONFIG} does not describe {what}: {why}; undo the changes in it, or copy the model folder again"
    )


def is_own(path: Path, folder: Path) -> bool:
    """Whether a file of a folder lies in it, or in the cache that the Hub's library links it from.

    Another link may lead to anything on this machine, which is not to be published with a model.
    """
    home = folder.resolve()
    homes = [home, *(parent / "blobs" for parent in home.parents if parent.name.startswith("models--"))]
    return any(path.resolve().is_relative_to(one) for one in homes)


def weights_digest(folder: Path) -> str:
    """sha256 of the weights file, hexadecimal."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()


def difference(saved: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """What first tells a file's tensors from a net's, in words; empty where they fit.

    Args:
        saved, wanted: `state_dict` of the file and of the net.
    """
    for name, tensor in wanted.items():
        if name not in saved:
            return f"it has no {name}"
        if saved[name].shape != tensor.shape:
            there, here = ("x".join(map(str, t.shape)) or "one number" for t in (saved[name], tensor))
            return f"{name} is {there} there and {here} here"
        if tensor.is_floating_point() and not saved[name].is_floating_point():
            there, here = (str(t.dtype).removeprefix("torch.") for t in (saved[name], tensor))
            return f"{name} is {there} there and {here} here"
    return next((f"its {name} has no place here" for name in saved if name not in wanted), "")


def changed(folder: Path, nets: nn.Module) -> bool:
    """Whether a folder holds other weights than `nets` have now, in the half precision that they are stored in."""
    if not (folder / WEIGHTS).is_file():
        return True
    saved = _read_weights(folder)
    now = {name: _stored(tensor) for name, tensor in _weights(nets).items()}
    return bool(difference(saved, now)) or not all(torch.equal(saved[name], tensor) for name, tensor in now.items())


def load_nets(folder: Path, config: dict[str, Any], what: str, build: Callable[[], nn.Module]) -> nn.Module:
    """The nets that a folder's config.json describes, with its weights, on the CPU.

    They are built without memory first and compared with the file: a config.json, which may come from anybody, gets no
    more memory for weights than the file has.

    Args:
        what: the kind of model in words, for errors.
        build: makes the nets from `config`; called twice.

    Raises:
        ModelFolderError: if config.json describes no such nets, or as `load_weights`.
    """
    with describing(folder, what), torch.device("meta"):
        wanted = build()
    tensors = _weights_for(folder, config, wanted)
    with describing(folder, what), torch.device("cpu"):
        nets = build().float()  # whatever the caller's defaults are
    _fill(nets, tensors)
    return nets


def load_weights(folder: Path, config: dict[str, Any], nets: nn.Module) -> None:
    """Fill `nets` from the folder's weights, after comparing their hash with the config's.

    Raises:
        ModelFolderError: if the file is missing, damaged, not the one config.json was written for, or does not fit.
    """
    _fill(nets, _weights_for(folder, config, nets))


def _weights_for(folder: Path, config: dict[str, Any], nets: nn.Module) -> dict[str, Tensor]:
    path = folder / WEIGHTS
    if not path.is_file():
        raise ModelFolderError(f"{folder} has no {WEIGHTS}; copy the whole model folder")
    if weights_digest(folder) != config.get("sha256"):
        raise ModelFolderError(
            f"{path} is not the file that {CONFIG} was written for (sha256 differs); copy both again"
        )
    tensors = _read_weights(folder)
    if differs := difference(tensors, nets.state_dict()):
        raise ModelFolderError(
            f"{path} does not fit its {CONFIG}: {differs}; undo the changes in {CONFIG}, or copy the model folder again"
        )
    return tensors


def _fill(nets: nn.Module, tensors: dict[str, Tensor]) -> None:
    nets.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})


def _read_weights(folder: Path) -> dict[str, Tensor]:
    path = folder / WEIGHTS
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelFolderError(
            f"{path} does not fit its {CONFIG}: it is no safetensors file ({error}); copy the model folder again"
        ) from error


def _weights(nets: nn.Module) -> dict[str, Tensor]:
    """The tensors of nets by the names that config.json's nets have them: `torch.compile` puts one of its own in."""
    return {name.replace("_orig_mod.", ""): tensor for name, tensor in nets.state_dict().items()}


def _stored(tensor: Tensor) -> Tensor:
    """A tensor as the file holds it."""
    tensor = tensor.detach().to("cpu", memory_format=torch.contiguous_format)
    return tensor.half().contiguous() if tensor.is_floating_point() else tensor.clone().contiguous()


def save(folder: Path, config: dict[str, Any], nets: nn.Module, card: str) -> None:
    """Write a model folder; it appears whole or not at all, and what else lies in a model's folder stays.

    Args:
        folder: target, new, empty or a model's folder; parents are made.
        config: without `format` and `sha256`, which are added.
        nets: weights; stored in half precision.
        card: text of README.md.

    Raises:
        ModelFolderError: if it is a file, or a folder that holds other things than a model; or if it cannot be written,
            on a full disk for instance; or for weights beyond half precision. What was there stays.
    """
    folder = folder.resolve()  # a link keeps leading to where the model is
    # Names that nobody gives a copy of their own: what lies under them is deleted.
    fresh, old = (folder.with_name(f".{folder.name}.{name}") for name in ("new", "old"))
    try:
        _settle(folder, old)  # a kill after one of the renames below
        _refuse_others(folder)
        _write(fresh, config, nets, card)
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        _settle(folder, old)
    except (OSError, SafetensorError) as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise ModelFolderError(f"{folder} cannot be written ({error}): free space, or allow writing there") from error


def _settle(folder: Path, old: Path) -> None:
    """What the folder was before gives up what else lay in it, and goes; or comes back, where none took its place."""
    if not old.exists():
        return
    if not folder.exists():
        old.rename(folder)
        return
    for entry in list(old.iterdir()):
        if entry.name in (CONFIG, WEIGHTS, CARD):
            entry.unlink()
        else:  # two of one name only where a kill came in between
            entry.rename(folder / (f"{entry.name}.before" if (folder / entry.name).exists() else entry.name))
    old.rmdir()


def _refuse_others(folder: Path) -> None:
    """ModelFolderError for a target that is neither new, nor empty, nor a model's folder."""
    if folder.exists() and not folder.is_dir():
        raise ModelFolderError(f"{folder} is a file: give the name of a new folder")
    if not folder.exists() or not any(folder.iterdir()) or [path.name for path in folder.iterdir()] == ["examples"]:
        return
    try:
        read_config(folder)
    except ModelFolderError as error:
        raise ModelFolderError(
            f"{folder} holds other things than a model: give the name of a new folder, or empty it ({error})"
        ) from error


def _write(fresh: Path, config: dict[str, Any], nets: nn.Module, card: str) -> None:
    stored = {name: _stored(tensor) for name, tensor in _weights(nets).items()}
    for name, tensor in _weights(nets).items():
        if tensor.is_floating_point() and (stored[name].isinf().cpu() & tensor.isfinite().cpu()).any():
            raise ModelFolderError(
                f"{name} holds numbers up to {tensor.abs().max():.3g}, and half precision ends at 65504: the training "
                "diverged, or weights were scaled; take an earlier state"
            )
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    save_file(stored, fresh / WEIGHTS)
    (fresh / WEIGHTS).chmod(0o644)  # safetensors makes it readable by its owner alone
    config = {"format": FORMAT} | config | {"sha256": weights_digest(fresh)}
    (fresh / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (fresh / CARD).write_text(card, encoding="utf-8")
