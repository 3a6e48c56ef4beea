"""The sampler's promises for models of several domains."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from i2i import ModelFolderError, Translator


@pytest.fixture(scope="module")
def model(domain_model_folder) -> Translator:
    return Translator.from_pretrained(domain_model_folder, device="cpu")


@pytest.fixture(scope="module")
def photos(domain_photos) -> list[Image.Image]:
    return [Image.open(domain_photos / name / f"{name} 0.png") for name in ("red", "green", "blue")]


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def gap(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(pixels(a) - pixels(b)).mean())


def test_seeds_and_domains(model, photos):
    assert model.domains == ("red", "green", "blue") and model.has_styles
    first, second = (model.sample(photos[0], n=3, seed=5, domain="green") for _ in range(2))
    assert [p.tobytes() for p in first] == [p.tobytes() for p in second]
    assert all(p.size == (32, 32) and p.mode == "RGB" for p in first)
    alone = [model.sample(photos[0], seeds=[s], domain="green")[0] for s in (5, 6, 7)]
    assert [p.tobytes() for p in first] == [p.tobytes() for p in alone]
    assert gap(first[0], first[1]) > 0.5
    assert gap(first[0], model.sample(photos[0], seeds=[5], domain="blue")[0]) > 0.5
    assert gap(first[0], model.sample(photos[1], seeds=[5], domain="green")[0]) > 0.5


def test_global_noise_has_no_say(model, photos):
    torch.manual_seed(1)
    first = model.sample(photos[0], n=1, domain="red")[0]
    torch.manual_seed(2)
    assert model.sample(photos[0], n=1, domain="red")[0].tobytes() == first.tobytes()


def test_styles_come_from_seeds_and_photos(model, photos):
    styles = model.styles([3, 4], domain="blue")
    assert styles.shape == (2, 8) and styles.dtype == np.float32
    assert np.array_equal(styles[1], model.styles([4], domain="blue")[0])
    assert np.abs(styles - model.styles([3, 4], domain="red")).max() > 1e-3
    style = model.style_of(photos[2], domain="blue")
    assert style.shape == (8,) and np.abs(style - model.style_of(photos[2], domain="red")).max() > 1e-3
    by_seed = model.sample(photos[0], seeds=[3], domain="blue")[0]
    assert model.sample(photos[0], style=styles[0])[0].tobytes() == by_seed.tobytes()  # a style knows its domain
    by_photo = model.sample(photos[0], style=photos[2], domain="blue")[0]
    assert model.sample(photos[0], style=style)[0].tobytes() == by_photo.tobytes()
    assert len(model.sample(photos[0], style=[photos[1], photos[2]], domain="blue")) == 2


def test_answers_are_what_samples_show(model, photos):
    x = model.see(photos[0])
    assert x.shape == (3, 32, 32)
    answers = model.answer(x, [0, 1], domain="green")
    assert torch.equal(answers, model.render(x, torch.from_numpy(model.styles([0, 1], domain="green"))))
    assert model.sample(photos[0], n=1, size=64, domain="green")[0].size == (64, 64)
    sizes = model._server.sizes  # instance norm needs more than one place
    assert sizes.least == 2 * sizes.stride
    assert model.sample(photos[0], n=1, size=sizes.least, domain="green")[0].size == (sizes.least,) * 2
    with pytest.raises(ValueError, match=f"multiples of {sizes.stride} pixels from {sizes.least} on, got size"):
        model.sample(photos[0], n=1, size=sizes.stride, domain="green")
    with pytest.raises(ValueError, match="x must be 32 pixels high and wide"):
        model.answer(x[:, : sizes.stride, : sizes.stride], [0], domain="green")


def test_a_domain_is_asked_for(model, photos):
    message = "discs translates to red, green, blue; give domain="
    with pytest.raises(ValueError, match=f"a domain is missing: {message}"):
        model.sample(photos[0])
    with pytest.raises(ValueError, match=f"there is no domain 'pink': {message}"):
        model.sample(photos[0], domain="pink")
    with pytest.raises(ValueError, match="a domain is missing"):
        model.sample(photos[0], style=photos[1])
    with pytest.raises(ValueError, match="there is no domain"):
        model.styles([0], domain="pink")
    with pytest.raises(ValueError, match="no plain mode"):
        model.sample(photos[0], plain=True, domain="red")
    with pytest.raises(ValueError, match="one way only"):
        model.sample(photos[0], direction="BtoA", domain="red")


def test_bfloat16_is_close(domain_model_folder, photos, model):
    fast = Translator.from_pretrained(domain_model_folder, device="cpu", dtype="bfloat16")
    assert gap(fast.sample(photos[0], n=1, domain="red")[0], model.sample(photos[0], n=1, domain="red")[0]) < 4


def test_models_without_domains_say_so(tiny_model_folder, cat_drawing):
    plain = Translator.from_pretrained(tiny_model_folder, device="cpu")
    assert plain.domains == ()
    with pytest.raises(ValueError, match="knows no domains"):
        plain.sample(cat_drawing, domain="red")


def test_a_folder_that_counts_wrong_is_refused(domain_model_folder, tmp_path):
    folder = shutil.copytree(domain_model_folder, tmp_path / "wrong")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"domains": ["red", "green"]}))
    with pytest.raises(ModelFolderError, match="names 2 domains, its nets have 3"):
        Translator.from_pretrained(folder, device="cpu")


def test_a_batch_of_several_photos(model, photos):
    """What a GPU does: photos of several people encoded together, each decoded with its own styles."""
    jobs = [{"x": photos[0], "seeds": [3, 9]}, {"x": photos[1], "style": model.styles([4], domain="red")}]
    alone = model.sample_many(jobs, domain="blue")
    assert [p.tobytes() for p in alone[0]] == [p.tobytes() for p in model.sample(**jobs[0], domain="blue")]
    model._server.rows = 2
    try:
        together = model.sample_many(jobs, domain="blue")
    finally:
        model._server.rows = 1
    for pictures, others in zip(together, alone, strict=True):
        for one, other in zip(pictures, others, strict=True):
            assert np.abs(pixels(one) - pixels(other)).max() <= 2
    with pytest.raises(ValueError, match="domain"):
        model.sample_many(jobs)
