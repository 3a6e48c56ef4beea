"""BSDS500 for training an edge detector: photos with the boundaries of about five annotators each."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from scipy.io import loadmat
from scipy.io.matlab import MatReadError
from torch.utils.data import Dataset

from i2i.data.plain_shapes import plain_shapes


class BsdsError(ValueError):
    """The folder is not a BSDS500 folder."""


def read_annotators(path: Path) -> list[np.ndarray]:
    """Each annotator's boundary map, bool (H, W), True on a boundary.

    Raises:
        BsdsError: if the file is not a ground truth of BSDS500, or is damaged.
        OSError: if it cannot be opened.
    """
    # Read first, so that an OSError below is about the content: scipy raises one where a file ends too early.
    content = io.BytesIO(path.read_bytes())
    try:
        return [truth["Boundaries"][0, 0].astype(bool) for truth in loadmat(content)["groundTruth"][0]]
    except (
        *(KeyError, IndexError, TypeError, ValueError, NotImplementedError),  # another file, or another structure
        *(MatReadError, OSError, zlib.error),  # a file that ends too early, or whose bytes were changed
    ) as error:
        raise BsdsError(
            f"{path} is not a ground truth of BSDS500, or is damaged ({type(error).__name__}): unpack the archive "
            "again, fetch it again where that does not help, or delete the photo and its ground truth"
        ) from error


def read_boundaries(path: Path) -> np.ndarray:
    """The mean of the annotators' boundary maps, (H, W) float32 in [0, 1]."""
    return np.mean(read_annotators(path), axis=0, dtype=np.float32)


def find_bsds(root: str | Path, splits: tuple[str, ...] = ("train", "val")) -> list[tuple[Path, Path]]:
    """(photo, ground truth) of each image in `ROOT/images/<split>` and `ROOT/groundTruth/<split>`, sorted."""
    root = Path(root)
    found = []
    for split in splits:
        for photo in sorted((root / "images" / split).glob("*.jpg")):
            truth = root / "groundTruth" / split / f"{photo.stem}.mat"
            if not truth.exists():
                raise BsdsError(f"{truth} is missing: every photo needs its ground truth; unpack BSDS500 again")
            found.append((photo, truth))
    if not found:
        raise BsdsError(
            f"no photos under {root}/images/{{{','.join(splits)}}}: give the folder of BSDS500 that holds "
            "images/ and groundTruth/ (BSR/BSDS500/data in the original archive)"
        )
    return found


def _resize_truth(truth: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale one-pixel boundaries; shrinking splats each pixel on its target so that thin lines survive. A map of -1,
    for no truth, stays one."""
    height, width = size
    if truth[0, 0] < 0:
        return np.full(size, -1, np.float32)
    if height >= truth.shape[0]:
        return cv2.resize(truth, (width, height), interpolation=cv2.INTER_LINEAR)
    out = np.zeros(size, np.float32)
    rows, cols = np.nonzero(truth)
    target = (rows * height // truth.shape[0], cols * width // truth.shape[1])
    np.maximum.at(out, target, truth[rows, cols])
    return out


class BsdsCrops(Dataset):
    """Random augmented crops, all photos held in memory.

    An item is asked for by (index, seed), or by an index alone (seed 0), and is a pure function of the two: index
    names the photo, seed its augmentation. It is `{"x": (3, S, S) float32 in [-1, 1], "consensus": (1, S, S) float32
    in [0, 1], -1 outside the photo}`; with a teacher's maps there is `"taught"` like `"consensus"`, and with plain
    shapes `"exact"`, their edges, -1 in other crops. Of plain shapes `"exact"` alone is known: the others are -1.

    Args:
        pairs: (photo, ground truth) files, see `find_bsds`.
        crop: S, pixels.
        taught: a teacher's soft map of each photo, uint8 (H, W), 255 = edge; those of `pairs` first.
        unlabelled: photos that only the teacher drew, uint8 (H, W, 3); their consensus is -1 everywhere. The photos
            of `pairs` come so often that they are about half of the items.
        shapes: share of the crops that show plain shapes instead, see `i2i.data.plain_shapes`.
    """

    def __init__(
        self,
        pairs: list[tuple[Path, Path]],
        crop: int = 256,
        taught: Sequence[np.ndarray] = (),
        unlabelled: Sequence[np.ndarray] = (),
        shapes: float = 0.0,
    ):
        if not 0 <= shapes <= 1:
            raise ValueError(f"the share of plain shapes must be from 0 to 1, got {shapes:g}")
        if (taught or unlabelled) and len(taught) != len(pairs) + len(unlabelled):
            raise ValueError(f"{len(pairs)} + {len(unlabelled)} photos need as many maps, got {len(taught)}")
        self.photos = [np.asarray(Image.open(p).convert("RGB")) for p, _ in pairs] + list(unlabelled)
        self.truths = [read_boundaries(t) for _, t in pairs]
        self.truths += [np.broadcast_to(np.float32(-1), photo.shape[:2]) for photo in unlabelled]
        self.taught, self.crop, self.labelled, self.shapes = taught, crop, len(pairs), shapes
        self.rounds = max(1, round(len(unlabelled) / len(pairs)))

    def __len__(self) -> int:
        return len(self.photos) + (self.rounds - 1) * self.labelled

    def __getitem__(self, key: int | Sequence[int]) -> dict[str, torch.Tensor]:
        index, seed = (int(key[0]), int(key[1])) if isinstance(key, (tuple, list)) else (int(key), 0)
        rng = np.random.default_rng([seed % 2**64, index])
        if not 0 <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        repeats = self.rounds * self.labelled
        place = index % self.labelled if index < repeats else index - repeats + self.labelled
        maps = {"consensus": self.truths[place]}
        if self.taught:
            maps["taught"] = self.taught[place]
        unknown = np.full((self.crop, self.crop), -1, np.float32)
        if self.shapes and rng.random() < self.shapes:
            photo, exact = plain_shapes(self.crop, rng)
            maps = dict.fromkeys(maps, unknown) | {"exact": exact}
        else:
            photo, *layers = self._geometry(self.photos[place], list(maps.values()), rng)
            maps = dict(zip(maps, layers, strict=True)) | ({"exact": unknown} if self.shapes else {})
        photo = _recolour(photo, rng)
        x = torch.from_numpy(photo.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1)
        return {"x": x} | {name: torch.from_numpy(m[None].copy()) for name, m in maps.items()}

    def _geometry(self, photo: np.ndarray, maps: list[np.ndarray], rng) -> list[np.ndarray]:
        """The photo and its maps, the truth first, scaled, cropped, turned and mirrored in the same way."""
        scale = float(np.exp(rng.uniform(np.log(0.5), np.log(1.5))))
        size = (round(photo.shape[0] * scale), round(photo.shape[1] * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        truth, *taught = maps
        layers = [cv2.resize(photo, size[::-1], interpolation=how), _resize_truth(truth, size)]
        layers += [cv2.resize(t.astype(np.float32) / 255, size[::-1], interpolation=how) for t in taught]
        crop, (height, width) = self.crop, size
        bottom, right = max(0, crop - height), max(0, crop - width)
        if bottom or right:
            photo, *rest = layers
            layers = [cv2.copyMakeBorder(photo, 0, bottom, 0, right, cv2.BORDER_REFLECT_101)]
            layers += [cv2.copyMakeBorder(m, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=-1.0) for m in rest]
        top = rng.integers(0, layers[0].shape[0] - crop + 1)
        left = rng.integers(0, layers[0].shape[1] - crop + 1)
        turns, mirror = rng.integers(0, 4), rng.random() < 0.5
        layers = [np.rot90(m[top : top + crop, left : left + crop], turns) for m in layers]
        return [np.ascontiguousarray(m[:, ::-1] if mirror else m) for m in layers]


def _recolour(photo: np.ndarray, rng) -> np.ndarray:
    """Colour, grey, noise and JPEG the way photos on the web vary."""
    x = photo.astype(np.float32)
    if rng.random() < 0.7:
        x = (x - 127.5) * rng.uniform(0.7, 1.3) + 127.5 + rng.uniform(-25, 25)
        x = x * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    if rng.random() < 0.15:
        x = np.repeat(x @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, axis=2)
    if rng.random() < 0.3:
        x = x + rng.normal(0, rng.uniform(1, 8), x.shape)
    x = np.clip(x, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = int(rng.integers(35, 91))
        coded = cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        x = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return x
