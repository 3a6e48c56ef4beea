"""How near our drawings of photos come to reference drawings of the same photos, such as HED's in edges2shoes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from i2i.data.layout import SUFFIXES
from i2i.edges.detector import EdgeDetector
from i2i.edges.postprocess import postprocess
from i2i.images import fit_square, load_image
from i2i.metrics.faithfulness import agreement
from i2i.metrics.scores import Score

SIDE = 256
TOLERANCE = 2.0  # pixels


def find_drawings(folder: Path) -> list[tuple[Path, Path]]:
    """(photo, drawing) files with equal stems in FOLDER/photo and FOLDER/edges, sorted; hidden files are ignored.

    Raises:
        ValueError: if there are none.
    """
    photos, drawings = _pictures(folder / "photo"), _pictures(folder / "edges")
    stems = sorted(photos.keys() & drawings.keys())
    if not stems:
        raise ValueError(f"{folder} holds no reference drawings: expected photo/ and edges/ with equal file names")
    return [(photos[stem], drawings[stem]) for stem in stems]


def _pictures(folder: Path) -> dict[str, Path]:
    """Stem -> file of the pictures right in a folder."""
    return {
        path.stem: path
        for path in sorted(folder.glob("*.*"))
        if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")
    }


def compare_drawings(
    detector: EdgeDetector, pairs: Iterable[tuple[Path, Path]], scales: Sequence[float] = (1.0,)
) -> list[Score]:
    """Agreement of our drawings with the reference within 2 pixels, and the share of ink of both.

    Args:
        detector: draws. pairs: (photo, reference drawing) files, see `find_drawings`.
        scales: maps of these scales are averaged.

    Raises:
        ValueError: without pairs.
    """
    rows = []
    for photo, reference in pairs:
        pixels = np.asarray(fit_square(load_image(photo), SIDE))
        ours = postprocess(detector.detect_batch([pixels], scales)[0], SIDE)
        wanted = np.asarray(fit_square(load_image(reference), SIDE).convert("L"))
        found = agreement(ours, wanted, TOLERANCE)
        rows.append((found.f1, found.precision, found.recall, np.mean(ours < 128), np.mean(wanted < 128)))
    if not rows:
        raise ValueError("no reference drawings to compare with")
    f1, precision, recall, ours, wanted = np.mean(rows, 0)
    text = f"{len(rows)} photos at {SIDE} px, scales {' '.join(f'{s:g}' for s in scales)}"
    near = f"{text}; reference drawings, within {TOLERANCE:g} px, mean over photos"
    return [
        Score("F1 with drawings", float(f1), near, "higher"),
        Score("precision with drawings", float(precision), near, "higher"),
        Score("recall with drawings", float(recall), near, "higher"),
        Score("share of ink", float(ours), text),
        Score("share of ink, reference", float(wanted), text),
    ]
