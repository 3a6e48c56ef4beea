"""Numbers that say how they were measured, and tables of them."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Columns beside the models: what a perfect one would come to, and what there is without any.
REAL, UNCHANGED = "real photos", "nothing done"

ARROWS = {"higher": "↑", "lower": "↓", "": ""}


@dataclass(frozen=True)
class Score:
    """One measured number.

    Attributes:
        name: what was measured; equal names stand in one row of a table.
        value: the number.
        protocol: everything that another number must share before the two may be compared: split, counts, resize
            filter, networks.
        better: "higher", "lower", or "" where the number only describes.
    """

    name: str
    value: float
    protocol: str
    better: str = ""

    def json(self) -> dict[str, Any]:
        """As plain values, rounded to six significant digits."""
        value = float(f"{self.value:.6g}") if math.isfinite(self.value) else None
        return {"value": value, "protocol": self.protocol} | ({"better": self.better} if self.better else {})


@dataclass(frozen=True)
class Table:
    """Scores of several things side by side.

    Attributes:
        head: "measure", the columns' names, "note".
        rows: as `head`; a missing score is a dash, and the note is the letter of the protocol.
        notes: (letter, protocol), each protocol once.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[tuple[str, str], ...]


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else _letter(number // 26 - 1) + _letter(number % 26)


def make_table(columns: Mapping[str, Sequence[Score]]) -> Table:
    """A row for each name of a score, in the order of their first appearance; a column for each list.

    Raises:
        ValueError: if one list has two scores of one name.
    """
    names: dict[str, str] = {}
    for column, scores in columns.items():
        own = [s.name for s in scores]
        if len(set(own)) < len(own):
            twice = next(n for n in own if own.count(n) > 1)
            raise ValueError(f"{column} has two scores called {twice!r}; a row can hold one")
        names |= {s.name: f"{s.name} {ARROWS[s.better]}".strip() for s in scores}
    letters: dict[str, str] = {}
    rows = []
    for name, label in names.items():
        found = [next((s for s in scores if s.name == name), None) for scores in columns.values()]
        notes = []
        for score in found:
            if score is not None:
                letter = letters.setdefault(score.protocol, _letter(len(letters)))
                notes += [letter] if letter not in notes else []
        cells = [_number(s.value) if s is not None else "–" for s in found]
        rows.append((label, *cells, " ".join(notes)))
    return Table(("measure", *columns, "note"), tuple(rows), tuple((v, k) for k, v in letters.items()))


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    if value == 0 or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.3f}"


def table_text(table: Table) -> str:
    """The table for a terminal, its notes below."""
    lines = [table.head, *table.rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(table.head))]
    last = len(widths) - 1

    def row(line: tuple[str, ...]) -> str:
        padded = zip(line, widths, (k in (0, last) for k in range(len(line))), strict=True)
        return "  ".join(c.ljust(w) if left else c.rjust(w) for c, w, left in padded).rstrip()

    return "\n".join([*map(row, lines), "", *(f"[{letter}] {text}" for letter, text in table.notes)])


def table_html(table: Table) -> str:
    """The table for a page, its notes below."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.head)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    notes = "".join(f"<li><b>{letter}</b> {html.escape(text)}</li>" for letter, text in table.notes)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table><ul class=notes>{notes}</ul>"
