"""The sampler's promises: same seed same picture, independence of batch-mates, styles, clear errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from i2i import Translator
from i2i.edges import EdgeDetector
from i2i.model_folder import ModelFolderError


@pytest.fixture(scope="module")
def translator(tiny_model_folder) -> Translator:
    return Translator.from_pretrained(tiny_model_folder, device="cpu")


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


def test_same_call_gives_equal_bytes(translator, cat_drawing):
    first = translator.sample(cat_drawing, n=3, seed=5)
    second = translator.sample(cat_drawing, n=3, seed=5)
    assert [p.tobytes() for p in first] == [p.tobytes() for p in second]
    assert all(p.size == (64, 64) and p.mode == "RGB" for p in first)


def test_picture_depends_on_its_own_seed_alone(translator, cat_drawing):
    together = translator.sample(cat_drawing, seeds=[3, 9, 4, 9])
    alone = [translator.sample(cat_drawing, seeds=[s])[0] for s in (3, 9, 4, 9)]
    assert [p.tobytes() for p in together] == [p.tobytes() for p in alone]


def test_decoding_in_one_batch_stays_within_two_grey_levels(translator, cat_drawing):
    x = translator.see(cat_drawing)[None]
    styles = torch.from_numpy(translator.styles(range(5)))
    generator = translator.nets["generator"]
    with torch.inference_mode():
        batch = generator(x.expand(5, -1, -1, -1), styles)
        single = torch.cat([generator(x, s[None]) for s in styles])
    assert (batch - single).abs().max() <= 2 / 127.5


def test_n_and_seed_are_short_for_seeds(translator, cat_drawing):
    short = translator.sample(cat_drawing, n=2, seed=7)
    assert [p.tobytes() for p in short] == [p.tobytes() for p in translator.sample(cat_drawing, seeds=[7, 8])]


def test_different_seeds_differ(translator, cat_drawing):
    pictures = [pixels(p) for p in translator.sample(cat_drawing, n=4)]
    gaps = [np.abs(a - b).mean() for i, a in enumerate(pictures) for b in pictures[i + 1 :]]
    assert min(gaps) > 1.0


def test_the_drawing_matters(translator, cat_drawing):
    other = cat_drawing[::-1].copy()
    a, b = (pixels(translator.sample(x, n=1)[0]) for x in (cat_drawing, other))
    assert np.abs(a - b).mean() > 0.5


def test_styles_are_what_seeds_become(translator, cat_drawing):
    styles = translator.styles([3, 9])
    assert styles.shape == (2, 8) and styles.dtype == np.float32
    by_seed = translator.sample(cat_drawing, seeds=[3, 9])
    by_style = translator.sample(cat_drawing, style=styles)
    assert [p.tobytes() for p in by_seed] == [p.tobytes() for p in by_style]
    middle = translator.sample(cat_drawing, style=styles[0] * 0.5 + styles[1] * 0.5)
    assert len(middle) == 1


def test_a_photo_gives_its_style(translator, cat_drawing):
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 255, (80, 120, 3), dtype=np.uint8)
    style = translator.style_of(photo)
    assert style.shape == (8,) and np.isfinite(style).all()
    by_photo = translator.sample(cat_drawing, style=photo)
    assert by_photo[0].tobytes() == translator.sample(cat_drawing, style=style)[0].tobytes()
    several = translator.sample(cat_drawing, style=[photo, style, Image.fromarray(photo)])
    assert len({p.tobytes() for p in several}) == 1 and len(several) == 3


def test_vectors_may_come_as_lists_and_mix_with_photos(translator, cat_drawing):
    photo = np.random.default_rng(1).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    first, second = translator.styles([3, 9])
    wanted = [translator.sample(cat_drawing, style=s)[0].tobytes() for s in (first, second, photo)]
    for style in ([first, second, photo], [first.tolist(), second.tolist(), Image.fromarray(photo)]):
        assert [p.tobytes() for p in translator.sample(cat_drawing, style=style)] == wanted
    assert [p.tobytes() for p in translator.sample(cat_drawing, style=[first.tolist(), second.tolist()])] == wanted[:2]
    assert translator.sample(cat_drawing, style=first.tolist())[0].tobytes() == wanted[0]


@pytest.mark.parametrize(
    ("style", "words"),
    [
        (np.zeros((2, 7), np.float32), r"8 numbers, got an array of shape \(2, 7\)"),
        ([[0.1, 0.2]], r"8 numbers, got an array of shape \(1, 2\)"),
        ([0.1] * 9, "8 numbers"),
        (np.full(8, np.nan, np.float32), "NaN"),
        (np.zeros((0, 8), np.float32), "empty stack"),
        ([], "empty list"),
    ],
)
def test_styles_that_do_not_fit_are_told(translator, cat_drawing, style, words):
    with pytest.raises(ValueError, match=words):
        translator.sample(cat_drawing, style=style)


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        ({"seeds": 3}, "seeds are a list"),
        ({"seeds": "12"}, "seeds are a list"),
        ({"seeds": [1.5]}, "each seed must be a whole number, got 1.5"),
        ({"seeds": [True]}, "each seed must be a whole number"),
        ({"seeds": []}, "empty"),
        ({"n": 1.7}, "n must be a whole number"),
        ({"n": "a"}, "n must be a whole number"),
        ({"seed": "b"}, "seed must be a whole number"),
        ({"seed": 2**63 - 1, "n": 2}, "from 0 to"),
    ],
)
def test_seeds_and_counts_that_are_none_are_told(translator, cat_drawing, noise, words):
    with pytest.raises(ValueError, match=words):
        translator.sample(cat_drawing, **noise)
    if "seeds" in noise:
        with pytest.raises(ValueError, match=words):
            translator.styles(noise["seeds"])


def test_numpy_integers_and_whole_floats_are_seeds(translator, cat_drawing):
    wanted = translator.sample(cat_drawing, seeds=[3])[0].tobytes()
    for seeds in (np.array([3]), [np.int32(3)], [3.0]):
        assert translator.sample(cat_drawing, seeds=seeds)[0].tobytes() == wanted


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "CMYK"])
@pytest.mark.parametrize("size", [(64, 64), (300, 200), (31, 77)])
def test_any_size_and_mode_is_welcome(translator, cat_drawing, mode, size):
    sketch = Image.fromarray(cat_drawing).resize(size, Image.Resampling.BOX).convert(mode)
    assert len(translator.sample(sketch, n=1)) == 1


def test_paths_arrays_and_images_agree(translator, cat_drawing, tmp_path):
    path = tmp_path / "cat.png"
    Image.fromarray(cat_drawing).save(path)
    sources = [path, str(path), cat_drawing, Image.fromarray(cat_drawing), cat_drawing / 255.0]
    assert len({translator.sample(s, n=1)[0].tobytes() for s in sources}) == 1


@pytest.mark.parametrize(
    "sketch, message",
    [
        (np.full((64, 64), 255, np.uint8), "empty drawing"),
        (np.full((64, 64), np.nan, np.float32), "NaN"),
        (np.zeros((64, 64), np.int64), "int64"),
        ("nowhere.png", "nowhere.png"),
        (object(), "object"),
    ],
)
def test_bad_sketches_are_told_apart(translator, sketch, message):
    with pytest.raises(ValueError, match=message):
        translator.sample(sketch)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n": 0}, "at least 1"),
        ({"seeds": []}, "empty"),
        ({"seeds": [-1]}, "whole numbers"),
        ({"seeds": [1], "style": np.zeros(8, np.float32)}, "not both"),
        ({"seeds": [1, 2], "n": 4}, "n is 4, but seeds gives 2, one for each picture"),
        ({"style": np.zeros(8, np.float32), "n": 4}, "n is 4, but style gives 1"),
        ({"seeds": [1, 2], "seed": 1}, "leave seed out beside seeds"),
        ({"style": np.zeros(8, np.float32), "seed": 1}, "leave seed out beside style"),
        ({"style": np.zeros(5, np.float32)}, "8 numbers"),
        ({"style": np.full(8, np.nan, np.float32)}, "NaN"),
        ({"direction": "AtoB"}, "direction"),
        ({"domain": "orange"}, "domain"),
        ({"domain": "orange", "style": np.zeros(8, np.float32)}, "domain"),
        ({"size": 128}, "64 pixels only"),
        ({"plain": True}, "no plain mode"),
    ],
)
def test_bad_options_name_themselves(translator, cat_drawing, options, message):
    with pytest.raises(ValueError, match=message):
        translator.sample(cat_drawing, **options)


def test_unknown_devices_are_refused(tiny_model_folder):
    with pytest.raises(ValueError, match="auto, cpu or cuda"):
        Translator.from_pretrained(tiny_model_folder, device="tpu")


def test_cuda_without_a_gpu_is_refused(tiny_model_folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="use the device cpu"):
        Translator.from_pretrained(tiny_model_folder, device="cuda")


def test_a_saved_model_samples_the_same(translator, cat_drawing, tmp_path):
    translator.save_pretrained(tmp_path / "copy")
    copy = Translator.from_pretrained(tmp_path / "copy", device="cpu")
    assert copy.weights_id == translator.weights_id
    assert copy.sample(cat_drawing, n=1)[0].tobytes() == translator.sample(cat_drawing, n=1)[0].tobytes()
    assert copy.describe()["parameters"] == sum(p.numel() for p in translator.nets.parameters())


def test_a_saved_model_keeps_its_card_and_examples(tiny_model_folder, tmp_path):
    folder = shutil.copytree(tiny_model_folder, tmp_path / "model")
    (folder / "README.md").write_text("# tiny\n\nCC BY-NC 4.0; diversity 0.6\n")
    (folder / "examples").mkdir(exist_ok=True)
    (folder / "examples" / "samples.jpg").write_bytes(b"picture")
    translator = Translator.from_pretrained(folder, device="cpu")
    translator.save_pretrained(tmp_path / "copy")
    assert (tmp_path / "copy" / "README.md").read_text() == (folder / "README.md").read_text()
    assert (tmp_path / "copy" / "examples" / "samples.jpg").read_bytes() == b"picture"
    translator.save_pretrained(tmp_path / "own", card="# mine\n")
    assert (tmp_path / "own" / "README.md").read_text() == "# mine\n"
    translator.save_pretrained(folder)  # onto itself
    assert (folder / "examples" / "samples.jpg").read_bytes() == b"picture"
    assert "diversity 0.6" in (folder / "README.md").read_text()


def test_changed_weights_are_saved_and_published_as_they_are(tiny_model_folder, cat_drawing, tmp_path, monkeypatch):
    folder = shutil.copytree(tiny_model_folder, tmp_path / "model")
    (folder / "examples").mkdir(exist_ok=True)
    translator = Translator.from_pretrained(folder, device="cpu", dtype="float32")
    pushed = []

    def push(path, repo_id, **_):
        pushed.append((Path(path) == folder, Translator.from_pretrained(path, "cpu").sample(cat_drawing, n=1)[0]))
        return repo_id

    monkeypatch.setattr("i2i.hub.push", push)
    before = translator.sample(cat_drawing, n=1)[0].tobytes()
    translator.push_to_hub("me/tiny")
    with torch.no_grad():
        for weight in translator.nets["generator"].parameters():
            weight.mul_(0.5)
    after = translator.sample(cat_drawing, n=1)[0].tobytes()
    translator.push_to_hub("me/tiny")
    assert before != after and [own for own, _ in pushed] == [True, False]
    assert [picture.tobytes() for _, picture in pushed] == [before, after]
    translator.save_pretrained(tmp_path / "copy")
    card = (tmp_path / "copy" / "README.md").read_text()
    assert card.startswith(f"The weights were changed after {translator.weights_id}")
    assert not (tmp_path / "copy" / "examples").exists()
    shutil.rmtree(folder)
    translator.save_pretrained(tmp_path / "alone")  # the folder that it came from need not be there any more
    assert (tmp_path / "alone" / "model.safetensors").is_file()


def test_examples_and_measures_of_other_weights_are_left_behind(tiny_model_folder, tmp_path):
    folder, other = (shutil.copytree(tiny_model_folder, tmp_path / name) for name in ("model", "other"))
    for one in (folder, other):
        (one / "examples" / one.name).mkdir(parents=True)
        (one / "examples" / one.name / "photo.jpg").write_bytes(b"picture")
    translator = Translator.from_pretrained(folder, device="cpu")
    translator.config["metrics"] = {"diversity": 0.6}
    translator.save_pretrained(other)
    assert [path.name for path in (other / "examples").iterdir()] == ["model"]
    assert Translator.from_pretrained(other, device="cpu").config["metrics"] == {"diversity": 0.6}
    with torch.no_grad():
        next(translator.nets["generator"].parameters()).mul_(0.5)
    translator.save_pretrained(other)
    translator.save_pretrained(folder)
    for one in (folder, other):
        assert not (one / "examples").exists()
        assert "metrics" not in Translator.from_pretrained(one, device="cpu").config


def test_weights_beyond_half_precision_are_refused(tiny_model_folder, tmp_path):
    translator = Translator.from_pretrained(tiny_model_folder, device="cpu")
    with torch.no_grad():
        next(translator.nets["generator"].parameters()).fill_(1e6)
    with pytest.raises(ModelFolderError, match="up to 1e\\+06, and half precision ends at 65504"):
        translator.save_pretrained(tmp_path / "copy")
    assert not list(tmp_path.iterdir())


def test_loading_leaves_the_callers_random_numbers_alone(tiny_model_folder):
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)
    Translator.from_pretrained(tiny_model_folder, device="cpu")
    EdgeDetector()
    assert torch.equal(torch.rand(1), wanted)


def test_answers_may_enter_other_computations(translator, cat_drawing):
    x, layer = translator.see(cat_drawing), torch.nn.Conv2d(3, 1, 3)
    style = torch.from_numpy(translator.styles([0])).requires_grad_(True)
    for answer in (translator.render(x, style), translator.answer(x, [0])):
        assert not answer.requires_grad
        layer(answer.clamp_(-1, 1)).sum().backward()
    assert layer.weight.grad.abs().sum() > 0


def test_devices_and_dtypes_may_be_torchs_own(tiny_model_folder):
    translator = Translator.from_pretrained(tiny_model_folder, device=torch.device("cpu"), dtype=torch.bfloat16)
    assert translator.device == torch.device("cpu") and translator.dtype == torch.bfloat16


def test_bfloat16_looks_the_same_and_says_so(tiny_model_folder, translator, cat_drawing):
    half = Translator.from_pretrained(tiny_model_folder, device="cpu", dtype="bfloat16")
    assert half.describe()["dtype"] == "bfloat16" and translator.describe()["dtype"] == "float32"
    assert half.styles([3]).tobytes() == translator.styles([3]).tobytes()
    both = zip(half.sample(cat_drawing), translator.sample(cat_drawing), strict=True)
    gaps = [np.abs(pixels(a) - pixels(b)) for a, b in both]
    assert 0 < np.mean(gaps) < 2
    assert all(p.dtype == torch.float32 for p in half.nets.parameters())  # what save_pretrained would write


def test_unknown_dtypes_are_refused(tiny_model_folder):
    with pytest.raises(ValueError, match="float32 or bfloat16"):
        Translator.from_pretrained(tiny_model_folder, device="cpu", dtype="int8")


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu(tiny_model_folder, translator, cat_drawing):
    cuda = Translator.from_pretrained(tiny_model_folder, device="cuda", dtype="float32")
    for a, b in zip(translator.sample(cat_drawing), cuda.sample(cat_drawing), strict=True):
        assert np.abs(pixels(a) - pixels(b)).max() <= 2


def test_answers_are_what_sample_shows(translator, cat_drawing):
    x = translator.see(cat_drawing)
    answers = translator.answer(x, [3, 9])
    assert torch.equal(answers, translator.render(x, torch.from_numpy(translator.styles([3, 9]))))
    shown = np.stack([pixels(p) for p in translator.sample(cat_drawing, seeds=[3, 9], size=64)])
    wanted = ((answers + 1) * 127.5).round().clamp(0, 255).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(shown, wanted) and translator.has_styles


def test_the_networks_own_view_names_what_is_wrong(tiny_model_folder):
    translator = Translator.from_pretrained(tiny_model_folder, "cpu", "float32")
    x = translator.see(np.pad(np.zeros((40, 40), np.uint8), 20, constant_values=255))
    styles = translator.styles([3, 9])
    assert torch.equal(translator.render(x, styles), translator.render(x, torch.from_numpy(styles)))
    for wrong in (styles[0], styles[:, :-1], styles[:0]):
        with pytest.raises(ValueError, match=rf"styles are \(n, {styles.shape[1]}\) with n of at least 1, got"):
            translator.render(x, wrong)
    for wrong, message in ((x[None], "x must be a tensor"), (x[:, :-4, :-4], "Translator.see makes it so"), (0, "int")):
        with pytest.raises(ValueError, match=message):
            translator.answer(wrong, [0])
    for ask in (lambda: translator.answer(x.repeat(3, 1, 1), [0]), lambda: translator.render(x[:0], styles)):
        with pytest.raises(ValueError, match="x must have 1 channels, got .*: Translator.see makes it so"):
            ask()
    for wrong in (styles * np.nan, styles + np.inf):
        with pytest.raises(ValueError, match="styles hold NaN or infinite"):
            translator.render(x, wrong)
    with pytest.raises(ValueError, match="x holds NaN or infinite"):
        translator.render(x * torch.nan, styles)
    assert torch.equal(translator.render(x, styles[::-1]), translator.render(x, styles).flip(0))
    for jobs in ("x", {"x": x}, ["x"], None, 3):
        with pytest.raises(ValueError, match="give a list of dicts such as {'x': input}"):
            translator.sample_many(jobs)
