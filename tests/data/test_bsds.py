"""BSDS500's folder, its annotators, and crops that depend on (index, seed) alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from i2i.data.bsds import BsdsCrops, BsdsError, _resize_truth, find_bsds, read_annotators, read_boundaries


def save_truth(path: Path, maps: list[np.ndarray]) -> None:
    """A ground-truth file as BSDS500 has it: a cell array with one struct for each annotator."""
    cells = np.empty((1, len(maps)), object)
    for i, boundaries in enumerate(maps):
        cells[0, i] = {"Segmentation": np.zeros(boundaries.shape, np.uint16), "Boundaries": boundaries}
    savemat(path, {"groundTruth": cells})


def make_bsds(root: Path, train: int = 4, val: int = 2, size: tuple[int, int] = (96, 128)) -> Path:
    """Photos of a rectangle each, whose outline two annotators drew; one of them drew a diagonal too."""
    height, width = size
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        (root / "images" / split).mkdir(parents=True)
        (root / "groundTruth" / split).mkdir(parents=True)
        for i in range(count):
            photo = np.full((height, width, 3), rng.integers(0, 100, 3), np.uint8)
            outline = np.zeros((height, width), np.uint8)
            corners = (20 + 3 * i, 15), (width - 25, height - 20 - 2 * i)
            cv2.rectangle(photo, *corners, tuple(map(int, rng.integers(150, 255, 3))), -1)
            cv2.rectangle(outline, *corners, 1, 1)
            second = cv2.line(outline.copy(), (0, 0), (width - 1, height - 1), 1, 1)
            Image.fromarray(photo).save(root / "images" / split / f"{i}.jpg", quality=95)
            save_truth(root / "groundTruth" / split / f"{i}.mat", [outline, second])
    return root


@pytest.fixture(scope="module")
def bsds(tmp_path_factory) -> Path:
    return make_bsds(tmp_path_factory.mktemp("bsds"))


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return torch.equal(a["x"], b["x"]) and torch.equal(a["consensus"], b["consensus"])


def test_boundaries_are_the_mean_of_the_annotators(tmp_path):
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, 2, (5, 7)).astype(np.uint8) for _ in range(5)]
    save_truth(tmp_path / "a.mat", maps)
    found = read_boundaries(tmp_path / "a.mat")
    assert found.dtype == np.float32 and found.shape == (5, 7)
    np.testing.assert_allclose(found, np.mean(maps, 0), atol=1e-6)
    assert len(np.unique(found)) > 2


def test_pairs_are_found_by_split_and_in_order(bsds):
    names = [(p.parent.name, p.stem, t.parent.name, t.stem) for p, t in find_bsds(bsds)]
    wanted = [("train", i) for i in "0123"] + [("val", i) for i in "01"]
    assert names == [(split, i, split, i) for split, i in wanted]
    assert len(find_bsds(str(bsds), splits=("val",))) == 2


def test_a_folder_of_another_kind_is_refused(bsds, tmp_path):
    with pytest.raises(BsdsError, match="BSR/BSDS500/data"):
        find_bsds(tmp_path)
    with pytest.raises(BsdsError, match="images/{test}"):
        find_bsds(bsds, splits=("test",))
    part = make_bsds(tmp_path / "part", train=2, val=1)
    (part / "groundTruth" / "train" / "1.mat").unlink()
    with pytest.raises(BsdsError, match=r"1\.mat is missing"):
        find_bsds(part)


def compressed(path: Path) -> bytes:
    """The content of a ground-truth file as BSDS500 has it, which is compressed."""
    cells = np.empty((1, 1), object)
    cells[0, 0] = {"Boundaries": np.eye(40, dtype=np.uint8)}
    savemat(path, {"groundTruth": cells}, do_compression=True)
    assert len(read_annotators(path)) == 1
    return path.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:60],
        lambda content: content[:128],
        lambda content: content[:-20],
        lambda content: content[:150] + bytes(8) + content[158:],
        lambda content: bytes(len(content)),
        lambda content: b"<html>404 Not Found</html>" * 20,
    ],
    ids=["empty", "half a header", "header alone", "the end is missing", "changed bytes", "zeros", "another file"],
)
def test_a_damaged_ground_truth_is_named(tmp_path, damage):
    path = tmp_path / "8049.mat"
    path.write_bytes(damage(compressed(path)))
    with pytest.raises(BsdsError, match=r"8049\.mat .* damaged .*: unpack .* fetch it again .*, or delete the photo"):
        read_annotators(path)


def test_a_ground_truth_that_cannot_be_opened_is_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"8049\.mat"):
        read_annotators(tmp_path / "8049.mat")


@pytest.mark.parametrize("crop", [64, 90])
def test_shapes_and_ranges(bsds, crop):
    data = BsdsCrops(find_bsds(bsds), crop)
    assert len(data) == 6
    for seed in range(3):
        item = data[(2, seed)]
        assert item["x"].shape == (3, crop, crop) and item["consensus"].shape == (1, crop, crop)
        assert item["x"].dtype == item["consensus"].dtype == torch.float32
        assert -1 <= item["x"].min() and item["x"].max() <= 1 and item["x"].std() > 0.1
        values = item["consensus"]
        assert ((values == -1) | ((values >= 0) & (values <= 1))).all()


def test_items_are_a_function_of_index_and_seed(bsds):
    data = BsdsCrops(find_bsds(bsds), 64)
    first = [data[(i, 7)] for i in range(6)]
    np.random.default_rng().random()
    torch.rand(3)
    assert all(same(data[(i, 7)], first[i]) for i in reversed(range(6)))
    assert all(same(BsdsCrops(find_bsds(bsds), 64)[(i, 7)], first[i]) for i in range(6))
    assert len({data[(0, seed)]["x"].numpy().tobytes() for seed in range(8)}) == 8
    assert same(data[1], data[(1, 0)]) and not same(data[1], data[(1, 1)])
    with pytest.raises(IndexError):
        data[6]


def test_an_index_names_its_photo(bsds):
    # The mean colour of a photo survives the geometry; without recolouring it tells the photos apart.
    data = BsdsCrops(find_bsds(bsds), 64)
    data.photos = [np.full_like(p, 40 * i) for i, p in enumerate(data.photos)]
    plain = {}
    for i in range(6):
        found = [float(data[(i, seed)]["x"].mean()) for seed in range(12)]
        plain[i] = float(np.median(found))
    assert sorted(plain, key=plain.get) == list(range(6))


def test_outside_the_photo_there_is_no_truth(bsds):
    # Half of all scales make 96 x 128 smaller than the crop: the photo is mirrored there, the truth is -1.
    data = BsdsCrops(find_bsds(bsds), 160)
    padded = 0
    for seed in range(10):
        item = data[(0, seed)]
        missing = item["consensus"][0] == -1
        known = ~missing
        assert known.any() and (item["consensus"][0][known] >= 0).all()
        rows, columns = known.any(1), known.any(0)
        assert torch.equal(known, rows[:, None] & columns[None])  # the photo is one rectangle ...
        assert known[0, 0] or known[0, -1] or known[-1, 0] or known[-1, -1]  # ... in a corner
        padded += bool(missing.any())
        assert item["x"][:, missing].std() > 0.05 or not missing.any()  # mirrored, not black
    assert padded > 5


def geometry(data: BsdsCrops, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return tuple(data._geometry(data.photos[0], [data.truths[0]], np.random.default_rng(seed)))


def test_the_border_is_a_reflection(tmp_path):
    data = BsdsCrops(find_bsds(make_bsds(tmp_path, train=1, val=1)), 200)
    ramp = np.arange(96, dtype=np.uint8)[:, None, None] * np.uint8(2) + np.zeros((96, 128, 3), np.uint8)
    data.photos[0], data.truths[0] = ramp, np.zeros((96, 128), np.float32)
    for seed in range(6):
        photo, truth = geometry(data, seed)
        known = truth >= 0
        assert photo.shape == (200, 200, 3) and truth.shape == (200, 200)
        # No step at the seam: neighbours of a mirrored ramp differ by little everywhere.
        steps = [np.abs(np.diff(photo[:, :, 0].astype(int), axis=a)).max() for a in (0, 1)]
        assert max(steps) <= 6 and not known.all()


def test_photo_and_truth_stay_together(tmp_path):
    data = BsdsCrops(find_bsds(make_bsds(tmp_path, train=1, val=1)), 64)
    photo = np.zeros((96, 128, 3), np.uint8)
    truth = np.zeros((96, 128), np.float32)
    photo[:, 60:] = 255
    truth[:, 60] = 1
    truth[40, 60:] = 1  # breaks the symmetry
    photo[40:, 60:, 2] = 0
    data.photos[0], data.truths[0] = photo, truth
    turns = set()
    for seed in range(24):
        found, edges = geometry(data, seed)
        levels = found.astype(int)
        change = np.zeros(edges.shape, np.uint8)
        for axis in (0, 1):
            step = np.abs(np.diff(levels, axis=axis)).max(2) > 60
            change[(slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))] |= step
        near = cv2.dilate(change, np.ones((5, 5), np.uint8)) > 0
        inside = np.zeros_like(near)
        inside[3:-3, 3:-3] = True
        marked = (edges > 0.5) & inside
        assert near[marked].all(), seed
        turns.add((levels[:32].mean() > levels[32:].mean(), levels[:, :32].mean() > levels[:, 32:].mean()))
    assert len(turns) == 4  # turned every way


def test_shrinking_keeps_thin_lines():
    truth = np.zeros((90, 120), np.float32)
    truth[:, 31] = 0.6
    truth[44, :] = 1.0
    small = _resize_truth(truth, (45, 60))
    assert small.shape == (45, 60)
    assert (small[:, 15] >= np.float32(0.6)).all() and (small[22] == 1).all()
    assert ((small > 0).sum() == 45 + 60 - 1) and small.max() == 1
    assert _resize_truth(truth, (135, 180)).shape == (135, 180)


def test_a_teachers_maps_go_with_their_photos(bsds):
    """The same geometry for photo and map, and no truth for photos that nobody labelled."""
    rng = np.random.default_rng(3)
    alone = [rng.integers(0, 255, (80, 80), dtype=np.uint8) for _ in range(13)]
    pairs = find_bsds(bsds)
    labelled = [np.asarray(Image.open(p).convert("L")) for p, _ in pairs]
    data = BsdsCrops(pairs, 64, labelled + alone, [np.repeat(a[..., None], 3, 2) for a in alone])
    # Six labelled photos come twice each, so that they are about half.
    assert len(data) == 2 * 6 + 13 and data.rounds == 2
    grey = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    for index in range(len(data)):
        close = 0
        for seed in range(6):
            item = data[(index, seed)]
            known = item["taught"] >= 0
            assert item["taught"].max() <= 1 and known.any()
            assert (item["consensus"] == -1).all() == (index >= 12)
            seen = ((item["x"] + 1) / 2 * grey).sum(0, keepdim=True)
            # Recoloured, but bright where the map is.
            with np.errstate(invalid="ignore"):  # a crop may be all of one grey
                close += np.corrcoef(seen[known], item["taught"][known])[0, 1] > 0.8
        assert close >= 5, index
    first, again = data[(2, 5)], data[(8, 5)]  # the same photo in the second round, augmented in another way
    assert not same(first, again) and "taught" not in BsdsCrops(pairs, 64)[0]
    with pytest.raises(IndexError):
        data[25]
    with pytest.raises(ValueError, match="6 . 13 photos need as many maps, got 6"):
        BsdsCrops(pairs, 64, labelled, [np.repeat(a[..., None], 3, 2) for a in alone])
