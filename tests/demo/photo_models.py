"""Tiny models that take photos, real ones with random weights, and photos for them: for tests of the page."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from demo import app
from demo.answers import Answers
from demo.batching import Worker
from i2i import Translator, model_folder
from i2i.methods.cyclegan import CycleGANConfig
from i2i.methods.cyclegan import serving_nets as cyclegan_nets
from i2i.methods.starganv2 import StarGANv2Config
from i2i.methods.starganv2 import serving_nets as starganv2_nets

DOMAINS = ("red", "green", "blue")
LABELS = {"names": ["ground", "wall"], "colours": [[0, 0, 222], [200, 60, 0]]}


def photo(seed: int = 0, width: int = 60, height: int = 50) -> Image.Image:
    """Large soft spots of colour."""
    pixels = np.random.default_rng(seed).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def png_bytes(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def data_url(picture: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(png_bytes(picture)).decode()


def _save(folder: Path, config: dict, nets, examples: dict[str, int]) -> Path:
    config = {"kind": "translator", "name": folder.name, "data": {"name": "random weights", "licence": "none"}} | config
    model_folder.save(folder, json.loads(json.dumps(config)), nets, "# tiny\n\nRandom weights, for tests.\n")
    for name, count in examples.items():
        place = folder / "examples" / name
        place.mkdir(parents=True)
        for k in range(count):
            photo(len(name) * 10 + k).save(place / f"photo-{k}.jpg")
    return folder


def make_cyclegan(folder: Path, labels: bool = False, **more) -> Path:
    """A 32-pixel CycleGAN of red and grey photos with examples of both sides; `labels`: side A are label maps."""
    torch.manual_seed(0)
    recipe = CycleGANConfig(size=32, generator="lean", width=8, inputs=2 if labels else 3, lambda_identity=0.0)
    nets = cyclegan_nets(recipe, more.get("directions", ("AtoB", "BtoA")))
    with torch.no_grad():
        for net in nets.values():
            net.exit.weight.mul_(20)  # untrained nets answer faintly
    config = {
        "method": "cyclegan", "net": dataclasses.asdict(recipe), "size": 32,
        "sides": {"A": "red cats", "B": "grey cats"},
        "input": {"kind": "labels", "palette": LABELS} if labels else {"kind": "photo"}, "output": {"kind": "photo"},
    }  # fmt: skip
    return _save(folder, config | more, nets, {"A": 0 if labels else 2, "B": 3})


def make_starganv2(folder: Path) -> Path:
    """A 32-pixel StarGAN v2 of three domains with two example photos of each."""
    torch.manual_seed(0)
    net = StarGANv2Config(32, 3, 8, 4, "lean", (8, 8, 16), (8, 8, 8, 8), 1)
    nets = starganv2_nets(net)
    with torch.no_grad():
        for name, parameter in nets.named_parameters():
            if name.startswith(("mapping", "style_encoder")) and parameter.ndim > 1:
                parameter.mul_(3)  # untrained nets take little notice of styles
    config = {
        "method": "starganv2", "net": dataclasses.asdict(net), "size": 32, "domains": DOMAINS,
        "input": {"kind": "photo"},
    }  # fmt: skip
    return _save(folder, config, nets, dict.fromkeys(DOMAINS, 2))


def loaded(folder: Path) -> Translator:
    return Translator.from_pretrained(folder, "cpu", "float32")


@contextmanager
def page_of(translators: dict) -> Iterator[str]:
    """Address of a page with these models, closed afterwards."""
    page = app.build_page(answers := Answers(translators, Worker()))
    yield page.launch(prevent_thread_lock=True, quiet=True, **app.serving_options(answers))[1]
    page.close()
