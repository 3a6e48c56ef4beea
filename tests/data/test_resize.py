"""Fitting pictures to a size."""

import numpy as np
import pytest
from PIL import Image
from shapes import photo

from i2i.data.folder_jobs import run_folder
from i2i.data.resize import Resize, fit_to
from i2i.images import fit_square


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(100, 70), (70, 101), (64, 64)])
def test_squares_are_as_everywhere_else(fit, size):
    image = photo(1, size)
    assert fit_to(image, (64, 64), fit).tobytes() == fit_square(image, 64, fit).tobytes()


def test_crop_keeps_the_centre_and_pad_keeps_everything():
    image = Image.new("RGB", (300, 100), "blue")
    image.paste((200, 30, 10), (50, 0, 250, 100))
    assert np.all(np.asarray(fit_to(image, (80, 40), "crop"))[:, 2:-2] == (200, 30, 10))
    padded = np.asarray(fit_to(image, (60, 60), "pad", "#00ff00"))
    assert padded.shape == (60, 60, 3)
    assert (padded[:20] == (0, 255, 0)).all() and (padded[40:] == (0, 255, 0)).all()
    assert not (padded[20:40] == (0, 255, 0)).all(-1).any()
    mirrored = np.asarray(fit_to(photo(3, (60, 20)), (60, 60), "pad"))
    assert (mirrored[19] == mirrored[21]).all() and (mirrored[40] == mirrored[38]).all()


def test_label_maps_keep_their_palette_and_get_no_new_colour(tmp_path):
    (tmp_path / "maps").mkdir()
    labels = Image.fromarray(np.kron(np.array([[0, 2], [1, 3]], np.uint8), np.ones((25, 40), np.uint8)))
    labels.putpalette([9, 9, 9, 250, 0, 0, 0, 250, 0, 0, 0, 250])
    labels.save(tmp_path / "maps" / "a.png")
    for fit in ("crop", "pad", "stretch"):
        run_folder(Resize((32, 20), fit, kind="labels"), [tmp_path / "maps"], tmp_path / fit)
        with Image.open(tmp_path / fit / "a.png") as image:
            assert image.mode == "P" and image.size == (32, 20) and image.getpalette()[:6] == [9, 9, 9, 250, 0, 0]
            assert sorted(index for _, index in image.getcolors()) == [0, 1, 2, 3]


def test_enlarging_is_said_and_formats_differ(tmp_path):
    (tmp_path / "in").mkdir()
    photo(1, (20, 16)).save(tmp_path / "in" / "a.png")
    for kind, name in (("png", "PNG"), ("webp", "WEBP"), ("jpg", "JPEG")):
        report = run_folder(Resize((64,), format=kind), [tmp_path / "in"], tmp_path / kind)
        assert report.files[0]["notes"] == ["enlarged from 20x16"]
        with Image.open(tmp_path / kind / f"a.{kind}") as image:
            assert image.format == name and image.size == (64, 64)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"size": (0,)}, "size"),
        ({"size": (1, 2, 3)}, "width and height"),
        ({"fit": "squash"}, "unknown fit 'squash': use one of crop, pad, stretch"),
        ({"fill": "blurple"}, "colour 'blurple'"),
        ({"kind": "labels", "format": "jpg"}, "label maps are written as png"),
        ({"format": "bmp"}, "unknown format"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        Resize(**options)


@pytest.mark.parametrize("fit, enlarged", [("crop", True), ("stretch", True), ("pad", False)])
def test_enlarging_one_side_is_said_where_it_happens(tmp_path, fit, enlarged):
    (tmp_path / "in").mkdir()
    photo(1, (500, 10)).save(tmp_path / "in" / "a.png")
    report = run_folder(Resize((64,), fit), [tmp_path / "in"], tmp_path / "out")
    assert report.files[0]["notes"] == (["enlarged from 500x10"] if enlarged else [])
