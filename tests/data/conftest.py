"""Lets the data tests import what they share, and gives them photos and a server."""

import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)

from archive_server import archive_server  # noqa: E402
from shapes import photo  # noqa: E402


@pytest.fixture
def photos(tmp_path):
    """Ten photos that do not resemble each other, four of them two folders down."""
    folder = tmp_path / "photos"
    (folder / "more" / "deep").mkdir(parents=True)
    for seed in range(10):
        place = folder if seed < 6 else folder / "more" / "deep"
        photo(seed).save(place / f"{seed}.{'JPG' if seed % 2 else 'png'}", quality=92)
    return folder


@pytest.fixture
def server(monkeypatch):
    """A server on this machine that offers archives and misbehaves when told to; see `archive_server`."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with archive_server() as running:
        yield running
