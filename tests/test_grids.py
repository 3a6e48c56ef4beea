"""Grids of pictures: order, gaps, rounding, and inputs as something to look at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from i2i.grids import colours_of, draw_input, tile


def test_tiles_are_in_place_with_white_gaps():
    pictures = torch.empty(2, 3, 3, 4, 5)
    for r in range(2):
        for c in range(3):
            pictures[r, c] = (10 * r + c) / 127.5 - 1  # grey level 10 r + c
    image = tile(pictures)
    assert image.mode == "RGB" and image.size == (3 * 5 + 2 * 2, 2 * 4 + 2)
    pixels = np.asarray(image)
    covered = np.zeros(pixels.shape[:2], bool)
    for r in range(2):
        for c in range(3):
            top, left = 6 * r, 7 * c
            assert (pixels[top : top + 4, left : left + 5] == 10 * r + c).all()
            covered[top : top + 4, left : left + 5] = True
    assert (pixels[~covered] == 255).all()


def test_colours_rows_and_columns_keep_their_order():
    picture = -torch.ones(1, 1, 3, 2, 2)
    picture[0, 0, 0, 0, 1] = 1  # red at the top right
    picture[0, 0, 2, 1, 0] = 1  # blue at the bottom left
    pixels = np.asarray(tile(picture, gap=0))
    assert pixels[0, 1].tolist() == [255, 0, 0] and pixels[1, 0].tolist() == [0, 0, 255]
    assert pixels[0, 0].tolist() == pixels[1, 1].tolist() == [0, 0, 0]


def test_values_are_rounded_and_clamped():
    values = torch.tensor([-3.0, -1.0, 0.6 / 127.5 - 1, 0.0, 1.0, 3.0])
    pixels = np.asarray(tile(values.view(1, 1, 1, 1, 6).expand(1, 1, 3, 1, 6)))
    assert pixels[0, :, 0].tolist() == [0, 0, 1, 128, 255, 255]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tensors_that_carry_gradients(dtype):
    pictures = torch.zeros(1, 1, 3, 2, 2, dtype=dtype, requires_grad=True)
    assert np.asarray(tile(pictures)).shape == (2, 2, 3)


def test_a_drawing_is_shown_in_grey():
    x = torch.rand(2, 1, 4, 4) * 2 - 1
    shown = draw_input(x)
    assert shown.shape == (2, 3, 4, 4)
    assert all(torch.equal(shown[:, c : c + 1], x) for c in range(3))


def test_the_colours_of_a_palette_are_found_where_there_are_some():
    assert colours_of({"kind": "labels", "palette": {"names": ["a"], "colours": [[1, 2, 3]]}}) == [[1, 2, 3]]
    assert colours_of({"kind": "edges"}) is None


def test_each_label_has_a_colour_of_its_own():
    labels = torch.arange(6).view(1, 2, 3)
    one_hot = torch.nn.functional.one_hot(labels, 6).permute(0, 3, 1, 2).float()
    shown = draw_input(one_hot)
    assert shown.shape == (1, 3, 2, 3) and shown.abs().max() <= 1
    colours = shown[0].permute(1, 2, 0).reshape(6, 3)
    assert torch.cdist(colours, colours).fill_diagonal_(9).min() > 0.3
    flipped = draw_input(one_hot.flip(3))
    assert torch.equal(flipped, shown.flip(3))  # a colour follows its label, not its place


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_labels_come_in_the_colours_that_are_given(classes):
    colours = [[0, 0, 222], [255, 128, 0], [10, 200, 30]][:classes]
    labels = torch.arange(12).view(1, 3, 4) % classes
    scores = torch.nn.functional.one_hot(labels, classes).permute(0, 3, 1, 2) * 1.2 - 0.9  # as a net answers
    pixels = np.asarray(tile(draw_input(scores, colours)[None]))
    assert np.array_equal(pixels, np.array(colours)[labels[0].numpy()])
