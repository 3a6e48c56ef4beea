"""The seven steps, each against an independent statement of it, and what they do together to drawn shapes."""

import importlib
import math

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import morphology

from i2i.edges.postprocess import postprocess

# The package exports a function under the module's name.
steps = importlib.import_module("i2i.edges.postprocess")


def blobs(seed=0, size=256, sigma=3.0):
    soft = cv2.GaussianBlur(
        np.random.default_rng(seed).random((size, size)).astype(np.float32), (0, 0), sigma
    )
    soft = (soft - soft.min()) / np.ptp(soft)
    return soft**4


def square(size, top, left, side, sigma=1.5):
    """A soft map of a square's outline, as a network would give it."""
    hard = np.zeros((size, size), np.float32)
    cv2.rectangle(hard, (left, top), (left + side, top + side), 1.0, 1)
    soft = cv2.GaussianBlur(hard, (0, 0), sigma)
    return np.clip(soft / soft.max(), 0, 1)


def line(degrees, sigma, size=256, reach=80):
    """A blurred line through the centre; also each pixel's coordinate along it and distance from it."""
    y, x = np.mgrid[:size, :size] - size / 2 - 0.2
    angle = math.radians(degrees)
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    distance = np.hypot(np.maximum(np.abs(along) - reach, 0), across)
    return (0.9 * np.exp(-(distance**2) / (2 * sigma**2))).astype(np.float32), along, across


# The whole


@pytest.mark.parametrize("sigma", [1.0, 2.0])
@pytest.mark.parametrize("degrees", range(0, 180, 15))
def test_a_blurred_line_comes_out_one_pixel_wide_unbroken_and_in_place(degrees, sigma):
    soft, along, across = line(degrees, sigma)
    ink = postprocess(soft) == 0
    inside = ink & (np.abs(along) < 70)
    assert np.abs(across[inside]).max() <= 1.0
    assert ndimage.label(ink, np.ones((3, 3)))[1] == 1
    # As many pixels as the line has rows or columns, whichever are more.
    steps_along = 140 * max(abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees))))
    assert 0.97 * steps_along <= inside.sum() <= 1.05 * steps_along


@pytest.mark.parametrize("top, left, side", [(60, 60, 100), (37, 81, 91), (101, 20, 130), (12, 13, 57)])
def test_a_square_comes_back_where_it_was(top, left, side):
    ink = postprocess(square(256, top, left, side)) == 0
    rows, columns = np.nonzero(ink.sum(1) > side / 2)[0], np.nonzero(ink.sum(0) > side / 2)[0]
    assert np.abs(rows - [top, top + side]).max() <= 1
    assert np.abs(columns - [left, left + side]).max() <= 1


@pytest.mark.parametrize("size", [200, 255, 301, 480])
def test_a_square_at_another_size_is_scaled_in_place(size):
    top, left, side = round(0.2 * size), round(0.31 * size), round(0.45 * size)
    ink = postprocess(square(size, top, left, side, sigma=1.5 * size / 256)) == 0
    rows, columns = np.nonzero(ink.sum(1) > 60)[0], np.nonzero(ink.sum(0) > 60)[0]
    expected = (np.array([top, top + side, left, left + side]) + 0.5) * 256 / size - 0.5
    assert np.abs([rows.min(), rows.max(), columns.min(), columns.max()] - expected).max() <= 1


def test_output_is_a_drawing():
    drawing = postprocess(blobs())
    assert drawing.shape == (256, 256) and drawing.dtype == np.uint8
    assert set(np.unique(drawing)) == {0, 255}
    assert 0.01 < np.mean(drawing == 0) < 0.3
    ink = drawing == 0
    assert (morphology.thin(ink) == ink).mean() > 0.999  # one pixel wide
    assert np.array_equal(drawing, postprocess(blobs()))


def test_size_and_shape_are_free():
    assert postprocess(blobs()[:190, :221], size=64).shape == (64, 64)


def test_uint8_is_the_same_map():
    levels = np.rint(blobs() * 255).astype(np.uint8)
    assert np.array_equal(postprocess(levels), postprocess(levels.astype(np.float32) / np.float32(255)))


def test_nothing_gives_paper():
    assert (postprocess(np.zeros((256, 256), np.float32)) == 255).all()
    assert (postprocess(np.zeros((90, 50), np.uint8)) == 255).all()


@pytest.mark.parametrize(
    "soft, message",
    [
        (np.full((64, 64), np.nan, np.float32), "NaN"),
        (np.zeros((64, 64), np.int32), "int32"),
        (np.zeros((64, 64), bool), "bool"),
        (np.zeros((64, 64, 1), np.float32), r"\(64, 64, 1\)"),
        (np.full((64, 64), 1.5, np.float32), "1.5"),
        ([[0.5]], "list"),
    ],
)
def test_bad_maps_are_named(soft, message):
    with pytest.raises(ValueError, match=message):
        postprocess(soft)


# The steps


def test_step_1_resize_is_the_identity_at_its_size_and_near_pillow_elsewhere():
    soft = blobs()
    assert steps.imresize(soft, (256, 256)) is soft
    for shape in ((300, 300), (180, 200)):
        other = steps.imresize(soft, shape)
        pillow = np.asarray(Image.fromarray(soft).resize(shape[::-1], Image.Resampling.BICUBIC))
        assert other.dtype == np.float32
        assert np.abs(other - pillow)[3:-3, 3:-3].max() < 1e-5
    step = np.zeros((8, 8), np.float32)
    step[:, 4:] = 1
    enlarged = steps.imresize(step, (32, 32))
    assert enlarged.max() > 1 and enlarged.min() < 0  # overshoot is kept
    assert np.allclose(steps.imresize(np.full((7, 5), 0.3, np.float32), (64, 64)), 0.3)


def test_step_1_the_border_is_mirrored():
    soft = blobs(3, 24, 2.0)[:20]
    padded = np.pad(soft, 8, mode="symmetric")
    for factor in (0.5, 2, 4):
        shape, around = ([round(n * factor) for n in image.shape] for image in (soft, padded))
        edge = round(8 * factor)
        wanted = steps.imresize(padded, tuple(around))[edge:-edge, edge:-edge]
        assert np.abs(steps.imresize(soft, tuple(shape)) - wanted).max() < 1e-6, factor


def test_step_2_smoothing_and_derivatives():
    soft = blobs(1, 64)
    weights = np.array([1, 2, 3, 4, 5, 4, 3, 2, 1]) / 25
    expected = ndimage.correlate1d(ndimage.correlate1d(soft.astype(np.float64), weights, 0), weights, 1)
    assert np.abs(steps.smooth(soft) - expected).max() < 1e-6  # scipy's "reflect" is the symmetric border
    along_y, along_x = np.gradient(soft)
    ours = steps.gradient(soft)
    assert np.allclose(ours[0], along_x, atol=1e-7) and np.allclose(ours[1], along_y, atol=1e-7)


def test_step_2_orientation_points_across_the_edge():
    # The ratio of second derivatives is the tangent squared: exact on axes and diagonals, near elsewhere.
    for degrees in (20, 45, 70, 110, 135, 160):
        soft, along, across = line(degrees, 2.0)
        here = steps.orientation(soft)[(np.abs(along) < 60) & (np.abs(across) < 0.8)]
        tangent = math.radians(degrees)
        across_share = np.abs(np.sin(here - tangent))
        assert across_share.min() > 0.8
        assert here.min() >= 0 and here.max() <= np.float32(np.pi)
    # sign(0) = 0: where the mixed derivative is zero, the direction is 0.
    assert (steps.orientation(np.full((32, 32), 0.4, np.float32)) == 0).all()


def test_step_3_against_a_loop_over_pixels():
    soft = blobs(2, 48, 2.0)
    direction = steps.orientation(soft)
    expected = np.zeros((48, 48))
    for y in range(48):
        for x in range(48):
            value = float(soft[y, x])
            for sign in (-1, 1):
                px = min(max(x + sign * math.cos(direction[y, x]), 0), 48 - 1.001)
                py = min(max(y + sign * math.sin(direction[y, x]), 0), 48 - 1.001)
                left, top = int(px), int(py)
                dx, dy = px - left, py - top
                sample = (soft[top, left] * (1 - dx) + soft[top, left + 1] * dx) * (1 - dy)
                sample += (soft[top + 1, left] * (1 - dx) + soft[top + 1, left + 1] * dx) * dy
                if value * 1.01 < sample:
                    value = 0.0
                    break
            for distance in (x, 47 - x, y, 47 - y):
                value *= min(distance, 5) / 5
            expected[y, x] = value
    ours = steps.suppress_non_maxima(soft, direction, 25 / 255)
    assert ours.sum() > 50
    assert np.mean(ours != (expected >= 25 / 255)) < 0.001


def test_step_3_the_border_fades():
    soft = np.zeros((64, 64), np.float32)
    soft[:, 3] = 0.16  # times 3 / 5 is below 25 / 255
    soft[:, 40] = 0.16
    ink = postprocess(soft, size=64, min_pixels=1) == 0
    assert not ink[:, :8].any() and ink[10:50, 40].all()
    assert (postprocess(np.ones((64, 64), np.float32), size=64)[[0, -1]] == 255).all()


def test_step_4_threshold_is_inclusive():
    soft = np.zeros((64, 64), np.uint8)
    soft[20:45, 30] = 25
    assert (postprocess(soft, size=64) == 0).sum() >= 20
    soft[soft > 0] = 24
    assert (postprocess(soft, size=64) == 255).all()


@pytest.mark.parametrize("density", [0.05, 0.3, 0.6, 0.9])
def test_step_5_thinning_equals_scikit_image(density):
    rng = np.random.default_rng(5)
    for shape in ((64, 64), (33, 47), (1, 9), (2, 2)):
        for _ in range(5):
            mask = rng.random(shape) < density
            assert np.array_equal(steps.thin(mask), morphology.thin(mask))
    thick = cv2.GaussianBlur(rng.random((96, 96)), (0, 0), 5) > 0.5
    assert np.array_equal(steps.thin(thick), morphology.thin(thick))


def test_step_6_small_pieces_go_with_eight_neighbours():
    mask = np.zeros((20, 20), bool)
    mask[[2, 3, 4, 5, 6], [2, 3, 4, 5, 6]] = True  # five on a diagonal stay
    mask[[12, 13, 14, 15], [2, 3, 4, 5]] = True  # four go
    kept = steps.remove_small(mask, 5)
    assert kept.sum() == 5 and kept[4, 4] and not kept[13, 3]
    assert np.array_equal(kept, morphology.remove_small_objects(mask, max_size=4, connectivity=2))
