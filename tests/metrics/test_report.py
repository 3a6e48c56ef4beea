"""The table of measures on a tiny model: what is in it, what is left out, and that it is the same twice."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from i2i import Translator
from i2i.data.pairs import PairDataset
from i2i.edges import EdgeDetector
from i2i.metrics import report
from i2i.metrics.diversity import mean_pairwise_distance
from i2i.metrics.frechet import frechet_distance, kernel_distance
from i2i.metrics.report import evaluate, pooled


class Colours(nn.Module):
    """Mean red and green of a grid of 8 x 8 fields, and mean colours of 4 x 4."""

    name = "colours of 16 fields"

    def forward(self, y: torch.Tensor) -> list[torch.Tensor]:
        return [F.adaptive_avg_pool2d(y[:, :2], 8), F.adaptive_avg_pool2d(y, 4)]


@pytest.fixture(scope="module")
def translator(tiny_model_folder) -> Translator:
    return Translator.from_pretrained(tiny_model_folder, device="cpu")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> PairDataset:
    """Five discs and their outlines."""
    root = tmp_path_factory.mktemp("prepared")
    rng = np.random.default_rng(0)
    for kind in ("photo", "drawing"):
        (root / "pairs" / "val" / kind).mkdir(parents=True)
    for i in range(5):
        photo = np.full((256, 256, 3), rng.integers(0, 255, 3), np.uint8)
        drawing = np.full((256, 256), 255, np.uint8)
        cv2.circle(photo, (100 + 10 * i, 120), 40 + 8 * i, tuple(map(int, rng.integers(0, 255, 3))), -1)
        cv2.circle(drawing, (100 + 10 * i, 120), 40 + 8 * i, 0, 1)
        Image.fromarray(photo).save(root / "pairs" / "val" / "photo" / f"{i}.png")
        Image.fromarray(drawing).save(root / "pairs" / "val" / "drawing" / f"{i}.png")
    return PairDataset(root, "val", 64, flip=False)


def pictures(translator: Translator, pairs: PairDataset, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Photos, and one sample of each drawing with its index as the seed."""
    fakes = [translator.render(pairs[i]["x"], torch.from_numpy(translator.styles([i])))[0] for i in range(count)]
    fakes = [f.clamp(-1, 1) for f in fakes]
    return torch.stack([pairs[i]["y"] for i in range(count)]), torch.stack(fakes)


def test_without_features_it_says_so(translator, pairs):
    table = evaluate(translator, pairs)
    assert table.keys() == {"protocol"}
    assert "5 held-out pairs" in table["protocol"] and "64 px" in table["protocol"]
    assert "no feature network: realism and diversity not measured" in table["protocol"]


def test_measures_are_those_of_the_samples(translator, pairs):
    table = evaluate(translator, pairs, features=Colours(), diversity_drawings=2, diversity_samples=3)
    assert table.keys() == {"kernel", "diversity", "diversity_of_photos", "protocol"}  # too few for Fréchet
    real, fake = pictures(translator, pairs, 5)
    assert table["kernel"] == pytest.approx(kernel_distance(pooled(real, Colours()), pooled(fake, Colours())), abs=1e-5)
    assert table["diversity_of_photos"] == pytest.approx(mean_pairwise_distance(real, Colours()), abs=1e-5)
    styles = torch.from_numpy(translator.styles(range(3)))
    answers = [translator.render(pairs[i]["x"], styles).clamp(-1, 1) for i in range(2)]
    spread = [mean_pairwise_distance(y, Colours()) for y in answers]
    assert table["diversity"] == pytest.approx(np.mean(spread), abs=1e-5) and table["diversity"] > 0.001
    for words in ("features colours of 16 fields", "2 drawings x 3 samples", "photos: 5"):
        assert words in table["protocol"]


def test_what_is_measured_is_what_is_shown(translator, pairs):
    class Loud:
        """The same model with an output that leaves the range that can be shown."""

        image_size, styles = 64, translator.styles

        def __init__(self, clamped: bool):
            self.limit = 1 if clamped else 1e9

        def render(self, x: torch.Tensor, styles: torch.Tensor) -> torch.Tensor:
            return (5 * translator.render(x, styles)).clamp(-self.limit, self.limit)

    options = {"features": Colours(), "limit": 3, "diversity_samples": 2}
    assert evaluate(Loud(clamped=False), pairs, **options) == evaluate(Loud(clamped=True), pairs, **options)


def test_frechet_from_its_minimum_on(translator, pairs, monkeypatch):
    monkeypatch.setattr(report, "FRECHET_MINIMUM", 5)
    monkeypatch.setattr("i2i.metrics.frechet.FRECHET_MINIMUM", 5)
    table = evaluate(translator, pairs, features=Colours(), diversity_drawings=1, diversity_samples=2)
    real, fake = pictures(translator, pairs, 5)
    assert table["frechet"] == pytest.approx(
        frechet_distance(pooled(real, Colours()), pooled(fake, Colours())), abs=1e-5
    )
    assert "frechet" not in evaluate(translator, pairs, features=Colours(), limit=4, diversity_samples=2)


def test_faithfulness_with_the_detector(translator, pairs):
    detector = EdgeDetector("edges")
    table = evaluate(translator, pairs, detector=detector, limit=2)
    assert table.keys() == {"edge_precision", "edge_recall", "protocol"}
    assert 0 <= table["edge_precision"] <= 1 and 0 <= table["edge_recall"] <= 1
    assert f"edges {detector.config['sha256'][:8]}, within 2 px" in table["protocol"]
    assert "2 held-out pairs" in table["protocol"]


def test_faithfulness_finds_the_drawing_in_its_own_photo(translator, pairs):
    class Honest:
        """A model that answers with the right photo."""

        image_size, styles = 64, translator.styles

        def render(self, x: torch.Tensor, styles: torch.Tensor) -> torch.Tensor:
            match = next(i for i in range(len(pairs)) if torch.equal(pairs[i]["x"], x))
            return pairs[match]["y"].expand(len(styles), -1, -1, -1)

    class Fields:
        """Edges of the flat discs by differences, so that the trained detector's quality plays no part."""

        config = {"name": "differences", "sha256": "0" * 64}

        def detect_batch(self, photos: list[np.ndarray]) -> list[np.ndarray]:
            grey = [p.astype(np.float32).mean(2) for p in photos]
            steps = [np.hypot(np.gradient(g, axis=0), np.gradient(g, axis=1)) for g in grey]
            return [(s / s.max()).astype(np.float32) for s in steps]

    table = evaluate(Honest(), pairs, detector=Fields(), limit=3)
    assert table["edge_precision"] > 0.9 and table["edge_recall"] > 0.9
    # Against drawings of other photos the same edges score low.
    other = evaluate(Honest(), Shifted(pairs), detector=Fields(), limit=3)
    assert other["edge_recall"] < 0.6


class Shifted:
    """The pairs with the drawing of another one to compare with."""

    def __init__(self, pairs: PairDataset):
        self.pairs, self.native = pairs, pairs.native

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.pairs[index]

    def drawing(self, index: int) -> np.ndarray:
        return self.pairs.drawing((index + 2) % len(self.pairs))


def test_the_same_numbers_twice_and_progress(translator, pairs):
    options = {"features": Colours(), "detector": EdgeDetector("edges"), "diversity_samples": 2}
    seen: list[tuple[int, int]] = []
    first = evaluate(translator, pairs, progress=lambda done, total: seen.append((done, total)), **options)
    torch.manual_seed(123)
    assert evaluate(translator, pairs, **options) == first
    assert seen == [(i, 5) for i in range(1, 6)]


def test_pooled_features_do_not_depend_on_the_batch(pairs):
    photos = torch.stack([pairs[i]["y"] for i in range(5)])
    whole = pooled(photos, Colours())
    assert whole.shape == (5, 3)
    np.testing.assert_allclose(whole, photos.mean((2, 3)), atol=1e-5)  # the last tap, averaged over the picture
    np.testing.assert_allclose(whole, pooled(photos, Colours(), batch=2), atol=1e-5)
