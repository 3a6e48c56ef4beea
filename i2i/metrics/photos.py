"""The measures of models that answer with photos: realism, diversity, faithfulness, styles, drawings by people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from i2i.checks import check_least
from i2i.edges.normalize import normalize_sketch
from i2i.images import tensor_to_photo
from i2i.metrics.diversity import mean_pairwise_distance, path_steps, random_groups
from i2i.metrics.features import pooled
from i2i.metrics.frechet import FRECHET_MINIMUM
from i2i.metrics.held_out import see_input
from i2i.metrics.scores import Score
from i2i.metrics.style import between_drawings, colour_statistics, to_references
from i2i.metrics.view import View, shrunk
from i2i.serving.pictures import DRAWING_SIZE
from i2i.translator import Translator

REPEATED = 5  # drawings of which one seed is answered twice
SHOWN = 6  # rows and columns of the grids


@dataclass(frozen=True)
class PhotoProtocol:
    """How much is measured.

    Attributes:
        size: side at which pictures are compared, pixels; 0 for that of the smallest model. Larger answers are shrunk.
        pictures: held-out pairs for realism and faithfulness, at most.
        drawings, samples: for diversity, so many drawings, and so many samples of each.
        fixed_seed: seed of the one style (or noise) in which all drawings are answered once more; -1 leaves this out.
        coats: colours of styles are compared on so many drawings in so many styles; 0 leaves styles out.
        ways, steps: straight ways from one style to another, and steps on each.
        people: drawings by people of each group, at most.
    """

    size: int = 0
    pictures: int = 500
    drawings: int = 100
    samples: int = 10
    fixed_seed: int = 0
    coats: int = 12
    ways: int = 10
    steps: int = 16
    people: int = 200

    def __post_init__(self) -> None:
        least = {"size": 0, "pictures": 1, "drawings": 1, "samples": 2, "fixed_seed": -1, "coats": 0, "ways": 0}
        check_least(self, least | {"steps": 2, "people": 1})
        if self.coats == 1:
            raise ValueError("coats must be 0, or at least 2: one style cannot be told from others")


@dataclass
class Measured:
    """What was measured of one model or of the real photos.

    Attributes:
        scores: the numbers.
        grids: title -> pictures (rows, columns, 3, S, S) in [-1, 1].
    """

    scores: list[Score] = field(default_factory=list)
    grids: dict[str, Tensor] = field(default_factory=dict)


class PhotoMeasures:
    """Measures models on the same held-out pairs, beside the real photos.

    Sample i uses seed i, so a model's numbers are reproducible. Without the view's feature network, realism, diversity
    and smoothness are left out; without its detector, or where the input is no drawing, faithfulness is; with a single
    pair, whatever compares pictures of several.

    Args:
        view: what is compared.
        protocol: how much; `size` and `pictures` are the view's.
        sketches: group -> drawings by people, for models of drawings.

    Raises:
        ValueError: for drawings that are given to models of something else, or a file that is no drawing.
    """

    def __init__(self, view: View, protocol: PhotoProtocol, sketches: Mapping[str, Sequence[Path]] | None = None):
        self.view, self.protocol = view, protocol
        if sketches and view.held.input["kind"] != "edges":
            raise ValueError(f"drawings by people cannot be given to models of {view.held.input['kind']}")
        # Read now: a file that is no drawing must not end a measurement of minutes.
        chosen = {group: list(files)[: protocol.people] for group, files in (sketches or {}).items()}
        self.sketches = {group: [_drawing(path) for path in files] for group, files in chosen.items()}

    def with_styles(self, translator: Translator) -> bool:
        """Whether colours of styles are compared."""
        return translator.has_styles and self.protocol.coats > 0 and self.view.count > 1

    def left_out(self) -> list[str]:
        """What is not measured and why, a line each; what depends on a model is not told."""
        view, found = self.view, []
        if view.features is None:
            found.append("no feature network: realism and diversity not measured")
        elif view.count < FRECHET_MINIMUM:
            found.append(f"{view.count} pairs, and {FRECHET_MINIMUM} are needed: Fréchet distance not measured")
        if view.held.input["kind"] != "edges":
            found.append(f"inputs are of the kind {view.held.input['kind']}, no drawings: faithfulness not measured")
        elif view.detector is None:
            found.append("no edge detector: faithfulness not measured")
        return found

    def pictures_made(self, translator: Translator) -> int:
        """How many answers `model` asks of this model, for a progress bar."""
        p, count, judged = self.protocol, self.view.count, self.view.features is not None
        made = count * (1 + (p.fixed_seed >= 0)) + min(SHOWN, count) * SHOWN
        if judged:
            drawings = min(p.drawings, count)
            made += drawings * p.samples + min(REPEATED, drawings)
        if self.with_styles(translator):
            made += 2 * min(p.coats, count) ** 2 + judged * min(p.ways, count) * (p.steps + 1)
        return made + sum(len(drawn) + min(SHOWN, len(drawn)) * SHOWN for drawn in self.sketches.values())

    @torch.inference_mode()
    def real(self) -> Measured:
        """The real photos, measured as answers are: what a perfect model would reach."""
        view, found = self.view, Measured()
        if view.features is not None and view.count > 1:
            groups = random_groups(view.count, self.protocol.samples)
            spread = [mean_pairwise_distance(view.to_features(view.photos(g)), view.features) for g in groups]
            text = f"{view.split}; {len(groups)} random groups of {len(groups[0])} photos, all pairs; "
            text += f"{view.where}; {view.judge}"
            found.scores.append(Score("diversity", float(np.mean(spread)), text, "higher"))
        if view.detector is not None:
            drawings = (view.held.drawing(i) for i in range(view.count))
            seen = [view.found_again(p, d) for p, d in zip(view.each_photo(), drawings, strict=True)]
            found.scores += view.faithfulness("", seen, f"{view.split}; {len(seen)} photos; ")
        return found

    @torch.inference_mode()
    def model(self, translator: Translator) -> Measured:
        """Everything about one model."""
        found = Measured()
        self._realism_and_faithfulness(translator, found)
        if self.view.features is not None:
            self._diversity(translator, found)
        if self.with_styles(translator):
            self._coats(translator, found)
            self._references(translator, found)
            if self.view.features is not None and self.protocol.ways:
                self._paths(translator, found)
        for group, drawings in self.sketches.items():
            self._people(translator, group, drawings, found)
        return found

    def _realism_and_faithfulness(self, translator: Translator, found: Measured) -> None:
        view, fixed = self.view, self.protocol.fixed_seed
        kept: dict[str, list[np.ndarray]] = {"own": [], "one": []}
        seen, grid = [], []
        for i in range(view.count):
            x = view.x(translator, i)
            # Asked for together: the drawing is encoded once.
            answers = view.sample(translator, x, [i, fixed] if fixed >= 0 else [i])
            if view.features is not None:
                for name, answer in zip(kept, answers, strict=False):
                    kept[name].append(pooled(answer[None], view.features))
            if view.detector is not None:
                seen.append(view.found_again(answers[0], view.held.drawing(i)))
            if i < SHOWN:
                more = view.sample(translator, x, range(SHOWN))
                grid.append(torch.cat([view.inputs([i]), view.photos([i]), more]))
        found.grids[f"input, photo, seeds 0 to {SHOWN - 1}"] = torch.stack(grid)
        text = f"{view.split}; {view.count} answers, one a drawing, "
        for name, prefix, how in (("own", "", "seed = index; "), ("one", "one style: ", f"all with seed {fixed}; ")):
            if kept[name]:
                found.scores += view.realism(prefix, np.concatenate(kept[name]), text + how)
        if seen:
            found.scores += view.faithfulness("", seen, text + "seed = index; ")

    def _diversity(self, translator: Translator, found: Measured) -> None:
        view, p = self.view, self.protocol
        drawings = range(min(p.drawings, view.count))
        spread, repeated = [], []
        for i in drawings:
            x = view.x(translator, i)
            answers = view.to_features(view.sample(translator, x, range(p.samples)))
            spread.append(mean_pairwise_distance(answers, view.features))
            if i < REPEATED:
                # The last one, alone: neither its place in the call nor its company may show.
                again = view.to_features(view.sample(translator, x, [p.samples - 1]))
                repeated.append(mean_pairwise_distance(torch.stack([answers[-1], again[0]]), view.features))
        text = f"{view.split}; {len(drawings)} drawings x {p.samples} samples, all pairs; {view.where}; {view.judge}"
        found.scores.append(Score("diversity", float(np.mean(spread)), text, "higher"))
        text = f"{view.split}; {len(repeated)} drawings, one seed answered twice; {view.where}; {view.judge}"
        found.scores.append(Score("diversity of equal seeds", float(np.mean(repeated)), text, "lower"))

    def _coats(self, translator: Translator, found: Measured) -> None:
        view, chosen = self.view, self.view.spread_out(self.protocol.coats)
        styles = translator.styles(range(len(chosen)))
        answers = torch.stack([view.in_styles(translator, view.x(translator, i), styles) for i in chosen])
        split = between_drawings(_colours(answers))
        text = f"{view.split}; {len(chosen)} drawings x seeds 0 to {len(styles) - 1}, answers to different drawings; "
        text += f"distance of means and deviations of L, a, b; {view.where}"
        found.scores += [
            Score("one style on two drawings, colour distance", split.same, text, "lower"),
            Score("two styles on two drawings, colour distance", split.other, text),
            Score("two styles / one style", split.ratio, text, "higher"),
            Score("style found by its colours", split.found, f"{text}; by chance {1 / len(styles):.2f}", "higher"),
        ]
        inputs = view.inputs(chosen[:SHOWN])
        found.grids["input, one style a column"] = torch.cat([inputs[:, None], answers[:SHOWN, :SHOWN]], 1)

    def _references(self, translator: Translator, found: Measured) -> None:
        view, chosen = self.view, self.view.spread_out(self.protocol.coats)
        photos = view.photos(chosen)
        styles = np.stack([translator.style_of(view.held.photo(i, translator.image_size)) for i in chosen])
        # The drawings of other pairs, so that nothing but the style can carry colours over. The last one's neighbour is
        # the first one, and with few pairs all are chosen: where a photo's style meets its own drawing does not count.
        drawings = [(i + 1) % view.count for i in chosen]
        own = np.equal.outer(drawings, chosen)
        answers = torch.stack([view.in_styles(translator, view.x(translator, i), styles) for i in drawings])
        split = to_references(_colours(answers), _colours(photos), own)
        text = f"{view.split}; styles of {len(chosen)} photos x drawings of {len(drawings)} others; "
        text += f"distance of means and deviations of L, a, b; {view.where}"
        found.scores += [
            Score("answer to its reference photo, colour distance", split.same, text, "lower"),
            Score("answer to another photo, colour distance", split.other, text),
            Score("another photo / reference photo", split.ratio, text, "higher"),
            Score("reference found by its colours", split.found, f"{text}; by chance {1 / len(chosen):.2f}", "higher"),
        ]
        head = torch.cat([torch.ones_like(photos[:1]), photos[:SHOWN]])
        body = torch.cat([view.inputs(drawings[:SHOWN])[:, None], answers[:SHOWN, :SHOWN]], 1)
        found.grids["input, style of the photo above"] = torch.cat([head[None], body])

    def _paths(self, translator: Translator, found: Measured) -> None:
        view, p = self.view, self.protocol
        jumps, grid = [], []
        for k, i in enumerate(view.spread_out(p.ways)):
            start, end = translator.styles([2 * k, 2 * k + 1])
            shares = np.linspace(0, 1, p.steps + 1, dtype=np.float32)[:, None]
            styles = start * (1 - shares) + end * shares
            answers = view.in_styles(translator, view.x(translator, i), styles)
            steps = path_steps(view.to_features(answers), view.features)
            jumps.append(float(steps.max() / steps.mean().clamp(min=1e-12)))
            if k < SHOWN:
                grid.append(answers[np.linspace(0, p.steps, SHOWN + 2).round().astype(int)])
        text = f"{view.split}; {len(jumps)} straight ways between two seeds' styles, {p.steps} steps; perceptual "
        text += f"distance of neighbours; {view.where}; {view.judge}"
        found.scores.append(Score("interpolation, longest / mean step", float(np.mean(jumps)), text, "lower"))
        found.grids["from one style to another"] = torch.stack(grid)

    def _people(self, translator: Translator, group: str, drawings: Sequence[np.ndarray], found: Measured) -> None:
        view, name = self.view, f"people, {group}: "
        fakes, seen, grid = [], [], []
        for k, drawing in enumerate(drawings):
            x = translator.see(drawing)
            answer = view.sample(translator, x, [k])
            if view.features is not None:
                fakes.append(pooled(answer, view.features))
            if view.detector is not None:
                seen.append(view.found_again(answer[0], drawing))
            if k < SHOWN:
                ink = shrunk(see_input(x, view.held.input), view.size)
                grid.append(torch.cat([ink[None], answer, view.sample(translator, x, range(SHOWN))]))
        text = f"{len(drawings)} drawings by people ({group}), one answer each, seed = index; "
        scores = view.realism(name, np.concatenate(fakes), text) if fakes else []
        scores += view.faithfulness(name, seen, text) if seen else []
        on_edges = {s.name: s for s in found.scores}
        for score in list(scores):
            edges = on_edges.get(score.name.removeprefix(name))
            if edges is not None:
                loss = score.value - edges.value if score.better == "lower" else edges.value - score.value
                both = f"{score.protocol}; compared with: {edges.protocol}"
                scores.append(Score(f"{score.name}, worse than on edges by", loss, both, "lower"))
        found.scores += scores
        found.grids[f"drawing by a person ({group}), its answer, seeds 0 to {SHOWN - 1}"] = torch.stack(grid)


def _drawing(path: Path) -> np.ndarray:
    """A drawing by a person as ink; ValueError that names the file where there is none on it."""
    try:
        return normalize_sketch(path, DRAWING_SIZE)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _colours(pictures: Tensor) -> np.ndarray:
    """Colour statistics of (..., 3, S, S) in [-1, 1]: (..., 6)."""
    flat = pictures.flatten(0, -4)
    rows = [colour_statistics(np.asarray(tensor_to_photo(p))) for p in flat]
    return np.stack(rows).reshape(*pictures.shape[:-3], 6)
