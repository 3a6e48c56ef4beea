"""Plain shapes: their edges lie where the colour changes, and nowhere else."""

import numpy as np
import pytest

from i2i.data import bsds
from i2i.data.bsds import BsdsCrops
from i2i.data.plain_shapes import CONTRAST, plain_shapes


def many(count=40, size=96):
    return [plain_shapes(size, np.random.default_rng(k)) for k in range(count)]


def test_pictures_and_edges():
    drawn = 0
    for picture, edges in many():
        assert picture.shape == (96, 96, 3) and picture.dtype == np.uint8
        assert edges.shape == (96, 96) and edges.dtype == np.float32
        assert set(np.unique(edges)) <= {0.0, np.float32(0.1), 1.0}
        drawn += bool((edges == 1).any())
    assert drawn == 40
    assert len({picture.tobytes() for picture, _ in many()}) == 40


def test_the_same_generator_draws_the_same():
    for a, b in zip(many(5), many(5), strict=True):
        assert all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


def test_colours_change_at_edges_alone():
    for picture, edges in many():
        grey = picture.astype(np.float64).mean(2)
        across = np.abs(np.diff(grey, axis=1))
        calm = (edges[:, 1:] == 0) & (edges[:, :-1] == 0)
        # A gradient at most, but for tips of shapes that are thinner than a pixel.
        assert np.quantile(across[calm], 0.999) < 3
        # Where two neighbours are both marked, what lies beyond them on either side differs.
        both = (edges[:, 1:-2] == 1) & (edges[:, 2:-1] == 1) & (edges[:, :-3] < 1) & (edges[:, 3:] < 1)
        apart = np.abs(grey[:, :-3] - grey[:, 3:])[both]
        assert not len(apart) or np.median(apart) > CONTRAST / 2


@pytest.mark.parametrize("share, least, most", [(0.0, 0, 0), (0.3, 8, 30), (1.0, 60, 60)])
def test_their_share_of_the_crops(bsds_pairs, monkeypatch, share, least, most):
    drawn = []
    monkeypatch.setattr(bsds, "plain_shapes", lambda size, rng: drawn.append(size) or plain_shapes(size, rng))
    crops = BsdsCrops(bsds_pairs, 64, shapes=share)
    for k in range(60):
        assert crops[(0, k)]["x"].shape == (3, 64, 64)
    assert least <= len(drawn) <= most and set(drawn) <= {64}


def test_no_teacher_drew_them(bsds_pairs):
    taught = [np.full((96, 128), 200, np.uint8) for _ in bsds_pairs]
    crops = BsdsCrops(bsds_pairs, 64, taught, shapes=1.0)
    item = crops[(0, 3)]
    assert (item["taught"] == -1).all() and (item["consensus"] == -1).all()
    assert item["exact"].shape == (1, 64, 64) and (item["exact"] == 1).any() and (item["exact"] >= 0).all()


def test_of_photos_nothing_is_exact(bsds_pairs):
    crops = BsdsCrops(bsds_pairs, 64, shapes=0.5)
    items = [crops[(0, k)] for k in range(20)]
    exact = [bool((item["exact"] >= 0).all()) for item in items]
    assert 2 < sum(exact) < 18
    for item, shapes in zip(items, exact, strict=True):
        assert "taught" not in item and bool((item["consensus"] == -1).all()) == shapes
        assert shapes or (item["exact"] == -1).all()
    assert "exact" not in BsdsCrops(bsds_pairs, 64)[0]


def test_a_share_that_cannot_be(bsds_pairs):
    with pytest.raises(ValueError, match="share of plain shapes must be from 0 to 1, got 2"):
        BsdsCrops(bsds_pairs, 64, shapes=2)


@pytest.fixture(scope="module")
def bsds_pairs(tmp_path_factory):
    from PIL import Image
    from test_bsds import save_truth

    folder = tmp_path_factory.mktemp("plain")
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)).save(folder / "a.jpg")
    outline = np.zeros((96, 128), np.uint8)
    outline[40] = 1
    save_truth(folder / "a.mat", [outline, outline])
    return [(folder / "a.jpg", folder / "a.mat")] * 2
