"""Lab colour: the lightness L and the two colour axes a and b of photos, as tensors in [-1, 1] and back."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

AB_SPAN = 110.0  # a and b of RGB photos lie within -87..98 and -108..95


def photo_to_lab(pixels: np.ndarray) -> tuple[Tensor, Tensor]:
    """RGB uint8 (H, W, 3) -> L (1, H, W) and ab (2, H, W), float32 in [-1, 1].

    L / 50 - 1 and ab / 110 of CIE Lab under D65.
    """
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).transpose(2, 0, 1)
    return torch.from_numpy(lab[:1] / np.float32(50) - 1), torch.from_numpy(lab[1:] / np.float32(AB_SPAN))


def lab_to_photo(lightness: Tensor, ab: Tensor) -> Tensor:
    """L (1, H, W) and ab (2, H, W) in [-1, 1] -> RGB (3, H, W) in [-1, 1]; colours that no screen shows are clipped."""
    lab = torch.cat([(lightness.clamp(-1, 1) + 1) * 50, ab * AB_SPAN]).detach().float().cpu().numpy()
    rgb = cv2.cvtColor(np.ascontiguousarray(lab.transpose(1, 2, 0)), cv2.COLOR_LAB2RGB)
    return torch.from_numpy(rgb.clip(0, 1).transpose(2, 0, 1) * np.float32(2) - 1)
