"""Fixtures that several test files share: a tiny model with random weights, and drawings made by formula."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from i2i import model_folder
from i2i.methods.styled import StyledConfig, StyledPix2Pix, serving_nets

TINY = StyledConfig(size=64, style=8, latent=4, widths=(8, 8, 8))


def make_tiny_model(folder: Path, seed: int = 0) -> Path:
    """A 64-pixel styled model whose random weights react strongly to drawing and style."""
    torch.manual_seed(seed)
    nets = serving_nets(TINY)
    with torch.no_grad():
        # Untrained nets answer faintly; louder, so that tests can tell styles and drawings apart.
        nets["mapping"].head.weight.mul_(10)
        nets["style_encoder"].head.weight.mul_(10)
        for level in nets["generator"].levels:
            if level.rgb is not None:
                level.rgb.weight.normal_(std=0.2)
    config = {
        "kind": "translator",
        "method": StyledPix2Pix.method,
        "name": folder.name,
        "net": {"size": 64, "inputs": 1, "style": 8, "latent": 4, "widths": [8, 8, 8]},
        "input": {"kind": "edges"},
        "size": 64,
        "data": {"name": "random weights", "licence": "none"},
    }
    model_folder.save(folder, config, nets, "# tiny\n\nRandom weights, for tests.\n")
    return folder


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def cat_drawing() -> np.ndarray:
    """A cat's head made of ellipses and lines, uint8 (256, 256), black on white."""
    page = np.full((256, 256), 255, np.uint8)
    cv2.ellipse(page, (128, 150), (80, 70), 0, 0, 360, 0, 2)
    for side in (-1, 1):
        cv2.polylines(
            page, [np.array([[128 + side * 70, 110], [128 + side * 65, 40], [128 + side * 25, 85]])], False, 0, 2
        )
        cv2.ellipse(page, (128 + side * 32, 135), (14, 9), 0, 0, 360, 0, 2)
    cv2.ellipse(page, (128, 170), (8, 5), 0, 0, 360, 0, 2)
    return page
