"""Pictures in, tensors to the net, pictures out: one reading and one writing for each kind in config.json."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from i2i.colour import lab_to_photo, photo_to_lab
from i2i.data.paired import cut_hole, open_labels
from i2i.data.photo_inputs import colourless
from i2i.edges import normalize_sketch
from i2i.images import drawing_to_tensor, fit_square, load_image, photo_to_tensor, tensor_to_photo
from i2i.palette import Palette

Picture = Image.Image | np.ndarray | str | os.PathLike

DRAWING_SIZE = 256  # pixels; drawings are made at this size, or at the model's where it is larger


def read(picture: Picture, described: dict[str, Any], size: int) -> Tensor:
    """What the net sees: (C, size, size) float32.

    Args:
        picture: a sketch of any size, mode and polarity (edges); a palette PNG, RGB picture in the palette's colours or
            class indices, square (labels); any photo, whose centre square is taken (photo, gray, hole).
        described: `input` of config.json; where it says that the model knows grey photos alone ("grey"), a photo's
            colours are left out.
        size: side in pixels. Drawings for smaller nets are made at 256 and shrunk by area averaging, as in training;
            label maps are resized to the nearest pixel.

    Raises:
        ValueError: for an empty drawing, colours that the palette does not know, a label map that is not square, or
            whatever is no picture.
    """
    kind = described["kind"]
    if kind == "edges":
        drawing = drawing_to_tensor(normalize_sketch(picture, max(size, DRAWING_SIZE)))
        return drawing if size >= DRAWING_SIZE else F.interpolate(drawing[None], size=(size, size), mode="area")[0]
    if kind == "labels":
        palette = Palette.from_json(described["palette"])
        classes = palette.classes(open_labels(picture) if isinstance(picture, (str, os.PathLike)) else picture)
        if classes.shape[0] != classes.shape[1]:
            raise ValueError(
                f"the label map is {classes.shape[1]}x{classes.shape[0]}, expected a square: crop or pad it first"
            )
        places = (np.arange(size) * 2 + 1) * len(classes) // (2 * size)  # centres of the nearest pixels
        return palette.one_hot(np.ascontiguousarray(classes[places][:, places]))
    photo = fit_square(load_image(picture), size)
    if kind == "gray":
        return photo_to_lab(np.asarray(photo))[0]
    x = photo_to_tensor(photo)
    if described.get("grey") and not colourless(x):  # a grey one may be such a lightness already
        return photo_to_lab(np.asarray(photo))[0].expand(3, -1, -1).contiguous()
    return cut_hole(x) if kind == "hole" else x


def write(y: Tensor, described: dict[str, Any], x: Tensor) -> Image.Image:
    """The net's answer y (C, S, S) to x as a picture: RGB, or a palette picture for labels."""
    kind = described["kind"]
    if kind == "labels":
        palette = Palette.from_json(described["palette"])
        return palette.image(y.argmax(0).to(torch.uint8).cpu().numpy())
    if kind == "ab":
        return tensor_to_photo(lab_to_photo(x, y))
    return tensor_to_photo(y.expand(3, -1, -1) if y.shape[0] == 1 else y)
