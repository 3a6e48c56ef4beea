"""What a run shows of itself, also after it was killed and on a full disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from i2i.training.monitor import Monitor

PICTURE = Image.new("RGB", (8, 8))


def grids(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "grids").iterdir())


def test_what_a_killed_run_showed_after_its_state_is_gone(tmp_path):
    first = Monitor(tmp_path)
    for step in (2, 4, 6):
        first.scalars(step, {"loss": 1.0})
        first.grid(step, PICTURE)
    first.close()
    (tmp_path / "grids" / "mine.png").write_bytes(b"x")
    Monitor(tmp_path, resumed_at=4).close()
    assert grids(tmp_path) == ["0000002.png", "0000004.png", "mine.png"]
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [2, 4]
    Monitor(tmp_path).close()  # a run that begins anew
    assert grids(tmp_path) == ["mine.png"] and (tmp_path / "log.jsonl").read_text() == ""
    board = tmp_path / "tensorboard"
    assert not board.exists() or len(list(board.iterdir())) == 1


def test_pictures_that_no_run_made_stay(tmp_path):
    (tmp_path / "grids").mkdir()
    (tmp_path / "grids" / "20240115.png").write_bytes(b"x")
    Monitor(tmp_path).close()
    assert grids(tmp_path) == ["20240115.png"]


def test_a_full_disk_is_told_with_the_fix(tmp_path, monkeypatch):
    monitor = Monitor(tmp_path)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    monkeypatch.setattr(Image.Image, "save", full)
    words = "cannot be written to .*No space left on device.*make room there.*--resume goes on"
    with pytest.raises(OSError, match=words):
        monitor.scalars(1, {"loss": 1.0})
    with pytest.raises(OSError, match=words):
        monitor.grid(1, PICTURE)


def test_a_full_disk_is_told_where_tensorboard_meets_it(tmp_path):
    """Its events are written by a thread of its own, whose error comes with a later call."""

    class Full:
        def _full(self, *_, **__):
            raise OSError(28, "No space left on device")

        add_scalar = add_image = close = _full

    monitor = Monitor(tmp_path)
    if monitor.board is not None:
        monitor.board.close()
    monitor.board = Full()
    picture = Image.new("RGB", (8, 8))
    for call in (lambda: monitor.scalars(1, {"loss": 1.0}), lambda: monitor.grid(1, picture), monitor.close):
        with pytest.raises(OSError, match="cannot be written to .*No space left on device.*make room there"):
            call()
