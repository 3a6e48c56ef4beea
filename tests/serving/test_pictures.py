"""Every kind of input and output: what the net sees of a picture, and the picture that its answer becomes."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from i2i.images import photo_to_tensor
from i2i.palette import Palette
from i2i.serving.pictures import read, write

PALETTE = Palette(("ground", "wall", "sky"), ((0, 0, 222), (0, 128, 255), (255, 240, 0)))
LABELS = {"kind": "labels", "palette": json.loads(json.dumps(PALETTE.to_json()))}


def quadrants() -> np.ndarray:
    classes = np.zeros((40, 40), np.uint8)
    classes[:20, 20:], classes[20:] = 1, 2
    return classes


def test_label_maps_of_every_form_are_seen_alike(tmp_path):
    classes = quadrants()
    PALETTE.image(classes).save(tmp_path / "map.png")
    rgb = PALETTE.array[classes]
    forms = [tmp_path / "map.png", str(tmp_path / "map.png"), PALETTE.image(classes), rgb, classes, classes.astype(int)]
    seen = [read(form, LABELS, 40) for form in forms]
    assert seen[0].shape == (3, 40, 40) and torch.equal(seen[0].argmax(0), torch.from_numpy(classes.astype(int)))
    assert all(torch.equal(s, seen[0]) for s in seen) and set(seen[0].unique().tolist()) == {0, 1}


@pytest.mark.parametrize("size", [20, 32, 64, 120])
def test_label_maps_are_resized_without_new_classes(size):
    seen = read(quadrants(), LABELS, size)
    assert seen.shape == (3, size, size) and torch.equal(seen.sum(0), torch.ones(size, size))
    classes, half = seen.argmax(0), size // 2
    assert (classes[:half, :half] == 0).all() and (classes[:half, half:] == 1).all() and (classes[half:] == 2).all()


def test_label_maps_that_do_not_fit_are_told(tmp_path):
    with pytest.raises(ValueError, match="40x30, expected a square"):
        read(quadrants()[:30], LABELS, 32)
    with pytest.raises(ValueError, match="#5a5a5a"):
        read(np.full((8, 8, 3), 90, np.uint8), LABELS, 8)
    with pytest.raises(ValueError, match="nowhere.png"):
        read("nowhere.png", LABELS, 8)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="broken.png"):
        read(tmp_path / "broken.png", LABELS, 8)


def test_drawings_are_made_at_256_or_larger():
    page = np.full((100, 100), 255, np.uint8)
    page[30:70, 50] = 0
    assert read(page, {"kind": "edges"}, 256).unique().tolist() == [-1, 1]
    small, large = (read(page, {"kind": "edges"}, size) for size in (64, 512))
    assert small.shape == (1, 64, 64) and -1 < small.min() < 0.9  # area averaging leaves greys
    assert large.shape == (1, 512, 512) and large.unique().tolist() == [-1, 1]
    with pytest.raises(ValueError, match="empty drawing"):
        read(np.full((8, 8), 255, np.uint8), {"kind": "edges"}, 64)


def test_photos_lose_their_sides_only():
    wide = np.zeros((32, 64, 3), np.uint8)
    wide[:, 16:48] = (10, 200, 90)
    seen = read(wide, {"kind": "photo"}, 32)
    assert torch.equal(seen, photo_to_tensor(Image.fromarray(wide[:, 16:48])))
    assert read(wide, {"kind": "gray"}, 16).shape == (1, 16, 16)
    hole = read(wide, {"kind": "hole"}, 32)
    assert not hole[:, 8:24, 8:24].any() and torch.equal(hole[:, :8], seen[:, :8])


def test_answers_become_pictures():
    x = torch.zeros(1, 8, 8)
    photo = write(torch.full((3, 8, 8), 2.0), {"kind": "photo"}, x)
    assert photo.mode == "RGB" and photo.getpixel((0, 0)) == (255, 255, 255)
    scores = torch.rand(3, 8, 8)
    labels = write(scores, LABELS, x)
    assert labels.mode == "P" and np.array_equal(PALETTE.classes(labels), scores.argmax(0).numpy())
    assert write(torch.zeros(1, 8, 8), {"kind": "edges"}, x).getpixel((3, 3)) == (128, 128, 128)


def test_colour_is_joined_to_the_lightness_that_was_seen():
    grey = np.full((8, 8, 3), 120, np.uint8)
    seen = read(grey, {"kind": "gray"}, 8)
    same = np.asarray(write(torch.zeros(2, 8, 8), {"kind": "ab"}, seen)).astype(int)
    assert np.abs(same - 120).max() <= 1
    red = np.asarray(write(torch.tensor([0.5, 0.3]).view(2, 1, 1).expand(2, 8, 8), {"kind": "ab"}, seen))
    assert (red[..., 0] > red[..., 2]).all()


def test_models_of_grey_photos_see_no_colours():
    colours = Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8))
    colours = colours.resize((64, 64), Image.Resampling.BICUBIC)
    seen = read(colours, {"kind": "photo", "grey": True}, 64)
    assert seen.shape == (3, 64, 64) and torch.equal(seen[0], seen[1]) and torch.equal(seen[0], seen[2])
    assert torch.equal(seen[:1], read(colours, {"kind": "gray"}, 64))  # as prepare.py grayscale makes them
    lightness = write(seen, {"kind": "photo"}, seen)
    again = read(lightness, {"kind": "photo", "grey": True}, 64)
    assert torch.equal(again, photo_to_tensor(lightness))  # already what the net was trained on
    assert not torch.equal(read(colours, {"kind": "photo"}, 64)[0], seen[0])
