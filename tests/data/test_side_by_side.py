"""A|B to two folders and back."""

import numpy as np
import pytest
from PIL import Image
from shapes import photo

from i2i.data.folder_jobs import run_folder
from i2i.data.side_by_side import Combine, SplitPairs


@pytest.fixture
def two(tmp_path):
    for side in "ab":
        for split in ("train", "val"):
            (tmp_path / side / split).mkdir(parents=True)
    for seed in range(4):
        split = "val" if seed == 3 else "train"
        photo(seed, (48, 48)).save(tmp_path / "a" / split / f"{seed}.png")
        photo(10 + seed, (48, 48)).save(tmp_path / "b" / split / f"{seed}.webp", lossless=True)
    return tmp_path / "a", tmp_path / "b"


def test_combine_and_split_are_inverse(two, tmp_path):
    report = run_folder(Combine(), two, tmp_path / "both")
    assert report.counts == {"written": 4}
    with Image.open(tmp_path / "both" / "val" / "3.png") as image:
        assert image.size == (96, 48)
        assert np.array_equal(np.asarray(image)[:, :48], np.asarray(photo(3, (48, 48))))
    run_folder(SplitPairs(), [tmp_path / "both"], tmp_path / "AtoB")
    run_folder(SplitPairs("BtoA", ("edges", "photo")), [tmp_path / "both"], tmp_path / "BtoA")
    for seed in range(3):
        left, right = np.asarray(photo(seed, (48, 48))), np.asarray(photo(10 + seed, (48, 48)))
        for path, expected in (
            ("AtoB/train/A", left), ("AtoB/train/B", right), ("BtoA/train/edges", right), ("BtoA/train/photo", left)
        ):  # fmt: skip
            assert np.array_equal(np.asarray(Image.open(tmp_path / path / f"{seed}.png")), expected)


def test_lonely_unequal_broken_and_doubled_files_are_named(two, tmp_path):
    a, b = two
    photo(20).save(a / "lonely.png")
    photo(21, (48, 48)).save(a / "wide.png")
    photo(22, (64, 48)).save(b / "wide.png")
    photo(23).save(a / "broken.png")
    (b / "broken.png").write_bytes(b"x")
    for suffix in ("png", "jpg"):
        photo(24).save(b / f"twice.{suffix}")
    photo(24).save(a / "twice.png")
    report = run_folder(Combine(), two, tmp_path / "both")
    got = {record["file"]: (record["status"], record["why"]) for record in report.files if record["why"]}
    assert got["lonely"][0] == "lonely" and str(b) in got["lonely"][1]
    assert got["wide"] == ("mismatch", "A is 48x48, B is 64x48: resize both alike first")
    assert got["broken"][0] == "unreadable" and got["broken"][1].startswith("b/broken.png: not a picture")
    assert got["twice"][0] == "clash" and "twice.jpg and twice.png: remove all but one" in got["twice"][1]
    assert report.counts["written"] == 4 and len(got) == 4
    # The partner arrives: now it is done.
    photo(25).save(b / "lonely.png")
    again = run_folder(Combine(), two, tmp_path / "both")
    assert again.counts["written"] == 5 and again.skipped == 7


def test_an_odd_width_is_no_pair_and_other_shapes_are_noted(tmp_path):
    (tmp_path / "in").mkdir()
    photo(1, (65, 32)).save(tmp_path / "in" / "odd.png")
    photo(2, (100, 32)).save(tmp_path / "in" / "wide.png")
    report = run_folder(SplitPairs(), [tmp_path / "in"], tmp_path / "out")
    records = {record["file"]: record for record in report.files}
    assert records["odd.png"]["status"] == "mismatch" and "65 pixels wide" in records["odd.png"]["why"]
    assert records["wide.png"]["notes"] == ["the halves are 50x32, not square"]
    assert sorted(records["wide.png"]["results"]) == ["A/wide.png", "B/wide.png"]


@pytest.mark.parametrize("names", [("A",), ("A", "A"), ("a/b", "c"), (".a", "b"), ("", "b")])
def test_folder_names_are_checked(names):
    with pytest.raises(ValueError, match="two different plain names"):
        SplitPairs(names=names)


def test_partners_may_differ_in_how_unicode_writes_their_names(two, tmp_path):
    a, b = two
    photo(30, (48, 48)).save(a / "caf\u00e9.png")
    photo(31, (48, 48)).save(b / "cafe\u0301.png")
    assert run_folder(Combine(), two, tmp_path / "both").counts == {"written": 5}


def test_an_unreadable_file_beside_a_readable_one_of_its_name_is_no_clash(two, tmp_path):
    a, b = two
    (b / "train" / "1.heic").write_bytes(b"x")
    report = run_folder(Combine(), two, tmp_path / "both")
    assert report.counts == {"written": 4, "unreadable": 1}
    (broken,) = [record for record in report.files if record["status"] == "unreadable"]
    assert broken["file"] == "b/train/1.heic" and run_folder(Combine(), two, tmp_path / "both").skipped == 5


@pytest.mark.parametrize("place", ["b", "."])
def test_the_palette_of_label_maps_goes_along(two, tmp_path, place):
    """From the folder of the maps or from beside both folders to the pairs, and back."""
    palette = b'{"names": ["sky", "wall"], "colours": [[0, 0, 222], [255, 80, 0]]}'
    (tmp_path / place / "palette.json").write_bytes(palette)
    report = run_folder(Combine(), two, tmp_path / "both")
    assert report.counts == {"written": 5} and report.ignored == []
    report = run_folder(SplitPairs(names=("photo", "labels")), [tmp_path / "both"], tmp_path / "apart")
    assert report.counts == {"written": 5} and report.ignored == ["manifest.json"]
    for folder in ("both", "apart"):
        assert (tmp_path / folder / "palette.json").read_bytes() == palette
    assert run_folder(Combine(), two, tmp_path / "both").skipped == 5


def test_another_palette_is_not_written_over(two, tmp_path):
    (two[1] / "palette.json").write_text("{}")
    (tmp_path / "both").mkdir()
    (tmp_path / "both" / "palette.json").write_text("mine")
    with pytest.raises(ValueError, match=r"palette\.json would be overwritten"):
        run_folder(Combine(), two, tmp_path / "both")
