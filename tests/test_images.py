"""Ranges, polarity, colour order, and what `load_image` makes of the pictures people have."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from i2i.images import (
    drawing_to_tensor,
    fit_square,
    load_image,
    photo_to_tensor,
    tensor_to_photo,
)

RED = (200, 30, 10)


@pytest.mark.parametrize(
    "mode, expected",
    [
        ("1", 0), ("L", 0), ("P", 0), ("RGB", 0), ("CMYK", 255), ("HSV", 0), ("I", 0), ("F", 0), ("I;16", 0),
        ("LA", 255), ("RGBA", 255), ("PA", 255), ("RGBa", 255),
    ],
)  # fmt: skip
def test_every_mode_becomes_rgb_with_transparency_on_white(mode, expected):
    image = load_image(Image.new(mode, (5, 4)))  # all zeros: black, or transparent
    assert image.mode == "RGB" and image.size == (5, 4)
    assert image.getpixel((0, 0)) == (expected,) * 3


def test_half_transparent_ink_is_mixed_with_white():
    assert load_image(Image.new("RGBA", (2, 2), (0, 0, 0, 128))).getpixel((0, 0)) == (127, 127, 127)


def test_transparent_palette_colour_is_white(tmp_path):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30, *RED])
    image.putpixel((1, 1), 1)
    image.save(tmp_path / "a.png", transparency=0)
    loaded = load_image(tmp_path / "a.png")
    assert loaded.getpixel((0, 0)) == (255, 255, 255) and loaded.getpixel((1, 1)) == RED


def test_sixteen_bits_are_scaled_not_cut(tmp_path):
    values = np.array([[0, 32896, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert np.asarray(load_image(tmp_path / "deep.png"))[0, :, 0].tolist() == [0, 128, 255]


def test_floats_are_levels_or_shares_and_what_resizing_overshoots_is_clipped():
    def grey(values) -> list[int]:
        return np.asarray(load_image(Image.fromarray(np.array([values], np.float32))))[0, :, 0].tolist()

    assert grey([0, 0.5, 1]) == grey([-0.01, 0.5, 1.004]) == [0, 128, 255]
    assert grey([0, 128, 255]) == grey([-3, 128, 258]) == [0, 128, 255]
    for wrong, found in (([0, 0.5, -0.5], "-0.5 to 0.5"), ([0, 300], "0 to 300"), ([-80, 200], "-80 to 200")):
        with pytest.raises(ValueError, match=f"got values from {found}, expected 0 to 255, or floats in"):
            grey(wrong)
    with pytest.raises(ValueError, match="NaN"):
        grey([0, np.nan])


def test_exif_orientation_is_applied(tmp_path):
    image = Image.new("RGB", (20, 10), "white")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert load_image(tmp_path / "turned.jpg").size == (10, 20)
    assert load_image(str(tmp_path / "turned.jpg")).size == (10, 20)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4)])
def test_arrays_of_both_ranges(dtype, shape):
    array = np.full(shape, 255 if dtype == np.uint8 else 1, dtype)
    array[0, 0, ...] = 0
    if shape[-1] == 4:
        array[..., 3] = array.max()
    pixels = np.asarray(load_image(array))
    assert pixels.shape == (4, 5, 3)
    assert (pixels[0, 0] == 0).all() and (pixels[1:] == 255).all()


@pytest.mark.parametrize(
    "source, message",
    [
        (np.full((4, 4), np.nan), "NaN"),
        (np.full((4, 4), np.inf, np.float32), "infinite"),
        (np.zeros((4, 4), np.int64), "int64"),
        (np.zeros((4, 4), bool), "bool"),
        (np.zeros((4, 4), complex), "complex128"),
        (np.full((4, 4), -1.0), r"from -1 to -1.*\(x \+ 1\) / 2"),
        (np.full((4, 4), 200.0), "divide by 255"),
        (np.zeros((3, 4, 5)), r"\(3, 4, 5\).*transpose"),
        (np.zeros((0, 4), np.uint8), "no pixels"),
        (np.zeros((2, 3, 4, 5), np.uint8), r"\(2, 3, 4, 5\)"),
        (None, "NoneType"),
        (torch.zeros(3, 4, 4), "torch.Tensor.*permute"),
        ("nowhere/missing.png", "missing.png.*does not exist"),
    ],
)
def test_wrong_sources_are_named(source, message):
    with pytest.raises(ValueError, match=message):
        load_image(source)


def test_broken_files_are_named(tmp_path):
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ValueError, match="cut.jpg.*truncated"):
        load_image(tmp_path / "cut.jpg")
    with pytest.raises(ValueError, match="text.png.*not a picture"):
        load_image(tmp_path / "text.png")
    with pytest.raises(ValueError, match="is a folder"):
        load_image(tmp_path)


def test_fit_crop_takes_the_centre():
    image = Image.new("RGB", (300, 100), "blue")
    image.paste(RED, (100, 0, 200, 100))
    fitted = fit_square(image, 100, "crop")
    assert fitted.size == (100, 100) and np.all(np.asarray(fitted) == RED)


def test_fit_pad_keeps_everything_and_mirrors_the_border():
    ramp = np.tile(np.arange(40, 80, dtype=np.uint8)[:, None, None], (1, 80, 3))  # 40 rows, 80 columns
    padded = np.asarray(fit_square(Image.fromarray(ramp), 80, "pad"))[:, :, 0]
    assert (padded[20:60] == ramp[:, :, 0]).all()
    assert (padded[19] == padded[21]).all() and (padded[60] == padded[58]).all()
    assert fit_square(Image.new("RGB", (500, 3)), 64, "pad").size == (64, 64)


def test_fit_stretch_and_identity():
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (33, 33, 3), np.uint8))
    assert fit_square(Image.new("RGB", (10, 30)), 16, "stretch").size == (16, 16)
    for fit in ("crop", "pad", "stretch"):
        assert fit_square(image, 33, fit).tobytes() == image.tobytes()
    with pytest.raises(ValueError, match="unknown fit 'squeeze'.*crop"):
        fit_square(image, 16, "squeeze")


def test_shrinking_is_antialiased():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.ptp(np.asarray(fit_square(Image.fromarray(stripes), 64, "crop"))[:, 4:-4].astype(int)) <= 4


def test_photo_round_trip_is_exact_and_in_colour_order():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    photo = Image.fromarray(np.stack([pixels, pixels[::-1], pixels.T], 2))
    tensor = photo_to_tensor(photo)
    assert tensor.shape == (3, 16, 16) and tensor.dtype == torch.float32
    assert tensor.min() == -1 and tensor.max() == 1
    assert torch.equal(tensor[0], photo_to_tensor(photo.getchannel("R"))[0])
    assert tensor_to_photo(tensor).tobytes() == photo.tobytes()


def test_tensor_to_photo_clamps_and_refuses():
    assert tensor_to_photo(torch.full((3, 2, 2), 7.0)).getpixel((0, 0)) == (255, 255, 255)
    with pytest.raises(ValueError, match=r"\(1, 2, 2\)"):
        tensor_to_photo(torch.zeros(1, 2, 2))
    with pytest.raises(ValueError, match="NaN"):
        tensor_to_photo(torch.full((3, 2, 2), float("nan")))


def test_drawing_polarity():
    drawing = np.full((8, 6), 255, np.uint8)
    drawing[2, 3] = 0
    tensor = drawing_to_tensor(drawing)
    assert tensor.shape == (1, 8, 6) and tensor[0, 2, 3] == -1 and tensor.sum() == 46
    with pytest.raises(ValueError, match="float64"):
        drawing_to_tensor(np.zeros((8, 8)))


def test_sixteen_bits_are_rounded_to_the_nearest_of_eight():
    levels = np.array([[0, 128, 129, 257 + 129, 65535 - 129, 65535]], np.uint16)
    assert np.asarray(load_image(Image.fromarray(levels)))[0, :, 0].tolist() == [0, 0, 1, 2, 254, 255]
