"""Prepared pairs of drawing and photo as a data set, held in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from i2i.data.moving import move_drawing, move_photo, random_move
from i2i.edges.sketchify import sketchify
from i2i.images import levels_to_tensor, load_image


class PairDataset(Dataset):
    """The pairs of one split of a folder made by `i2i.data.prepare.prepare_pairs`.

    An item is asked for by (index, seed), or by an index alone (seed 0). Flip and variation come from a
    generator keyed by (seed, index) and from nothing else, so an item is the same whatever order, process or
    run asks for it; a sampler that derives the seed from (run seed, epoch) makes a resumed run see what an
    unbroken one would have.

    Drawings are always varied and flipped at their own size (256); where `size` is smaller, photo and drawing
    are then shrunk together by area averaging.

    Args:
        root: the prepared folder (it holds `pairs/`).
        split: "train" or "val".
        size: side of the items, at most the prepared size.
        sketchify_strength: 0 (drawings as they are) to 1, see `i2i.edges.sketchify`.
        flip: mirror half of the items.
        move: 0 (pairs stay where they are) to 1: how far they are turned, resized and shifted, see `i2i.data.moving`.
        cache: hold all pictures in memory (uint8 photos at `size`, drawings one bit a pixel); otherwise each
            item is read from disk.

    Raises:
        ValueError: for a folder without pairs, a photo without its drawing, a size that is too large, or a strength
            or move outside [0, 1].
    """

    def __init__(
        self,
        root: str | os.PathLike,
        split: str = "train",
        size: int = 256,
        sketchify_strength: float = 0.0,
        flip: bool = True,
        cache: bool = True,
        move: float = 0.0,
    ):
        if not 0 <= move <= 1:
            raise ValueError(f"got move {move}, expected a number from 0 to 1")
        if not 0 <= sketchify_strength <= 1:
            raise ValueError(f"got sketchify_strength {sketchify_strength}, expected a number from 0 to 1")
        self.root, self.split, self.size = Path(root), split, size
        self.sketchify_strength, self.flip, self.move = sketchify_strength, flip, move
        folder = self.root / "pairs" / split
        drawings = {path.stem: path for path in folder.glob("drawing/*.png") if not path.name.startswith(".")}
        photos = {path.stem: path for path in folder.glob("photo/*.*") if not path.name.startswith(".")}
        if not drawings:
            raise ValueError(f"no pairs in {folder}: prepare the folder first, and check the split's name")
        if drawings.keys() != photos.keys():
            lonely = min(drawings.keys() ^ photos.keys())
            raise ValueError(f"{folder}: {lonely} has a photo or a drawing but not both; prepare the folder again")
        self.ids = sorted(drawings)
        self._files = [(photos[name], drawings[name]) for name in self.ids]
        self.native = self._read_drawing(0).shape[0]
        if not 1 <= size <= self.native:
            raise ValueError(f"got size {size}, expected 1 to {self.native}, the size of the prepared pairs")
        self._photos = self._drawings = None
        if cache:
            self._photos = np.empty((len(self), 3, size, size), np.uint8)
            self._drawings = np.empty((len(self), self.native, -(-self.native // 8)), np.uint8)
            with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
                for _ in pool.map(self._fill, range(len(self))):
                    pass

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, key: int | Sequence[int]) -> dict[str, torch.Tensor]:
        """dict(x, y): x float32 (1, S, S), paper +1 and ink -1; y float32 (3, S, S) in [-1, 1]."""
        index, seed = (int(key[0]), int(key[1])) if isinstance(key, (tuple, list)) else (int(key), 0)
        if not -len(self) <= index < len(self):
            raise IndexError(f"got index {index}, the data set holds {len(self)} pairs")
        index %= len(self)
        rng = np.random.default_rng([seed % 2**64, index])
        mirrored = rng.random() < 0.5 and self.flip
        drawing, photo = self.drawing(index), self._photo(index)
        if mirrored:
            drawing, photo = drawing[:, ::-1], photo[:, :, ::-1]
        if self.move > 0:
            drawing, photo = self._moved(drawing, photo, random_move(rng, self.move))
        if self.sketchify_strength > 0:
            drawing = sketchify(drawing, rng, self.sketchify_strength)
        x = drawing
        if self.size != self.native:
            x = cv2.resize(x.astype(np.float32), (self.size, self.size), interpolation=cv2.INTER_AREA)
        return {"x": levels_to_tensor(x[None]), "y": levels_to_tensor(photo)}

    @staticmethod
    def _moved(drawing: np.ndarray, photo: np.ndarray, move: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        moved = move_drawing(drawing, move)
        if moved.min() > 0:  # all of it left the paper
            return drawing, photo
        pixels = np.ascontiguousarray(photo.transpose(1, 2, 0))
        return moved, move_photo(pixels, move).transpose(2, 0, 1)

    def drawing(self, index: int) -> np.ndarray:
        """The drawing as prepared: uint8 (256, 256), ink 0 and paper 255."""
        if self._drawings is None:
            return self._read_drawing(index)
        paper = np.unpackbits(self._drawings[index], axis=1, count=self.native)
        return paper * np.uint8(255)

    def _photo(self, index: int) -> np.ndarray:
        """uint8 (3, S, S)."""
        return self._read_photo(index) if self._photos is None else self._photos[index]

    def _fill(self, index: int) -> None:
        self._photos[index] = self._read_photo(index)
        self._drawings[index] = np.packbits(self._read_drawing(index) > 127, axis=1)

    def _read_drawing(self, index: int) -> np.ndarray:
        return np.where(_load(self._files[index][1])[:, :, 0] > 127, np.uint8(255), np.uint8(0))

    def _read_photo(self, index: int) -> np.ndarray:
        pixels = _load(self._files[index][0])
        if pixels.shape[:2] != (self.native, self.native):
            raise ValueError(
                f"{self._files[index][0]}: got {pixels.shape[1]}x{pixels.shape[0]}, expected "
                f"{self.native}x{self.native} as the first drawing; prepare the folder again"
            )
        if self.size != self.native:
            pixels = cv2.resize(pixels, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return pixels.transpose(2, 0, 1)


def _load(path: Path) -> np.ndarray:
    """uint8 (H, W, 3) of a picture that was prepared."""
    try:
        return np.asarray(load_image(path))
    except ValueError as error:
        raise ValueError(f"{error}: delete it and give the command again, which makes it anew") from error
