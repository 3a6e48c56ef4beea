"""The measures of domains on discs, with ideal models and bad ones whose numbers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from i2i.data.domains import DomainConfig, DomainDataset
from i2i.metrics.diversity import mean_pairwise_distance
from i2i.metrics.domains import MEAN, DomainMeasures, DomainProtocol
from i2i.metrics.frechet import kernel_distance

COLOURS = {"red": (0.8, -0.8, -0.8), "green": (-0.8, 0.8, -0.8), "blue": (-0.8, -0.8, 0.8)}


class Channels(nn.Module):
    """Mean colours of quarters."""

    name = "colours of quarters"

    def forward(self, y: Tensor) -> list[Tensor]:
        return [nn.functional.adaptive_avg_pool2d(y, 2)]


class Painter:
    """Answers with the photo moved to its style, a colour: the domain's own, and as much else as `noise` says."""

    name, weights_id, image_size, domains = "painter", "01234567", 32, ("red", "green", "blue")

    def __init__(self, noise: float = 0.2, wrong: bool = False):
        self.noise, self.wrong, self.asked = noise, wrong, []

    def styles(self, seeds, domain: str) -> np.ndarray:
        self.asked.append((domain, tuple(seeds)))
        colour = COLOURS["red" if self.wrong else domain]
        noise = [np.random.default_rng(s).uniform(-1, 1, 3) for s in seeds]
        return (np.array(colour) + self.noise * np.stack(noise)).astype(np.float32)

    def style_of(self, photo, domain: str) -> np.ndarray:
        return (np.asarray(photo).mean((0, 1)) / 127.5 - 1).astype(np.float32)

    def render(self, x: Tensor, styles: Tensor) -> Tensor:
        return 0.5 * x[None] + 0.5 * styles[:, :, None, None]


@pytest.fixture(scope="module")
def sets(domain_photos):
    config = DomainConfig(domains=("red", "green", "blue"), crop=0.0)
    return [DomainDataset(domain_photos, split, 32, config) for split in ("train", "val")]


def measure(sets, painter, **protocol):
    measures = DomainMeasures(*sets, Channels(), DomainProtocol(**{"outputs": 3} | protocol))
    made = []
    measures.report = made.append
    scores = {s.name: s for s in measures.model(painter)}
    assert sum(made) == measures.answers
    return measures, scores


def test_every_ordered_pair_and_the_mean(sets):
    measures, scores = measure(sets, Painter())
    pairs = [f"{a} → {b}" for a in COLOURS for b in COLOURS if a != b]
    for guide in ("latent", "reference"):
        for name in ("kernel distance", "diversity"):
            values = [scores[f"{guide}: {name}, {pair}"].value for pair in pairs]
            assert scores[f"{guide}: {name}, {MEAN}"].value == pytest.approx(np.mean(values))
    assert not any("Fréchet" in name for name in scores)  # too few photos
    text = scores[f"latent: diversity, {MEAN}"].protocol
    assert "3 outputs a photo, 1 repeats" in text and "colours of quarters" in text and "red 2 and 7" in text


def test_values_by_hand(sets):
    train, val = sets
    painter = Painter()
    _, scores = measure(sets, painter, guide="latent")
    styles = [painter.styles(range(3 * i, 3 * i + 3), "blue") for i in range(len(val.files[0]))]
    answers = [painter.render(val.photo(0, i), torch.from_numpy(s)).clamp(-1, 1) for i, s in enumerate(styles)]
    features = Channels()
    spread = np.mean([mean_pairwise_distance(a, features) for a in answers])
    assert scores["latent: diversity, red → blue"].value == pytest.approx(spread, rel=1e-5)
    fakes = torch.cat([features(a)[0].mean((2, 3)) for a in answers]).numpy()
    reals = torch.stack([features(train.photo(2, i)[None])[0].mean((2, 3))[0] for i in range(len(train.files[2]))])
    wanted = kernel_distance(reals.numpy(), fakes)
    assert scores["latent: kernel distance, red → blue"].value == pytest.approx(wanted, rel=1e-5)


def test_worse_models_score_worse(sets):
    good, flat, wrong = (measure(sets, p)[1] for p in (Painter(), Painter(noise=0.0), Painter(wrong=True)))
    name = f"latent: diversity, {MEAN}"
    assert good[name].value > 1e-4 > flat[name].value and good[name].better == "higher"
    name = "latent: kernel distance, red → blue"
    assert wrong[name].value > good[name].value and good[name].better == "lower"


def test_repeats_draw_anew(sets):
    painter = Painter()
    _, scores = measure(sets, painter, repeats=2, guide="latent")
    asked = [seeds for domain, seeds in painter.asked if domain == "blue"]
    assert len(asked) == 2 * 2 * len(sets[1].files[0])
    assert asked[0] == (0, 1, 2) and set(asked[0]).isdisjoint(asked[len(asked) // 2])
    assert scores["latent: diversity, standard deviation of repeats"].value > 0
    assert not any(name.startswith("reference") for name in scores)


def test_limits(sets):
    measures, _ = measure(sets, Painter(), sources=1, reals=3)
    assert measures.sources == [1, 1, 1] and "red 1 and 3" in measures.describe()


def test_the_real_photos_stand_beside(sets):
    measures, scores = measure(sets, Painter())
    real = {s.name: s.value for s in measures.real()}
    assert set(real) <= set(scores) and f"latent: kernel distance, {MEAN}" in real


def test_what_cannot_be_measured(sets, domain_photos):
    measures, _ = measure(sets, Painter())
    stranger = Painter()
    stranger.domains = ("red", "green")
    with pytest.raises(ValueError, match="translates to red, green at 32 pixels, the photos show red, green, blue"):
        measures.model(stranger)
    larger = DomainDataset(domain_photos, "val", 48, sets[0].config)
    with pytest.raises(ValueError, match="the splits differ"):
        DomainMeasures(sets[0], larger, Channels(), DomainProtocol())
    for wrong in ({"outputs": 1}, {"repeats": 0}, {"guide": "stars"}):
        with pytest.raises(ValueError):
            DomainProtocol(**wrong)
