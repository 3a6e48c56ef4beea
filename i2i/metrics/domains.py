"""Measures of models that translate between domains, as StarGAN v2 was measured (appendix C): realism and diversity of
every ordered pair of domains, guided by latents and by references.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from i2i.checks import check_least
from i2i.data.domains import DomainDataset
from i2i.images import photo_to_tensor, tensor_to_photo
from i2i.metrics.diversity import mean_pairwise_distance
from i2i.metrics.features import device_of, name_of, pooled
from i2i.metrics.frechet import FRECHET_MINIMUM, frechet_distance
from i2i.metrics.given import feature_sets
from i2i.metrics.scores import Score
from i2i.translator import Translator

GUIDES = ("latent", "reference")
MEAN = "mean of all pairs"
# Name of a measure -> which way is better.
BETTER = {"Fréchet distance": "lower", "kernel distance": "lower", "diversity": "higher"}


@dataclass(frozen=True)
class DomainProtocol:
    """How much is measured.

    Attributes:
        outputs: answers to each photo, for each other domain (10 in the paper, where all of them count).
        repeats: everything is measured so often, with other seeds and other references, and averaged (10 in the paper).
        sources: held-out photos of each domain that are translated, at most; 0 for all, as in the paper. The Fréchet
            distance needs 400.
        reals: training photos of each domain that answers are compared with, at most; 0 for all, as in the paper. The
            Fréchet distance needs 400.
        guide: latent, reference, or both.
    """

    outputs: int = 10
    repeats: int = 1
    sources: int = 0
    reals: int = 0
    guide: str = "both"

    def __post_init__(self) -> None:
        check_least(self, {"outputs": 2, "repeats": 1, "sources": 0, "reals": 0})
        for name in ("sources", "reals"):
            if getattr(self, name) == 1:
                raise ValueError(f"{name} must be 0 (all), or at least 2: a kernel distance compares different photos")
        if self.guide not in ("both", *GUIDES):
            raise ValueError(f"unknown guide {self.guide!r}: use both, {' or '.join(GUIDES)}")

    @property
    def guides(self) -> tuple[str, ...]:
        return GUIDES if self.guide == "both" else (self.guide,)


def grouped_kernel_distance(reals: np.ndarray, fakes: np.ndarray) -> float:
    """`i2i.metrics.frechet.kernel_distance` for several answers to each photo.

    Answers to one photo are no independent draws, so pairs of them are left out of the fakes' own mean: it is one over
    pairs of answers to different photos, and the estimate stays unbiased. With one answer a photo it is the same.

    Args:
        reals: features (N, D), N >= 2.
        fakes: features (M, K, D) of K answers to each of M photos, M >= 2.

    Raises:
        ValueError: with fewer photos, features of other shapes, or NaN.
    """
    if fakes.ndim != 3 or len(fakes) < 2:
        raise ValueError(f"fakes are features (M, K, D) of answers to at least 2 photos, got {fakes.shape}")
    shape = fakes.shape
    reals, fakes = feature_sets(reals, fakes.reshape(-1, shape[-1]), 2, "a kernel distance")
    fakes = fakes.reshape(shape)

    def kernel(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        return (p @ q.T / p.shape[1] + 1) ** 3

    n, (m, k, width) = len(reals), fakes.shape
    flat, own = fakes.reshape(m * k, width), kernel(reals, reals)
    # A photo's answers at a time: all pairs of 20,000 answers would take 3 GB.
    others = sum(kernel(group, flat).sum() - kernel(group, group).sum() for group in fakes)
    within = (own.sum() - np.trace(own)) / (n * (n - 1)) + others / (m * (m - 1) * k**2)
    return float(within - 2 * kernel(reals, flat).mean())


class DomainMeasures:
    """Measures models that translate between the domains of one data set.

    Args:
        train, val: the two splits at the models' size, with the same domains; what is measured of `train` is never
            cropped at random nor mirrored.
        features: network of the measures; one that sat in no loss.
        protocol: how much.
        report: is told of every answer made, 1 each.

    Raises:
        ValueError: for splits that differ in their domains or size.
    """

    def __init__(
        self,
        train: DomainDataset,
        val: DomainDataset,
        features: nn.Module,
        protocol: DomainProtocol,
        report: Callable[[int], None] = lambda count: None,
    ):
        if (train.domains, train.size) != (val.domains, val.size):
            raise ValueError(
                f"the splits differ: {', '.join(train.domains)} at {train.size} pixels, "
                f"{', '.join(val.domains)} at {val.size}"
            )
        self.train, self.val, self.features, self.protocol, self.report = train, val, features, protocol, report
        self.domains = val.domains
        limit = protocol.sources or max(map(len, val.files))
        self.sources = [min(limit, len(files)) for files in val.files]
        limit = protocol.reals or max(map(len, train.files))
        counts = [min(limit, len(files)) for files in train.files]
        self._reals = [self._pooled(train.photo(k, i) for i in range(count)) for k, count in enumerate(counts)]

    @property
    def answers(self) -> int:
        """How many answers `model` asks for, for a progress bar."""
        p = self.protocol
        return len(p.guides) * p.repeats * p.outputs * sum(self.sources) * (len(self.domains) - 1)

    def describe(self) -> str:
        """How many answers to how many photos are compared with how many, and by which network, in words."""
        p = self.protocol
        counts = zip(self.domains, self.sources, strict=True)
        made = (f"{name} {n * p.outputs} answers to {n} photos" for name, n in counts)
        text = f"for each other domain {', '.join(made)}; {p.outputs} outputs a photo, {p.repeats} repeats; "
        return text + self._against(self.sources)

    def _against(self, sources: Sequence[int]) -> str:
        """What is compared with, by which network; and why a Fréchet distance is missing, where one is.

        Args:
            sources: how many photos each domain has on the other side, answered or as they are.
        """
        begins, ends = (dict(zip(self.domains, counts, strict=True)) for counts in (sources, map(len, self._reals)))
        text = f"{self.val.root.resolve().name}, {self.val.size} px; compared with training photos: "
        text += f"{', '.join(f'{name} {n}' for name, n in ends.items())}; {name_of(self.features)}"
        few = [f"from {name} ({n} held-out photos)" for name, n in begins.items() if n < FRECHET_MINIMUM]
        few += [f"to {name} ({n} training photos)" for name, n in ends.items() if n < FRECHET_MINIMUM]
        if few:
            text += f"; no Fréchet distance {', '.join(few)}, and so no mean of all pairs: it needs {FRECHET_MINIMUM} "
            text += "different photos a side"
        return text

    def check(self, translator: Translator) -> None:
        """ValueError for a model of other domains or of another size."""
        if set(translator.domains) != set(self.domains) or translator.image_size != self.val.size:
            raise ValueError(
                f"{translator.name} translates to {', '.join(translator.domains) or 'no domains'} at "
                f"{translator.image_size} pixels, the photos show {', '.join(self.domains)} at {self.val.size}"
            )

    @torch.inference_mode()
    def model(self, translator: Translator) -> list[Score]:
        """Scores of one model: for each guide and measure the mean over all ordered pairs, then each pair.

        Raises:
            ValueError: as `check`.
        """
        self.check(translator)
        scores = []
        for guide in self.protocol.guides:
            rounds = [self._round(translator, guide, k) for k in range(self.protocol.repeats)]
            scores += self._scores(guide, rounds)
        return scores

    def real(self) -> list[Score]:
        """Held-out photos against the training photos of their domain: what a perfect model would come to."""
        values = {}
        for k, name in enumerate(self.domains):
            held = self._pooled(self.val.photo(k, i) for i in range(len(self.val.files[k])))
            values[f"* → {name}"] = self._distances(held[:, None], k)
        counts = [len(files) for files in self.val.files]
        text = f"held-out photos: {self.val.describe()}; each domain's with its own; {self._against(counts)}"
        found = []
        for guide in self.protocol.guides:  # in the rows of both, so that they stand side by side
            found += [Score(f"{guide}: {m}, {MEAN}", v, text, BETTER[m]) for m, v in _means(values).items()]
        return found

    def unchanged(self) -> list[Score]:
        """The photos that models translate, as they are, against the training photos of each other domain: what a model
        that does nothing would come to. In the rows of both guides."""
        photos = [self._pooled(self.val.photo(k, i) for i in range(n))[:, None] for k, n in enumerate(self.sources)]
        values = {
            f"{begin} → {end}": self._distances(photos[source], target)
            for target, end in enumerate(self.domains)
            for source, begin in enumerate(self.domains)
            if source != target
        }
        counts = ", ".join(f"{name} {n}" for name, n in zip(self.domains, self.sources, strict=True))
        text = f"held-out photos as they are: {counts}; {self._against(self.sources)}"
        return [s for guide in self.protocol.guides for s in self._rows(guide, [values], text)]

    def _scores(self, guide: str, rounds: list[dict[str, dict[str, float]]]) -> list[Score]:
        text = f"{'seeds' if guide == 'latent' else 'references from the held-out photos'}; {self.describe()}"
        return self._rows(guide, rounds, text)

    def _rows(self, guide: str, rounds: list[dict[str, dict[str, float]]], text: str) -> list[Score]:
        """For each measure the mean of all pairs, then each pair; averaged over the rounds."""
        means = [_means(values) for values in rounds]
        scores = []
        for measure in means[0]:
            own = [m[measure] for m in means]
            scores.append(Score(f"{guide}: {measure}, {MEAN}", float(np.mean(own)), text, BETTER[measure]))
            if len(rounds) > 1:
                spread = float(np.std(own, ddof=1))
                scores.append(Score(f"{guide}: {measure}, standard deviation of repeats", spread, text))
        for pair in rounds[0]:
            for measure in rounds[0][pair]:
                value = float(np.mean([values[pair][measure] for values in rounds]))
                scores.append(Score(f"{guide}: {measure}, {pair}", value, text, BETTER[measure]))
        return scores

    def _round(self, translator: Translator, guide: str, repeat: int) -> dict[str, dict[str, float]]:
        """Pair -> measure -> value."""
        values = {}
        for target, name in enumerate(self.domains):
            known = self._reference_styles(translator, target) if guide == "reference" else None
            for source in (k for k in range(len(self.domains)) if k != target):
                pooled_fakes, spread = [], []
                for i in range(self.sources[source]):
                    styles = self._styles(translator, known, repeat, i, source, target)
                    answers = translator.render(self.val.photo(source, i), torch.from_numpy(styles))
                    fakes = torch.stack([photo_to_tensor(tensor_to_photo(y)) for y in answers])  # as they are shown
                    pooled_fakes.append(pooled(fakes, self.features))
                    spread.append(mean_pairwise_distance(fakes.to(device_of(self.features)), self.features))
                    self.report(len(fakes))
                found = self._distances(np.stack(pooled_fakes), target)
                values[f"{self.domains[source]} → {name}"] = found | {"diversity": float(np.mean(spread))}
        return values

    def _reference_styles(self, translator: Translator, domain: int) -> np.ndarray:
        """Styles of all held-out photos of a domain, (N, S)."""
        photos = (tensor_to_photo(self.val.photo(domain, i)) for i in range(len(self.val.files[domain])))
        return np.stack([translator.style_of(photo, self.domains[domain]) for photo in photos])

    def _styles(
        self, translator: Translator, known: np.ndarray | None, repeat: int, i: int, source: int, target: int
    ) -> np.ndarray:
        """The styles of one photo's answers, (outputs, S): its own seeds, or its own draw of known styles."""
        count = self.protocol.outputs
        if known is None:
            first = (repeat * max(self.sources) + i) * count
            return translator.styles(range(first, first + count), self.domains[target])
        rng = np.random.default_rng([repeat, i, source, target])
        return known[rng.choice(len(known), count, replace=len(known) < count)]

    def _distances(self, fakes: np.ndarray, domain: int) -> dict[str, float]:
        """Of features (photos, answers to each, D) to those of a domain's training photos."""
        reals = self._reals[domain]
        found = {}
        if min(len(fakes), len(reals)) >= FRECHET_MINIMUM:  # answers to one photo are no further photos
            found["Fréchet distance"] = frechet_distance(reals, fakes.reshape(-1, fakes.shape[-1]))
        return found | {"kernel distance": grouped_kernel_distance(reals, fakes)}

    def _pooled(self, photos: Iterator[Tensor]) -> np.ndarray:
        return np.concatenate([pooled(photo[None], self.features) for photo in photos])


def _means(values: dict[str, dict[str, float]]) -> dict[str, float]:
    """Measure -> mean over the pairs; one that some pair has not is left out, or it would be a mean of other pairs (the
    protocol says so)."""
    shared = [m for m in BETTER if all(m in found for found in values.values())]
    return {m: float(np.mean([found[m] for found in values.values()])) for m in shared}
