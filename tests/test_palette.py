"""Colours to classes and back, whatever kind of file a label map is."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from i2i.palette import Palette

PALETTE = Palette(("sky", "wall", "window", "door"), ((0, 0, 222), (0, 48, 255), (0, 128, 255), (174, 0, 0)))
CLASSES = np.array([[0, 1, 2], [3, 3, 0]], np.uint8)


def test_load_reads_the_forms_in_use(tmp_path):
    simple = {"names": ["sky", "wall"], "colours": [[0, 0, 222], "#0030ff"]}
    entries = [
        {"index": 1, "rgb": [0, 48, 255], "hex": "#0030ff", "name": "wall"},
        {"index": 0, "rgb": [0, 0, 222], "hex": "#0000de", "name": "sky"},
    ]
    for data in (simple, {"palette": entries, "note": "x"}, {"classes": entries[::-1]}, entries):
        (tmp_path / "palette.json").write_text(json.dumps(data))
        palette = Palette.load(tmp_path / "palette.json")
        assert palette == Palette(("sky", "wall"), ((0, 0, 222), (0, 48, 255))) and len(palette) == 2
        assert Palette.from_json(json.loads(json.dumps(palette.to_json()))) == palette
    unnamed = Palette.from_json([{"hex": "#010203"}, {"color": [4, 5, 6]}])
    assert unnamed.names == ("class 0", "class 1") and unnamed.array.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert unnamed.array.dtype == np.uint8


@pytest.mark.parametrize(
    "data, message",
    [
        ({}, "expected .*names"),
        ({"names": ["a"], "colours": []}, "1 names and 0 colours"),
        ({"names": ["a", "a"], "colours": [[0, 0, 0], [1, 1, 1]]}, "name 'a' occurs twice"),
        ({"names": ["a", "b"], "colours": [[0, 0, 0], "#000000"]}, "colour .* occurs twice"),
        ({"names": ["a"], "colours": [[0, 0, 256]]}, "whole numbers from 0 to 255"),
        ({"names": ["a"], "colours": ["#12345"]}, "#12345"),
        ({"names": ["a"], "colours": [[0.5, 0, 0]]}, "whole numbers"),
        ({"names": [3], "colours": [[0, 0, 0]]}, "expected words"),
        ([{"index": 1, "rgb": [0, 0, 0]}], "each of 0 to 0 once"),
        ([{"name": "a"}], "entry 0 has no colour"),
        ({"names": [], "colours": []}, "0 classes"),
    ],
)
def test_bad_palettes_are_explained(tmp_path, data, message):
    (tmp_path / "palette.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match=f"palette.json: .*{message}"):
        Palette.load(tmp_path / "palette.json")


def test_bad_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere.json does not exist"):
        Palette.load(tmp_path / "nowhere.json")
    (tmp_path / "no.json").write_text("{")
    with pytest.raises(ValueError, match="no.json is no readable JSON"):
        Palette.load(tmp_path / "no.json")


def test_round_trip_of_every_kind_of_picture():
    image = PALETTE.image(CLASSES)
    assert image.mode == "P" and image.size == (3, 2)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    indices = CLASSES.astype(np.int64)
    pictures = [image, Image.open(buffer), image.convert("RGB"), image.convert("RGBA"), PALETTE.array[CLASSES]]
    pictures += [Image.fromarray(CLASSES), CLASSES, indices, Image.fromarray(CLASSES.astype(np.uint16))]
    for picture in pictures:
        classes = PALETTE.classes(picture)
        assert classes.dtype == np.uint8 and np.array_equal(classes, CLASSES)
        assert PALETTE.unknown(picture) == []


def test_a_palette_picture_is_read_by_colour_not_by_number():
    other = Image.fromarray(3 - CLASSES)
    other.putpalette(PALETTE.array[::-1].tobytes())
    assert np.array_equal(PALETTE.classes(other), CLASSES)
    black = Image.new("P", (2, 2))
    black.putpalette([0, 0, 0])
    assert PALETTE.unknown(black) == [((0, 0, 0), 4)]


def test_a_palette_picture_with_a_ramp_of_grey_holds_indices():
    ramp = Image.fromarray(CLASSES)
    ramp.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    assert np.array_equal(PALETTE.classes(ramp), CLASSES)


def test_bilevel_and_grey_pictures():
    two = Palette(("paper", "ink"), ((255, 255, 255), (0, 0, 0)))
    assert two.classes(Image.new("1", (1, 1), 1)).tolist() == [[0]]  # by colour: the palette has both
    coloured = Palette(("a", "b"), ((200, 0, 0), (0, 200, 0)))
    assert coloured.classes(Image.new("1", (1, 1), 1)).tolist() == [[1]]
    assert two.classes(Image.fromarray(np.array([[0, 255, 250]], np.uint8))).tolist() == [[1, 0, 0]]
    assert PALETTE.unknown(Image.fromarray(np.array([[0, 4]], np.uint8))) == [((0, 0, 0), 1), ((4, 4, 4), 1)]


def test_near_colours_snap_and_far_ones_are_listed():
    rng = np.random.default_rng(0)
    noisy = np.clip(PALETTE.array[CLASSES].astype(int) + rng.integers(-12, 13, (2, 3, 3)), 0, 255).astype(np.uint8)
    assert np.array_equal(PALETTE.classes(noisy), CLASSES)
    wrong = PALETTE.array[np.zeros((4, 5), np.uint8)]
    wrong[0], wrong[1, 0] = (90, 200, 40), (255, 255, 255)
    assert PALETTE.unknown(wrong) == [((90, 200, 40), 5), ((255, 255, 255), 1)]
    message = r"2 colours are not in the palette \(4 classes: sky, .*#5ac828 \(5 px\), #ffffff \(1 px\); 6 of 20 pixels"
    with pytest.raises(ValueError, match=message):
        PALETTE.classes(wrong)
    assert PALETTE.unknown(wrong, tolerance=500) == [] and len(PALETTE.unknown(noisy, tolerance=0)) > 0


def test_transparent_is_white():
    image = PALETTE.image(CLASSES).convert("RGBA")
    image.putpixel((0, 0), (0, 0, 222, 0))
    assert PALETTE.unknown(image) == [((255, 255, 255), 1)]


def test_a_jpeg_without_subsampled_colour_is_read_and_borders_are_the_only_doubt():
    large = np.kron(CLASSES, np.ones((24, 24), np.uint8))
    buffer = io.BytesIO()
    PALETTE.image(large).convert("RGB").save(buffer, "JPEG", quality=85)
    classes, distance = PALETTE.nearest(Image.open(buffer))
    assert distance.shape == large.shape and distance.dtype == np.float32
    centres = (slice(12, None, 24), slice(12, None, 24))
    assert np.array_equal(classes[centres], CLASSES) and distance[centres].max() < 32
    assert (distance > 32).mean() < 0.5


def test_an_antialiased_edge_is_doubtful_not_a_third_class():
    """Halfway between blue and red lies no class: those pixels are listed, and those beside them snap."""
    large = Image.new("RGB", (400, 400), (0, 0, 222))
    ImageDraw.Draw(large).ellipse((60, 60, 340, 340), fill=(174, 0, 0))
    soft = large.resize((100, 100), Image.Resampling.BOX)
    classes, distance = PALETTE.nearest(soft)
    assert set(np.unique(classes[distance <= 32])) == {0, 3}
    assert 0 < (distance > 32).sum() < 400 and PALETTE.unknown(soft)


def test_one_hot():
    planes = PALETTE.one_hot(CLASSES)
    assert planes.shape == (4, 2, 3) and planes.dtype == torch.float32
    assert torch.equal(planes.sum(0), torch.ones(2, 3))
    assert torch.equal(planes.argmax(0), torch.from_numpy(CLASSES).long())


@pytest.mark.parametrize(
    "picture, message",
    [
        (np.array([[0, 4]]), "from 0 to 4, but the palette has the classes 0 to 3"),
        (np.array([[-1, 0]]), "from -1 to 0"),
        (np.zeros((2, 2)), r"float64 \(2, 2\)"),
        (np.zeros((0, 2), np.uint8), r"uint8 \(0, 2\)"),
        (np.zeros((2, 2, 3)), r"float64 \(2, 2, 3\)"),
        (np.zeros((3, 2, 2), np.uint8), r"uint8 \(3, 2, 2\)"),
        ("map.png", "got str"),
    ],
)
def test_other_things_are_refused(picture, message):
    with pytest.raises(ValueError, match=message):
        PALETTE.classes(picture)


def test_image_and_one_hot_refuse_classes_outside():
    for make in (PALETTE.image, PALETTE.one_hot):
        with pytest.raises(ValueError, match="classes 0 to 3"):
            make(np.array([[4]]))
        with pytest.raises(ValueError, match="expected integers"):
            make(np.zeros((1, 2, 3), np.uint8))


def test_the_tolerance_is_the_largest_distance_that_still_is_a_class():
    black = Palette(("black", "white"), ((0, 0, 0), (255, 255, 255)))
    assert black.classes(np.full((1, 1, 3), (32, 0, 0), np.uint8)).tolist() == [[0]]
    with pytest.raises(ValueError, match="further than 32 levels"):
        black.classes(np.full((1, 1, 3), (33, 0, 0), np.uint8))
