"""What the photos that pairs translate from have lost: colours, a rectangle, or nothing."""

from __future__ import annotations

import pytest
from shapes import photo

from i2i.data.blank import Blank
from i2i.data.folder_jobs import run_folder
from i2i.data.grayscale import Grayscale
from i2i.data.paired import PairedConfig, PairedDataset
from i2i.data.photo_inputs import seen_in


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    for seed in range(6):
        photo(seed, (96, 96)).save(tmp_path / "photos" / f"{seed}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    "task, found",
    [
        (Grayscale(), {"grey": True}),
        (Grayscale(layout="side-by-side", format="jpg"), {"grey": True}),
        (Blank(), {"hole": [255, 255, 255]}),
        (Blank(hole="random", share=0.3, fill="#808080"), {"hole": [128, 128, 128]}),
    ],
)
def test_pairs_that_prepare_made(photos, tmp_path, task, found):
    run_folder(task, [photos], tmp_path / "pairs")
    assert seen_in(PairedDataset(tmp_path / "pairs", "train", 64, PairedConfig(val_fraction=0.2))) == found


def test_the_way_back_of_such_pairs_starts_from_whole_photos(photos, tmp_path):
    run_folder(Grayscale(), [photos], tmp_path / "pairs")
    assert seen_in(PairedDataset(tmp_path / "pairs", "train", 64, PairedConfig(direction="BtoA"))) == {}


def test_other_photos_have_lost_nothing(photos, tmp_path):
    for side, change in (("A", lambda seed: seed), ("B", lambda seed: seed + 100)):
        (tmp_path / "pairs" / side).mkdir(parents=True)
        for seed in range(6):
            photo(change(seed)).save(tmp_path / "pairs" / side / f"{seed}.png")
    assert seen_in(PairedDataset(tmp_path / "pairs", "train", 64, PairedConfig())) == {}
    assert seen_in(PairedDataset(photos, "train", 64, PairedConfig(a="gray", b="ab"))) == {}
