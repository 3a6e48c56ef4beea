"""Fixtures that several test files share: a tiny model with random weights, and drawings made by formula."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from i2i import model_folder
from i2i.methods.styled import StyledConfig, StyledPix2Pix, serving_nets

# One thread, here and in processes that tests start: nets this small gain nothing from more, and beside other work on
# the machine threads that wait for each other can take minutes where one takes seconds.
if "OMP_NUM_THREADS" not in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)

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


PALETTE = {
    "names": ["ground", "wall", "door", "sky"],
    "colours": [[0, 0, 222], [0, 128, 255], [255, 0, 0], [255, 240, 0]],
}


def make_label_pairs(folder: Path, count: int = 6, size: int = 64) -> Path:
    """photo/ and labels/ with equal names and palette.json: rectangles of four classes, each class of one colour."""
    rng = np.random.default_rng(0)
    for name in ("photo", "labels"):
        (folder / name).mkdir(parents=True)
    colours = np.array([[90, 60, 40], [200, 180, 160], [40, 90, 60], [150, 190, 240]])
    for i in range(count):
        classes = np.zeros((size, size), np.uint8)
        for k in (1, 2, 3):
            top, left, height, width = rng.integers(4, size // 2, 4)
            classes[top : top + height, left : left + width] = k
        photo = colours[classes] + rng.normal(0, 6, (size, size, 3))
        Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(folder / "photo" / f"house {i}.png")
        labels = Image.fromarray(classes)
        labels.putpalette(np.array(PALETTE["colours"], np.uint8).tobytes())
        labels.save(folder / "labels" / f"house {i}.png")
    (folder / "palette.json").write_text(json.dumps(PALETTE))
    return folder


@pytest.fixture(scope="session")
def label_pairs(tmp_path_factory) -> Path:
    """Six pairs of photo and label map, 64 pixels."""
    return make_label_pairs(tmp_path_factory.mktemp("pairs") / "houses")


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


def make_domain_photos(folder: Path, counts: dict[str, int] | None = None, size: tuple[int, int] = (44, 40)) -> Path:
    """A subfolder for each colour, of discs in it on grounds of any colour; as many photos as `counts` says."""
    rng = np.random.default_rng(0)
    for channel, (name, count) in enumerate((counts or {"red": 9, "green": 5, "blue": 6}).items()):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            photo = np.full((size[1], size[0], 3), rng.integers(60, 200, 3), np.uint8)
            colour = rng.integers(0, 70, 3)
            colour[channel] = rng.integers(190, 256)
            cv2.circle(photo, rng.integers(14, 26, 2).tolist(), int(rng.integers(7, 13)), colour.tolist(), -1)
            Image.fromarray(photo).save(folder / name / f"{name} {i}.png")
    return folder


@pytest.fixture(scope="session")
def domain_photos(tmp_path_factory) -> Path:
    """Nine red, five green and six blue discs, 44 x 40 pixels."""
    return make_domain_photos(tmp_path_factory.mktemp("domains") / "discs")


@pytest.fixture(scope="session")
def domain_model_folder(tmp_path_factory) -> Path:
    """A 32-pixel StarGAN v2 of the domains red, green and blue, whose random weights react strongly to the style."""
    from i2i.methods.starganv2 import StarGANv2Config
    from i2i.methods.starganv2 import serving_nets as nets_of

    torch.manual_seed(0)
    net = StarGANv2Config(32, 3, 8, 4, "lean", (8, 8, 16), (8, 8, 8, 8), 1)
    nets = nets_of(net)
    folder = tmp_path_factory.mktemp("models") / "discs"
    config = {
        "kind": "translator", "method": "starganv2", "name": "discs", "net": dataclasses.asdict(net),
        "input": {"kind": "photo"}, "size": 32, "domains": ["red", "green", "blue"],
        "data": {"name": "random weights", "licence": "none"},
    }  # fmt: skip
    model_folder.save(folder, config, nets, "# discs\n\nRandom weights, for tests.\n")
    return folder
