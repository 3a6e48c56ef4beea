"""What is compared: answers of models and real photos at one size, and the measures that both are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from i2i.edges.detector import EdgeDetector
from i2i.edges.postprocess import postprocess
from i2i.grids import tile
from i2i.images import photo_to_tensor, tensor_to_photo
from i2i.metrics.faithfulness import Agreement, agreement
from i2i.metrics.features import device_of, name_of, pooled
from i2i.metrics.frechet import FRECHET_MINIMUM, frechet_distance, kernel_distance
from i2i.metrics.held_out import HeldOut
from i2i.metrics.scores import Score
from i2i.serving.pictures import DRAWING_SIZE, write
from i2i.translator import Translator

TOLERANCE = 2.0  # pixels at the drawing's size


class View:
    """Held-out pairs, a size, and the networks that judge.

    Args:
        held: the pairs.
        size: side at which pictures are compared, pixels; larger answers are shrunk by area averaging.
        pictures: pairs that are used, at most.
        features: feature network that sat in no loss of the models.
        detector: finds the edges of answers again; not used where the input is no drawing.
        report: is told how many answers were made since the last call.

    Attributes:
        count: pairs that are used.
        split, where, judge, finder: words for protocols.
    """

    def __init__(
        self,
        held: HeldOut,
        size: int,
        pictures: int,
        features: nn.Module | None = None,
        detector: EdgeDetector | None = None,
        report: Callable[[int], None] = lambda count: None,
    ):
        self.held, self.size, self.features, self.report = held, size, features, report
        self.detector = detector if held.input["kind"] == "edges" else None
        self.count = min(pictures, len(held))
        self.split = held.describe()
        self.where = f"{size} px, larger answers shrunk by area averaging"
        self.judge = f"features {name_of(features)}" if features is not None else ""
        self.finder = ""
        if self.detector is not None:
            known = f"{detector.config['name']} {detector.config['sha256'][:8]}"
            self.finder = f"edges found again by {known} at {size} px, within {TOLERANCE:g} px of {DRAWING_SIZE}"
        self._reals: np.ndarray | None = None

    # Pictures: float32 (n, 3, size, size) in [-1, 1]

    def shown(self, translator: Translator, x: Tensor, answers: Tensor) -> Tensor:
        """Answers (n, C, S, S) as they are shown, 8 bits deep."""
        output = translator.config.get("output", {"kind": "photo"})
        self.report(len(answers))
        return torch.stack([shrunk(write(y, output, x).convert("RGB"), self.size) for y in answers])

    def sample(self, translator: Translator, x: Tensor, seeds: Sequence[int]) -> Tensor:
        """The answers to seeds."""
        return self.shown(translator, x, translator.answer(x, seeds))

    def in_styles(self, translator: Translator, x: Tensor, styles: np.ndarray) -> Tensor:
        """The answers in styles (n, D)."""
        return self.shown(translator, x, translator.render(x, torch.from_numpy(styles)))

    def x(self, translator: Translator, index: int) -> Tensor:
        """Input of pair `index` as the model wants it."""
        return self.held.x(index, translator.image_size)

    def photos(self, indices: Sequence[int]) -> Tensor:
        """Real photos."""
        return torch.stack([shrunk(self.held.photo(i, self.size), self.size) for i in indices])

    def inputs(self, indices: Sequence[int]) -> Tensor:
        """What is translated, to look at."""
        size = max(self.size, DRAWING_SIZE)
        return torch.stack([shrunk(self.held.input_picture(i, size), self.size) for i in indices])

    def each_photo(self) -> Iterator[Tensor]:
        """The real photos one by one, (3, size, size)."""
        return (self.photos([i])[0] for i in range(self.count))

    def spread_out(self, count: int) -> list[int]:
        """Indices of `count` pairs, evenly spaced."""
        return np.linspace(0, self.count - 1, min(count, self.count)).round().astype(int).tolist()

    def to_features(self, pictures: Tensor) -> Tensor:
        """Moved to where the feature network is."""
        return pictures.to(device_of(self.features))

    # Measures

    def found_again(self, picture: Tensor, drawing: np.ndarray) -> Agreement:
        """Edges of a picture (3, size, size) against the drawing, uint8 (256, 256), that it should show."""
        soft = self.detector.detect_batch([np.asarray(tensor_to_photo(picture))])[0]
        return agreement(postprocess(soft, DRAWING_SIZE), drawing, TOLERANCE)

    def faithfulness(self, prefix: str, seen: Sequence[Agreement], text: str) -> list[Score]:
        """Mean precision and recall; `text` says what was looked at."""
        values = {k: float(np.mean([getattr(a, k) for a in seen])) for k in ("precision", "recall")}
        return [Score(f"{prefix}edge {k}", v, text + self.finder, "higher") for k, v in values.items()]

    def realism(self, prefix: str, fakes: np.ndarray, text: str) -> list[Score]:
        """Fréchet distance, if there are enough pictures, and kernel distance of pooled features to the photos'."""
        if min(len(fakes), self.count) < 2:
            return []
        text += f"against {self.count} photos of {self.split}; {self.where}; {self.judge}"
        scores = []
        if min(len(fakes), self.count) >= FRECHET_MINIMUM:
            scores.append(Score(f"{prefix}Fréchet distance", frechet_distance(self.reals, fakes), text, "lower"))
        return [*scores, Score(f"{prefix}kernel distance", kernel_distance(self.reals, fakes), text, "lower")]

    @property
    def reals(self) -> np.ndarray:
        """Pooled features of the real photos."""
        if self._reals is None:
            self._reals = np.concatenate([pooled(p[None], self.features) for p in self.each_photo()])
        return self._reals


def shrunk(picture: Image.Image, size: int) -> Tensor:
    """RGB picture -> float32 (3, size, size) in [-1, 1]; a larger one is shrunk by area averaging, as real photos are.

    Raises:
        ValueError: for a picture that is smaller than `size`.
    """
    x = photo_to_tensor(picture)
    if x.shape[-1] < size:
        raise ValueError(f"pictures of {x.shape[-1]} pixels are too small to be compared at {size}: give that --size")
    if x.shape[-1] == size:
        return x
    return torch.nn.functional.interpolate(x[None], size=(size, size), mode="area")[0]


def grid_image(grid: Tensor, side: int = 128) -> Image.Image:
    """Pictures (rows, columns, 3, S, S) as one, each at most `side` pixels wide."""
    flat = grid.flatten(0, 1)
    if flat.shape[-1] > side:
        flat = torch.nn.functional.interpolate(flat, size=(side, side), mode="area")
    return tile(flat.unflatten(0, grid.shape[:2]))
