"""The measures of a drawing -> photo model on held-out pairs, in one table with its protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from i2i.data.pairs import PairDataset
from i2i.edges.detector import EdgeDetector
from i2i.edges.postprocess import postprocess
from i2i.images import tensor_to_photo
from i2i.metrics.diversity import mean_pairwise_distance
from i2i.metrics.faithfulness import agreement
from i2i.metrics.frechet import FRECHET_MINIMUM, frechet_distance, kernel_distance
from i2i.translator import Translator


def device_of(features: nn.Module) -> torch.device:
    """Where a feature network wants its pictures."""
    return next((p.device for p in features.parameters()), torch.device("cpu"))


@torch.inference_mode()
def pooled(pictures: Tensor, features: nn.Module, batch: int = 16) -> np.ndarray:
    """Features of the last tap, averaged over the picture: (N, D)."""
    where = device_of(features)
    parts = [features(p.to(where))[-1].mean((2, 3)) for p in pictures.split(batch)]
    return torch.cat(parts).cpu().numpy()


def evaluate(
    translator: Translator,
    pairs: PairDataset,
    *,
    features: nn.Module | None = None,
    detector: EdgeDetector | None = None,
    limit: int = 500,
    diversity_drawings: int = 50,
    diversity_samples: int = 6,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Realism, diversity and faithfulness on held-out pairs.

    Sample i uses seed i, so a model's numbers are reproducible. Without `features` the measures that need them are
    left out, without `detector` faithfulness is; the protocol says so.

    Returns:
        plain values, with `protocol`: split, counts, feature network.
    """
    count = min(limit, len(pairs))
    reals, fakes, agreements = [], [], []
    for i in range(count):
        item = pairs[i]
        # The generator's output is linear; what is measured is what is shown.
        fake = translator.render(item["x"], torch.from_numpy(translator.styles([i])))[0].clamp(-1, 1)
        reals.append(item["y"])
        fakes.append(fake)
        if detector is not None:
            soft = detector.detect_batch([np.asarray(tensor_to_photo(fake))])[0]
            agreements.append(agreement(postprocess(soft, pairs.native), pairs.drawing(i)))
        progress(i + 1, count)
    real, fake = torch.stack(reals), torch.stack(fakes)
    table: dict[str, Any] = {}
    protocol = [
        f"{count} held-out pairs",
        f"{translator.image_size} px, no resize",
        "one sample a drawing, seed = index",
    ]
    if features is not None:
        a, b = pooled(real, features), pooled(fake, features)
        if count >= FRECHET_MINIMUM:
            table["frechet"] = frechet_distance(a, b)
        if count >= 2:
            table["kernel"] = kernel_distance(a, b)
        chosen = range(min(diversity_drawings, count))
        spread = []
        for i in chosen:
            styles = torch.from_numpy(translator.styles(range(diversity_samples)))
            answers = translator.render(pairs[i]["x"], styles).clamp(-1, 1)
            spread.append(mean_pairwise_distance(answers.to(device_of(features)), features))
        table["diversity"] = float(np.mean(spread))
        generator = torch.Generator().manual_seed(0)
        some = torch.randperm(count, generator=generator)[:40]
        if len(some) > 1:
            table["diversity_of_photos"] = mean_pairwise_distance(real[some].to(device_of(features)), features)
        protocol += [
            f"features {features.name}",
            f"diversity: {len(chosen)} drawings x {diversity_samples} samples, all pairs",
            f"diversity of photos: {len(some)}, all pairs",
        ]
    else:
        protocol.append("no feature network: realism and diversity not measured")
    if agreements:
        table["edge_precision"] = float(np.mean([r.precision for r in agreements]))
        table["edge_recall"] = float(np.mean([r.recall for r in agreements]))
        protocol.append(f"edges found again by {detector.config['name']} {detector.config['sha256'][:8]}, within 2 px")
    table = {k: round(v, 5) for k, v in table.items()}
    return table | {"protocol": "; ".join(protocol)}
