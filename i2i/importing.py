"""Generators trained with pytorch-CycleGAN-and-pix2pix, as nets of ours.

A checkpoint is a state dict: `latest_net_G.pth` (pix2pix), `latest_net_G_A.pth` and `_B` (CycleGAN). Its keys and
shapes say which net it is: U-Net or ResNet, batch or instance norm, widths and depths. What they do not say (dropout,
the size of the pictures) comes from the options that the project writes beside its checkpoints: `train_opt.txt`, or
`opt.txt` in older versions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from i2i.foreign_weights import open_weights
from i2i.methods import cyclegan, pix2pix
from i2i.palette import Palette

State = dict[str, Tensor]
# Options of older versions -> what they are called now.
RENAMED = {
    "which_model_netG": "netG", "which_direction": "direction", "fineSize": "crop_size", "loadSize": "load_size",
    "resize_or_crop": "preprocess", "niter": "n_epochs", "niter_decay": "n_epochs_decay", "batchSize": "batch_size",
}  # fmt: skip
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_NORM = ("weight", "bias", *_STATISTICS)


class CheckpointError(ValueError):
    """The checkpoint is none that can be read, or not of these nets."""


@dataclass(frozen=True)
class Architecture:
    """What a checkpoint's keys and shapes tell.

    Attributes:
        generator: "unet_N" or "resnet_N", as in `Pix2PixConfig`.
        inputs, outputs: channels of x and y.
        width: channels of the first layer.
        norm: "batch", "instance" or "none".
        dropout: whether there is noise; None: cannot be seen (U-Net).
        places: name of our layer -> prefix of theirs.
    """

    generator: str
    inputs: int
    outputs: int
    width: int
    norm: str
    dropout: bool | None
    places: dict[str, str]


def read_checkpoint(path: str | os.PathLike) -> State:
    """The state dict of a .pth file; nothing but tensors is ever unpickled.

    Raises:
        CheckpointError: for a missing or damaged file, or one that holds anything but tensors by name.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is no file: give the checkpoint, such as latest_net_G.pth")
    try:
        state = open_weights(path)
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    if not isinstance(state, dict) or not state or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        what = f"a dictionary of {', '.join(map(str, list(state)[:5]))}" if isinstance(state, dict) else type(state)
        raise CheckpointError(f"{path} holds {what}: expected the weights of a generator alone (latest_net_G.pth)")
    # Left by DataParallel and torch.compile.
    return {re.sub(r"^(module\.|_orig_mod\.)+", "", name): value for name, value in state.items()}


def read_options(path: str | os.PathLike) -> dict[str, str]:
    """`train_opt.txt`, `test_opt.txt`, or `opt.txt` of older versions, as name -> value; old names as the new ones.

    Raises:
        CheckpointError: for a file without options.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}): give train_opt.txt or test_opt.txt") from error
    options = dict(re.findall(r"^ *(\w+): *([^\t\[\n]*?)\s*(?:\[default: .*\])?\s*$", text, re.MULTILINE))
    if not options:
        raise CheckpointError(f"{path} holds no lines 'name: value': give train_opt.txt or test_opt.txt")
    return {RENAMED[k]: v for k, v in options.items() if k in RENAMED} | options


def find_direction(options: dict[str, str], checkpoint: str = "") -> str:
    """AtoB or BtoA: which half of the project's pairs a generator translates to which.

    Args:
        options: as read; without `direction`, AtoB.
        checkpoint: its file's name; CycleGAN's `..._net_G_B.pth` goes the other way.

    Raises:
        CheckpointError: for another direction.
    """
    direction = options.get("direction", "AtoB")
    if direction not in ("AtoB", "BtoA"):
        raise CheckpointError(f"the options say direction {direction!r}, expected AtoB or BtoA: give --direction")
    back = re.search(r"_net_G_B\b", checkpoint) is not None
    return direction if not back else {"AtoB": "BtoA", "BtoA": "AtoB"}[direction]


def find_architecture(state: State) -> Architecture:
    """Which net a state dict belongs to.

    Raises:
        CheckpointError: for a discriminator, or layers that neither net has.
    """
    if "model.model.0.weight" in state:
        found = _unet(state)
    elif any(".conv_block." in name for name in state):
        found = _resnet(state)
    elif "model.0.weight" in state and state["model.0.weight"].shape[-1:] in ((1,), (4,)):
        raise CheckpointError("these are the weights of a discriminator (latest_net_D.pth): give latest_net_G.pth")
    else:
        raise CheckpointError(
            f"these are neither the U-Net nor the ResNet of pytorch-CycleGAN-and-pix2pix: the first layers are "
            f"{', '.join(list(state)[:4])}"
        )
    known = {f"{place}." for place in found.places.values()}
    foreign = [n for n in state if not any(n.startswith(k) and n[len(k) :] in _NORM for k in known)]
    if foreign:
        raise CheckpointError(
            f"{len(foreign)} of {len(state)} tensors belong to no layer of a {found.generator}, such as {foreign[0]}: "
            "the net was changed, and cannot be imported"
        )
    return found


def _norm(state: State, places: dict[str, str]) -> str:
    """Kind of the norms of a net, told by all of them: what a single one lacks is missing (`fill`)."""
    norms = [name for name in places if "norm" in name]
    if any(f"{places[name]}.weight" in state for name in norms):
        return "batch"
    # The project gives a convolution a bias where an instance norm follows, and nowhere else.
    convs = (name.replace("_norms", "").replace("_norm", "").replace("norm", "conv") for name in norms)
    return "instance" if any(f"{places[name]}.bias" in state for name in convs) else "none"


def _shape(state: State, key: str) -> tuple[int, ...]:
    """The shape of a convolution's weight."""
    if key not in state:
        raise CheckpointError(f"the checkpoint has no {key}: it is not whole")
    if state[key].ndim != 4:
        raise CheckpointError(f"{key} has {state[key].ndim} dimensions, expected the 4 of a convolution: it is damaged")
    return tuple(state[key].shape)


def _unet(state: State) -> Architecture:
    def level(k: int) -> str:
        return "model.model" if k == 0 else "model.model.1.model" + ".3.model" * (k - 1)

    depth = 1
    while f"{level(depth)}.1.weight" in state:
        depth += 1
    last = depth - 1
    if depth < 3 or f"{level(0)}.3.weight" not in state or f"{level(last)}.3.weight" not in state:
        raise CheckpointError(f"the U-Net of this checkpoint is not whole: {depth} levels were found")
    places: dict[str, str] = {}
    for k in range(depth):
        up = last - k
        middle = 0 < k < last
        places[f"down.{k}"] = f"{level(k)}.{1 if k else 0}"
        places[f"up.{up}"] = f"{level(k)}.{5 if middle else 3}"
        if middle:
            places[f"down_norms.{k}"] = f"{level(k)}.2"
        if k:
            places[f"up_norms.{up}"] = f"{level(k)}.{6 if middle else 4}"
    first, final = _shape(state, f"{level(0)}.0.weight"), _shape(state, f"{level(0)}.3.weight")
    return Architecture(f"unet_{2**depth}", first[1], final[1], first[0], _norm(state, places), None, places)


def _resnet(state: State) -> Architecture:
    blocks = sorted({int(m[1]) for m in (re.match(r"model\.(\d+)\.conv_block\.", name) for name in state) if m})
    count, end = len(blocks), 10 + len(blocks)
    second = next((k for k in (5, 6) if f"model.10.conv_block.{k}.weight" in state and
                   state[f"model.10.conv_block.{k}.weight"].ndim == 4), None)  # fmt: skip
    if blocks != list(range(10, end)) or second is None or f"model.{end + 7}.weight" not in state:
        raise CheckpointError(
            "this ResNet has other layers than the project's own resnet_9blocks and resnet_6blocks with reflected "
            "borders: it cannot be imported"
        )
    places = {"entry": "model.1", "entry_norm": "model.2", "exit": f"model.{end + 7}"}
    for k in range(2):
        places |= {f"down.{k}": f"model.{4 + 3 * k}", f"down_norms.{k}": f"model.{5 + 3 * k}"}
        places |= {f"up.{k}": f"model.{end + 3 * k}", f"up_norms.{k}": f"model.{end + 1 + 3 * k}"}
    for k, place in enumerate(blocks):
        block = f"model.{place}.conv_block"
        places |= {f"blocks.{k}.conv1": f"{block}.1", f"blocks.{k}.norm1": f"{block}.2"}
        places |= {f"blocks.{k}.conv2": f"{block}.{second}", f"blocks.{k}.norm2": f"{block}.{second + 1}"}
    first, final = _shape(state, "model.1.weight"), _shape(state, f"model.{end + 7}.weight")
    return Architecture(f"resnet_{count}", first[1], final[0], first[0], _norm(state, places), second == 6, places)


def make_config(
    found: Architecture, options: dict[str, str], size: int = 0, dropout: bool | None = None
) -> pix2pix.Pix2PixConfig:
    """The configuration of the net, a `Pix2PixConfig`.

    Args:
        found: the architecture.
        options: of training or testing; may be empty.
        size: side of the pictures, pixels; 0: from the options, else what the net is meant for (256; 128 for unet_128).
        dropout: whether the U-Net has noise; None: from the options, else yes, as is usual for pix2pix.

    Raises:
        CheckpointError: for options of another net, or a contradiction.
        ValueError: for a size that the net does not take.
    """
    named = options.get("netG", "")
    kind, number = found.generator.split("_")
    if named and named != (found.generator if kind == "unet" else f"{found.generator}blocks"):
        raise CheckpointError(f"the options are of a {named}, the checkpoint is a {found.generator}: give its own")
    # What several GPUs share their statistics with is batch norm, and is stored as such.
    if options.get("norm", found.norm).replace("syncbatch", "batch").replace("sync_batch", "batch") != found.norm:
        raise CheckpointError(f"the options say norm {options['norm']}, the checkpoint has {found.norm}: give its own")
    if not size:
        told = options.get("crop_size", str(min(256, int(number)) if kind == "unet" else 256))
        if not told.isdecimal():
            raise CheckpointError(f"the options say crop_size {told!r}, expected a number of pixels: give --size")
        size = int(told)
    noisy = found.dropout
    if noisy is None:
        noisy = options.get("no_dropout", "False") == "False" if dropout is None else dropout
    elif dropout is not None and dropout != noisy:
        raise CheckpointError(f"the layers of this ResNet say {'' if noisy else 'no '}dropout: leave that option out")
    depth = int(number).bit_length() - 1
    return pix2pix.Pix2PixConfig(
        size=size, inputs=found.inputs, outputs=found.outputs, generator=found.generator, width=found.width,
        norm=found.norm, dropout=0.5 if noisy else 0.0,
        # The project's noise is in the layers of full width above the innermost one.
        noisy=tuple(range(1, depth - 4)) if kind == "unet" else (),
    )  # fmt: skip


def fill(config: pix2pix.Pix2PixConfig, found: Architecture, state: State) -> nn.ModuleDict:
    """The net with the checkpoint's weights, in evaluation mode.

    Raises:
        CheckpointError: for weights of another shape, missing ones, or values that half precision cannot hold.
    """
    nets = pix2pix.serving_nets(config)
    own = nets["generator"].state_dict()
    answer = "exit" if "exit" in found.places else f"up.{sum(name.startswith('up.') for name in found.places) - 1}"
    taken = {}
    for name, tensor in own.items():
        layer, _, part = name.rpartition(".")
        source = f"{found.places[layer]}.{part}"
        if source in state:
            taken[name] = state[source].to(tensor.dtype)
        elif part == "bias" and found.norm == "none" and layer != answer:
            taken[name] = torch.zeros_like(tensor)  # the project leaves these biases out
        elif part == "num_batches_tracked":
            taken[name] = tensor  # checkpoints of very old versions do not count
        else:
            raise CheckpointError(f"the checkpoint has no {source}: it is not whole")
        if taken[name].shape != tensor.shape:
            shapes = f"{tuple(taken[name].shape)}, expected {tuple(tensor.shape)}"
            raise CheckpointError(f"{source} has the shape {shapes}: the net was changed, and cannot be imported")
        if not torch.isfinite(taken[name].half() if tensor.is_floating_point() else tensor).all():
            raise CheckpointError(f"{source} holds values beyond 65504 or NaN, which half precision cannot store")
    # Old versions keep statistics for instance norms, which nobody reads.
    used = {f"{found.places[layer]}.{part}" for layer, _, part in (name.rpartition(".") for name in own)}
    left = [name for name in state if name not in used and name.rpartition(".")[2] not in _STATISTICS]
    if left:
        raise CheckpointError(
            f"{len(left)} tensors belong to no layer of a {found.generator} with {found.norm} norm, such as {left[0]}: "
            "the checkpoint is not whole, or the net was changed, and cannot be imported"
        )
    nets["generator"].load_state_dict(taken)
    return nets.eval()


def fold_inputs(state: State, found: Architecture, colours: Sequence[Sequence[int]]) -> State:
    """A net of RGB pictures as one of classes: each class becomes a channel that is 1 where its colour was.

    The first layer is linear, so its weights are summed with the colours, and the answers stay the same. For drawings
    there is one channel, which stands for grey (paper +1, ink -1): give the colours [[255, 255, 255]].

    Args:
        colours: (red, green, blue), 0 to 255, of each channel.

    Raises:
        CheckpointError: for a net of other than three channels.
    """
    if found.inputs != 3:
        raise CheckpointError(f"the net takes {found.inputs} channels, not the three of RGB pictures")
    key = f"{found.places['entry' if 'entry' in found.places else 'down.0']}.weight"
    levels = torch.tensor(colours, dtype=torch.float64) / 127.5 - 1
    return state | {key: torch.einsum("ochw,kc->okhw", state[key].double(), levels).float()}


def import_generator(
    state: State,
    options: dict[str, str],
    kind: str = "",
    palette: Palette | None = None,
    size: int = 0,
    dropout: bool | None = None,
) -> tuple[dict[str, Any], dict[str, Any], pix2pix.Pix2PixConfig, nn.ModuleDict]:
    """A checkpoint as a model of ours.

    Args:
        state, options: as read.
        kind: what is translated: "photo"; "edges" (drawings, white paper and black ink); "labels" (with `palette`);
            "gray" (lightness to ab, the project's colorization). Empty: photo, edges for nets of one channel, gray for
            those of one channel in and two out.
        size, dropout: see `make_config`.

    Returns:
        `input` and `output` of config.json, the `Pix2PixConfig`, and the nets.

    Raises:
        CheckpointError: for a kind that the net's channels do not fit, and as the functions above.
    """
    found = find_architecture(state)
    channels = found.inputs, found.outputs
    kind = kind or {(1, 2): "gray"}.get(channels, "edges" if found.inputs == 1 else "photo")
    fits = {"gray": (1,), "edges": (1, 3), "photo": (3,), "labels": (3,)}
    if kind not in fits:
        raise CheckpointError(f"unknown input {kind!r}: use one of {', '.join(fits)}")
    if (kind == "gray") != (channels == (1, 2)) or found.inputs not in fits[kind]:
        raise CheckpointError(f"a net of {channels[0]} to {channels[1]} channels does not translate {kind}")
    if found.outputs not in (1, 2, 3):
        raise CheckpointError(f"a net that answers with {found.outputs} channels cannot be shown")
    if (kind == "labels") != (palette is not None):
        raise CheckpointError("labels need a palette, and nothing else does")
    described: dict[str, Any] = {"kind": kind}
    if kind == "labels":
        state = fold_inputs(state, found, palette.colours)
        found = replace(found, inputs=len(palette))
        described["palette"] = palette.to_json()
    elif kind == "edges" and found.inputs == 3:
        state = fold_inputs(state, found, [(255, 255, 255)])
        found = replace(found, inputs=1)
    config = make_config(found, options, size, dropout)
    return described, {"kind": "ab" if kind == "gray" else "photo"}, config, fill(config, found, state)


def join_directions(
    there: tuple[pix2pix.Pix2PixConfig, nn.ModuleDict], back: tuple[pix2pix.Pix2PixConfig, nn.ModuleDict]
) -> tuple[cyclegan.CycleGANConfig, nn.ModuleDict]:
    """Two generators, A to B and B to A, as one model that translates both ways.

    Args:
        there, back: configuration and nets of `latest_net_G_A.pth` and of `latest_net_G_B.pth`, as `import_generator`
            gives them.

    Raises:
        CheckpointError: if the two are of different runs, or have dropout.
    """
    (config, forth_net), (other, back_net) = there, back
    if replace(other, inputs=other.outputs, outputs=other.inputs) != config:
        told = [f"{c.generator} of {c.inputs} to {c.outputs} channels, width {c.width}, {c.norm} norm, {c.size} pixels"
                for c in (config, other)]  # fmt: skip
        raise CheckpointError(f"the two directions do not belong together: {told[0]}, and back {told[1]}")
    if config.dropout:
        raise CheckpointError(
            "models that translate both ways answer without dropout, and these nets have it: say --no-dropout for a "
            "U-Net that was trained without; otherwise import each direction by itself"
        )
    identity = cyclegan.CycleGANConfig.lambda_identity if config.inputs == config.outputs else 0.0
    joined = cyclegan.CycleGANConfig(
        config.size, config.inputs, config.outputs, config.generator, config.width, config.norm,
        lambda_identity=identity,
    )  # fmt: skip
    nets = cyclegan.serving_nets(joined)
    for direction, source in (("AtoB", forth_net), ("BtoA", back_net)):
        nets[direction].load_state_dict(source["generator"].state_dict())
    return joined, nets.eval()
