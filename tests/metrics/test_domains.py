"""The measures of domains on discs, with ideal models and bad ones whose numbers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from i2i.data.domains import DomainConfig, DomainDataset
from i2i.images import tensor_to_photo
from i2i.metrics import domains, frechet
from i2i.metrics.diversity import mean_pairwise_distance
from i2i.metrics.domains import MEAN, DomainMeasures, DomainProtocol, grouped_kernel_distance
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


def colours_of(data: DomainDataset, domain: int) -> np.ndarray:
    """Features of all photos of a domain, (N, 3)."""
    photos = torch.stack([data.photo(domain, i) for i in range(len(data.files[domain]))])
    return photos.mean((2, 3)).numpy()


def by_hand(sets, guide: str) -> tuple[list[Tensor], np.ndarray, np.ndarray]:
    """Three answers to each red photo in blue styles, features of blue training photos, and those of the answers
    (photos, 3, 3): each photo has its own seeds, or its own draw of blue references."""
    train, val = sets
    painter, sources, references = Painter(), len(val.files[0]), len(val.files[2])
    if guide == "latent":
        styles = [painter.styles(range(3 * i, 3 * i + 3), "blue") for i in range(sources)]
    else:
        known = [painter.style_of(tensor_to_photo(val.photo(2, k)), "blue") for k in range(references)]
        draws = [np.random.default_rng([0, i, 0, 2]).choice(references, 3, references < 3) for i in range(sources)]
        styles = [np.stack([known[k] for k in draw]) for draw in draws]
    answers = [painter.render(val.photo(0, i), torch.from_numpy(s)).clamp(-1, 1) for i, s in enumerate(styles)]
    # As they are shown, 8 bits a channel.
    answers = [((a + 1) * 127.5).round() / 127.5 - 1 for a in answers]
    return answers, colours_of(train, 2), torch.stack(answers).mean((3, 4)).numpy()


def test_every_ordered_pair_and_the_mean(sets):
    measures, scores = measure(sets, Painter())
    pairs = [f"{a} → {b}" for a in COLOURS for b in COLOURS if a != b]
    for guide in ("latent", "reference"):
        for name in ("kernel distance", "diversity"):
            values = [scores[f"{guide}: {name}, {pair}"].value for pair in pairs]
            assert scores[f"{guide}: {name}, {MEAN}"].value == pytest.approx(np.mean(values))
    text = scores[f"latent: diversity, {MEAN}"].protocol
    assert "3 outputs a photo, 1 repeats" in text and "colours of quarters" in text
    assert "red 6 answers to 2 photos" in text and "training photos: red 7, green 3, blue 4" in text


def test_a_missing_frechet_distance_is_explained(sets, monkeypatch):
    """Which domain has how few, in each protocol; and no mean of some of the pairs."""
    _, scores = measure(sets, Painter(), guide="latent")
    assert not any("Fréchet" in name for name in scores)
    text = scores[f"latent: diversity, {MEAN}"].protocol
    assert "no Fréchet distance from red (2 held-out photos), from green (2 held-out photos)" in text
    assert "to red (7 training photos)" in text and "needs 400 different photos a side" in text
    monkeypatch.setattr(domains, "FRECHET_MINIMUM", 4)
    monkeypatch.setattr(domains, "frechet_distance", lambda a, b: 1.0)
    found = measure((sets[0], sets[0]), Painter(), guide="latent")[1]
    pairs = {name.rpartition(", ")[2] for name in found if "Fréchet" in name}
    assert pairs == {"red → blue", "blue → red"}
    text = found[f"latent: diversity, {MEAN}"].protocol
    assert "no Fréchet distance from green (3 held-out photos), to green (3 training photos), and so no mean" in text


def test_frechet_distance_counts_photos_and_compares_all_answers(sets, monkeypatch):
    """Two photos with ten answers each are two photos; where two are enough, all answers are compared."""
    monkeypatch.setattr(domains, "FRECHET_MINIMUM", 3)
    assert not any("Fréchet" in name for name in measure(sets, Painter(), guide="latent", outputs=10)[1])
    for module in (domains, frechet):
        monkeypatch.setattr(module, "FRECHET_MINIMUM", 2)
    _, scores = measure(sets, Painter())
    for guide in ("latent", "reference"):
        _, reals, fakes = by_hand(sets, guide)
        wanted = frechet.frechet_distance(reals, fakes.reshape(-1, 3))
        found = scores[f"{guide}: Fréchet distance, red → blue"]
        assert wanted > 1e-3 and found.value == pytest.approx(wanted, rel=1e-4)
        assert "no Fréchet" not in found.protocol
        values = [s.value for name, s in scores.items() if name.startswith(f"{guide}: Fréchet") and " → " in name]
        mean = scores[f"{guide}: Fréchet distance, {MEAN}"]
        assert len(values) == 6 and mean.value == pytest.approx(np.mean(values))


def test_a_kernel_distance_of_several_answers_is_unbiased():
    """Answers to one photo hang together; answers drawn like the reals still have a mean distance of zero."""
    rng = np.random.default_rng(0)
    found, pooled = [], []
    for _ in range(400):
        reals, photos = rng.normal(size=(8, 4)), rng.normal(size=(5, 1, 4))
        fakes = np.repeat(photos, 10, 1)  # ten equal answers to each photo
        found.append(grouped_kernel_distance(reals, fakes))
        pooled.append(kernel_distance(reals, fakes.reshape(50, 4)))
    error = np.std(found) / len(found) ** 0.5
    assert abs(np.mean(found)) < 3 * error < np.mean(pooled) / 2
    once = rng.normal(size=(5, 1, 4))
    assert grouped_kernel_distance(reals, once) == pytest.approx(kernel_distance(reals, once[:, 0]))
    for wrong, message in ((once[:1], "at least 2 photos"), (once[:, 0], "at least 2 photos"), (once * np.nan, "NaN")):
        with pytest.raises(ValueError, match=message):
            grouped_kernel_distance(reals, wrong)


def test_which_pairs_a_kernel_distance_counts():
    """Of three photos with two answers each: pairs of answers to different photos, one by one."""
    rng = np.random.default_rng(0)
    reals, fakes = rng.normal(size=(5, 4)), rng.normal(size=(3, 2, 4))
    flat = fakes.reshape(6, 4)

    def kernel(p: np.ndarray, q: np.ndarray) -> float:
        return float((p @ q / 4 + 1) ** 3)

    among_reals = [kernel(reals[i], reals[j]) for i in range(5) for j in range(5) if i != j]
    among_fakes = [kernel(flat[i], flat[j]) for i in range(6) for j in range(6) if i // 2 != j // 2]
    across = [kernel(p, q) for p in reals for q in flat]
    wanted = np.mean(among_reals) + np.mean(among_fakes) - 2 * np.mean(across)
    assert grouped_kernel_distance(reals, fakes) == pytest.approx(wanted)


@pytest.mark.parametrize("guide", ["latent", "reference"])
def test_values_by_hand(sets, guide):
    answers, reals, fakes = by_hand(sets, guide)
    _, scores = measure(sets, Painter(), guide=guide)
    spread = np.mean([mean_pairwise_distance(a, Channels()) for a in answers])
    assert scores[f"{guide}: diversity, red → blue"].value == pytest.approx(spread, rel=1e-5)
    wanted = grouped_kernel_distance(reals, fakes)
    assert scores[f"{guide}: kernel distance, red → blue"].value == pytest.approx(wanted, rel=1e-5)


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
    larger = sets[0], sets[0]
    measures, _ = measure(larger, Painter(), sources=2, reals=3, guide="latent")
    assert measures.sources == [2, 2, 2] and "training photos: red 3, green 3, blue 3" in measures.describe()


def test_the_real_photos_stand_beside(sets):
    measures, scores = measure(sets, Painter())
    real = {s.name: s.value for s in measures.real()}
    assert set(real) <= set(scores)
    train, val = sets
    values = [kernel_distance(colours_of(train, k), colours_of(val, k)) for k in range(3)]
    assert real[f"latent: kernel distance, {MEAN}"] == pytest.approx(np.mean(values), rel=1e-5)
    text = measures.real()[0].protocol
    assert "held-out photos: red 2, green 2, blue 2" in text and "answers" not in text


class Copier(Painter):
    """Does nothing."""

    def render(self, x: Tensor, styles: Tensor) -> Tensor:
        return x[None].expand(len(styles), -1, -1, -1)


@pytest.mark.parametrize("protocol", [{}, {"sources": 2, "reals": 3, "guide": "reference"}])
def test_photos_as_they_are_stand_beside(sets, protocol):
    """A row for each of the model's but diversity, with the values of a model that does nothing."""
    measures, scores = measure(sets, Copier(), **protocol)
    found = {s.name: s for s in measures.unchanged()}
    assert list(found) == [name for name in scores if "diversity" not in name]
    train, val = sets
    wanted = kernel_distance(colours_of(train, 2)[: protocol.get("reals")], colours_of(val, 0))
    assert found["reference: kernel distance, red → blue"].value == pytest.approx(wanted, rel=1e-5)
    # Equal answers to a photo count as one, so a model that gives the photo back has the very same numbers.
    assert {name: s.value for name, s in found.items()} == pytest.approx(
        {name: s.value for name, s in scores.items() if name in found}, rel=1e-5
    )
    text = found["reference: kernel distance, red → blue"].protocol
    assert "held-out photos as they are: red 2, green 2, blue 2" in text and "answers" not in text


def test_what_cannot_be_measured(sets, domain_photos):
    measures, _ = measure(sets, Painter())
    stranger = Painter()
    stranger.domains = ("red", "green")
    with pytest.raises(ValueError, match="translates to red, green at 32 pixels, the photos show red, green, blue"):
        measures.model(stranger)
    larger = DomainDataset(domain_photos, "val", 48, sets[0].config)
    with pytest.raises(ValueError, match="the splits differ"):
        DomainMeasures(sets[0], larger, Channels(), DomainProtocol())
    for wrong in ({"outputs": 1}, {"repeats": 0}, {"guide": "stars"}, {"sources": 1}, {"reals": 1}):
        with pytest.raises(ValueError):
            DomainProtocol(**wrong)
