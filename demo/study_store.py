"""Votes of the perceptual study in one SQLite file, written by many people at once."""

from __future__ import annotations

import csv
import io
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TABLES = """
CREATE TABLE IF NOT EXISTS session (
    id TEXT PRIMARY KEY, started TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, model TEXT NOT NULL, protocol TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS trial (
    session TEXT NOT NULL REFERENCES session (id), number INTEGER NOT NULL, practice INTEGER NOT NULL,
    pair TEXT NOT NULL, fake_left INTEGER NOT NULL, said_left INTEGER, ms INTEGER, answered TEXT,
    PRIMARY KEY (session, number)
);
"""
_COLUMNS = ("session", "model", "protocol", "number", "practice", "pair", "fake_left", "said_left", "fooled", "ms",
            "answered")  # fmt: skip
_ANSWERS = """SELECT s.id, s.model, s.protocol, t.number, t.practice, t.pair, t.fake_left, t.said_left,
t.said_left != t.fake_left, t.ms, t.answered FROM trial t JOIN session s ON s.id = t.session"""


@dataclass(frozen=True)
class Trial:
    """One question.

    Attributes:
        number: from 0 on. practice: whether it does not count.
        pair: which pictures. fake_left: whether the generated one is on the left.
        said_left: the answer, True where the left one was taken for generated; None: not answered.
    """

    number: int
    practice: bool
    pair: str
    fake_left: bool
    said_left: bool | None

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.said_left == self.fake_left


class Store:
    """The file; made where there is none. Every call has its own connection, so threads may share a store.

    Args:
        path: the file.
        read_only: it must be there, and nothing is ever written to it.

    Raises:
        ValueError: for a file that is no store, such as the database of another program, which stays as it is.
    """

    def __init__(self, path: Path, read_only: bool = False):
        self.path, self.read_only = path, read_only
        if read_only and not path.is_file():
            raise ValueError(f"there are no votes in {path}: no such file")
        try:
            with self._open() as database:
                if database.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
                    database.execute(f"{_ANSWERS} LIMIT 0")
                elif read_only:
                    raise sqlite3.DatabaseError("it is empty")
                else:
                    database.execute("PRAGMA journal_mode = WAL")  # readers do not wait for a writer
                    database.executescript(_TABLES)
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{path} is no file of votes ({error}): name another file") from error

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self.path, timeout=30)
        try:
            if self.read_only:  # mode=ro would leave files -wal and -shm beside it
                database.execute("PRAGMA query_only = ON")
            with database:  # one transaction
                yield database
        finally:
            database.close()

    def start(self, model: str, protocol: str, plan: Sequence[tuple[str, bool]], practice: int) -> str:
        """A new session's id.

        Args:
            model, protocol: what is shown.
            plan: (pair, whether the generated one is on the left) of each trial.
            practice: so many of the first ones do not count.
        """
        name = secrets.token_urlsafe(12)
        with self._open() as database:
            database.execute("INSERT INTO session (id, model, protocol) VALUES (?, ?, ?)", (name, model, protocol))
            rows = [(name, k, k < practice, pair, left) for k, (pair, left) in enumerate(plan)]
            database.executemany(
                "INSERT INTO trial (session, number, practice, pair, fake_left) VALUES (?, ?, ?, ?, ?)", rows
            )
        return name

    def trials(self, session: str) -> list[Trial]:
        """All trials of a session in order; none for an unknown one."""
        with self._open() as database:
            rows = database.execute(
                "SELECT number, practice, pair, fake_left, said_left FROM trial WHERE session = ? ORDER BY number",
                (session,),
            ).fetchall()
        return [Trial(n, bool(p), pair, bool(f), None if s is None else bool(s)) for n, p, pair, f, s in rows]

    def model(self, session: str) -> str | None:
        """What a session shows; None for an unknown one."""
        with self._open() as database:
            row = database.execute("SELECT model FROM session WHERE id = ?", (session,)).fetchone()
        return row[0] if row else None

    def answer(self, session: str, number: int, said_left: bool, ms: int) -> bool:
        """Keep an answer; False if that trial already had one, which stays, or is not there."""
        with self._open() as database:
            changed = database.execute(
                "UPDATE trial SET said_left = ?, ms = ?, answered = CURRENT_TIMESTAMP "
                "WHERE session = ? AND number = ? AND said_left IS NULL",
                (said_left, ms, session, number),
            )
            return changed.rowcount == 1

    def sessions(self) -> dict[str, int]:
        """Sessions started for each model."""
        with self._open() as database:
            return dict(database.execute("SELECT model, COUNT(*) FROM session GROUP BY model").fetchall())

    def fooled(self) -> dict[tuple[str, str], dict[str, list[bool]]]:
        """(model, protocol) -> session -> for each answered trial that counts, whether the person was fooled."""
        found: dict[tuple[str, str], dict[str, list[bool]]] = {}
        for row in self._rows():
            if not row["practice"]:
                sessions = found.setdefault((row["model"], row["protocol"]), {})
                sessions.setdefault(row["session"], []).append(bool(row["fooled"]))
        return found

    def csv(self) -> str:
        """Every answer, practice included, as CSV with a heading."""
        text = io.StringIO()
        writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows())
        return text.getvalue()

    def _rows(self) -> list[dict]:
        with self._open() as database:
            rows = database.execute(
                f"{_ANSWERS} WHERE t.said_left IS NOT NULL ORDER BY s.started, s.id, t.number"
            ).fetchall()
        return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
