"""The data set: ranges, polarity, alignment, and items that depend on (index, seed) alone."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from i2i.data.pairs import PairDataset


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Six pairs: a red disc right of the centre on grey, and its outline."""
    root = tmp_path_factory.mktemp("run")
    for split, count in (("train", 6), ("val", 2)):
        for kind in ("photo", "drawing"):
            (root / "pairs" / split / kind).mkdir(parents=True)
        for i in range(count):
            photo, drawing = np.full((256, 256, 3), 128, np.uint8), np.full((256, 256), 255, np.uint8)
            centre, radius = (150 + 5 * i, 110), 40 + 3 * i
            cv2.circle(photo, centre, radius, (255, 0, 0), -1)
            cv2.circle(drawing, centre, radius, 0, 1)
            Image.fromarray(photo).save(root / "pairs" / split / "photo" / f"p{i}.webp", quality=95)
            Image.fromarray(drawing).convert("1").save(root / "pairs" / split / "drawing" / f"p{i}.png")
    return root


def same(a, b):
    return torch.equal(a["x"], b["x"]) and torch.equal(a["y"], b["y"])


def test_shapes_ranges_and_polarity(root):
    data = PairDataset(root, "train", flip=False)
    assert len(data) == 6 and data.ids[0] == "p0"
    item = data[0]
    assert item["x"].shape == (1, 256, 256) and item["y"].shape == (3, 256, 256)
    assert item["x"].dtype == item["y"].dtype == torch.float32
    assert item["x"].unique().tolist() == [-1, 1] and item["x"].mean() > 0.9  # mostly paper
    assert item["y"][0, 110, 150] > 0.9 and item["y"][2, 110, 150] < -0.9  # red, not blue
    assert len(PairDataset(root, "val")) == 2


def test_cache_changes_nothing(root):
    options = {"sketchify_strength": 1.0, "flip": True}
    for size in (256, 64):
        a, b = (PairDataset(root, "train", size, cache=cache, **options) for cache in (True, False))
        assert all(same(a[(i, 5)], b[(i, 5)]) for i in range(6))


def test_items_are_a_function_of_index_and_seed(root):
    data = PairDataset(root, "train", sketchify_strength=1.0)
    first = [data[(i, 7)] for i in range(6)]
    np.random.default_rng().random()
    torch.rand(3)
    assert all(same(data[(i, 7)], first[i]) for i in reversed(range(6)))
    assert len({data[(0, seed)]["x"].numpy().tobytes() for seed in range(12)}) >= 8
    assert same(data[2], data[(2, 0)])
    loaded = next(iter(DataLoader(data, batch_size=6, sampler=[(i, 7) for i in range(6)], num_workers=1)))
    assert torch.equal(loaded["x"], torch.stack([item["x"] for item in first]))


def test_flip_mirrors_both_together(root):
    plain, data = PairDataset(root, "train", flip=False), PairDataset(root, "train", flip=True)
    mirrored = 0
    for seed in range(20):
        item, straight = data[(1, seed)], plain[(1, seed)]
        if same(item, straight):
            continue
        mirrored += 1
        assert torch.equal(item["x"], straight["x"].flip(2)) and torch.equal(item["y"], straight["y"].flip(2))
    assert 4 <= mirrored <= 16


def test_variation_changes_the_drawing_only(root):
    plain, data = (
        PairDataset(root, "train", flip=False),
        PairDataset(root, "train", flip=False, sketchify_strength=1.0),
    )
    changed = sum(not torch.equal(data[(0, s)]["x"], plain[0]["x"]) for s in range(10))
    assert changed >= 5
    assert all(torch.equal(data[(0, s)]["y"], plain[0]["y"]) for s in range(10))


def test_lower_sizes_shrink_both_by_area_averaging(root):
    full, small = (PairDataset(root, "train", size, flip=True, sketchify_strength=1.0) for size in (256, 64))
    for seed in range(4):
        large, item = full[(3, seed)], small[(3, seed)]
        pooled = torch.nn.functional.avg_pool2d(large["x"], 4)
        assert torch.allclose(item["x"], pooled, atol=1e-5)  # varied at 256, shrunk afterwards
        assert (item["y"] - torch.nn.functional.avg_pool2d(large["y"], 4)).abs().max() <= 1 / 127
    assert item["x"].min() > -1  # grey lines


def test_drawing_gives_the_prepared_one(root):
    data = PairDataset(root, "train", 64)
    drawing = data.drawing(0)
    assert drawing.shape == (256, 256) and drawing.dtype == np.uint8 and set(np.unique(drawing)) == {0, 255}
    assert drawing[110, 190] == 0 and drawing[110, 150] == 255


def test_bad_folders_and_sizes(root, tmp_path):
    with pytest.raises(ValueError, match="no pairs in"):
        PairDataset(tmp_path)
    with pytest.raises(ValueError, match="got size 512, expected 1 to 256"):
        PairDataset(root, size=512)
    with pytest.raises(ValueError, match="got sketchify_strength 3, expected a number from 0 to 1"):
        PairDataset(root, sketchify_strength=3)
    with pytest.raises(IndexError, match="holds 6 pairs"):
        PairDataset(root)[6]
    for kind in ("photo", "drawing"):
        (tmp_path / "pairs" / "train" / kind).mkdir(parents=True)
    Image.new("1", (256, 256), 1).save(tmp_path / "pairs" / "train" / "drawing" / "a.png")
    with pytest.raises(ValueError, match="a has a photo or a drawing but not both"):
        PairDataset(tmp_path)
