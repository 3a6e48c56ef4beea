"""The card's table on a tiny model: what is in it, what is left out, and that it is the same twice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from i2i import Translator
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.pairs import PairDataset
from i2i.edges import EdgeDetector
from i2i.images import photo_to_tensor, tensor_to_photo
from i2i.metrics.diversity import mean_pairwise_distance
from i2i.metrics.features import pooled
from i2i.metrics.frechet import frechet_distance, kernel_distance
from i2i.metrics.report import evaluate


@pytest.fixture(scope="module")
def translator(tiny_model_folder) -> Translator:
    return Translator.from_pretrained(tiny_model_folder, device="cpu")


@pytest.fixture(scope="module")
def pairs(discs) -> PairDataset:
    return PairDataset(discs, "val", 64, flip=False)


def as_shown(pictures: torch.Tensor) -> torch.Tensor:
    return torch.stack([photo_to_tensor(tensor_to_photo(p)) for p in pictures])


def pictures(translator: Translator, pairs: PairDataset, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Photos, and one sample of each drawing with its index as the seed."""
    fakes = torch.stack([translator.answer(pairs[i]["x"], [i])[0] for i in range(count)])
    return torch.stack([pairs[i]["y"] for i in range(count)]), as_shown(fakes)


def test_without_features_it_says_so(translator, pairs):
    table = evaluate(translator, pairs)
    words = "no feature network: realism and diversity not measured | no edge detector: faithfulness not measured"
    assert table == {"protocol": words}


def test_measures_are_those_of_the_samples(translator, pairs, colours):
    table = evaluate(translator, pairs, features=colours, diversity_drawings=2, diversity_samples=3)
    assert table.keys() == {"kernel", "diversity", "diversity_of_photos", "protocol"}  # too few for Fréchet
    real, fake = pictures(translator, pairs, 5)
    assert table["kernel"] == pytest.approx(kernel_distance(pooled(real, colours), pooled(fake, colours)), abs=1e-4)
    answers = [as_shown(translator.answer(pairs[i]["x"], range(3))) for i in range(2)]
    spread = np.mean([mean_pairwise_distance(y, colours) for y in answers])
    assert table["diversity"] == pytest.approx(spread, abs=1e-4) and table["diversity"] > 0.001
    for words in ("features colours of 16 fields", "2 drawings x 3 samples", "groups of 3 photos", "64 px", " val "):
        assert words in table["protocol"]


def test_what_is_measured_is_what_is_shown(painter, pairs, colours):
    """An output that leaves the range that can be shown is measured clamped."""

    def loud(limit: float) -> dict:
        model = type(painter)()
        model.answer = lambda x, seeds: (5 * painter.answer(x, seeds)).clamp(-limit, limit)
        return evaluate(model, pairs, features=colours, limit=3, diversity_samples=2)

    assert loud(1) == loud(1e9)


def test_frechet_from_its_minimum_on(translator, pairs, colours, monkeypatch):
    monkeypatch.setattr("i2i.metrics.view.FRECHET_MINIMUM", 5)
    monkeypatch.setattr("i2i.metrics.frechet.FRECHET_MINIMUM", 5)
    table = evaluate(translator, pairs, features=colours, diversity_drawings=1, diversity_samples=2)
    real, fake = pictures(translator, pairs, 5)
    assert table["frechet"] == pytest.approx(frechet_distance(pooled(real, colours), pooled(fake, colours)), abs=1e-4)
    few = evaluate(translator, pairs, features=colours, limit=4, diversity_drawings=1, diversity_samples=2)
    assert "frechet" not in few and "kernel" in few


def test_faithfulness_with_the_detector(translator, pairs):
    detector = EdgeDetector("edges")
    table = evaluate(translator, pairs, detector=detector, limit=2)
    assert table.keys() == {"edge_precision", "edge_recall", "protocol"}
    assert 0 <= table["edge_precision"] <= 1 and 0 <= table["edge_recall"] <= 1
    assert f"edges {detector.config['sha256'][:8]} at 64 px, within 2 px" in table["protocol"]
    assert "2 answers" in table["protocol"]


def test_faithfulness_finds_the_drawing_in_its_own_photo(painter, pairs, differences):
    def answering_with(shift: int) -> dict:
        """A model that answers with the right photo, or with that of another drawing."""
        model = type(painter)()
        inputs = [pairs[i]["x"] for i in range(5)]

        def answer(x: torch.Tensor, seeds) -> torch.Tensor:
            index = min(range(5), key=lambda i: float((inputs[i] - x).abs().sum()))
            return pairs[(index + shift) % 5]["y"].expand(len(seeds), -1, -1, -1)

        model.answer = answer
        return evaluate(model, pairs, detector=differences, limit=3)

    right, wrong = answering_with(0), answering_with(2)
    assert right["edge_precision"] > 0.9 and right["edge_recall"] > 0.9
    assert wrong["edge_recall"] < 0.6


def test_the_same_numbers_twice_from_either_kind_of_pairs_and_progress(translator, pairs, discs, colours):
    options = {"features": colours, "detector": EdgeDetector("edges"), "limit": 3, "diversity_samples": 2}
    seen: list[tuple[int, int]] = []
    first = evaluate(translator, pairs, progress=lambda done, total: seen.append((done, total)), **options)
    torch.manual_seed(123)
    general = PairedDataset(discs, "val", 64, PairedConfig())
    assert evaluate(translator, general, **options) == first
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1][0] == seen[-1][1] and len({total for _, total in seen}) == 1


def test_pooled_features_do_not_depend_on_the_batch(pairs, colours):
    photos = torch.stack([pairs[i]["y"] for i in range(5)])
    whole = pooled(photos, colours)
    assert whole.shape == (5, 3)
    np.testing.assert_allclose(whole, photos.mean((2, 3)), atol=1e-5)  # the last tap, averaged over the picture
    np.testing.assert_allclose(whole, pooled(photos, colours, batch=2), atol=1e-5)
