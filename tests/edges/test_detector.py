"""The bundled edge detector: any photo in, a soft map out, and edges where they are."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from i2i import ModelFolderError, model_folder
from i2i.edges import EdgeDetector, detect_edges, photo_to_drawing
from i2i.edges.detector import BORDER, bundled_detector
from i2i.nets.edge_net import EdgeNet

INK = 25 / 255  # what counts as ink in a soft map


def square_page(left: int, top: int, side: int, colours: tuple[int, int] = (40, 220), page: int = 256) -> np.ndarray:
    """A filled square on a plain page, uint8 (page, page, 3)."""
    pixels = np.full((page, page, 3), colours[1], np.uint8)
    pixels[top : top + side, left : left + side] = colours[0]
    return pixels


@pytest.fixture
def photo() -> np.ndarray:
    """Shapes on a coloured page of odd size, uint8 (101, 77, 3)."""
    page = np.full((101, 77, 3), (200, 180, 90), np.uint8)
    cv2.circle(page, (35, 50), 22, (30, 60, 160), -1)
    cv2.rectangle(page, (50, 10), (70, 30), (240, 240, 240), -1)
    return page


def test_a_small_scale_sees_every_pixel_of_the_photo(photo):
    """Lines of one pixel must not fall between the samples."""
    stripes = np.full((128, 128, 3), 255, np.uint8)
    stripes[:, ::4] = 0
    seen = []
    detector = EdgeDetector()
    detector.net.register_forward_pre_hook(lambda net, given: seen.append(given[0]))
    detector.detect(stripes, scales=(0.25,))
    inside = seen[0][..., BORDER : BORDER + 32, BORDER : BORDER + 32]
    assert torch.allclose(inside, torch.tensor(191 / 127.5 - 1), atol=0.02)


def test_every_source_gives_the_same_map(photo, tmp_path):
    Image.fromarray(photo).save(tmp_path / "photo.png")
    soft = detect_edges(photo)
    assert soft.shape == (101, 77) and soft.dtype == np.float32
    assert soft.min() >= 0 and soft.max() <= 1
    sources = [tmp_path / "photo.png", str(tmp_path / "photo.png"), Image.fromarray(photo), photo / 255.0]
    for source in sources:
        np.testing.assert_array_equal(detect_edges(source), soft)


@pytest.mark.parametrize("shape", [(101, 77), (33, 130), (16, 16), (1, 5)])
def test_maps_have_the_photos_size(shape):
    rng = np.random.default_rng(0)
    for pixels in (rng.integers(0, 255, (*shape, 3), dtype=np.uint8), rng.random(shape, dtype=np.float32)):
        soft = detect_edges(pixels)
        assert soft.shape == shape and np.isfinite(soft).all()


@pytest.mark.parametrize("shape, step", [((101, 77), 40), ((77, 101), 33), ((90, 131), 90)])
def test_a_step_is_found_where_it_is_at_odd_sizes(shape, step):
    page = np.full((*shape, 3), 220, np.uint8)
    page[:, :step] = 40
    # Columns step - 1 and step touch the step; away from the ends of the line.
    strongest = detect_edges(page)[15:-15].argmax(1)
    assert set(strongest) <= {step - 1, step}
    strongest = detect_edges(page.transpose(1, 0, 2))[:, 15:-15].argmax(0)
    assert set(strongest) <= {step - 1, step}


@pytest.mark.parametrize("colours", [(40, 220), (220, 40)], ids=["dark", "light"])
@pytest.mark.parametrize("left, top, side", [(40, 50, 100), (71, 88, 100), (133, 20, 101), (65, 64, 120)])
def test_a_square_comes_back_where_it_was(left, top, side, colours):
    page = square_page(left, top, side, colours)
    check_outline(photo_to_drawing(page), left, top, side)
    # Ink must choose one of two pixels; the soft ridge tells shifts of less than that.
    soft = detect_edges(page)
    for lines, start in ((soft[top : top + side], left), (soft[:, left : left + side].T, top)):
        offsets = []
        for edge in (start, start + side):
            ridge = lines[10:-10, edge - 4 : edge + 4].mean(0)
            offsets.append((ridge * np.arange(-3.5, 4)).sum() / ridge.sum())
        assert abs(np.mean(offsets)) < 0.5 and np.abs(offsets).max() < 0.75


def test_a_square_stays_in_place_when_the_photo_is_fitted():
    large = square_page(120, 144, 220, page=512)
    check_outline(photo_to_drawing(large), 60, 72, 110)
    wide = np.full((256, 390, 3), 220, np.uint8)
    wide[60:170, 67 + 80 : 67 + 190] = 40  # the centre square begins at column 67
    check_outline(photo_to_drawing(wide), 80, 60, 110)


def check_outline(drawing: np.ndarray, left: int, top: int, side: int) -> None:
    """Ink follows the outline of a square: its sides within one pixel, and little else."""
    assert drawing.shape == (256, 256) and drawing.dtype == np.uint8
    assert set(np.unique(drawing)) == {0, 255}
    ink = drawing == 0
    # The outline lies between pixels; ink half a pixel to either side of it is as near as ink can be.
    low_x, low_y = left - 0.5, top - 0.5
    high_x, high_y = low_x + side, low_y + side
    middle = slice(10, side - 10)  # away from the corners, which are rounded
    rows, columns = ink[top : top + side][middle], ink[:, left : left + side][:, middle].T
    for lines, low, high in ((rows, low_x, high_x), (columns, low_y, high_y)):
        assert lines.any(1).all(), "the outline has gaps"
        first, last = lines.argmax(1), lines.shape[1] - 1 - lines[:, ::-1].argmax(1)
        assert np.abs(first - low).max() <= 1 and np.abs(last - high).max() <= 1
    y, x = np.nonzero(ink)
    outside = np.hypot(np.clip(low_x - x, 0, None) + np.clip(x - high_x, 0, None),
                       np.clip(low_y - y, 0, None) + np.clip(y - high_y, 0, None))  # fmt: skip
    inside = np.minimum(np.minimum(x - low_x, high_x - x), np.minimum(y - low_y, high_y - y)).clip(0)
    distance = np.maximum(outside, inside)
    assert np.mean(distance <= 1) > 0.92 and distance.max() < 6  # short spurs at the corners are allowed


@pytest.mark.parametrize("grey", [0, 90, 200, 255])
def test_the_frame_of_a_flat_picture_is_not_an_edge(grey):
    page = np.full((120, 90, 3), grey, np.uint8)
    assert detect_edges(page).max() < INK
    assert (photo_to_drawing(page) == 255).all()


def test_a_batch_gives_each_photo_its_own_map(photo):
    detector = bundled_detector()
    both = detector.detect_batch([photo, photo[::-1].copy()])
    assert len(both) == 2
    np.testing.assert_allclose(both[0], detector.detect(photo), atol=1e-5)
    assert np.abs(both[0] - both[1]).max() > 0.1


def test_scales_are_averaged_at_the_photos_size_and_then_calibrated(photo):
    detector = EdgeDetector("edges")
    calibrated = detector.detect(photo, scales=(1.0, 0.5))
    slope, offset = detector.slope, detector.offset
    detector.slope, detector.offset = 1.0, 0.0
    one, half = detector.detect(photo), detector.detect(photo, scales=(0.5,))
    assert half.shape == one.shape and np.abs(half - one).max() > 0.05
    mean = (one + half) / 2
    np.testing.assert_allclose(detector.detect(photo, scales=(1.0, 0.5)), mean, atol=1e-5)
    np.testing.assert_allclose(calibrated, 1 / (1 + np.exp(-offset) * ((1 - mean) / mean) ** slope), atol=1e-5)


def save_tiny_detector(folder, calibration=None):
    torch.manual_seed(0)
    net = EdgeNet(widths=(4, 8, 8), blocks=(1, 1, 1), head_widths=(4, 4, 4))
    config = {"kind": "detector", "method": "hed", "name": "tiny"}
    config["net"] = {"widths": (4, 8, 8), "blocks": (1, 1, 1), "head_widths": (4, 4, 4)}
    model_folder.save(folder, config | ({"calibration": calibration} if calibration else {}), net, "# tiny\n")
    return folder


def test_calibration_is_a_monotone_map_of_the_logits(photo, tmp_path):
    plain = EdgeDetector(save_tiny_detector(tmp_path / "plain")).detect(photo).astype(np.float64)
    tuned = EdgeDetector(save_tiny_detector(tmp_path / "tuned", {"slope": 2.0, "offset": -0.75})).detect(photo)
    logits = np.log(plain / (1 - plain))
    np.testing.assert_allclose(tuned, 1 / (1 + np.exp(0.75 - 2 * logits)), atol=1e-5)


def test_photos_are_padded_by_reflection_to_what_the_net_needs(photo, tmp_path):
    detector = EdgeDetector(save_tiny_detector(tmp_path / "tiny"))
    padded = detector._padded(photo, photo.shape[:2])
    assert padded.shape[0] % detector.net.multiple == padded.shape[1] % detector.net.multiple == 0
    np.testing.assert_array_equal(padded[BORDER : BORDER + 101, BORDER : BORDER + 77], photo)
    np.testing.assert_array_equal(padded[:BORDER, BORDER : BORDER + 77], photo[:BORDER][::-1])


@pytest.mark.parametrize(
    ("photos", "scales", "message"),
    [
        ([], (1.0,), "there are no photos"),
        ([np.zeros((40, 60, 3), np.uint8), np.zeros((20, 60, 3), np.uint8)], (1.0,), "of one size, got 60x20, 60x40"),
        ([np.zeros((40, 60, 3), np.float32)], (1.0,), r"uint8 RGB arrays \(H, W, 3\), got float32"),
        ([np.zeros((40, 60), np.uint8)], (1.0,), r"got uint8 \(40, 60\)"),
        ([np.zeros((40, 60, 4), np.uint8)], (1.0,), r"got uint8 \(40, 60, 4\)"),
        (["photo.jpg"], (1.0,), "got str: `detect` takes other kinds"),
        ([np.zeros((40, 60, 3), np.uint8)], 1.0, "scales must be several from 0.1 to 4, .* got 1.0"),
        ([np.zeros((40, 60, 3), np.uint8)], (), "got none"),
        ([np.zeros((40, 60, 3), np.uint8)], (0.05,), "got 0.05"),
    ],
)
def test_a_batch_that_cannot_be_is_told(photos, scales, message):
    with pytest.raises(ValueError, match=message):
        bundled_detector().detect_batch(photos, scales)


def test_the_smallest_photo_at_the_smallest_scale():
    assert bundled_detector().detect(np.zeros((3, 3, 3), np.uint8), (0.1,)).shape == (3, 3)


def test_devices_are_checked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert EdgeDetector(device="auto").device == EdgeDetector(device=torch.device("cpu")).device == torch.device("cpu")
    for device in ("cuda", torch.device("cuda:1")):
        with pytest.raises(ValueError, match="use the device cpu"):
            EdgeDetector(device=device)
    with pytest.raises(ValueError, match="unknown device 'gpu'"):
        EdgeDetector(device="gpu")


def test_a_model_of_another_kind_is_refused(tiny_model_folder):
    with pytest.raises(ModelFolderError, match="is a translator of method styled, not an edge detector"):
        EdgeDetector(tiny_model_folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("net"), "describe an edge detector: it lacks 'net'; undo the changes"),
        (lambda c: c["net"].update(colour=3), "describe an edge detector: .*colour"),
        (lambda c: c.update(net=[]), "describe an edge detector"),
        (lambda c: c["net"].update(widths=[]), "describe an edge detector"),
        (lambda c: c["net"].update(widths=[-8, 8, 8, 8]), "describe an edge detector"),
        (lambda c: c.update(calibration={"slope": 1.0}), "it lacks 'offset'"),
        (lambda c: c.update(calibration={"slope": "steep", "offset": 0}), "steep"),
        (lambda c: c["net"].update(widths=[8, 8]), "config.json"),
    ],
)
def test_an_edited_config_is_told_with_the_fix(tmp_path, change, message):
    save_tiny_detector(tmp_path / "tiny")
    config = json.loads((tmp_path / "tiny" / "config.json").read_text())
    change(config)
    (tmp_path / "tiny" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match=message):
        EdgeDetector(tmp_path / "tiny")


@pytest.mark.parametrize(
    "photo, message",
    [
        ("nowhere.jpg", "nowhere.jpg"),
        (np.full((20, 20), np.nan, np.float32), "NaN"),
        (np.zeros((20, 20), np.int32), "int32"),
        (np.zeros((20, 20, 2), np.uint8), r"\(20, 20, 2\)"),
        (None, "NoneType"),
    ],
)
def test_bad_photos_are_told_apart(photo, message):
    with pytest.raises(ValueError, match=message):
        detect_edges(photo)
    with pytest.raises(ValueError, match=message):
        photo_to_drawing(photo)
