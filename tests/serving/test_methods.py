"""The sampler's promises for pix2pix, BicycleGAN, and styled models of label maps."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image

from i2i import ModelFolderError, Translator, model_folder
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.methods import bicyclegan, pix2pix, styled
from i2i.methods.bicyclegan import BicycleGANConfig
from i2i.methods.pix2pix import Pix2PixConfig
from i2i.methods.styled import StyledConfig, StyledPix2Pix
from i2i.nets.layers import BatchNorm

PIX2PIX = Pix2PixConfig(32, 1, 3, "unet_32", width=8, patch=16, patch_width=4)
BICYCLE = BicycleGANConfig(32, 1, 3, "unet_32", width=8, latent=4, patch=16, patch_width=4, scales=1)


def save(folder, method, recipe, nets, described=None, output=None):
    """A model folder whose random weights answer loudly."""
    with torch.no_grad():
        for layer in nets.modules():
            if isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
                layer.weight.mul_(8)
            if isinstance(layer, BatchNorm):
                layer.running_mean.normal_()
    config = {
        "kind": "translator", "method": method, "name": folder.name, "net": dataclasses.asdict(recipe),
        "input": described or {"kind": "edges"}, "size": recipe.size,
    }  # fmt: skip
    model_folder.save(folder, json.loads(json.dumps(config | ({"output": output} if output else {}))), nets, "# test\n")
    return folder


def load(folder, **options) -> Translator:
    return Translator.from_pretrained(folder, device="cpu", **options)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    torch.manual_seed(0)
    place = tmp_path_factory.mktemp("models")
    return {
        "pix2pix": save(place / "pix2pix", "pix2pix", PIX2PIX, pix2pix.serving_nets(PIX2PIX)),
        "bicyclegan": save(place / "bicyclegan", "bicyclegan", BICYCLE, bicyclegan.serving_nets(BICYCLE)),
    }


@pytest.fixture(scope="module")
def models(folders):
    return {name: load(folder) for name, folder in folders.items()}


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


@pytest.mark.parametrize("name", ["pix2pix", "bicyclegan"])
def test_seeds(models, cat_drawing, name):
    model = models[name]
    first, second = (model.sample(cat_drawing, n=3, seed=5) for _ in range(2))
    assert [p.tobytes() for p in first] == [p.tobytes() for p in second]
    assert all(p.size == (32, 32) and p.mode == "RGB" for p in first)
    together = model.sample(cat_drawing, seeds=[3, 9, 4, 9])
    alone = [model.sample(cat_drawing, seeds=[s])[0] for s in (3, 9, 4, 9)]
    assert [p.tobytes() for p in together] == [p.tobytes() for p in alone]
    gaps = [np.abs(pixels(a) - pixels(b)).mean() for a, b in ((together[0], together[1]), (together[1], together[2]))]
    assert min(gaps) > 0.5
    assert np.abs(pixels(model.sample(cat_drawing[::-1].copy(), n=1)[0]) - pixels(alone[0])).mean() > 0.5


@pytest.mark.parametrize("name", ["pix2pix", "bicyclegan"])
def test_global_noise_has_no_say(models, cat_drawing, name):
    torch.manual_seed(1)
    first = models[name].sample(cat_drawing, n=1)[0]
    torch.manual_seed(2)
    torch.rand(5)
    assert models[name].sample(cat_drawing, n=1)[0].tobytes() == first.tobytes()


@torch.inference_mode()
def test_a_batch_of_masks_gives_the_pictures_of_single_ones(models, cat_drawing):
    """What a GPU does: all pictures in one batch, each with its own masks and statistics."""
    server, x = models["pix2pix"]._server, models["pix2pix"].see(cat_drawing)
    generators = [torch.Generator().manual_seed(s) for s in (0, 1, 2)]
    batch = server._run(server.noisy, x[None], torch.zeros(3, 0), generators)
    assert (batch - models["pix2pix"].answer(x, [0, 1, 2])).abs().max() <= 2 / 127.5


@pytest.mark.parametrize("name", ["pix2pix", "bicyclegan"])
def test_other_sizes(models, cat_drawing, name):
    assert [p.size for p in models[name].sample(cat_drawing, n=2, size=64)] == [(64, 64)] * 2
    for size in (48, 16, 0):
        with pytest.raises(ValueError, match=f"multiples of 32 pixels, got size {size}"):
            models[name].sample(cat_drawing, size=size)


def test_the_plain_answer_is_pytorchs_evaluation_mode(models, cat_drawing):
    model = models["pix2pix"]
    (plain,) = model.sample(cat_drawing, plain=True)
    with torch.inference_mode():
        y = model.nets["generator"](model.see(cat_drawing)[None])[0]
    wanted = ((y + 1) * 127.5).round().clamp(0, 255).permute(1, 2, 0).numpy()
    assert np.abs(pixels(plain) - wanted).max() <= 1
    assert np.abs(pixels(plain) - pixels(model.sample(cat_drawing, n=1)[0])).mean() > 0.5
    for noise in ({"seeds": [1]}, {"n": 1}, {"seed": 0}):
        with pytest.raises(ValueError, match="leave n, seed, seeds and style out"):
            model.sample(cat_drawing, plain=True, **noise)


def test_plain_and_noisy_answers_share_their_weights(models):
    server = models["pix2pix"]._server
    pairs = zip(server.generator.parameters(), server.noisy.parameters(), strict=True)
    assert all(a is b for a, b in pairs) and server.generator is not server.noisy


def test_pix2pix_says_that_it_has_no_styles(models, cat_drawing):
    model = models["pix2pix"]
    assert not model.has_styles and model.style_length == 0
    photo = np.zeros((8, 8, 3), np.uint8)
    asks = (
        lambda: model.styles([0]),
        lambda: model.style_of(photo),
        lambda: model.sample(cat_drawing, style=photo),
        lambda: model.sample(cat_drawing, style=np.zeros(8, np.float32)),
    )
    for ask in asks:
        with pytest.raises(ValueError, match="pix2pix has no styles.*use seeds"):
            ask()


def test_bicyclegan_styles_are_latents(models, cat_drawing):
    model = models["bicyclegan"]
    styles = model.styles([3, 9])
    assert styles.shape == (2, 4) and styles.dtype == np.float32 and model.has_styles and model.style_length == 4
    by_seed, by_style = model.sample(cat_drawing, seeds=[3, 9]), model.sample(cat_drawing, style=styles)
    assert [p.tobytes() for p in by_seed] == [p.tobytes() for p in by_style]
    photo = np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    style = model.style_of(photo)
    assert style.shape == (4,)
    assert model.sample(cat_drawing, style=photo)[0].tobytes() == model.sample(cat_drawing, style=style)[0].tobytes()
    with pytest.raises(ValueError, match="no plain mode"):
        model.sample(cat_drawing, plain=True)


@pytest.mark.parametrize("name", ["pix2pix", "bicyclegan"])
@pytest.mark.parametrize(
    "options, message",
    [
        ({"direction": "AtoB"}, "direction"),
        ({"domain": "cat"}, "domain"),
        ({"seeds": []}, "empty"),
        ({"seeds": [-1]}, "whole numbers"),
        ({"n": 0}, "at least 1"),
    ],
)
def test_bad_options_name_themselves(models, cat_drawing, name, options, message):
    with pytest.raises(ValueError, match=message):
        models[name].sample(cat_drawing, **options)


@pytest.mark.parametrize("name", ["pix2pix", "bicyclegan"])
def test_bfloat16_looks_the_same(folders, models, cat_drawing, name):
    half = load(folders[name], dtype="bfloat16")
    both = zip(half.sample(cat_drawing, n=2), models[name].sample(cat_drawing, n=2), strict=True)
    assert 0 < np.mean([np.abs(pixels(a) - pixels(b)) for a, b in both]) < 4


def test_z_at_the_input_is_noise_too(tmp_path, cat_drawing):
    torch.manual_seed(0)
    recipe = dataclasses.replace(PIX2PIX, z=4, dropout=0.0)
    folder = save(tmp_path / "z", "pix2pix", recipe, pix2pix.serving_nets(recipe))
    a, b = load(folder).sample(cat_drawing, seeds=[0, 1])
    assert np.abs(pixels(a) - pixels(b)).mean() > 0.5
    assert load(folder).sample(cat_drawing, seeds=[1])[0].tobytes() == b.tobytes()
    assert len(load(folder).sample(cat_drawing, plain=True)) == 1


def test_configurations_that_cannot_be(folders, tmp_path):
    recipe = dataclasses.replace(PIX2PIX, generator="resnet_1")
    folder = save(tmp_path / "odd", "pix2pix", recipe, pix2pix.serving_nets(PIX2PIX))
    with pytest.raises(ModelFolderError, match="does not fit"):
        load(folder)
    config = json.loads((folder / "config.json").read_text())
    config["net"]["generator"] = "vgg_16"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match="does not describe a pix2pix model: unknown generator"):
        load(folder)


@pytest.mark.parametrize("method", ["styled", "pix2pix", "bicyclegan"])
def test_label_maps_through_every_method(label_pairs, tmp_path, method):
    """From pairs with a palette over a training step to a folder that answers label maps."""
    torch.manual_seed(0)
    data = PairedDataset(label_pairs, "train", 64, PairedConfig(jitter=1.0, flip=0.0))
    recipe, make, serving = {
        "styled": (StyledConfig(64, 4, style=8, latent=4, widths=(8, 8, 8)), StyledPix2Pix, styled.serving_nets),
        "pix2pix": (dataclasses.replace(PIX2PIX, size=64, inputs=4), pix2pix.Pix2Pix, pix2pix.serving_nets),
        "bicyclegan": (dataclasses.replace(BICYCLE, size=64, inputs=4), bicyclegan.BicycleGAN, bicyclegan.serving_nets),
    }[method]
    trained = make(recipe)
    items = [data[(i, 0)] for i in range(2)]
    logs = trained.step({k: torch.stack([i[k] for i in items]) for k in ("x", "y")}, 0.99, lambda name, loss: None)
    assert all(np.isfinite(v) for v in logs.values())
    assert trained.grid(trained.nets.eval(), {k: torch.stack([i[k] for i in items]) for k in ("x", "y")}).height > 64
    model = load(save(tmp_path / method, method, recipe, serving(recipe), data.input))
    file = label_pairs / "labels" / f"{data.ids[0]}.png"
    assert model.input_kind == "labels" and torch.equal(model.see(file), data[0]["x"])
    by_path, by_picture = model.sample(file, n=2), model.sample(Image.open(file), n=2)
    assert [p.tobytes() for p in by_path] == [p.tobytes() for p in by_picture] and by_path[0].size == (64, 64)
    other = label_pairs / "labels" / f"{data.ids[1]}.png"
    assert model.sample(other, n=1)[0].tobytes() != by_path[0].tobytes()
    with pytest.raises(ValueError, match="not in the palette"):
        model.sample(np.full((64, 64, 3), 99, np.uint8))


@pytest.mark.parametrize("output, mode", [({"kind": "ab"}, "RGB"), ("labels", "P")])
def test_outputs_of_other_kinds(label_pairs, tmp_path, output, mode):
    torch.manual_seed(0)
    data = PairedDataset(label_pairs, "val", 32)
    output = data.input if output == "labels" else output
    recipe = dataclasses.replace(PIX2PIX, outputs=4 if mode == "P" else 2)
    folder = save(tmp_path / "m", "pix2pix", recipe, pix2pix.serving_nets(recipe), {"kind": "gray"}, output)
    photo = label_pairs / "photo" / f"{data.ids[0]}.png"
    answers = load(folder).sample(photo, n=2)
    assert [p.mode for p in answers] == [mode, mode] and answers[0].size == (32, 32)


def test_pushing_sends_the_folder_it_came_from(folders, monkeypatch):
    seen = []

    def push(folder, repo_id, *, token=None, private=False, message=None):
        seen.append((folder, repo_id, private, (folder / "config.json").is_file()))
        return "https://example.org/me/cats"

    monkeypatch.setattr("i2i.hub.push", push)
    assert load(folders["pix2pix"]).push_to_hub("me/cats", private=True) == "https://example.org/me/cats"
    assert seen == [(folders["pix2pix"], "me/cats", True, True)]


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["pix2pix", "bicyclegan"])
def test_cuda_agrees_with_the_cpu(folders, models, cat_drawing, name):
    cuda = Translator.from_pretrained(folders[name], device="cuda", dtype="float32")
    both = cuda.sample(cat_drawing), cuda.sample(cat_drawing)
    assert [p.tobytes() for p in both[0]] == [p.tobytes() for p in both[1]]
    for a, b in zip(models[name].sample(cat_drawing), both[0], strict=True):
        assert np.abs(pixels(a) - pixels(b)).max() <= 2


@pytest.mark.parametrize("name", ["pix2pix", "bicyclegan"])
def test_methods_without_a_batch_for_several_inputs_answer_in_turn(models, cat_drawing, name):
    model = models[name]
    model._server.rows = 3  # as on a GPU
    try:
        jobs = [{"x": cat_drawing, "seeds": [3, 9]}, {"x": cat_drawing[::-1].copy(), "n": 4}]
        assert model.rows_together == 1
        for pictures, job in zip(model.sample_many(jobs), jobs, strict=True):
            assert [p.tobytes() for p in pictures] == [p.tobytes() for p in model.sample(**job)]
    finally:
        model._server.rows = 1
