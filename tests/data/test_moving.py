"""Pairs moved over the paper: drawing and photo move together, within bounds, from one generator."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from i2i.data.moving import move_drawing, move_photo, random_move
from i2i.data.pairs import PairDataset

SIZE = 256


@pytest.fixture
def disc():
    """A dark disc on a pale page, and its outline."""
    photo, drawing = np.full((SIZE, SIZE, 3), 240, np.uint8), np.full((SIZE, SIZE), 255, np.uint8)
    cv2.circle(photo, (120, 140), 60, (20, 30, 40), -1)
    cv2.circle(drawing, (120, 140), 60, 0, 1)
    return photo, drawing


def ink(drawing: np.ndarray) -> np.ndarray:
    return np.argwhere(drawing == 0)[:, ::-1].astype(float)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("scale", [1, 2])
def test_lines_stay_on_the_edges_of_the_photo(disc, seed, scale):
    """Whatever the move, and where the photo is smaller than the drawing."""
    photo, drawing = disc
    move = random_move(np.random.default_rng(seed), 1.0)
    small = cv2.resize(photo, (SIZE // scale, SIZE // scale), interpolation=cv2.INTER_AREA)
    moved = cv2.resize(move_photo(small, move), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    edges = cv2.morphologyEx((moved[:, :, 0] > 130).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    away = cv2.distanceTransform(1 - edges, cv2.DIST_L2, 5)
    points = ink(move_drawing(drawing, move)).astype(int)
    assert len(points) > 100
    assert np.percentile(away[points[:, 1], points[:, 0]], 95) <= 1.5


def test_a_shift_by_hand(disc):
    photo, drawing = disc
    move = np.array([[1, 0, 10 / SIZE], [0, 1, -20 / SIZE]])
    there = move_drawing(drawing, move)
    # Tracing cuts a corner here and there, a pixel at most.
    expected = np.full_like(drawing, 255)
    cv2.circle(expected, (130, 120), 60, 0, 1)
    near = cv2.dilate((expected == 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    points = ink(there).astype(int)
    assert near[points[:, 1], points[:, 0]].all() and len(points) > 0.9 * (expected == 0).sum()
    moved = move_photo(photo, move)
    assert (moved[:-20, 10:] == photo[20:, :-10]).all()
    assert (moved[-20:] == 240).all() and (moved[:, :10] == 240).all()  # as the border was


def test_round_a_photo_that_fills_its_frame_comes_its_mirror_image_out_of_focus():
    photo = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    shift = 90
    moved = move_photo(photo, np.array([[1, 0, shift / SIZE], [0, 1, 0]]))
    assert (moved[:, shift:] == photo[:, :-shift]).all()
    mirrored = photo[:, 1 : shift + 1][:, ::-1].astype(int)
    beside = np.abs(moved[:, shift - 1] - mirrored[:, -1])
    assert beside.mean() < 8  # no seam: the mirror image, hardly blurred
    assert moved[:, : shift // 2].std() < 0.1 * photo.std()  # and far away only its colour
    assert moved[:, : shift // 2].mean() == pytest.approx(photo.mean(), abs=3)
    away = np.abs(moved[:, :shift] - mirrored).mean((0, 2))
    assert (np.diff(away[shift - 20 :: 6]) < 0).all()  # the further, the less of it


@pytest.mark.parametrize("height, width, plain", [(200, 4, True), (SIZE, 100, False)])
def test_a_border_is_plain_where_three_quarters_of_it_have_one_colour(disc, height, width, plain):
    photo, _ = disc
    photo = photo.copy()
    photo[:height, :width] = (90, 60, 200)  # something else reaches in from the left
    moved = move_photo(photo, np.array([[1, 0, 0], [0, 1, 100 / SIZE]]))  # down: what comes in is above
    assert (moved[:50] == 240).all() == plain
    if not plain:
        assert (moved[:50, :20] == (90, 60, 200)).all() and (moved[:50, -20:] == 240).all()


def test_moves_lie_within_bounds_and_grow_with_strength():
    """A fifth stay where they are; twice as far for twice the strength."""

    def spread(strength: float) -> np.ndarray:
        moves = np.stack([random_move(np.random.default_rng(k), strength) for k in range(400)])
        middle = moves[:, :, :2] @ [0.5, 0.5] + moves[:, :, 2]
        assert np.abs(middle - 0.5).max() <= 0.2 * strength
        areas = np.sqrt(np.linalg.det(moves[:, :, :2]))
        assert np.exp(-0.7 * strength) <= areas.min() and areas.max() <= np.exp(0.1 * strength) + 1e-9
        still = np.isclose(moves, np.eye(2, 3)).all((1, 2)).mean()
        assert still == pytest.approx(0.2, abs=0.06)
        return np.abs(middle - 0.5).mean()

    assert spread(1.0) == pytest.approx(2 * spread(0.5), rel=1e-6)


def test_without_a_move_all_stays(disc):
    photo, drawing = disc
    still = np.eye(2, 3)
    assert (move_photo(photo, still) == photo).all()
    assert (move_drawing(drawing, still) == 0).sum() == pytest.approx((drawing == 0).sum(), rel=0.05)


# --- in the data set -------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(disc, tmp_path):
    photo, drawing = disc
    for kind, picture in (("photo", photo), ("drawing", drawing)):
        place = tmp_path / "pairs" / "train" / kind
        place.mkdir(parents=True)
        cv2.imwrite(str(place / "a.png"), picture)
    return tmp_path


def test_items_move_and_are_a_function_of_their_seed(folder):
    plain, moving = PairDataset(folder, flip=False), PairDataset(folder, flip=False, move=1.0)
    seeds = range(8)
    assert all((moving[(0, s)]["y"] == moving[(0, s)]["y"]).all() for s in seeds)
    moved = [not (moving[(0, s)]["y"] == plain[0]["y"]).all() for s in seeds]
    assert sum(moved) >= 4
    assert all(moving[(0, s)]["x"].min() == -1 for s in seeds)


def test_ink_that_would_leave_the_paper_keeps_the_pair(folder, monkeypatch):
    far = np.array([[1, 0, 5.0], [0, 1, 0.0]])
    monkeypatch.setattr("i2i.data.pairs.random_move", lambda rng, strength: far)
    plain, moving = PairDataset(folder, flip=False), PairDataset(folder, flip=False, move=1.0)
    assert all((moving[0][k] == plain[0][k]).all() for k in ("x", "y"))


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_a_move_out_of_range_is_refused(folder, wrong):
    with pytest.raises(ValueError, match="move"):
        PairDataset(folder, move=wrong)
