"""The whole protocol on an ideal model, whose numbers are known, and on models that lack something."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from i2i.metrics.held_out import HeldOut
from i2i.metrics.photos import Measured, PhotoMeasures, PhotoProtocol
from i2i.metrics.view import View, grid_image, shrunk

PROTOCOL = PhotoProtocol(pictures=4, drawings=2, samples=3, coats=3, ways=2, steps=8, people=2)


@pytest.fixture
def sketches(tmp_path) -> dict:
    """Two circles by people."""
    files = []
    for k in range(2):
        page = np.full((300, 300), 255, np.uint8)
        cv2.circle(page, (150, 150), 60 + 20 * k, 0, 5)
        Image.fromarray(page).save(tmp_path / f"{k}.png")
        files.append(tmp_path / f"{k}.png")
    return {"people/circle": files}


def measure(model, discs, colours, differences, sketches=None, protocol=PROTOCOL) -> tuple[dict, Measured, list[int]]:
    made: list[int] = []
    view = View(HeldOut(discs), 64, protocol.pictures, colours, differences, made.append)
    measures = PhotoMeasures(view, protocol, sketches)
    found = measures.model(model)
    assert sum(made) == measures.pictures_made(model)
    return {s.name: s for s in found.scores}, found, made


def test_an_ideal_model(painter, discs, colours, differences, sketches):
    scores, found, _ = measure(painter, discs, colours, differences, sketches)
    assert scores["diversity"].value > 0.05 and scores["diversity of equal seeds"].value == 0
    assert scores["style found by its colours"].value == 1 and scores["two styles / one style"].value > 5
    assert scores["reference found by its colours"].value == 1
    assert scores["another photo / reference photo"].value > 1.2
    assert 1 <= scores["interpolation, longest / mean step"].value < 3
    # Ink on paper of one colour is found again, though at 64 pixels not to two pixels of 256.
    for name in ("edge precision", "edge recall", "people, people/circle: edge recall"):
        assert 0.1 < scores[name].value < 1, name
    drop = scores["people, people/circle: edge recall, worse than on edges by"].value
    assert drop == pytest.approx(scores["edge recall"].value - scores["people, people/circle: edge recall"].value)
    kernel = "people, people/circle: kernel distance"
    drop = scores[f"{kernel}, worse than on edges by"].value
    assert drop == pytest.approx(scores[kernel].value - scores["kernel distance"].value)
    assert "Fréchet distance" not in scores  # four pictures are too few
    assert "one style: kernel distance" in scores
    for score in scores.values():
        assert "64 px" in score.protocol or "circle" in score.protocol, score
    assert found.grids["input, photo, seeds 0 to 5"].shape == (4, 8, 3, 64, 64)
    assert found.grids["input, style of the photo above"].shape == (4, 4, 3, 64, 64)
    assert all(grid_image(grid, 32).width > 32 for grid in found.grids.values())


def test_styles_that_do_not_show_or_jump(painter, discs, colours, differences):
    dull, jumpy = type(painter)(), type(painter)()
    dull.render = lambda x, styles: painter.render(x, 0 * styles)
    near = type(painter)().styles(range(4))

    def nearest(x: torch.Tensor, styles: torch.Tensor) -> torch.Tensor:
        known = torch.from_numpy(near)
        return painter.render(x, known[torch.cdist(styles, known).argmin(1)])

    jumpy.render = nearest
    scores = measure(dull, discs, colours, differences)[0]
    assert scores["two styles / one style"].value == pytest.approx(1, abs=0.3)
    assert scores["diversity"].value == 0
    smooth = measure(painter, discs, colours, differences)[0]["interpolation, longest / mean step"].value
    # All of the way in one step of eight, or in two where a third colour lies between.
    assert measure(jumpy, discs, colours, differences)[0]["interpolation, longest / mean step"].value > 3 > smooth


def test_one_style_for_all_is_asked_for_once_more(painter, discs, colours, differences):
    asked = []

    class Watched(type(painter)):
        def answer(self, x, seeds):
            asked.append(list(seeds))
            return super().answer(x, seeds)

    few = PhotoProtocol(pictures=3, drawings=1, samples=2, coats=0, fixed_seed=7)
    scores = measure(Watched(), discs, colours, differences, protocol=few)[0]
    assert asked[::2][:3] == [[0, 7], [1, 7], [2, 7]]
    assert "all with seed 7" in scores["one style: kernel distance"].protocol
    without = PhotoProtocol(pictures=3, drawings=1, samples=2, coats=0, fixed_seed=-1)
    assert "one style: kernel distance" not in measure(painter, discs, colours, differences, protocol=without)[0]


@pytest.mark.parametrize("pairs", [2, 3, 5])
def test_a_photo_s_style_on_its_own_drawing_does_not_count(painter, discs, colours, pairs):
    held = HeldOut(discs)
    pages = torch.stack([held.x(i, 64) for i in range(pairs)])
    photos = torch.stack([shrunk(held.photo(i, 64), 64) for i in range(pairs)])

    class Knowing(type(painter)):
        """Knows the photo of a drawing that it is given in that photo's style; answers all else with grey."""

        def render(self, x, styles):
            near = int((pages - x).abs().mean((1, 2, 3)).argmin())
            own = torch.from_numpy(self.style_of(held.photo(near, 64)))
            known = (styles - own).abs().amax(1) < 1e-6
            return torch.where(known[:, None, None, None], photos[near], torch.zeros(1))

    few = PhotoProtocol(pictures=pairs, drawings=1, samples=2, coats=pairs, ways=0)
    scores = measure(Knowing(), discs, colours, None, protocol=few)[0]
    assert scores["another photo / reference photo"].value == pytest.approx(1)
    assert scores["reference found by its colours"].value == pytest.approx(1 / pairs)


def test_models_without_styles_and_views_without_networks(painter, discs, colours, differences):
    classic = type(painter)()
    classic.has_styles = False
    scores = measure(classic, discs, colours, differences)[0]
    assert "diversity" in scores and not [name for name in scores if "style" in name and "one style: " not in name]
    assert measure(painter, discs, None, differences)[0].keys() >= {"edge recall", "two styles / one style"}
    assert not [n for n in measure(painter, discs, None, None)[0] if "distance" in n and "colour" not in n]


def test_real_photos_are_measured_alike(discs, colours, differences):
    view = View(HeldOut(discs), 64, 4, colours, differences)
    scores = {s.name: s for s in PhotoMeasures(view, PROTOCOL).real().scores}
    assert scores.keys() == {"diversity", "edge precision", "edge recall"}
    assert scores["edge recall"].value > 0.9 and scores["diversity"].value > 0
    assert "1 random groups of 3 photos" in scores["diversity"].protocol


def test_larger_answers_are_shrunk_and_smaller_ones_refused(painter, discs, colours):
    page = Image.fromarray(np.kron([[0, 255], [255, 0]], np.ones((2, 2))).astype(np.uint8)).convert("RGB")
    assert shrunk(page, 2).unique().tolist() == [-1, 1]
    assert shrunk(page, 1).abs().max() < 0.01
    with pytest.raises(ValueError, match="4 pixels are too small to be compared at 8"):
        shrunk(page, 8)
    view = View(HeldOut(discs), 32, 2, colours)
    assert view.sample(painter, view.x(painter, 0), [0, 1]).shape == (2, 3, 32, 32)


def test_a_single_pair_has_no_distribution(painter, discs, colours, differences):
    scores, _, _ = measure(painter, discs, colours, differences, protocol=PhotoProtocol(pictures=1, samples=2))
    assert scores.keys() == {"edge precision", "edge recall", "diversity", "diversity of equal seeds"}
    real = PhotoMeasures(View(HeldOut(discs), 64, 1, colours, differences), PROTOCOL).real()
    assert [s.name for s in real.scores] == ["edge precision", "edge recall"]


def test_errors_say_what_to_do(painter, discs, colours, tmp_path):
    with pytest.raises(ValueError, match="coats must be 0, or at least 2"):
        PhotoProtocol(coats=1)
    with pytest.raises(ValueError, match="samples must be at least 2, got 1"):
        PhotoProtocol(samples=1)
    empty = tmp_path / "empty.png"
    Image.new("L", (64, 64), 255).save(empty)
    view = View(HeldOut(discs), 64, 2)
    with pytest.raises(ValueError, match="empty.png: empty drawing"):
        PhotoMeasures(view, PROTOCOL, {"all": [empty]}).model(painter)
