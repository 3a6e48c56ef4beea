"""The measures of a drawing -> photo model for its card: one flat table with its protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from i2i.data.paired import PairedDataset
from i2i.data.pairs import PairDataset
from i2i.edges.detector import EdgeDetector
from i2i.metrics.held_out import held_out_for
from i2i.metrics.photos import PhotoMeasures, PhotoProtocol
from i2i.metrics.view import View
from i2i.translator import Translator

# Name in the card -> name of the score, of the model or of the real photos.
_ROWS = {
    "frechet": "Fréchet distance",
    "kernel": "kernel distance",
    "diversity": "diversity",
    "edge_precision": "edge precision",
    "edge_recall": "edge recall",
}


def evaluate(
    translator: Translator,
    pairs: PairDataset | PairedDataset,
    *,
    features: nn.Module | None = None,
    detector: EdgeDetector | None = None,
    limit: int = 500,
    diversity_drawings: int = 100,
    diversity_samples: int = 10,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Realism, diversity and faithfulness on held-out pairs; `i2i.metrics.photos` measures more.

    Sample i uses seed i, so a model's numbers are reproducible. Without `features` the measures that need them are
    left out, without `detector` faithfulness is; the protocol says so.

    Args:
        pairs: says folder and split.
        progress: is told (answers made, answers in all).

    Returns:
        plain values, with `protocol`: split, counts, feature network.
    """
    done = 0

    def report(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    config = pairs.config if isinstance(pairs, PairedDataset) else None
    held = held_out_for(translator.config, pairs.root, pairs.split, config)
    protocol = PhotoProtocol(
        drawings=diversity_drawings, samples=diversity_samples, pictures=limit, fixed_seed=-1, coats=0
    )
    view = View(held, translator.image_size, limit, features, detector, report)
    measures = PhotoMeasures(view, protocol)
    total = measures.pictures_made(translator)
    own = {s.name: s for s in measures.model(translator).scores}
    real = {s.name: s for s in measures.real().scores}
    chosen = {key: own[name] for key, name in _ROWS.items() if name in own}
    if "diversity" in real:
        chosen["diversity_of_photos"] = real["diversity"]
    notes: dict[str, list[str]] = {}
    for key, score in chosen.items():
        notes.setdefault(score.protocol, []).append(key)
    lines = [f"{', '.join(keys)}: {text}" for text, keys in notes.items()] + measures.left_out()
    return {k: round(s.value, 5) for k, s in chosen.items()} | {"protocol": " | ".join(lines)}
