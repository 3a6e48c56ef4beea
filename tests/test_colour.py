"""Lab and back: known colours, ranges, and what colourisation relies on."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from i2i.colour import lab_to_photo, photo_to_lab
from i2i.images import photo_to_tensor, tensor_to_photo


def solid(*rgb: int) -> np.ndarray:
    return np.full((2, 2, 3), rgb, np.uint8)


def test_known_colours():
    for rgb, lab in (((255, 0, 0), (53.24, 80.09, 67.20)), ((0, 0, 255), (32.30, 79.19, -107.86))):
        lightness, ab = photo_to_lab(solid(*rgb))
        assert abs((lightness[0, 0, 0] + 1) * 50 - lab[0]) < 0.1
        assert np.allclose(ab[:, 0, 0] * 110, lab[1:], atol=0.2)


def test_grey_has_no_colour_and_white_is_one():
    lightness, ab = photo_to_lab(solid(255, 255, 255))
    assert torch.allclose(lightness, torch.ones(1, 2, 2), atol=1e-3) and ab.abs().max() < 1e-3
    lightness, ab = photo_to_lab(solid(0, 0, 0))
    assert torch.allclose(lightness, -torch.ones(1, 2, 2), atol=1e-3) and ab.abs().max() < 1e-3


def test_every_colour_comes_back():
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(27, 27, 3)
    lightness, ab = photo_to_lab(cube)
    assert lightness.shape == (1, 27, 27) and ab.shape == (2, 27, 27) and lightness.dtype == torch.float32
    assert lightness.abs().max() <= 1.001 and ab.abs().max() <= 1
    back = np.asarray(tensor_to_photo(lab_to_photo(lightness, ab))).astype(int)
    assert np.abs(back - cube).max() <= 1


def test_lightness_survives_any_colour():
    photo = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    lightness, _ = photo_to_lab(photo)
    grey = lab_to_photo(lightness, torch.zeros(2, 8, 8))
    assert (grey.amax(0) - grey.amin(0)).max() < 0.01
    again, _ = photo_to_lab(np.asarray(tensor_to_photo(grey)))
    assert (again - lightness).abs().max() < 0.02
    assert photo_to_tensor(Image.fromarray(photo)).shape == lab_to_photo(lightness, torch.ones(2, 8, 8)).shape
