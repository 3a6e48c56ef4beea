"""A model folder that translates both ways: directions, cycles, labels, and one direction alone."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from i2i import ModelFolderError, Translator, model_folder
from i2i.methods.cyclegan import DIRECTIONS, CycleGANConfig, serving_nets

RECIPE = CycleGANConfig(size=32, generator="lean", width=8)
PHOTO = {"kind": "photo"}


def save(folder, recipe=RECIPE, kinds=(PHOTO, PHOTO), **more):
    nets = serving_nets(recipe, [d for d in more.get("directions", DIRECTIONS) if d in DIRECTIONS])
    with torch.no_grad():
        for net in nets.values():
            net.exit.weight.mul_(20)  # untrained nets answer faintly
    config = {
        "kind": "translator", "method": "cyclegan", "name": folder.name, "net": dataclasses.asdict(recipe),
        "input": kinds[0], "output": kinds[1], "size": recipe.size,
    }  # fmt: skip
    model_folder.save(folder, json.loads(json.dumps(config | more)), nets, "# test\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    return save(tmp_path_factory.mktemp("models") / "cats", sides={"A": "red", "B": "grey"})


@pytest.fixture(scope="module")
def model(folder):
    return Translator.from_pretrained(folder, "cpu", "float32")


@pytest.fixture(scope="module")
def photo():
    pixels = np.random.default_rng(0).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((60, 50))


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB")).astype(int)


def test_both_directions(model, photo):
    assert model.directions == {"AtoB": "red to grey", "BtoA": "grey to red"} and model.input_kind == "photo"
    forth, back = (model.sample(photo, n=1, direction=d)[0] for d in DIRECTIONS)
    assert forth.size == (32, 32) and forth.mode == "RGB"
    assert np.abs(pixels(forth) - pixels(back)).mean() > 2
    assert model.sample(photo, n=1)[0].tobytes() == forth.tobytes()
    with torch.inference_mode():
        wanted = model.nets["BtoA"](model.see(photo)[None])
    assert torch.allclose(model.answer(model.see(photo), [0], direction="BtoA"), wanted, atol=1e-5)


def test_directions_stay_independent(folder, model, photo, tmp_path):
    """Other weights in one direction change nothing in the other."""
    before = {d: model.sample(photo, n=1, direction=d)[0].tobytes() for d in DIRECTIONS}
    other = Translator.from_pretrained(folder, "cpu", "float32")
    with torch.no_grad():
        for p in other.nets["BtoA"].parameters():
            p.add_(0.2)
    after = {d: other.sample(photo, n=1, direction=d)[0].tobytes() for d in DIRECTIONS}
    assert after["AtoB"] == before["AtoB"] and after["BtoA"] != before["BtoA"]
    # Nor does asking for one in between.
    assert model.sample(photo, n=1)[0].tobytes() == before["AtoB"]


def test_there_and_back(model, photo):
    answer, rebuilt = model.cycle(photo)
    assert answer.tobytes() == model.sample(photo, n=1)[0].tobytes()
    with torch.inference_mode():
        x = model.see(photo)[None]
        y = model.nets["AtoB"](x)
        again = model.nets["BtoA"](y)
    assert np.abs(pixels(rebuilt) - ((again[0] + 1) * 127.5).round().clamp(0, 255).permute(1, 2, 0).numpy()).max() <= 1
    made, back = model.there_and_back(x[0], "AtoB")
    assert torch.allclose(made, y[0], atol=1e-5) and torch.allclose(back, again[0], atol=1e-5)
    other = model.cycle(photo, "BtoA", size=48)
    assert [p.size for p in other] == [(48, 48)] * 2
    assert other[0].tobytes() == model.sample(photo, n=1, direction="BtoA", size=48)[0].tobytes()


def test_every_seed_gives_the_same_answer(model, photo):
    answers = model.sample(photo, seeds=[3, 9])
    assert len(answers) == 2 and answers[0].tobytes() == answers[1].tobytes()
    assert model.sample(photo, plain=True)[0].tobytes() == answers[0].tobytes()
    assert not model.has_styles
    with pytest.raises(ValueError, match="neither styles nor noise"):
        model.sample(photo, style=photo)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"direction": "BtoC"}, "translates AtoB and BtoA, got the direction 'BtoC'"),
        ({"domain": "cat"}, "knows no domains"),
        ({"seeds": [-1]}, "whole numbers"),
        ({"size": 40}, "multiples of 16 pixels, got size 40"),
    ],
)
def test_bad_options_name_themselves(model, photo, options, message):
    with pytest.raises(ValueError, match=message):
        model.sample(photo, **options)


def test_bfloat16_looks_the_same(folder, model, photo):
    half = Translator.from_pretrained(folder, "cpu", "bfloat16")
    for direction in DIRECTIONS:
        a, b = (pixels(m.sample(photo, n=1, direction=direction)[0]) for m in (half, model))
        assert 0 < np.abs(a - b).mean() < 6


def test_one_direction_alone(tmp_path, photo):
    torch.manual_seed(0)
    recipe = dataclasses.replace(RECIPE, inputs=1, lambda_identity=0.0)
    folder = save(tmp_path / "one", recipe, ({"kind": "edges"}, PHOTO), directions=["BtoA"])
    only = Translator.from_pretrained(folder, "cpu", "auto")
    assert list(only.directions) == ["BtoA"] and only.sides() == (PHOTO, {"kind": "edges"})
    assert only.sample(photo, n=1)[0].size == (32, 32)
    with pytest.raises(ValueError, match="translates BtoA, got the direction 'AtoB'"):
        only.sample(photo, direction="AtoB")
    with pytest.raises(ValueError, match="no net for the direction AtoB, so there is no way back"):
        only.cycle(photo)
    with pytest.raises(ModelFolderError, match="directions are AtoB and BtoA"):
        Translator.from_pretrained(save(tmp_path / "odd", directions=["AtoC"]), "cpu")


def test_one_way_models_have_no_way_back(tiny_model_folder, cat_drawing):
    model = Translator.from_pretrained(tiny_model_folder, "cpu", "float32")
    assert model.directions == {} and model.sides() == ({"kind": "edges"}, PHOTO)
    with pytest.raises(ValueError, match="translates one way only, so there is no way back"):
        model.cycle(cat_drawing)


def test_labels_as_a_side(label_pairs, tmp_path):
    torch.manual_seed(0)
    palette = json.loads((label_pairs / "palette.json").read_text())
    recipe = dataclasses.replace(RECIPE, inputs=4, lambda_identity=0.0)
    folder = save(tmp_path / "houses", recipe, ({"kind": "labels", "palette": palette}, PHOTO))
    model = Translator.from_pretrained(folder, "cpu", "float32")
    assert model.input_kind == "labels" and model.sides("BtoA")[1]["kind"] == "labels"
    label_map = next((label_pairs / "labels").iterdir())
    x = model.see(label_map)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    with torch.inference_mode():  # the nets know -1 and +1
        wanted = model.nets["AtoB"](x[None] * 2 - 1)
    assert torch.allclose(model.answer(x, [0]), wanted, atol=1e-5)
    answer, rebuilt = model.cycle(label_map)
    assert (answer.mode, rebuilt.mode) == ("RGB", "P")
    photo = label_pairs / "photo" / f"{label_map.stem}.png"
    answer, rebuilt = model.cycle(photo, "BtoA")
    assert (answer.mode, rebuilt.mode) == ("P", "RGB")
    assert model.sample(photo, n=1, direction="BtoA")[0].tobytes() == answer.tobytes()


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu(folder, model, photo):
    cuda = Translator.from_pretrained(folder, device="cuda", dtype="float32")
    for a, b in zip(model.cycle(photo), cuda.cycle(photo), strict=True):
        assert np.abs(pixels(a) - pixels(b)).max() <= 2
