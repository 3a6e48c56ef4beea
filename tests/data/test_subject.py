"""Subjects cut out by a mask."""

import numpy as np
import pytest
from PIL import Image
from shapes import photo

from i2i.data.folder_jobs import run_folder
from i2i.data.subject import Subject


def mask_of(box, size=(96, 80), inside=255):
    mask = Image.new("L", size, 0)
    mask.paste(inside, box)
    return mask


@pytest.fixture
def folders(tmp_path):
    for name in ("photos", "masks"):
        (tmp_path / name).mkdir()
    for seed in range(2):
        photo(seed).save(tmp_path / "photos" / f"{seed}.png")
        mask_of((20, 30, 60, 50)).save(tmp_path / "masks" / f"{seed}.png")
    return tmp_path / "photos", tmp_path / "masks"


def test_the_subject_is_in_the_middle_of_plain_paper(folders, tmp_path):
    report = run_folder(Subject(size=0, margin=0.25, paper="#102030"), folders, tmp_path / "out")
    assert report.counts == {"written": 2} and report.files[0]["box"] == (20, 30, 60, 50)
    pixels = np.asarray(Image.open(tmp_path / "out" / "0.png"))
    assert pixels.shape == (60, 60, 3)
    assert np.array_equal(pixels[20:40, 10:50], np.asarray(photo(0))[30:50, 20:60])
    pixels = pixels.copy()
    pixels[20:40, 10:50] = (16, 32, 48)
    assert (pixels == (16, 32, 48)).all()
    run_folder(Subject(size=32), folders, tmp_path / "small")
    assert Image.open(tmp_path / "small" / "1.png").size == (32, 32)


def test_values_of_a_trimap_and_soft_borders(folders, tmp_path):
    photos, masks = folders
    trimap = mask_of((10, 10, 70, 70), inside=3)
    trimap.paste(1, (20, 20, 60, 60))
    trimap.paste(2, (0, 0, 96, 5))
    trimap.save(masks / "0.png")
    soft = mask_of((20, 20, 60, 60))
    soft.paste(128, (40, 20, 60, 60))
    soft.save(masks / "1.png")
    report = run_folder(Subject(size=0, margin=0, values=(1, 3)), folders, tmp_path / "out")
    assert report.files[0]["box"] == (10, 10, 70, 70) and report.files[1]["status"] == "no subject"
    run_folder(Subject(size=0, margin=0), folders, tmp_path / "soft")
    pixels = np.asarray(Image.open(tmp_path / "soft" / "1.png")).astype(float)
    expected = np.asarray(photo(1)).astype(float)[20:60, 40:60]
    assert np.abs(pixels[:, 20:] - (255 + (expected - 255) * 128 / 255)).max() <= 1


def test_what_is_wrong_is_said(folders, tmp_path):
    photos, masks = folders
    names = ("empty", "tiny", "cut", "large", "lonely")
    for seed, name in enumerate(names, 10):
        photo(seed).save(photos / f"{name}.jpg")
    mask_of((0, 0, 0, 0)).save(masks / "empty.png")
    mask_of((5, 5, 9, 9)).save(masks / "tiny.png")
    mask_of((0, 40, 30, 80)).save(masks / "cut.png")
    mask_of((5, 5, 9, 9), (200, 80)).save(masks / "large.png")
    report = run_folder(Subject(), folders, tmp_path / "out")
    got = {record["file"]: record for record in report.files}
    assert got["empty"]["status"] == got["tiny"]["status"] == "no subject"
    assert "covers 0.2% of the photo, at least 1.0%" in got["tiny"]["why"]
    assert got["large"]["status"] == "mismatch" and "mask 200x80" in got["large"]["why"]
    assert got["lonely"]["status"] == "lonely"
    assert "the subject touches the frame: bottom, left" in got["cut"]["notes"]


def test_transparency_is_a_mask_of_its_own(tmp_path):
    (tmp_path / "in").mkdir()
    cut_out = photo(1).convert("RGBA")
    cut_out.putalpha(mask_of((20, 30, 60, 50), inside=200))
    cut_out.save(tmp_path / "in" / "a.png")
    photo(2).save(tmp_path / "in" / "opaque.png")
    report = run_folder(Subject(size=0, margin=0), [tmp_path / "in"], tmp_path / "out")
    assert [record["status"] for record in report.files] == ["written", "no mask"]
    assert report.files[0]["notes"] == []
    pixels = np.asarray(Image.open(tmp_path / "out" / "a.png")).astype(float)[10:30]
    expected = np.asarray(photo(1)).astype(float)[30:50, 20:60]
    assert np.abs(pixels - (255 + (expected - 255) * 200 / 255)).max() <= 1


@pytest.mark.parametrize("options", [{"size": -1}, {"margin": 3}, {"min_share": 1.0}, {"paper": "x"}])
def test_options_are_checked(options):
    with pytest.raises(ValueError, match="expected"):
        Subject(**options)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_an_alpha_channel_that_says_nothing_is_no_mask(folders, tmp_path, mode):
    photos, masks = folders
    for seed in range(2):
        mask_of((20, 30, 60, 50)).convert(mode).save(masks / f"{seed}.png")
    report = run_folder(Subject(size=0), folders, tmp_path / "out")
    assert [record["box"] for record in report.files] == [(20, 30, 60, 50)] * 2
    # Where it says something, it is the mask.
    cover = mask_of((10, 10, 30, 30))
    page = Image.new(mode, cover.size)
    page.putalpha(cover)
    page.save(masks / "0.png")
    assert run_folder(Subject(size=0), folders, tmp_path / "out").files[0]["box"] == (10, 10, 30, 30)
    photo(1).convert("RGBA").save(photos / "0.png")
    alone = run_folder(Subject(size=0), [photos], tmp_path / "alone")
    assert [record["status"] for record in alone.files] == ["no mask"] * 2
