"""Lightness and colour."""

import numpy as np
from PIL import Image
from shapes import photo
from skimage.color import rgb2lab

from i2i.data.folder_jobs import run_folder
from i2i.data.grayscale import Grayscale


def test_lightness_beside_the_photo_and_grey_photos_left_out(tmp_path):
    (tmp_path / "in").mkdir()
    photo(1).save(tmp_path / "in" / "colour.png")
    photo(2).convert("L").save(tmp_path / "in" / "grey.png")
    report = run_folder(Grayscale(), [tmp_path / "in"], tmp_path / "out")
    records = {record["file"]: record for record in report.files}
    assert records["grey.png"]["status"] == "colourless" and "at least 2 expected" in records["grey.png"]["why"]
    with Image.open(tmp_path / "out" / "A" / "colour.png") as image:
        assert image.mode == "L"
        lab = rgb2lab(np.asarray(photo(1)))
        assert np.abs(np.asarray(image) / 2.55 - lab[..., 0]).max() < 0.5
    assert abs(records["colour.png"]["colour"] - np.hypot(lab[..., 1], lab[..., 2]).mean()) < 0.5
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out" / "B" / "colour.png")), np.asarray(photo(1)))
    everything = run_folder(Grayscale(min_colour=0, layout="side-by-side"), [tmp_path / "in"], tmp_path / "all")
    assert everything.counts == {"written": 2}
    with Image.open(tmp_path / "all" / "grey.png") as image:
        assert image.size == (192, 80)
