"""Holes for inpainting."""

import json

import numpy as np
import pytest
from PIL import Image
from shapes import photo

from i2i.data.blank import Blank
from i2i.data.folder_jobs import run_folder


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(6):
        photo(seed, (80, 60)).save(folder / f"{seed}.png")
    return folder


def check(out, size):
    """Each A is B but for its hole, which has the size; the places of the holes come back."""
    places = []
    for record in json.loads((out / "manifest.json").read_text())["files"]:
        left, top, width, height = record["hole"]
        assert (width, height) == size
        a, b = (np.asarray(Image.open(out / side / record["file"])).copy() for side in "AB")
        assert (a[top : top + height, left : left + width] == (0, 0, 255)).all()
        a[top : top + height, left : left + width] = b[top : top + height, left : left + width]
        assert np.array_equal(a, b)
        assert np.array_equal(b, np.asarray(photo(int(record["file"][0]), (80, 60))))
        places.append((left, top))
    return places


def test_centre(photos, tmp_path):
    run_folder(Blank(fill="blue"), [photos], tmp_path / "out")
    assert set(check(tmp_path / "out", (40, 30))) == {(20, 15)}


def test_random_holes_are_elsewhere_but_always_the_same(photos, tmp_path):
    for out, seed in (("one", 0), ("two", 0), ("three", 1)):
        run_folder(Blank("random", 0.25, "blue", seed), [photos], tmp_path / out)
    places = [check(tmp_path / out, (20, 15)) for out in ("one", "two", "three")]
    assert places[0] == places[1] != places[2] and len(set(places[0])) > 3


def test_side_by_side(photos, tmp_path):
    run_folder(Blank(layout="side-by-side", format="webp"), [photos], tmp_path / "out")
    with Image.open(tmp_path / "out" / "0.webp") as image:
        pixels = np.asarray(image)
    assert pixels.shape == (60, 160, 3) and pixels[20:40, 30:50].min() > 250 and pixels[20:40, 110:130].min() < 250


@pytest.mark.parametrize(
    "options, message",
    [
        ({"share": 1.0}, "between 0 and 1"), ({"hole": "left"}, "unknown hole"), ({"fill": "x"}, "colour 'x'"),
        ({"layout": "files"}, "unknown layout"),
    ],
)  # fmt: skip
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Blank(**options)
