"""The BSDS500 boundary benchmark: ODS, OIS and AP of soft edge maps against several annotators.

Arbelaez, Maire, Fowlkes and Malik, "Contour detection and hierarchical image segmentation", TPAMI 2011, section 3.
A soft map is thinned by non-maximum suppression, cut at 99 thresholds, thinned to lines, and each cut is matched one to
one with each annotator's boundaries: partners lie within 0.0075 of the image's diagonal.

The benchmark matches at the least cost, where a pixel without partner costs a hundred times the greatest distance. Such
a matching has the greatest possible number of partners, so a maximum matching, found as a maximum flow (Dinic, 1970),
counts the same. Which of several maximum matchings is taken matters only for the union over annotators in the
precision; by about 1 % at the lowest thresholds, and not at all where the F measure is greatest, in our comparisons.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow
from scipy.spatial import cKDTree

from i2i.data.bsds import read_annotators
from i2i.edges.detector import EdgeDetector
from i2i.edges.postprocess import fade_borders, orientation, suppress_non_maxima, thin
from i2i.metrics.given import check_boundaries, check_soft_map

THRESHOLDS = 99
MAX_DISTANCE = 0.0075  # of the image's diagonal


@dataclass(frozen=True)
class BoundaryScores:
    """Result of the benchmark.

    Attributes:
        ods: best F over thresholds, one threshold for the whole data set.
        ois: F with the best threshold of each image.
        ap: average precision, the area under the precision-recall curve.
        threshold: the one that gives `ods`.
        images: how many were measured.
        thresholds, precision, recall: the curve, one value a threshold.
    """

    ods: float
    ois: float
    ap: float
    threshold: float
    images: int
    thresholds: np.ndarray = field(repr=False)
    precision: np.ndarray = field(repr=False)
    recall: np.ndarray = field(repr=False)


def cut_levels(count: int = THRESHOLDS) -> np.ndarray:
    """The thresholds, evenly spaced inside (0, 1): 0.01, 0.02, ..., 0.99 for 99."""
    return np.arange(1, count + 1) / (count + 1)


def count_matches(
    soft: np.ndarray, annotators: Sequence[np.ndarray], thresholds: int = THRESHOLDS, max_distance: float = MAX_DISTANCE
) -> np.ndarray:
    """Matched and all pixels of one image at every threshold.

    Args:
        soft: float (H, W) in [0, 1], 1 = edge.
        annotators: bool (H, W) each, True on a boundary.
        thresholds: how many.
        max_distance: greatest distance of partners, as a share of the image's diagonal.

    Returns:
        int64 (thresholds, 4): drawn pixels that have a partner, summed over annotators; all drawn pixels, likewise;
        found pixels that have a partner in at least one annotator; all found pixels.

    Raises:
        ValueError: without annotators, for unequal shapes, or other arrays; for maps below 10 pixels a side.
    """
    check_soft_map(soft)
    check_boundaries(annotators, soft.shape)
    soft = soft.astype(np.float32)
    faded, direction = fade_borders(soft), orientation(soft)
    levels = cut_levels(thresholds)
    # Suppressed once: a pixel that is a ridge at a low threshold is one at every threshold that it reaches.
    ridge = suppress_non_maxima(soft, direction, levels[0])
    found = np.argwhere(ridge)
    number = np.full(soft.shape, -1)
    number[ridge] = np.arange(len(found))
    reach = max_distance * float(np.hypot(*soft.shape))
    graphs = [_candidates(found, np.argwhere(a), reach) for a in annotators]
    drawn = sum(int(np.count_nonzero(a)) for a in annotators)
    counts = np.zeros((thresholds, 4), np.int64)
    for row, level in zip(counts, levels, strict=True):
        lines = thin(ridge & (faded >= np.float32(level)))
        rows = number[lines]
        matched, right = _matched([graph[rows] for graph in graphs])
        row[:] = matched, drawn, right, len(rows)
    return counts


def _matched(graphs: Sequence[csr_matrix]) -> tuple[int, int]:
    """How many of the found pixels have a partner: summed over annotators, and in at least one of them."""
    partnered, matched = np.zeros(graphs[0].shape[0], bool), 0
    for graph in graphs:
        if 0 not in graph.shape:
            has_partner = match(graph)
            partnered |= has_partner
            matched += int(np.count_nonzero(has_partner))
    return matched, int(np.count_nonzero(partnered))


def count_agreement(annotators: Sequence[np.ndarray], max_distance: float = MAX_DISTANCE) -> np.ndarray:
    """What `count_matches` counts, of each annotator's boundaries held against those of the others.

    Args:
        annotators: bool (H, W) each, True on a boundary; fewer than two have nothing to be held against.

    Returns:
        int64 (annotators, 4), or (0, 4).

    Raises:
        ValueError: for unequal shapes, or other arrays.
    """
    if len(annotators) < 2:
        return np.zeros((0, 4), np.int64)
    check_boundaries(annotators, np.shape(annotators[0]))
    points = [np.argwhere(thin(a)) for a in annotators]
    reach = max_distance * float(np.hypot(*annotators[0].shape))
    counts = np.zeros((len(points), 4), np.int64)
    for i, (row, own) in enumerate(zip(counts, points, strict=True)):
        others = points[:i] + points[i + 1 :]
        matched, right = _matched([_candidates(own, other, reach) for other in others])
        row[:] = matched, sum(map(len, others)), right, len(own)
    return counts


def annotators_f(images: Iterable[Sequence[np.ndarray]], max_distance: float = MAX_DISTANCE) -> float:
    """How well people do by the same measure: F of single annotators held against the others of their image, counts
    summed over annotators and images. It tells how hard a set of photos is, and how far people are of one mind there.

    Raises:
        ValueError: where no image has two annotators, or as `count_agreement`.
    """
    counts = np.concatenate([np.zeros((0, 4), np.int64), *(count_agreement(a, max_distance) for a in images)])
    if not len(counts):
        raise ValueError("no image has two annotators: one alone cannot be held against others")
    return float(_rates(counts.sum(0))[2])


def _candidates(found: np.ndarray, drawn: np.ndarray, reach: float) -> csr_matrix:
    """Possible partners (found, drawn) as a sparse matrix of ones."""
    shape = (len(found), len(drawn))
    if 0 in shape:
        return csr_matrix(shape, dtype=np.int32)
    near = cKDTree(found).sparse_distance_matrix(cKDTree(drawn), reach, output_type="coo_matrix")
    # Pixels at the same place are at distance zero, which a sparse matrix of distances would lose.
    return csr_matrix((np.ones(len(near.row), np.int32), (near.row, near.col)), shape)


def match(candidates: csr_matrix) -> np.ndarray:
    """Which rows have a partner in a maximum one-to-one matching of rows and columns.

    Args:
        candidates: (rows, columns), nonzero where the two may be partners.

    Returns:
        bool (rows,).
    """
    rows, columns = candidates.shape
    source, sink = rows + columns, rows + columns + 1
    # source -> rows -> columns -> sink, every edge for one unit.
    targets = np.concatenate([candidates.indices + rows, np.full(columns, sink), np.arange(rows)])
    starts = np.concatenate([candidates.indptr, candidates.indptr[-1] + np.arange(1, columns + 1)])
    starts = np.concatenate([starts, [starts[-1] + rows, starts[-1] + rows]])
    graph = csr_matrix((np.ones(len(targets), np.int32), targets.astype(np.int32), starts.astype(np.int32)))
    graph.resize(sink + 1, sink + 1)
    flow = maximum_flow(graph, source, sink, method="dinic").flow
    return np.asarray(flow[source, :rows].todense()).ravel() > 0


def _rates(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall, precision and F of counts (..., 4); F is zero where nothing matches."""
    recall = counts[..., 0] / np.maximum(1, counts[..., 1])
    precision = counts[..., 2] / np.maximum(1, counts[..., 3])
    return recall, precision, 2 * precision * recall / np.maximum(1e-12, precision + recall)


def summarise(counts: np.ndarray) -> BoundaryScores:
    """Scores of `count_matches` results of all images, stacked to (images, thresholds, 4)."""
    levels = cut_levels(counts.shape[1])
    recall, precision, f = _rates(counts.sum(0))
    # Between two thresholds the curve is taken as straight, as the benchmark does.
    share = np.linspace(0, 1, 101)[:, None]
    between = [a[:-1] * (1 - share) + a[1:] * share for a in (recall, precision, levels)]
    dense = 2 * between[0] * between[1] / np.maximum(1e-12, between[0] + between[1])
    best = np.unravel_index(dense.argmax(), dense.shape) if dense.size else (0, 0)
    own = _rates(counts)[2].argmax(1)
    ois = _rates(counts[np.arange(len(counts)), own].sum(0))[2]
    known, first = np.unique(recall, return_index=True)
    grid = np.arange(101) / 100
    curve = np.interp(grid, known, precision[first], left=0.0, right=0.0)
    return BoundaryScores(
        ods=float(dense[best]) if dense.size else float(f[0]),
        ois=float(ois),
        ap=float(curve.sum() / 100),
        threshold=float(between[2][best]) if dense.size else float(levels[0]),
        images=len(counts),
        thresholds=levels,
        precision=precision,
        recall=recall,
    )


def _count(item: tuple[np.ndarray, Sequence[np.ndarray]], thresholds: int, max_distance: float) -> np.ndarray:
    return count_matches(*item, thresholds, max_distance)


def evaluate_boundaries(
    maps: Iterable[tuple[np.ndarray, Sequence[np.ndarray]]],
    thresholds: int = THRESHOLDS,
    max_distance: float = MAX_DISTANCE,
    workers: int = 1,
) -> BoundaryScores:
    """Run the benchmark.

    Args:
        maps: for each image its soft map, float (H, W) in [0, 1], and the annotators' boundaries, bool (H, W) each.
        thresholds, max_distance: see `count_matches`.
        workers: processes; the images are shared out between them.

    Raises:
        ValueError: without images, or for unequal shapes.
    """
    task = partial(_count, thresholds=thresholds, max_distance=max_distance)
    if workers > 1:
        # Fresh processes: a fork of one whose torch has started threads may hang.
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            counts = list(pool.map(task, maps))
    else:
        counts = [task(item) for item in maps]
    if not counts:
        raise ValueError("no images to measure: give at least one soft map with its annotators' boundaries")
    return summarise(np.stack(counts))


def evaluate_detector(
    detector: EdgeDetector,
    pairs: Sequence[tuple[Path, Path]],
    scales: Sequence[float] = (1.0,),
    workers: int = 1,
) -> BoundaryScores:
    """Run the benchmark on a detector.

    Args:
        detector: sees each photo at its full size.
        pairs: (photo, ground truth) files, see `i2i.data.bsds.find_bsds`.
        scales: maps of these scales are averaged.
        workers: processes that match.
    """
    maps = ((detector.detect(photo, scales), read_annotators(truth)) for photo, truth in pairs)
    return evaluate_boundaries(maps, workers=workers)
