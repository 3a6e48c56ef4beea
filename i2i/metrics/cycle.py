"""Measures of models that translate both ways: how much comes back, how near the truth an answer is, where one is
known (CycleGAN, section 5.1), and how well answers fit in among the photos of the other side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from i2i.devices import own_precision
from i2i.images import photo_to_tensor
from i2i.losses import perceptual_distance
from i2i.methods.cyclegan import OPPOSITE
from i2i.metrics.features import device_of, name_of, pooled
from i2i.metrics.frechet import FRECHET_MINIMUM, frechet_distance, kernel_distance
from i2i.metrics.held_out import HeldOut
from i2i.metrics.scores import Score
from i2i.serving.pictures import write
from i2i.translator import Translator

Report = Callable[[int], None]


def level_error(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference of pictures (N, C, H, W) in [-1, 1], in grey levels of 255: (N,)."""
    return (a - b).abs().mean((1, 2, 3)) * 127.5


def class_agreement(a: Tensor, b: Tensor) -> Tensor:
    """Share of places at which two maps of class scores (N, K, H, W) name the same class: (N,)."""
    return (a.argmax(1) == b.argmax(1)).float().mean((1, 2))


@own_precision
def perceptual_error(a: Tensor, b: Tensor, features: nn.Module) -> Tensor:
    """Perceptual distance of photos (N, 3, H, W) in [-1, 1], see `i2i.metrics.diversity`: (N,) on the CPU."""
    where = device_of(features)
    return perceptual_distance(features(a.to(where)), features(b.to(where))).cpu()


class OneWay:
    """A translator in one of its directions, for measures that know nothing of directions.

    Attributes:
        config: its config.json, with `input`, `output` and `data.direction` as this direction has them.
        direction: "AtoB" or "BtoA"; None for a model that translates one way only.
        name, weights_id, image_size: the translator's.
    """

    has_styles = False

    def __init__(self, translator: Translator, direction: str | None = None):
        self.translator, self.direction = translator, direction
        self.name, self.weights_id, self.image_size = translator.name, translator.weights_id, translator.image_size
        here, there = translator.sides(direction)
        data = dict(translator.config.get("data", {}))
        trained = data.get("direction", "AtoB")
        data["direction"] = OPPOSITE[trained] if direction == "BtoA" else trained
        self.config: dict[str, Any] = translator.config | {"input": here, "output": there, "data": data}

    @property
    def returns(self) -> bool:
        """Whether the model has the way back too."""
        return self.direction is not None and OPPOSITE[self.direction] in self.translator.directions

    def answer(self, x: Tensor, seeds: Sequence[int]) -> Tensor:
        """x (C, S, S) -> (n, C', S, S), as `Translator.answer`."""
        return self.translator.answer(x, seeds, direction=self.direction)

    def there_and_back(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (C, S, S) -> answer (C', S, S) and x again (C, S, S), as `Translator.there_and_back`."""
        return self.translator.there_and_back(x, self.direction)

    def back_from_picture(self, y: Tensor, x: Tensor) -> Tensor:
        """The input again (C, S, S), made from the answer y (C', S, S) as it is shown, with 256 levels."""
        back = OPPOSITE[self.direction]
        shown = self.translator.see(write(y, self.config["output"], x), size=x.shape[-1], direction=back)
        return self.translator.answer(shown, [0], direction=back)[0]


def ways(translator: Translator) -> list[OneWay]:
    """The translator in each of its directions."""
    return [OneWay(translator, direction) for direction in translator.directions or (None,)]


def cycle_scores(
    way: OneWay,
    inputs: Iterable[Tensor],
    text: str,
    features: nn.Module | None = None,
    report: Report = lambda count: None,
) -> list[Score]:
    """How much of an input comes back: F(G(x)) against x (equation 2), and F of G(x)'s picture against x.

    A generator may hide what it needs for the way back in faint patterns of its answer; the second error is larger
    where rounding to 256 levels destroys them.

    Args:
        way: a direction of a model that has the other one too.
        inputs: x (C, S, S) as `Translator.see` gives it.
        text: which inputs, for the protocol.
        features: for the perceptual error of photos.
        report: is told how many inputs were measured.
    """
    labels = way.config["input"]["kind"] == "labels"
    found: dict[str, list[float]] = {"": [], " from the picture": [], "perceptual": []}
    size = 0
    for x in inputs:
        y, rebuilt = way.there_and_back(x)
        size = x.shape[-1]
        again = [("", rebuilt)]
        if way.config["output"]["kind"] != "edges":  # drawings are thinned again when they are read
            again.append((" from the picture", way.back_from_picture(y, x)))
        for key, made in again:
            error = class_agreement if labels else level_error
            found[key].append(float(error(made[None], x[None])))
        if features is not None and way.config["input"]["kind"] == "photo":
            found["perceptual"].append(float(perceptual_error(rebuilt[None], x[None], features)))
        report(1)
    text = f"{text}; {len(found[''])} pictures there and back at {size} px"
    name, unit, better = ("cycle agreement", "share of pixels of the same class", "higher")
    if not labels:
        name, unit, better = ("cycle error", "mean absolute difference, of 255 levels", "lower")
    scores = [
        Score(f"{name}{key}", float(np.mean(found[key])), f"{text}; {unit}", better)
        for key in ("", " from the picture")
        if found[key]
    ]
    if found["perceptual"]:
        judge = f"{text}; features {name_of(features)}"
        scores.append(Score("perceptual cycle error", float(np.mean(found["perceptual"])), judge, "lower"))
    return scores


def truth_scores(
    way: OneWay,
    held: HeldOut,
    count: int,
    features: nn.Module | None = None,
    report: Report = lambda count: None,
) -> list[Score]:
    """How near answers (seed = index) are to what they should be, for pairs whose second side is a picture.

    Args:
        held: pairs in the direction of `way`, not of labels as the second side: for these see
            `i2i.metrics.segmentation.judge_labels`.
        count: pairs that are used.
        features, report: as in `cycle_scores`.
    """
    errors, perceptual = [], []
    size = way.image_size
    for i in range(count):
        x = held.x(i, size)
        shown = photo_to_tensor(write(way.answer(x, [i])[0], way.config["output"], x).convert("RGB"))[None]
        truth = photo_to_tensor(held.photo(i, size))[None]
        errors.append(float(level_error(shown, truth)))
        if features is not None and way.config["output"]["kind"] != "edges":
            perceptual.append(float(perceptual_error(shown, truth, features)))
        report(1)
    text = f"{held.describe()}; {count} answers at {size} px, seed = index, against their own photo"
    unit = "mean absolute difference, of 255 levels"
    scores = [Score("error", float(np.mean(errors)), f"{text}; {unit}", "lower")]
    if perceptual:
        judge = f"{text}; features {name_of(features)}"
        scores.append(Score("perceptual error", float(np.mean(perceptual)), judge, "lower"))
    return scores


def realism_scores(answers: Tensor, reals: Tensor, text: str, features: nn.Module, batch: int = 16) -> list[Score]:
    """Fréchet distance, if there are enough pictures, and kernel distance of answers (N, 3, S, S) to the photos of the
    side that they should belong to, (M, 3, S, S); N, M >= 2."""
    made, wanted = (pooled(pictures, features, batch) for pictures in (answers, reals))
    text = f"{text}; {len(made)} answers against {len(wanted)} photos of the other side; features {name_of(features)}"
    scores = []
    if min(len(made), len(wanted)) >= FRECHET_MINIMUM:
        scores.append(Score("Fréchet distance", frechet_distance(wanted, made), text, "lower"))
    return [*scores, Score("kernel distance", kernel_distance(wanted, made), text, "lower")]
