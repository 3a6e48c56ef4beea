"""Measures of models that translate both ways, on translators whose answers one can work out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from i2i.data.paired import PairedConfig
from i2i.metrics.cycle import (
    OneWay,
    class_agreement,
    cycle_scores,
    level_error,
    perceptual_error,
    realism_scores,
    truth_scores,
    ways,
)
from i2i.metrics.held_out import HeldOut, held_out_for
from i2i.serving import pictures

PHOTO = {"kind": "photo"}


class Fake:
    """A translator by formula: AtoB multiplies by `scale`, BtoA divides by it and adds `shift`."""

    name, weights_id, image_size = "fake", "00000000", 32

    def __init__(self, scale=0.5, shift=0.0, directions=("AtoB", "BtoA"), sides=(PHOTO, PHOTO), data=None):
        self.scale, self.shift = scale, shift
        self.directions = dict.fromkeys(directions, "words")
        self._sides = sides
        self.config = {"name": self.name, "data": data or {}, "input": sides[0], "output": sides[1]}

    def sides(self, direction=None):
        return self._sides if direction != "BtoA" else self._sides[::-1]

    def see(self, picture, *, size=None, direction=None):
        return pictures.read(picture, self.sides(direction)[0], size or self.image_size)

    def answer(self, x, seeds, *, direction=None):
        y = x / self.scale + self.shift if direction == "BtoA" else x * self.scale
        return y.expand(len(seeds), -1, -1, -1)

    def there_and_back(self, x, direction=None):
        back = "BtoA" if direction == "AtoB" else "AtoB"
        y = self.answer(x, [0], direction=direction)[0]
        return y, self.answer(y, [0], direction=back)[0]


class Mean(nn.Module):
    """Features for tests: the picture, halved."""

    name, channels = "mean", [3]

    def forward(self, y):
        return [nn.functional.avg_pool2d(y, 2)]


def ramp(low=-0.8, high=0.8):
    return torch.linspace(low, high, 32).expand(3, 32, 32).contiguous()


def values(scores):
    return {s.name: s.value for s in scores}


def test_errors_by_hand():
    a, b = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    b[0, 0] = 0.3
    assert level_error(a, b).tolist() == pytest.approx([0.1 * 127.5, 0.0])
    one, other = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    one[:, 1], other[:, 1] = 1, 1
    other[0, 2, 0, 0] = 2
    assert class_agreement(one, other).tolist() == [0.75]
    assert perceptual_error(b[:1], b[:1], Mean()).tolist() == [0.0]
    assert perceptual_error(b[:1] + 0.1, -b[:1] - 0.1, Mean())[0] == pytest.approx(4, rel=1e-3)  # opposite directions


def test_a_way_as_measures_see_it():
    two = Fake(sides=({"kind": "edges"}, PHOTO), data={"direction": "BtoA"})
    forth, back = ways(two)
    assert (forth.direction, back.direction) == ("AtoB", "BtoA") and forth.returns and back.returns
    assert back.config["input"] == PHOTO and back.config["output"] == {"kind": "edges"}
    assert (forth.config["data"]["direction"], back.config["data"]["direction"]) == ("BtoA", "AtoB")
    assert torch.equal(back.answer(ramp(), [1, 2]), ramp().expand(2, -1, -1, -1) / 0.5)
    assert two.config["input"] == {"kind": "edges"}  # as it was
    (only,) = ways(Fake(directions=()))
    assert only.direction is None and not only.returns
    assert not OneWay(Fake(directions=("AtoB",)), "AtoB").returns


def test_cycle_error_by_hand():
    way = OneWay(Fake(shift=0.1), "AtoB")
    found = values(cycle_scores(way, [ramp(), -ramp()], "ramps", Mean()))
    assert found["cycle error"] == pytest.approx(12.75, rel=1e-4)
    assert found["cycle error from the picture"] == pytest.approx(12.75, abs=1)
    assert found["perceptual cycle error"] > 0
    assert values(cycle_scores(OneWay(Fake(), "BtoA"), [ramp(-0.4, 0.4)], "ramp"))["cycle error"] < 1e-4


def test_what_is_hidden_in_faint_patterns_is_told_apart():
    """An answer of a thousandth of the contrast brings all back, but its picture is one flat grey."""
    found = values(cycle_scores(OneWay(Fake(scale=0.001), "AtoB"), [ramp()], "ramp"))
    assert found["cycle error"] < 0.1 and found["cycle error from the picture"] > 30


def test_cycles_of_labels(label_pairs):
    palette = json.loads((label_pairs / "palette.json").read_text())
    labels = {"kind": "labels", "palette": palette}
    x = torch.nn.functional.one_hot(torch.randint(4, (32, 32)), 4).permute(2, 0, 1).float()
    fake = Fake(sides=(labels, labels))
    scores = cycle_scores(OneWay(fake, "AtoB"), [x], "maps")
    assert values(scores) == {"cycle agreement": 1.0, "cycle agreement from the picture": 1.0}
    assert all(s.better == "higher" for s in scores)


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """Pairs A|B in which B is half as far from mid grey as A."""
    root = tmp_path_factory.mktemp("halves")
    for split in ("train", "val"):
        (root / split).mkdir()
        for i in range(3):
            a = np.clip(np.linspace(20, 230, 32) + 5 * i, 0, 255)[None, :, None] * np.ones((32, 1, 3))
            b = (a - 127.5) / 2 + 127.5
            Image.fromarray(np.hstack([a, b]).round().astype(np.uint8)).save(root / split / f"{i}.png")
    return root


def test_against_the_truth(halves):
    pairs = PairedConfig(a="photo", b="photo")
    for fake, exact in ((Fake(), True), (Fake(scale=0.25), False)):
        for way in ways(fake):
            held = held_out_for(way.config, halves, "val", pairs=pairs)
            assert held.config.direction == way.direction
            found = values(truth_scores(way, held, 3, Mean()))
            assert (found["error"] < 1.5) == exact and found.keys() == {"error", "perceptual error"}
    # A model that was trained from B to A calls that AtoB.
    turned = OneWay(Fake(scale=2.0, data={"direction": "BtoA"}), "AtoB")
    held = held_out_for(turned.config, halves, "val", pairs=pairs)
    assert held.config.direction == "BtoA" and values(truth_scores(turned, held, 3))["error"] < 1.5


def test_each_pair_is_answered_with_its_own_seed(halves):
    asked = []

    class Watched(Fake):
        def answer(self, x, seeds, *, direction=None):
            asked.append(list(seeds))
            return super().answer(x, seeds, direction=direction)

    truth_scores(OneWay(Watched(), "AtoB"), HeldOut(halves, "val", PairedConfig(a="photo", b="photo")), 3)
    assert asked == [[0], [1], [2]]


def test_protocols_say_which_pairs(halves):
    held = HeldOut(halves, "val", PairedConfig(a="photo", b="photo"))
    (score,) = truth_scores(OneWay(Fake(), "AtoB"), held, 2)
    assert held.describe() in score.protocol and "2 answers at 32 px" in score.protocol and score.better == "lower"


def test_protocols_say_how_many_came_back(halves):
    held = HeldOut(halves, "val", PairedConfig(a="photo", b="photo"))
    for count in (2, 3):
        inputs = [held.x(i, 32) for i in range(count)]
        for score in cycle_scores(OneWay(Fake(), "AtoB"), inputs, held.describe()):
            assert f"{held.describe()}; {count} pictures there and back at 32 px" in score.protocol


def test_realism():
    torch.manual_seed(0)
    reals = torch.rand(20, 3, 8, 8)
    near, far = torch.rand(10, 3, 8, 8), torch.rand(10, 3, 8, 8) - 1
    ((a,), (b,)) = (realism_scores(p, reals, "noise", Mean()) for p in (near, far))
    assert a.name == "kernel distance" and a.value < b.value and "10 answers against 20 photos" in a.protocol
