"""Generated photos that the data tests share."""

import cv2
import numpy as np
from PIL import Image


def photo(seed, size=(96, 80), noise=2):
    """A coloured shape on a coloured ground, RGB."""
    rng = np.random.default_rng(seed)
    image = np.full((size[1], size[0], 3), rng.integers(120, 255, 3), np.uint8)
    for _ in range(2):
        centre = [int(rng.uniform(0.35, 0.65) * s) for s in size]
        axes = [int(rng.uniform(0.12, 0.3) * min(size)) for _ in range(2)]
        cv2.ellipse(
            image, centre, axes, float(rng.uniform(0, 180)), 0, 360, rng.integers(0, 100, 3).tolist(), -1
        )
    noisy = image + rng.normal(0, noise, image.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
