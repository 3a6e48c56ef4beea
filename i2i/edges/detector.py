"""Photo to soft edge map with the bundled network, or one of your own."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from PIL import Image

from i2i import model_folder
from i2i.devices import choose_device, own_precision
from i2i.edges.postprocess import postprocess
from i2i.images import fit_square, load_image
from i2i.nets.edge_teacher import make_edge_net

Photo = Image.Image | np.ndarray | str | os.PathLike

BORDER = 32  # pixels of reflection around the photo, so that the frame is not an edge


class EdgeDetector:
    """A trained edge network with its calibration.

    Args:
        name_or_folder: a bundled detector's name, a model folder, or a Hub id.
        device: "cpu", "cuda", "auto" (CUDA where there is one), ...

    Raises:
        ModelFolderError: naming what is wrong with the folder and what to do.
        ValueError: for an unknown or missing device.
    """

    def __init__(self, name_or_folder: str | os.PathLike = "edges", device: str | torch.device = "cpu"):
        where = choose_device(device)
        folder = model_folder.resolve(name_or_folder)
        config = model_folder.read_config(folder)
        if config.get("kind") != "detector":
            raise model_folder.ModelFolderError(
                f"{folder} is a {config.get('kind')} of method {config['method']}, not an edge detector; "
                "give one that train/edge_detector.py made, or leave the option out for the bundled one"
            )
        net = model_folder.load_nets(folder, config, "an edge detector", lambda: make_edge_net(config["net"]))
        with model_folder.describing(folder, "an edge detector"):
            # Sigmoid(slope * logit + offset): a monotone map that puts the wanted share of ink at 25/255.
            calibration = config.get("calibration", {"slope": 1.0, "offset": 0.0})
            self.slope, self.offset = float(calibration["slope"]), float(calibration["offset"])
        self.config = config
        self.device = where
        self.net = net.fold_norms().requires_grad_(False).to(self.device, memory_format=torch.channels_last)

    @own_precision
    def detect_batch(self, photos: Sequence[np.ndarray], scales: Sequence[float] = (1.0,)) -> list[np.ndarray]:
        """Soft maps of photos of one size.

        Args:
            photos: uint8 RGB arrays (H, W, 3), all of one shape.
            scales: the photo is seen at each scale, the maps are averaged and then calibrated.

        Returns:
            float32 arrays (H, W) in [0, 1], 1 = edge.

        Raises:
            ValueError: without photos, for other arrays, photos of several shapes, or scales outside 0.1 to 4.
        """
        _check_batch(photos, scales)
        height, width = photos[0].shape[:2]
        total = 0.0
        for scale in scales:
            size = (max(1, round(height * scale)), max(1, round(width * scale)))
            x = torch.from_numpy(np.stack([self._padded(p, size) for p in photos])).to(self.device)
            x = x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last).float() / 127.5 - 1
            logits = self.net(x)[-1][:, :, BORDER : BORDER + size[0], BORDER : BORDER + size[1]]
            soft = torch.sigmoid(logits)
            if size != (height, width):
                soft = torch.nn.functional.interpolate(soft, (height, width), mode="bilinear", align_corners=False)
            total = total + soft
        # Calibrated after averaging: the map squeezes most of (0, 1) together, where scales could no longer agree.
        logits = torch.logit(total[:, 0].float() / len(scales), eps=1e-6)
        return list(torch.sigmoid(self.slope * logits + self.offset).cpu().numpy())

    def _padded(self, photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        if size != photo.shape[:2]:
            how = cv2.INTER_AREA if size[0] < photo.shape[0] else cv2.INTER_LINEAR
            photo = cv2.resize(photo, size[::-1], interpolation=how)
        bottom = BORDER + -(size[0] + 2 * BORDER) % self.net.multiple
        right = BORDER + -(size[1] + 2 * BORDER) % self.net.multiple
        return cv2.copyMakeBorder(photo, BORDER, bottom, BORDER, right, cv2.BORDER_REFLECT)

    def detect(self, photo: Photo, scales: Sequence[float] = (1.0,)) -> np.ndarray:
        """Soft map (H, W) of one photo of any size and source."""
        return self.detect_batch([np.asarray(load_image(photo))], scales)[0]


def _check_batch(photos: Sequence[np.ndarray], scales: Sequence[float]) -> None:
    if not isinstance(scales, Sequence) or not scales or not all(0.1 <= scale <= 4 for scale in scales):
        given = " ".join(f"{s:g}" for s in scales) or "none" if isinstance(scales, Sequence) else repr(scales)
        raise ValueError(f"scales must be several from 0.1 to 4, such as (1.0,), got {given}")
    if not len(photos):
        raise ValueError("there are no photos: give at least one")
    for photo in photos:
        if not isinstance(photo, np.ndarray) or photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
            got = f"{photo.dtype} {photo.shape}" if isinstance(photo, np.ndarray) else type(photo).__name__
            raise ValueError(f"photos are uint8 RGB arrays (H, W, 3), got {got}: `detect` takes other kinds")
    if len({photo.shape for photo in photos}) > 1:
        shapes = ", ".join(sorted({f"{p.shape[1]}x{p.shape[0]}" for p in photos}))
        raise ValueError(f"photos of a batch are of one size, got {shapes}: detect them one by one, or make them so")


@functools.lru_cache(maxsize=2)
def bundled_detector(device: str = "cpu") -> EdgeDetector:
    """The bundled detector, loaded once."""
    return EdgeDetector("edges", device)


def detect_edges(photo: Photo) -> np.ndarray:
    """Soft edge map of a photo, by the bundled network.

    Args:
        photo: path, PIL image, or array (H, W[, 3]), uint8 or float in [0, 1].

    Returns:
        float32 (H, W) in [0, 1], 1 = edge.
    """
    return bundled_detector().detect(photo)


def photo_to_drawing(photo: Photo, size: int = 256, fit: str = "crop") -> np.ndarray:
    """The drawing of a photo: square, `size` pixels, one-pixel ink (0) on paper (255), uint8.

    The photo is fitted to a square (`fit`: "crop", "pad" or "stretch"), its edges are detected and post-processed.
    """
    square = fit_square(load_image(photo), size, fit)
    return postprocess(bundled_detector().detect_batch([np.asarray(square)])[0], size=size)
