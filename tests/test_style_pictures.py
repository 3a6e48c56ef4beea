"""The matrix of sources and references, and the way from style to style."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from i2i import Translator
from i2i.style_pictures import clip, style_matrix, style_path


@pytest.fixture(scope="module")
def model(domain_model_folder) -> Translator:
    return Translator.from_pretrained(domain_model_folder, device="cpu")


@pytest.fixture(scope="module")
def photos(domain_photos) -> list[Image.Image]:
    return [Image.open(domain_photos / name / f"{name} 1.png").convert("RGB") for name in ("red", "green", "blue")]


def cell(matrix: Image.Image, row: int, column: int, size: int = 32) -> np.ndarray:
    top, left = row * (size + 2), column * (size + 2)
    return np.asarray(matrix)[top : top + size, left : left + size]


def test_the_matrix_has_sources_left_and_references_on_top(model, photos):
    domains = ["green", "blue"]
    matrix = style_matrix(model, [photos[0]], photos[1:], domains)
    assert matrix.size == (3 * 34 - 2, 2 * 34 - 2)
    assert (cell(matrix, 0, 0) == 255).all()
    assert np.array_equal(cell(matrix, 0, 2), np.asarray(model_sees(model, photos[2])))
    assert np.array_equal(cell(matrix, 1, 0), np.asarray(model_sees(model, photos[0])))
    for column, (photo, domain) in enumerate(zip(photos[1:], domains, strict=True), 1):
        wanted = model.sample(photos[0], style=photo, domain=domain)[0]
        assert np.abs(cell(matrix, 1, column).astype(int) - np.asarray(wanted)).max() <= 1
    with pytest.raises(ValueError, match="1 domains for 2 references"):
        style_matrix(model, [photos[0]], photos[1:], ["green"])
    with pytest.raises(ValueError, match="got 0 and 2"):
        style_matrix(model, [], photos[1:], domains)
    stack = np.stack([np.asarray(photo) for photo in photos[1:]])
    assert style_matrix(model, stack[:1], stack, domains).size == matrix.size


def model_sees(model: Translator, photo: Image.Image) -> Image.Image:
    from i2i.images import fit_square

    return fit_square(photo, model.image_size)


def test_a_matrix_of_drawings(tiny_model_folder, cat_drawing, photos):
    styled = Translator.from_pretrained(tiny_model_folder, device="cpu")
    matrix = style_matrix(styled, [cat_drawing], photos)
    assert matrix.size == (4 * 66 - 2, 2 * 66 - 2)
    drawing = cell(matrix, 1, 0, 64)
    assert (drawing[..., 0] == drawing[..., 2]).all() and drawing.min() < 200


def test_a_path_starts_and_ends_at_its_styles(model, photos):
    styles = np.concatenate([model.styles([0], "red"), model.styles([0], "blue"), model.styles([1], "blue")])
    frames = style_path(model, photos[0], styles, steps=3)
    assert len(frames) == 7
    for frame, k in ((0, 0), (3, 1), (6, 2)):
        assert frames[frame].tobytes() == model.sample(photos[0], style=styles[k])[0].tobytes()
    middle = model.sample(photos[0], style=styles[0] * (1 / 3) + styles[1] * (2 / 3))[0]
    assert np.abs(np.asarray(frames[2]).astype(int) - np.asarray(middle)).max() <= 1
    around = style_path(model, photos[0], styles, steps=3, closed=True)
    assert len(around) == 9 and [f.tobytes() for f in around[:7]] == [f.tobytes() for f in frames]
    with pytest.raises(ValueError, match="at least two styles"):
        style_path(model, photos[0], styles[:1])
    with pytest.raises(ValueError, match="steps must be at least 1"):
        style_path(model, photos[0], styles, steps=0)
    with pytest.raises(ValueError, match="steps must be a whole number, got 2.5"):
        style_path(model, photos[0], styles, steps=2.5)


def test_a_clip_moves(model, photos):
    frames = style_path(model, photos[0], model.styles([0, 1], "green"), steps=4)
    with Image.open(io.BytesIO(clip(frames, 40))) as opened:
        assert (opened.format, opened.n_frames, opened.info["loop"]) == ("WEBP", 5, 0)
        opened.load()
        assert opened.info["duration"] == 40
    with pytest.raises(ValueError, match="at least one picture"):
        clip([])
