"""Discs and their outlines as held-out pairs, a feature network of colours, an edge finder, and an ideal model."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn


class Colours(nn.Module):
    """Mean red and green of a grid of 8 x 8 fields, and mean colours of 4 x 4."""

    name = "colours of 16 fields"

    def forward(self, y: torch.Tensor) -> list[torch.Tensor]:
        return [F.adaptive_avg_pool2d(y[:, :2], 8), F.adaptive_avg_pool2d(y, 4)]


class Differences:
    """Finds edges of flat fields by differences, so that the trained detector's quality plays no part."""

    config = {"name": "differences", "sha256": "0" * 64}

    def detect_batch(self, photos: list[np.ndarray]) -> list[np.ndarray]:
        grey = [p.astype(np.float32).mean(2) for p in photos]
        steps = [np.hypot(np.gradient(g, axis=0), np.gradient(g, axis=1)) for g in grey]
        return [(s / max(1e-6, s.max())).astype(np.float32) for s in steps]


class Painter:
    """Answers with the drawing's ink on paper of one colour, the style: pictures of one style differ by ink alone."""

    name, weights_id, image_size, has_styles = "painter", "01234567", 64, True
    config = {"name": "painter", "input": {"kind": "edges"}, "size": 64}

    def styles(self, seeds) -> np.ndarray:
        return np.stack([np.random.default_rng(s).uniform(-0.9, 0.9, 3) for s in seeds]).astype(np.float32)

    def style_of(self, photo: Image.Image) -> np.ndarray:
        return (np.asarray(photo).mean((0, 1)) / 127.5 - 1).astype(np.float32)

    def see(self, drawing: np.ndarray) -> torch.Tensor:
        paper = torch.from_numpy(drawing.astype(np.float32) / 127.5 - 1)[None, None]
        return F.interpolate(paper, size=(64, 64), mode="area")[0]

    def render(self, x: torch.Tensor, styles: torch.Tensor) -> torch.Tensor:
        return torch.where(x[None] < 0.9, -torch.ones(1), styles[:, :, None, None])

    def answer(self, x: torch.Tensor, seeds) -> torch.Tensor:
        return self.render(x, torch.from_numpy(self.styles(seeds)))


@pytest.fixture
def colours() -> Colours:
    return Colours()


@pytest.fixture
def differences() -> Differences:
    return Differences()


@pytest.fixture
def painter() -> Painter:
    return Painter()


def disc(index: int) -> tuple[np.ndarray, np.ndarray]:
    """(photo, drawing) of a disc, uint8 (256, 256, 3) and (256, 256)."""
    rng = np.random.default_rng(index)
    photo = np.full((256, 256, 3), rng.integers(0, 255, 3), np.uint8)
    drawing = np.full((256, 256), 255, np.uint8)
    where = (100 + 10 * index, 120), 40 + 8 * index
    cv2.circle(photo, *where, tuple(map(int, rng.integers(0, 255, 3))), -1)
    cv2.circle(drawing, *where, 0, 1)
    return photo, drawing


@pytest.fixture(scope="session")
def discs(tmp_path_factory) -> Path:
    """A prepared folder with five validation pairs, and one to train on."""
    root = tmp_path_factory.mktemp("prepared")
    for i in range(6):
        for kind, pixels in zip(("photo", "drawing"), disc(i), strict=True):
            folder = root / "pairs" / ("val" if i < 5 else "train") / kind
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / f"{i}.png")
    return root
