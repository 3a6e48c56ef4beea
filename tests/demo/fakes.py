"""A stand-in with the interface of `i2i.translator.Translator`, for tests of the page's functions alone."""

from __future__ import annotations

import zlib

import numpy as np
from PIL import Image


class FakeTranslator:
    """Pictures that depend on the drawing and the seed, and a record of every call."""

    input_kind = "edges"
    image_size = 256

    def __init__(self, name: str = "edges2cats", config: dict | None = None, weights_id: str = "0123abcd"):
        self.name = name
        self.weights_id = weights_id
        self.config = config if config is not None else {"data": {"licence": "CC BY-NC 4.0"}, "note": "Heads only."}
        self.calls: list[dict] = []
        self.warm = False

    def warm_up(self):
        self.warm = True

    def sample(self, x, n=4, seed=0, *, seeds=None, style=None):
        self.calls.append({"x": x, "n": n, "seed": seed})
        ink = np.asarray(x.convert("L").resize((64, 64))) < 200
        if not ink.any():
            raise ValueError("empty drawing: no ink on the paper")
        photos = []
        for one in seeds or range(seed, seed + n):
            rng = np.random.default_rng([one, zlib.crc32(np.packbits(ink).tobytes())])
            paper, line = rng.integers(40, 216, (2, 3))
            photos.append(Image.fromarray(np.where(ink[..., None], line, paper).astype(np.uint8)).resize((256, 256)))
        return photos
