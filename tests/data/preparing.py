"""Pairs of 64 pixels, prepared with a gradient for a detector."""

import cv2
import numpy as np
from PIL import Image

from i2i.data.prepare import prepare_pairs

SIZE = 64


def gradient_detector(photos):
    maps = []
    for image in photos:
        grey = cv2.GaussianBlur(np.asarray(image.convert("L")).astype(np.float32), (0, 0), 1.5)
        maps.append(np.clip(np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1)) / 300, 0, 1))
    return maps


def line_drawing(image):
    """Black lines on white where a photo's shapes have their outlines, at the photo's own size."""
    grey = cv2.GaussianBlur(np.asarray(image.convert("L")), (0, 0), 2)
    return Image.fromarray(255 - cv2.Canny(grey, 30, 60))


def prepare(source, out, **options):
    return prepare_pairs(source, out, **{"size": SIZE, "detector": gradient_detector, "max_ink": 0.3, **options})


def statuses(report):
    return {record["file"]: record["status"] for record in report.files}
