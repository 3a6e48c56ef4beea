"""Our drawings against reference drawings."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from i2i.metrics.drawings import compare_drawings, find_drawings


class Lines:
    """A detector that finds what is dark."""

    def detect_batch(self, photos, scales=(1.0,)):
        return [1 - p[:, :, 0].astype(np.float32) / 255 for p in photos]


@pytest.fixture
def folder(tmp_path):
    """Three photos of a dark line; the references have it in place, one pixel off, and ten pixels off."""
    for name in ("photo", "edges"):
        (tmp_path / name).mkdir()
    for i, offset in enumerate((0, 1, 10)):
        for name, column in (("photo", 100), ("edges", 100 + offset)):
            page = np.full((256, 256), 255, np.uint8)
            page[40:200, column] = 0
            Image.fromarray(page).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_lines_within_two_pixels_agree(folder):
    scores = {s.name: s for s in compare_drawings(Lines(), find_drawings(folder))}
    assert scores["F1 with drawings"].value == pytest.approx(2 / 3, abs=0.01)
    assert scores["precision with drawings"].value == pytest.approx(2 / 3, abs=0.01)
    assert scores["share of ink, reference"].value == pytest.approx(160 / 256**2)
    assert scores["share of ink"].value == pytest.approx(160 / 256**2, rel=0.05)
    assert "3 photos" in scores["F1 with drawings"].protocol


def test_photos_without_a_reference_are_not_counted(folder):
    (folder / "edges" / "2.png").unlink()
    assert [p.stem for p, _ in find_drawings(folder)] == ["0", "1"]


def test_hidden_files_and_notes_are_no_pairs(folder):
    for kind in ("photo", "edges"):
        for name in (".DS_Store", "._0.png", "notes.txt"):
            (folder / kind / name).write_bytes(b"no picture")
    assert [p.name for p, _ in find_drawings(folder)] == ["0.png", "1.png", "2.png"]


def test_a_folder_without_drawings_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected photo/ and edges/"):
        find_drawings(tmp_path)
    with pytest.raises(ValueError, match="no reference drawings"):
        compare_drawings(Lines(), [])
