"""Styled pix2pix's step: every loss by hand, who learns from what, the queue of styles, the growth of the picture."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_styled import NO_WEIGHTS, PLAYERS, RIM, TINY, WEIGHTS, Fields, batch, gradients, make, moved
from torch import nn

from i2i.methods.styled import StyledPix2Pix


def distance(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """All distances between the rows of a and those of b."""
    return (a[:, None] - b[None]).square().sum(-1).sqrt()


def energy(a: torch.Tensor, b: torch.Tensor) -> float:
    """2 E|a-b| - E|a-a'| - E|b-b'|, each pair of different rows once and in both orders."""
    within = [distance(k, k).sum() / (len(k) * (len(k) - 1)) for k in (a, b)]
    return float(2 * distance(a, b).mean() - sum(within))


def averaged(picture: torch.Tensor, cell: int) -> torch.Tensor:
    count, channels, height, width = picture.shape
    return picture.reshape(count, channels, height // cell, cell, width // cell, cell).mean((3, 5))


def spread(y: torch.Tensor) -> torch.Tensor:
    """Contrast of one picture (3, S, S) at each scale, plus what is too faint to count: (3, scales)."""
    found = []
    while y.shape[-1] > 8:
        blocks = y.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))  # (3, S/2, 2, S/2, 2)
        found.append((blocks - blocks.mean((2, 4), keepdim=True)).square().mean((1, 2, 3, 4)).sqrt())
        y = blocks.mean((2, 4))
    return torch.stack([*found, y.flatten(1).std(1, correction=0)], 1) + 0.02


def strongest(y: torch.Tensor) -> torch.Tensor:
    """The strongest slope of the pictures (B, 3, S, S), averaged over 3 x 3 pixels, in each window of 5 x 5, beside the
    mean of all windows: (B, 1, S, S). Beyond the border the pictures are mirrored, the windows end there."""
    count, _, size, _ = y.shape
    mirrored = [2, 1, *range(size), size - 2, size - 3]
    wide = y[:, :, mirrored][..., mirrored]
    nine = sum(wide[:, :, i : i + size + 2, j : j + size + 2] for i in range(3) for j in range(3)) / 9
    down, right = nine[:, :, 2:, 1:-1] - nine[:, :, :-2, 1:-1], nine[:, :, 1:-1, 2:] - nine[:, :, 1:-1, :-2]
    slopes = ((down**2 + right**2).sum(1) + 1e-4).sqrt()
    found = torch.zeros(count, 1, size, size)
    for i in range(size):
        for j in range(size):
            found[:, 0, i, j] = slopes[:, max(0, i - 2) : i + 3, max(0, j - 2) : j + 3].amax((1, 2))
    return found / found.mean((2, 3), keepdim=True)


def chroma(y: torch.Tensor) -> torch.Tensor:
    return y - y.mean(0)


@torch.no_grad()
def by_hand(method: StyledPix2Pix, data: dict[str, torch.Tensor], progress: float) -> tuple[dict[str, float], float]:
    """The generator's terms and the discriminators' loss, for the noise of seed 2 and a queue that was empty."""
    nets, c = method.nets, method.config
    size = 32 if progress < c.small_until else 64
    x, y = (averaged(data[k], 64 // size) for k in ("x", "y"))
    torch.manual_seed(2)
    z, noise, more = torch.randn(4, 4), torch.randn(4, 8), torch.randn(method.queue_length - 4, 4)

    own, mapped = nets["style_encoder"](y), nets["mapping"](z)
    foreign = torch.stack([own[3], mapped[1], own[1], mapped[3]])  # photo, latent, photo, latent
    same = nets["generator"](data["x"], own + c.style_noise * noise, size)
    other = nets["generator"](data["x"], foreign, size)

    def verdicts(picture):
        features = method.features(picture) if method.features else []
        heads = [head(f) for head, f in zip(nets["projected"].heads, features, strict=True)] if features else []
        return [nets["patch"](x, picture), *heads]

    real, fakes = verdicts(y), [torch.cat(v) for v in zip(verdicts(same), verdicts(other), strict=True)]
    excess = torch.cat([same, other]).abs() - 1
    terms = {
        "adversarial": -sum(v.mean() for v in fakes) / len(fakes),
        "l1": c.lambda_l1 * (same - y).abs().mean(),
        "range": c.lambda_range * torch.where(excess > 0, excess, 0).square().mean(),
        "cover": energy(torch.cat([mapped, nets["mapping"](more)]), own),
        "style": c.lambda_style * (nets["style_encoder"](other) - foreign).abs().mean(),
        "diversity": -c.lambda_diversity * (1 - progress) * (averaged(other, 8) - averaged(same, 8)).abs().mean(),
    }
    rim = RIM * size // 64 - size // 32  # less the margin
    ground = torch.ones(size, size, dtype=torch.bool)
    ground[rim:-rim, rim:-rim] = False
    grounds = other[:, :, ground]  # (B, 3, N)
    apart = (grounds - grounds.mean(2, keepdim=True)).abs()
    terms["ground"] = c.lambda_ground * apart.sum() / other.numel()
    # Photo 3's style on drawing 0, photo 1's on drawing 2.
    ratios = [spread(f(other[i])) / spread(f(y[k])) for i, k in ((0, 3), (2, 1)) for f in (torch.clone, chroma)]
    terms["contrast"] = c.lambda_contrast * (torch.stack(ratios).log() - 0.2).clamp(min=0).mean()
    ink, demanded = x < 0.5, (strongest(y) / strongest(other)).log() - 0.1
    terms["lines"] = c.lambda_lines * demanded[ink].clamp(min=0).sum() / ink.sum()
    if method.features:
        taps = zip(method.features(same), method.features(y), strict=True)
        terms["perceptual"] = c.lambda_perceptual * sum((a - b).abs().mean() for a, b in taps) / 2
    hinges = [((1 - r).clamp(min=0).mean() + (1 + f).clamp(min=0).mean()) / 2 for r, f in zip(real, fakes, strict=True)]
    return {k: float(v) for k, v in terms.items()}, float(sum(hinges) / len(hinges))


@pytest.mark.parametrize("progress", [0.25, 0.75], ids=["half the size", "full size"])
@pytest.mark.parametrize("features", [None, Fields()], ids=["no features", "features"])
def test_every_loss_by_hand(features, progress):
    method = make(replace(TINY, style_noise=0.3, **WEIGHTS), features)
    logs, order, _ = gradients(method, progress)
    wanted, discriminator = by_hand(method, batch(), progress)
    assert logs.keys() == wanted.keys() | {"discriminator", "real_accuracy"}
    assert all(abs(value) > 1e-4 for value in wanted.values()), wanted  # nothing is compared at zero
    for name, value in wanted.items():
        assert logs[name] == pytest.approx(value, rel=1e-3, abs=1e-6), name
    assert logs["discriminator"] == pytest.approx(discriminator, rel=1e-4)
    assert [player for player, _ in order] == ["discriminator", "generator"]
    assert order[0][1] == pytest.approx(discriminator, rel=1e-4)
    assert order[1][1] == pytest.approx(sum(wanted.values()), rel=1e-3)


def test_the_share_of_photos_that_are_believed():
    method = make(features=Fields())
    logs, *_ = gradients(method)
    x, y = (averaged(v, 2) for v in batch().values())
    with torch.no_grad():
        verdicts = [method.nets["patch"](x, y), *method.nets["projected"](method.features(y))]
    real = torch.cat([v.flatten() for v in verdicts])
    share = float((real > 0).float().mean())
    assert 0 < share < 1 and logs["real_accuracy"] == pytest.approx(share)


@pytest.mark.parametrize("features", [None, Fields()], ids=["no features", "features"])
def test_each_player_moves_its_own_nets(features):
    method = make(features=features)
    _, _, found = gradients(method)
    assert moved(found["discriminator"]) == method.nets.keys() - PLAYERS
    assert moved(found["generator"]) == PLAYERS
    assert all(p.requires_grad for p in method.parameters())  # nothing stays frozen after a step


class Blind(nn.Module):
    """A discriminator that does not look, so that the generator learns nothing from it."""

    def __init__(self):
        super().__init__()
        self.verdict = nn.Parameter(torch.tensor(0.1))

    def forward(self, x, y):
        return y[:, :1] * 0 + self.verdict


@pytest.mark.parametrize(
    "weight, learners",
    [
        ("none", set()),
        ("lambda_l1", {"generator", "style_encoder"}),
        ("lambda_perceptual", {"generator", "style_encoder"}),
        ("lambda_range", {"generator", "style_encoder"}),
        ("lambda_style", {"generator"}),  # an encoder that learned here would hide the style in the picture
        ("lambda_diversity", {"generator"}),
        ("lambda_ground", {"generator"}),
        ("lambda_contrast", {"generator"}),
        ("lambda_lines", {"generator"}),
    ],
)
def test_who_learns_from_which_term(weight, learners):
    """The mapping network learns from the energy distance alone, which has no weight."""
    method = make(replace(TINY, **NO_WEIGHTS | ({weight: 1.0} if weight != "none" else {})), Fields())
    method.nets["patch"] = Blind()
    method.nets["projected"].requires_grad_(False)
    method._judge = lambda x, y, features: [method.nets["patch"](x, y)]
    _, _, found = gradients(method)
    assert moved(found["generator"]) == learners | {"mapping"}


def test_who_learns_from_the_discriminators():
    _, _, found = gradients(make(replace(TINY, **NO_WEIGHTS)))
    assert moved(found["generator"]) == PLAYERS


def test_no_term_but_the_energy_distance_reaches_the_mapping_network():
    """Latents' styles are decoded and judged, yet neither the verdict nor any weight tells in its gradient."""
    heavy, light = (gradients(make(replace(TINY, **w)))[2]["generator"]["mapping"] for w in (WEIGHTS, NO_WEIGHTS))
    method = make()
    method.nets["patch"] = Blind()
    blind = gradients(method)[2]["generator"]["mapping"]
    assert light.any() and torch.equal(heavy, light) and torch.equal(blind, light)


def test_the_diversity_moves_the_foreign_half_alone():
    """Half of the answers stay near their photos; the other half is what moves away from them."""
    method, seen = make(replace(TINY, **NO_WEIGHTS | {"lambda_diversity": 1.0})), []
    method.nets["patch"] = Blind()
    decode = method.nets["generator"].decode

    def decode_and_keep(*args):
        seen.append(decode(*args))
        seen[-1].retain_grad()
        return seen[-1]

    method.nets["generator"].decode = decode_and_keep
    gradients(method)
    (fakes,) = seen
    assert not fakes.grad[:4].any() and fakes.grad[4:].any()


class ShortQueue(StyledPix2Pix):
    queue_length = 6


def test_the_queue_of_styles():
    """Newest first, zeros not counted while it fills, the oldest dropped; latents for as many as it can hold."""
    method, photos = make(cls=ShortQueue), [batch(seed) for seed in (5, 6)]
    with torch.no_grad():
        first, second = (method.nets["style_encoder"](averaged(data["y"], 2)) for data in photos)
        torch.manual_seed(2)
        z, _, more = torch.randn(4, 4), torch.randn(4, 8), torch.randn(2, 4)
        fresh = method.nets["mapping"](torch.cat([z, more]))
    logs, *_ = gradients(method, data=photos[0])
    assert int(method.queue_filled) == 4 and torch.allclose(method.style_queue[:4], first, atol=1e-5)
    assert logs["cover"] == pytest.approx(energy(fresh, first), rel=1e-3)
    logs, *_ = gradients(method, data=photos[1])
    known = torch.cat([second, first[:2]])
    assert int(method.queue_filled) == 8 and torch.allclose(method.style_queue, known, atol=1e-5)
    assert logs["cover"] == pytest.approx(energy(fresh, known), rel=1e-3)
    assert StyledPix2Pix.queue_length == 128 and not method.style_queue.requires_grad


def test_the_picture_grows_at_its_share_of_the_run():
    method, sizes = make(replace(TINY, small_until=0.5)), []
    judge = method._judge

    def judge_and_measure(x, y, features):
        sizes.append((x.shape[-1], y.shape[-1]))
        return judge(x, y, features)

    method._judge = judge_and_measure
    for progress, size in ((0.0, 32), (0.49, 32), (0.5, 64), (0.99, 64)):
        sizes.clear()
        gradients(method, progress)
        assert set(sizes) == {(size, size)} and len(sizes) == 3, progress
    method.config = replace(TINY, small_until=0.0)
    sizes.clear()
    gradients(method)
    assert set(sizes) == {(64, 64)}


@pytest.mark.parametrize("features", [None, Fields()], ids=["no features", "features"])
def test_discriminators_learn_alone_at_first(features):
    method = make(replace(TINY, discriminators_first=0.25), features)
    logs, order, found = gradients(method, 0.24)
    usual_logs, usual_order, usual = gradients(make(features=features), 0.24)
    assert order == usual_order[:1] and order[0][0] == "discriminator"
    assert logs == {name: usual_logs[name] for name in ("discriminator", "real_accuracy")}
    assert all(torch.equal(g, usual["discriminator"][name]) for name, g in found["discriminator"].items())
    assert moved(found["discriminator"]) == method.nets.keys() - PLAYERS
    assert int(method.queue_filled) == 0  # styles of an encoder that stands still would fill it with few photos
    _, order, found = gradients(method, 0.25)
    assert [player for player, _ in order] == ["discriminator", "generator"] and moved(found["generator"]) == PLAYERS


def test_the_diversity_weight_falls_to_zero():
    config = replace(TINY, small_until=0.0)  # of one size, so that only the weight differs
    values = [gradients(make(config), progress)[0]["diversity"] for progress in (0.0, 0.5, 0.75, 1.0)]
    assert values[0] < 0 and values[3] == 0
    assert values[1:3] == [pytest.approx(values[0] / 2, rel=1e-4), pytest.approx(values[0] / 4, rel=1e-4)]


@pytest.mark.parametrize("features", [None, Fields()], ids=["no features", "features"])
def test_nothing_to_learn_from_is_finite(features):
    """Blank paper and black photos, all alike: distances are zero there, and roots have no slope."""
    data = {"x": torch.ones(4, 1, 64, 64), "y": -torch.ones(4, 3, 64, 64)}
    logs, _, found = gradients(make(features=features), data=data)
    assert all(math.isfinite(value) for value in logs.values()), logs
    assert all(g.isfinite().all() for nets in found.values() for g in nets.values())


def test_the_optimizers_and_their_rates():
    method = make(replace(TINY, lr=1e-3, mapping_rate=3.0), Fields())
    optimizers = method.optimizers()
    owners = {id(p): name for name, net in method.nets.items() for p in net.parameters()}
    groups = {
        player: [({owners[id(p)] for p in g["params"]}, g["lr"], g["betas"]) for g in optimizer.param_groups]
        for player, optimizer in optimizers.items()
    }
    assert groups == {
        "generator": [
            ({"generator", "style_encoder"}, 1e-3, (0.5, 0.99)),
            ({"mapping"}, pytest.approx(3e-3), (0.5, 0.99)),
        ],
        "discriminator": [({"patch", "projected"}, 1e-3, (0.5, 0.99))],
    }
    assert sum(len(g["params"]) for o in optimizers.values() for g in o.param_groups) == len(owners)
    assert [method.rate(p) for p in (0.0, 0.6, 0.8)] == [1.0, pytest.approx(1.0), pytest.approx(0.5)]


def test_the_feature_network_is_neither_saved_nor_served():
    class Weighted(Fields):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

    method = make(features=Weighted())
    assert all(name.startswith(("nets.", "style_queue", "queue_filled")) for name in method.state_dict())
    assert not any(p is method.features.weight for p in method.parameters())
    assert set(method.served) == PLAYERS and method.nets.keys() == PLAYERS | {"patch", "projected"}
    assert make().nets.keys() == PLAYERS | {"patch"}


def test_training_brings_answers_and_styles_near(optimised):
    method, data = make(replace(TINY, lr=2e-3)).train(), batch()
    data["y"] = averaged(data["y"], 64).expand(-1, -1, 64, 64).contiguous()  # photos of one colour each
    logs = optimised(method, data, 20)
    for name in ("l1", "range"):
        assert logs[-1][name] < 0.6 * logs[0][name], name


def test_the_grid_shows_the_own_style_and_four_latents():
    data = batch(count=2)
    picture = make().grid(make().nets, data)
    assert picture.size == (7 * 66 - 2, 2 * 66 - 2)


def test_the_grid_shows_label_maps_in_the_colours_of_their_palette():
    method = make(replace(TINY, inputs=3))
    method.colours = [[1, 2, 3], [40, 50, 60], [250, 0, 7]]
    x = -torch.ones(1, 3, 64, 64)
    x[:, 1, :, :32], x[:, 2, :, 32:] = 1, 1
    pixels = np.asarray(method.grid(method.nets, {"x": x, "y": torch.zeros(1, 3, 64, 64)}))
    assert (pixels[:, :32] == method.colours[1]).all() and (pixels[:, 32:64] == method.colours[2]).all()
