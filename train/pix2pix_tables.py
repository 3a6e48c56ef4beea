"""The pix2pix paper's tables of losses, generators and patches: its numbers, and ours beside them in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

# Name of a score -> head of its column.
FCN = {"per-pixel accuracy": "per-pixel", "per-class accuracy": "per-class", "class IoU": "class IoU"}
COLOR = {f"histogram intersection, {channel}": f"overlap {channel}" for channel in "Lab"}
REAL = (0.80, 0.26, 0.21)  # the paper's score of real street scenes, in its table 1 alone
CLOSE = 0.01  # the paper prints two digits; less than one of the last is no order


@dataclass(frozen=True)
class Variant:
    """What is trained: kind of generator (unet, encoder_decoder), objective, and patch where there is a GAN."""

    generator: str = "unet"
    objective: str = "l1+cgan"
    patch: int = 70


@dataclass(frozen=True)
class Row:
    """A line of a table: its name, what is trained, and the paper's scores in the order of `FCN` and of `COLOR`."""

    name: str
    variant: Variant
    fcn: tuple[float, float, float]
    color: tuple[float, float, float] | None = None

    @property
    def paper(self) -> dict[str, float]:
        return dict(zip(FCN, self.fcn, strict=True)) | dict(zip(COLOR, self.color or (), strict=bool(self.color)))


@dataclass(frozen=True)
class PaperTable:
    """A table: what it compares, where the paper has it, its rows and columns (name of the score -> head)."""

    about: str
    source: str
    rows: tuple[Row, ...]
    columns: dict[str, str]


TABLES = {
    "losses": PaperTable(
        "pix2pix's five losses: L1, GAN, cGAN and their sums",
        "Isola et al. (arXiv v3), table 1 (FCN-scores) and figure 7 (overlap of colour histograms), Cityscapes",
        (
            Row("L1", Variant(objective="l1"), (0.42, 0.15, 0.11), (0.81, 0.69, 0.70)),
            Row("GAN", Variant(objective="gan"), (0.22, 0.05, 0.01)),
            Row("cGAN", Variant(objective="cgan"), (0.57, 0.22, 0.16), (0.87, 0.74, 0.84)),
            Row("L1+GAN", Variant(objective="l1+gan"), (0.64, 0.20, 0.15)),
            Row("L1+cGAN", Variant(), (0.66, 0.23, 0.17), (0.86, 0.84, 0.82)),
        ),
        FCN | COLOR,
    ),
    "generators": PaperTable(
        "pix2pix's generators: with skips (U-Net) and without (encoder-decoder), each with L1 and L1+cGAN",
        "Isola et al. (arXiv v3), table 2 (real photos: table 1), Cityscapes, batches of 10",
        (
            Row("encoder-decoder, L1", Variant("encoder_decoder", "l1"), (0.35, 0.12, 0.08)),
            Row("encoder-decoder, L1+cGAN", Variant("encoder_decoder"), (0.29, 0.09, 0.05)),
            Row("U-Net, L1", Variant(objective="l1"), (0.48, 0.18, 0.13)),
            Row("U-Net, L1+cGAN", Variant(), (0.55, 0.20, 0.14)),
        ),
        FCN,
    ),
    "patches": PaperTable(
        "pix2pix's discriminators: patches of 1, 16, 70 and 286 pixels",
        "Isola et al. (arXiv v3), table 3 (FCN-scores; those of real photos: table 1) and figure 7 (overlap of colour "
        "histograms), Cityscapes",
        (
            Row("1 (PixelGAN)", Variant(patch=1), (0.39, 0.15, 0.10), (0.83, 0.68, 0.78)),
            Row("16", Variant(patch=16), (0.65, 0.21, 0.17)),
            Row("70", Variant(), (0.66, 0.23, 0.17), (0.86, 0.84, 0.82)),
            Row("286 (ImageGAN)", Variant(patch=286), (0.42, 0.16, 0.11)),
        ),
        FCN | COLOR,
    ),
}

# What was measured: name of a score -> value; a missing or empty value is a dash.
Values = Mapping[str, float | None]


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def markdown(table: PaperTable, measured: Mapping[str, Values], real: Values) -> str:
    """The table in Markdown, ours beside the paper's, and below it what agrees in order.

    Args:
        measured: name of a row -> scores; rows may be missing.
        real: scores of the real photos.
    """
    heads = " | ".join(f"{head} | *paper*" for head in table.columns.values())
    lines = [f"| | {heads} |", "|---|" + "--:|" * (2 * len(table.columns))]
    published = {row.name: row.paper for row in table.rows} | {"real photos": dict(zip(FCN, REAL, strict=True))}
    for name, paper in published.items():
        ours = real if name == "real photos" else measured.get(name, {})
        cells = [f"{_cell(ours.get(s))} | *{_cell(paper.get(s))}*" for s in table.columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    note = f"In italics the paper's: {table.source}. Other pictures and another judge: only orders can be compared."
    return "\n".join([*lines, "", note, "", *agreement(table, measured)])


@dataclass
class _Order:
    """Pairs of rows that the paper tells apart: in its order, too close to call, the other way round."""

    same: list[tuple[str, str]]
    close: list[tuple[str, str]]
    swapped: list[tuple[str, str]]

    @property
    def kind(self) -> str:
        """What stands in the summary: agrees, close (in part), even (all too close), or differs."""
        if self.swapped or not self.close:
            return "differs" if self.swapped else "agrees"
        return "close" if self.same else "even"


def _order(paper: Values, ours: Values) -> _Order:
    found = _Order([], [], [])
    for pair in combinations(paper, 2):
        better, worse = sorted(pair, key=paper.__getitem__, reverse=True)
        if paper[better] == paper[worse]:
            continue
        ahead = round(ours[better] - ours[worse], 6)
        where = found.close if abs(ahead) < CLOSE else found.same if ahead > 0 else found.swapped
        where.append((better, worse))
    return found


def _best(values: Values) -> list[str]:
    return [name for name, value in values.items() if value == max(values.values())]


def agreement(table: PaperTable, measured: Mapping[str, Values]) -> list[str]:
    """Lines of Markdown: which orders of the paper hold here and which do not, from the numbers alone.

    Every two rows whose published numbers differ are compared; ours are too close to call below `CLOSE`.
    """
    found: dict[str, list[str]] = {"agrees": [], "close": [], "even": [], "differs": [], "open": []}
    details = []
    for score, head in table.columns.items():
        paper = {row.name: row.paper[score] for row in table.rows if score in row.paper}
        ours = {name: measured.get(name, {}).get(score) for name in paper}
        missing = [name for name, value in ours.items() if value is None]
        if missing:
            found["open"].append(head)
            continue
        order = _order(paper, ours)
        found[order.kind].append(head)
        total = len(order.same) + len(order.close) + len(order.swapped)
        best, theirs = _best(ours), _best(paper)
        told = f"best: {' and '.join(best)}"
        told += ", as in the paper" if set(best) <= set(theirs) else f" (the paper: {' and '.join(theirs)})"
        text = f"- {head}: {len(order.same)} of {total} pairs stand in the paper's order; {told}."
        if order.close:
            text += " Too close to call: " + "; ".join(f"{a} and {b}" for a, b in order.close) + "."
        if order.swapped:
            turned = (
                f"{b} above {a} ({_cell(ours[b])} to {_cell(ours[a])}; paper: {_cell(paper[b])} to {_cell(paper[a])})"
                for a, b in order.swapped
            )
            text += f" The other way round here: {', '.join(turned)}."
        details.append(text)
    heads = {
        "agrees": "In the paper's order",
        "close": f"Nothing against the paper's order, but in part too close to call (less than {CLOSE})",
        "even": f"All too close to call (less than {CLOSE})",
        "differs": "Not in the paper's order",
        "open": "Not measured yet in full",
    }
    summary = " ".join(f"**{heads[kind]}:** {', '.join(names)}." for kind, names in found.items() if names)
    return [summary, *([""] if details else []), *details]
