"""A stand-in with the interface of `i2i.translator.Translator`, for tests of the page's functions alone."""

from __future__ import annotations

import threading
import time

import numpy as np
import torch
from PIL import Image

LABELS = {"names": ["ground", "wall", "door"], "colours": [[0, 0, 200], [200, 60, 0], [240, 240, 90]]}


class FakeTranslator:
    """Pictures that show the drawing and depend on the style, and a record of every call.

    A picture is one colour, the style's first three numbers, and black where there is ink, or the label map's own
    colours darkened by it: so a test can tell from a picture whose drawing and which style it is.
    """

    image_size = 256
    directions: dict = {}
    domains: tuple = ()
    rows_together = 1  # as on a CPU
    folder = None

    def __init__(
        self, name: str = "edges2cats", config: dict | None = None, weights_id: str = "0123abcd", kind: str = "edges",
        has_styles: bool = True, seconds: float = 0.0,
    ):
        self.name, self.weights_id, self.input_kind, self.has_styles = name, weights_id, kind, has_styles
        self.config = {"data": {"licence": "CC BY-NC 4.0"}, "note": "Heads only."} if config is None else dict(config)
        if kind == "labels":
            self.config["input"] = {"kind": "labels", "palette": LABELS}
        self.seconds = seconds  # a call takes
        self.calls: list[dict] = []
        self.together: list[int] = []  # how many inputs came in each call for several
        self.threads: set[int] = set()
        self.warm = False

    @property
    def style_length(self):
        return 8 if self.has_styles else 0

    def sides(self, direction=None):
        return self.config.get("input", {"kind": self.input_kind}), {"kind": "photo"}

    def warm_up(self):
        self.warm = True

    def styles(self, seeds, domain=None):
        if not self.has_styles:
            raise ValueError(f"{self.name} has no styles")
        return np.stack([np.random.default_rng(seed).uniform(-1, 1, 8) for seed in seeds]).astype(np.float32)

    def style_of(self, photo, domain=None):
        mean = np.asarray(photo.convert("RGB").resize((1, 1)), np.float32).ravel() / 127.5 - 1
        return np.concatenate([mean, np.zeros(5)]).astype(np.float32)

    def see(self, x):
        ink = np.asarray(x.convert("L").resize((64, 64))) < 200
        return torch.from_numpy(np.where(ink, -1.0, 1.0)[None].astype(np.float32))

    def sample(self, x, n=4, seed=0, *, seeds=None, style=None, direction=None, domain=None):
        self.calls.append({"x": x, "n": n, "seed": seed, "seeds": seeds, "style": style})
        self.threads.add(threading.get_ident())
        time.sleep(self.seconds)
        if seeds is None and style is None:
            seeds = range(seed, seed + n)
        ink = np.asarray(x.convert("L")) < 200
        if self.input_kind == "edges" and not ink.any():
            raise ValueError("empty drawing: no ink on the paper")
        if style is None and not self.has_styles:
            vectors = [np.random.default_rng(one).uniform(-1, 1, 8) for one in seeds]
        else:
            vectors = self.styles(seeds) if style is None else np.atleast_2d(style)
        photos = []
        for vector in vectors:
            colour = np.clip((vector[:3] + 1) * 80 + 60, 0, 255)
            if self.input_kind == "edges":
                pixels = np.where(ink[..., None], 0, colour)
            else:
                pixels = np.asarray(x) * 0.5 + colour / 2
            photos.append(Image.fromarray(pixels.astype(np.uint8)))
        return photos

    def sample_many(self, jobs, *, direction=None, domain=None):
        self.together.append(len(jobs))
        return [self.sample(**job, direction=direction, domain=domain) for job in jobs]


def coded(number: int) -> list[dict]:
    """Strokes whose drawing is a number from 1 to 65535, as black squares."""
    corners = [(8 + 64 * (bit % 4), 8 + 64 * (bit // 4)) for bit in range(16) if number >> bit & 1]
    return [{"tool": "rect", "points": [[x, y], [x + 48, y + 48]], "filled": True} for x, y in corners]


def code_of(picture: Image.Image) -> int:
    """The number in a fake's picture of such a drawing."""
    dark = np.asarray(picture.convert("L").resize((256, 256)))[32::64, 32::64] < 30
    return sum(1 << bit for bit in range(16) if dark[bit // 4, bit % 4])
