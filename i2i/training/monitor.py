"""Curves and sample grids of a run: JSONL and TensorBoard events while it runs, PNG pictures to look at."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

_GRID = re.compile(r"\d{7,}")  # names that grids are given


class Monitor:
    """Writes `log.jsonl`, `curves.png`, `grids/<step>.png` and TensorBoard events into the run folder."""

    def __init__(self, run: Path, resumed_at: int = 0):
        self.run = run
        self.log = run / "log.jsonl"
        with self._told():
            self._forget_after(resumed_at)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:  # an optional extra: JSONL and PNG are there without it
            self.board = None
        else:
            with self._told():
                self.board = SummaryWriter(str(run / "tensorboard"), purge_step=resumed_at or None)

    def _forget_after(self, step: int) -> None:
        """Drop what a killed run left after its last saved state, which comes again, and torn lines."""
        if not step and not self._rows():
            return  # no run of ours: what is there is somebody's
        late = [p for p in (self.run / "grids").glob("*.png") if _GRID.fullmatch(p.stem) and int(p.stem) > step]
        if not step:  # TensorBoard would show the curves of both runs as one
            late += (self.run / "tensorboard").glob("events.out.tfevents.*")
        for path in late:
            with contextlib.suppress(PermissionError):  # held open by a viewer, on Windows
                path.unlink()
        if self.log.exists():
            kept = [json.dumps(row) for row in self._rows() if row["step"] <= step]
            fresh = self.log.with_suffix(".new")
            fresh.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
            fresh.replace(self.log)

    @staticmethod
    def made(log: Path) -> bool:
        """Whether a file may be written over as a log: a run's, an empty one, or none."""
        lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
        return not lines or bool(_read(lines))

    def _rows(self) -> list[dict[str, float]]:
        """What was logged. A full disk or a power cut leaves half a line, which is no reason to stop the run."""
        return _read(self.log.read_text(errors="replace").splitlines() if self.log.exists() else [])

    def scalars(self, step: int, values: dict[str, float]) -> None:
        with self._told(), self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step} | {k: round(v, 6) for k, v in values.items()}) + "\n")
        if self.board is not None:
            with self._told():
                for name, value in values.items():
                    self.board.add_scalar(name, value, step)

    def grid(self, step: int, picture: Image.Image) -> None:
        folder = self.run / "grids"
        with self._told():
            folder.mkdir(exist_ok=True)
            picture.save(folder / f"{step:07d}.png")
        if self.board is not None:
            with self._told():
                self.board.add_image("samples", np.asarray(picture.convert("RGB")), step, dataformats="HWC")

    def curves(self) -> None:
        if rows := self._rows():
            with self._told():
                draw_curves(rows).save(self.run / "curves.png")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Errors in writing say what to do about them."""
        try:
            yield
        except OSError as error:
            raise OSError(
                f"curves and grids cannot be written to {self.run} ({error.strerror or error}): make room there, or "
                "allow writing; then --resume goes on from the last saved state"
            ) from error

    def close(self) -> None:
        self.curves()
        if self.board is not None:
            with self._told():
                self.board.close()


def _read(lines: list[str]) -> list[dict[str, float]]:
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(row, dict) and "step" in row:
            rows.append(row)
    return rows


def draw_curves(rows: list[dict[str, float]], width: int = 360, height: int = 180) -> Image.Image:
    """One small plot for each logged value, four a row; ranges are printed beside the name."""
    names = sorted({k for row in rows for k in row if k != "step"})
    columns = min(4, len(names))
    picture = Image.new("RGB", (columns * width, math.ceil(len(names) / columns) * height), "white")
    draw = ImageDraw.Draw(picture)
    last = max(row["step"] for row in rows) or 1
    for k, name in enumerate(names):
        left, top = k % columns * width, k // columns * height
        points = [(row["step"], row[name]) for row in rows if math.isfinite(row.get(name, math.nan))]
        draw.rectangle((left + 8, top + 22, left + width - 8, top + height - 8), outline=(200, 200, 200))
        if not points:
            continue
        low, high = min(v for _, v in points), max(v for _, v in points)
        draw.text((left + 8, top + 6), f"{name}  {low:.4g} .. {high:.4g}  last {points[-1][1]:.4g}", fill="black")
        scale = (high - low) or 1.0
        line = [
            (left + 8 + s / last * (width - 16), top + height - 8 - (v - low) / scale * (height - 30))
            for s, v in points
        ]
        if len(line) > 1:
            draw.line(line, fill=(30, 90, 180), width=2)
    return picture
