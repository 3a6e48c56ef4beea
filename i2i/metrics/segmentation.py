"""Segmentation networks as judges, and the FCN-scores of models on held-out pairs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from i2i import model_folder
from i2i.devices import own_precision
from i2i.foreign_weights import open_weights
from i2i.images import photo_to_tensor
from i2i.methods import segmenter as own
from i2i.metrics.fcn_score import IGNORED, FcnScores, confusion, fcn_scores
from i2i.metrics.held_out import HeldOut
from i2i.metrics.scores import Score
from i2i.palette import Palette
from i2i.serving.pictures import write
from i2i.translator import Translator

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass
class Judge:
    """A segmentation network.

    Attributes:
        name: for protocols.
        size: side of the pictures that it sees, pixels.
        net: (1, 3, size, size) in [-1, 1] -> class scores (1, C, size, size).
        class_of: (C,) the palette's class of each of the network's; `IGNORED` where the palette has none.
        classes: of the palette, K.
    """

    name: str
    size: int
    net: Callable[[Tensor], Tensor]
    class_of: np.ndarray
    classes: int
    device: torch.device

    @own_precision
    def see(self, picture: Image.Image) -> np.ndarray:
        """Classes found in an RGB picture (resized to `size` with PIL's bicubic filter): uint8 (size, size)."""
        if picture.size != (self.size, self.size):
            picture = picture.resize((self.size, self.size), Image.Resampling.BICUBIC)
        scores = self.net(photo_to_tensor(picture)[None].to(self.device))[0]
        known = torch.from_numpy(np.flatnonzero(self.class_of != IGNORED)).to(scores.device)
        best = known[scores[known].argmax(0)].cpu().numpy()
        return self.class_of[best]

    def only_known(self, wanted: np.ndarray) -> np.ndarray:
        """A label map with the classes that the network does not know set to `IGNORED`."""
        return np.where(np.isin(wanted, self.class_of), wanted, np.uint8(IGNORED))


def load_judge(source: str, palette: Palette, device: torch.device) -> Judge:
    """A segmentation network for the classes of `palette`.

    Args:
        source: RUN/model of `python train/evaluate.py segmenter`; or "torchvision:NAME", one of torchvision's
            segmentation models with its own weights, whose classes are matched by name; or "torchvision:NAME:FILE" with
            a state dict of your own that has the palette's classes in the palette's order; or
            "torchvision:NAME:FILE:CLASSES.json" with any classes, whose names are listed in a JSON file and matched.
            What only one side knows is left out: pixels of a class that the network does not have do not count, and the
            network never answers with a class that the palette does not have.

    Raises:
        ValueError: for another source, or a network without these classes.
    """
    if source.startswith("torchvision:"):
        return _torchvision(source, palette, device)
    try:
        folder = model_folder.resolve(source)
        config = model_folder.read_config(folder)
    except model_folder.ModelFolderError as error:
        raise ValueError(f"no judge {source} ({error}): give RUN/model of evaluate.py segmenter") from error
    if config.get("kind") != "segmenter":
        raise ValueError(f"{source} is a {config.get('kind')}: give RUN/model of `python train/evaluate.py segmenter`")
    with model_folder.describing(folder, "a segmenter"):
        theirs = Palette.from_json(config["output"]["palette"])
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in config["net"].items()}
        recipe = own.SegmenterConfig(**given)
        if recipe.size != config["size"]:
            raise ValueError(f"size is {config['size']}, and that of its net {recipe.size}")
    if theirs != palette:
        raise ValueError(
            f"{source} knows the classes {', '.join(theirs.names)}, but the pairs have {', '.join(palette.names)}: "
            "train a segmenter on pairs with the same palette.json"
        )
    nets = model_folder.load_nets(folder, config, "a segmenter", lambda: own.serving_nets(recipe))
    net = nets["segmenter"].eval().requires_grad_(False).to(device)
    name = f"{config.get('name', folder.name)} {config['sha256'][:8]}"
    return Judge(name, recipe.size, net, np.arange(len(palette), dtype=np.uint8), len(palette), device)


def _torchvision(source: str, palette: Palette, device: torch.device) -> Judge:
    import torchvision
    from torchvision.models import get_model, get_model_weights, list_models, segmentation

    _, name, *rest = source.split(":", 2)
    origin = f"torchvision {torchvision.__version__}"
    known = list_models(segmentation)
    if name not in known:
        raise ValueError(f"torchvision has no segmentation model {name!r}: choose one of {', '.join(known)}")
    if rest:
        file, listed = rest[0], ""
        if file.lower().endswith(".json") and ":" in file:
            file, listed = file.rsplit(":", 1)
        state, count = _read_state(file, name)
        if not listed and count != len(palette):
            raise ValueError(
                f"{file} has {count} classes and the palette {len(palette)}: list the names of the network's in a JSON "
                f"file, torchvision:{name}:FILE:CLASSES.json"
            )
        class_of = np.arange(count) if not listed else _match(_read_names(listed, count), palette, name)
        origin += f", weights {hashlib.sha256(Path(file).read_bytes()).hexdigest()[:8]}"
        net = get_model(name, weights=None, weights_backbone=None, num_classes=count, aux_loss=None)
        try:
            net.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(f"{file} holds other weights than those of {name}: name the model that it is") from error
    else:
        weights = get_model_weights(name).DEFAULT
        class_of = _match(weights.meta["categories"], palette, name)
        try:
            net = get_model(name, weights=weights)
        except Exception as error:
            raise ValueError(f"torchvision's weights could not be loaded ({type(error).__name__})") from error
    net = net.eval().requires_grad_(False).to(device)
    mean, std = (torch.tensor(v, device=device).view(1, 3, 1, 1) for v in _IMAGENET)
    class_of = class_of.astype(np.uint8)
    return Judge(
        f"{name}, {origin}", 520, lambda y: net(((y + 1) / 2 - mean) / std)["out"], class_of, len(palette), device
    )


def _match(names: Sequence[str], palette: Palette, net: str) -> np.ndarray:
    """(C,) the palette's class of each name, whatever its case; `IGNORED` for one that the palette does not have."""
    places = {n.lower(): k for k, n in enumerate(palette.names)}
    found = np.array([places.get(n.lower(), IGNORED) for n in names])
    if len(set(found) - {IGNORED}) < 2:
        raise ValueError(
            f"{net} knows {', '.join(names)}, of which the palette has less than two ({', '.join(palette.names)}); "
            f"name the classes alike, give weights for the palette (torchvision:{net}:FILE), or train a segmenter: "
            "python train/evaluate.py segmenter PAIRS --out RUN"
        )
    return found


def _read_state(file: str, name: str) -> tuple[dict[str, Tensor], int]:
    """A state dict without the auxiliary classifier, and how many classes it tells apart."""
    if not Path(file).is_file():
        raise ValueError(f"{file} is no file: give the weights of {name}")
    state = open_weights(Path(file))
    state = state.get("model", state) if isinstance(state, dict) else None  # torchvision's own training script wraps it
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(f"{file} holds no state dict: save net.state_dict() alone, and give that file")
    state = {k: v for k, v in state.items() if not k.startswith("aux_classifier.")}
    biases = [v for k, v in state.items() if k.startswith("classifier.") and k.endswith(".bias")]
    if not biases:
        raise ValueError(f"{file} holds no weights of {name}: there is no classifier in it")
    return state, len(biases[-1])  # the last layer has a bias for each class


def _read_names(file: str, count: int) -> list[str]:
    try:
        names: Any = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file} is no readable JSON file: give a list of the network's classes in order") from error
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise ValueError(f'{file} is no list of names: expected ["road", "sidewalk", ...], the network\'s classes')
    if len(names) != count:
        raise ValueError(f"{file} names {len(names)} classes, but the weights tell {count} apart: list all in order")
    return names


def _scores(counts: np.ndarray, text: str) -> tuple[FcnScores, list[Score]]:
    found = fcn_scores(counts)
    return found, [
        Score("per-pixel accuracy", found.pixel_accuracy, text, "higher"),
        Score("per-class accuracy", found.class_accuracy, text, "higher"),
        Score("class IoU", found.class_iou, text, "higher"),
    ]


def judge_photos(
    held: HeldOut, judge: Judge, count: int, translator: Translator | None, report: Callable[[int], None]
) -> tuple[FcnScores, list[Score]]:
    """FCN-score of label -> photo models: classes that the judge finds in answers (seed = index); section 4.1.

    Args:
        held: pairs of labels and photos, in that direction.
        translator: None for the real photos.
        report: is told how many pictures were judged.
    """
    counts = np.zeros((judge.classes, judge.classes), np.int64)
    for i in range(count):
        if translator is None:
            picture = held.photo(i, judge.size)
        else:
            x = held.x(i, translator.image_size)
            picture = write(translator.answer(x, [i])[0], translator.config.get("output", {"kind": "photo"}), x)
        counts += confusion(judge.only_known(held.classes(i, judge.size)), judge.see(picture), judge.classes)
        report(1)
    text = f"{held.describe()}; {count} pictures; one answer a label map, seed = index; judged at {judge.size} px "
    text += f"(bicubic) by {judge.name}, {len(set(judge.class_of) - {IGNORED})} of {judge.classes} classes"
    return _scores(counts, text)


def judge_labels(
    held: HeldOut, translator: Translator, count: int, report: Callable[[int], None]
) -> tuple[FcnScores, list[Score]]:
    """The same scores of photo -> label models, whose answers (seed = index) are label maps themselves.

    Answers that are label maps as plain pictures (`ColouredLabels`) have the class of the nearest colour, however far.
    """
    classes = len(held.palette)
    counts = np.zeros((classes, classes), np.int64)
    for i in range(count):
        x = held.x(i, translator.image_size)
        answer = translator.answer(x, [i])[0]
        if held.output["kind"] == "labels":
            found = answer.argmax(0).numpy()
        else:
            found = held.palette.nearest(write(answer, held.output, x).convert("RGB"))[0]
        counts += confusion(held.classes(i, translator.image_size), found, classes)
        report(1)
    text = f"{held.describe()}; {count} label maps at {translator.image_size} px, seed = index; {classes} classes"
    return _scores(counts, text)
