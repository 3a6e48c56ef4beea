"""What a detector learns from another one: its soft maps of photos that may have no labels."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from i2i.data.layout import find_photos
from i2i.data.records import encoded, write_atomically
from i2i.edges.detector import EdgeDetector


def unlabelled_photos(folders: Sequence[str], each: int) -> list[Path]:
    """At most `each` photos of every folder, spread evenly over its names."""
    found = []
    for folder in folders:
        photos = find_photos(Path(folder))
        if not photos:
            raise ValueError(f"there are no photos in {folder}: give folders of photos with --unlabelled")
        found += photos[:: -(-len(photos) // each)]
    return found


def describe_teacher(teacher: str) -> str:
    """What a card says of the teacher, its trunk and what it measured; ModelFolderError if it is no edge detector."""
    config = EdgeDetector(teacher).config
    trunk = config.get("training", {}).get("trunk", "a trunk trained from scratch")
    scores = [f"ODS {m['ods']} ({name})" for name, m in config.get("metrics", {}).items() if isinstance(m, dict)]
    return ", ".join([f"HED's heads on {trunk}", *scores])


def teacher_maps(
    name: str, photos: Sequence[np.ndarray], folder: Path, scales: Sequence[float], device: torch.device
) -> list[np.ndarray]:
    """The teacher's maps, each the mean over scales and over the photo and its mirror image; uint8, 255 = edge.

    They are kept in `folder`, each under a hash of photo, teacher and scales: a run that goes on need not draw them
    again.
    """
    teacher = EdgeDetector(name, device)
    # Uncalibrated: the calibration squeezes most of (0, 1) into a few levels.
    teacher.slope, teacher.offset = 1.0, 0.0
    maps, drawn_by = [], f"{teacher.config['sha256']} {tuple(scales)}"
    for photo in tqdm(photos, desc="teacher", unit="img", file=sys.stderr):
        content = np.ascontiguousarray(photo)
        key = hashlib.sha256(f"{drawn_by} {content.shape}".encode() + content.tobytes()).hexdigest()
        path = folder / f"{key[:20]}.png"
        if not path.exists():
            both = [teacher.detect_batch([np.ascontiguousarray(p)], scales)[0] for p in (content, content[:, ::-1])]
            soft = (both[0] + both[1][:, ::-1]) / 2
            write_atomically(path, encoded(Image.fromarray(np.rint(255 * soft).astype(np.uint8)), "PNG"))
        maps.append(np.asarray(Image.open(path)))
    return maps
