"""Make the pictures of docs/edges.md: python docs/make_edge_pictures.py AFHQ_CATS/photos SKETCHES."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageFilter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs.picture_sheet import sheet  # noqa: E402
from i2i.edges import EdgeDetector, normalize_sketch, postprocess, sketchify  # noqa: E402
from i2i.edges.sketchify import (  # noqa: E402
    close_gaps,
    drop_strokes,
    erase_pieces,
    merge_lines,
    plain_details,
    simplify,
    wobble,
)
from i2i.edges.trace import render, trace  # noqa: E402
from i2i.images import fit_square, load_image  # noqa: E402

SIDE = 256
CATS = ("flickr_cat_000250", "flickr_cat_000291", "flickr_cat_000451", "flickr_cat_000364")
SKETCHES = ("tuberlin/cat/*", "quickdraw/cat/*", "tuberlin/shoe/*", "tuberlin/purse/*")


def paper(soft: np.ndarray) -> np.ndarray:
    return np.uint8(255) - (soft * 255).astype(np.uint8)


def cats(detector: EdgeDetector, folder: Path) -> tuple[Image.Image, np.ndarray]:
    """Photo, soft map at one scale and at three, drawing; and the first cat's drawing."""
    rows, drawing = [[], [], [], []], None
    for name in CATS:
        photo = np.asarray(fit_square(load_image(next(folder.glob(f"{name}.*"))), SIDE))
        one, three = (detector.detect_batch([photo], scales)[0] for scales in ((1.0,), (0.5, 1.0, 1.5)))
        for row, picture in zip(rows, (photo, paper(one), paper(three), postprocess(three)), strict=True):
            row.append(picture)
        drawing = rows[-1][0]
    names = ("photo", "soft map, one scale", "soft map, three scales averaged", "drawing")
    return sheet(rows, [[name] * len(CATS) for name in names]), drawing


def variations(drawing: np.ndarray) -> Image.Image:
    """Each step of `sketchify` alone, then whole variations at rising strength."""
    strokes, rng = trace(drawing), np.random.default_rng
    alone = {
        "the drawing": drawing,
        "near lines merged": merge_lines(drawing, 10.0),
        "strokes dropped": render(drop_strokes(strokes, drawing, rng(14), 1.0), SIDE),
        "details plain": render(plain_details(strokes, drawing, rng(10), 1.0), SIDE),
        "pen lifted": render(erase_pieces(strokes, SIDE, rng(1), 1.0), SIDE),
        "gaps closed": render(close_gaps(strokes, 9.0), SIDE),
        "curves simplified": render(simplify(strokes, 2.2), SIDE),
        "wobble": render(wobble(strokes, SIDE, rng(2), 2.8), SIDE),
    }
    strengths = (0.4, 0.8, 1.0, 1.0)
    whole = [sketchify(drawing, rng(seed), s) for seed, s in zip((1, 9, 2, 16), strengths, strict=True)]
    names = [f"all, strength {s}" for s in strengths]
    steps, labels = list(alone.values()), list(alone)
    return sheet([steps[:4], steps[4:], whole], [labels[:4], labels[4:], names])


def incoming(sketch: np.ndarray) -> dict[str, Image.Image]:
    """One drawing as people send it."""
    ink = Image.fromarray(sketch).convert("L")
    thick = ink.filter(ImageFilter.MinFilter(5)).filter(ImageFilter.GaussianBlur(1.2))
    alpha = Image.new("RGBA", ink.size, (0, 0, 0, 0))
    alpha.putalpha(thick.point(lambda v: 255 - v))
    large = thick.resize((900, 900), Image.Resampling.BICUBIC)
    wide = Image.new("L", (420, 256), 255)
    wide.paste(thick, (82, 0))
    grain = np.random.default_rng(0).normal(0, 5, (SIDE, SIDE))
    light = 150 + 70 * np.linspace(0, 1, SIDE)[:, None] * np.linspace(0.6, 1, SIDE)[None]
    pencil = cv2.GaussianBlur(np.asarray(ink.filter(ImageFilter.MinFilter(3))).astype(np.float32), (3, 3), 0.8)
    photo = np.clip(light * (0.45 + 0.55 * pencil / 255) + grain, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "JPEG", quality=60)
    return {
        "marker, soft edges": thick,
        "900 x 900 pixels": large,
        "light on dark": thick.point(lambda v: 255 - v),
        "transparent": alpha,
        "not square": wide,
        "pencil, photographed": Image.open(stream),
    }


def normalised(folder: Path) -> Image.Image:
    sketch = normalize_sketch(sorted(folder.glob("quickdraw/cat/*.png"))[5])
    sent = incoming(sketch)
    chequers = np.kron(np.indices((16, 16)).sum(0) % 2, np.ones((16, 16))).astype(np.uint8) * 40 + 200
    seen, shown = [normalize_sketch(p) for p in sent.values()], []
    for picture in sent.values():
        if picture.mode == "RGBA":
            base = Image.fromarray(chequers).convert("RGB")
            base.paste(picture, (0, 0), picture)
            picture = base
        picture.thumbnail((SIDE, SIDE))
        page = Image.new("RGB", (SIDE, SIDE), (228, 232, 236))
        page.paste(picture.convert("RGB"), (0, (SIDE - picture.height) // 2))
        shown.append(np.asarray(page))
    people = [sorted(folder.glob(pattern))[i] for pattern in SKETCHES for i in (2, 5)][:6]
    people = [p for p in people if p.suffix == ".png"]
    rows = [shown, seen]
    rows += [[np.asarray(load_image(p)) for p in people], [normalize_sketch(p) for p in people]]
    labels = [list(sent), ["what the network sees"] * 6, ["drawn by people"] * 6, ["what the network sees"] * 6]
    return sheet(rows, [names[: len(row)] for names, row in zip(labels, rows, strict=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cats", type=Path, help="folder of AFHQ cat photos")
    parser.add_argument("sketches", type=Path, help="folder with tuberlin/ and quickdraw/ sketches")
    args = parser.parse_args()
    edges, drawing = cats(EdgeDetector("edges"), args.cats)
    edges.save(ROOT / "docs" / "edges_cats.jpg", quality=88)
    variations(drawing).save(ROOT / "docs" / "edges_sketchify.png", optimize=True)
    normalised(args.sketches).save(ROOT / "docs" / "edges_normalize.png", optimize=True)


if __name__ == "__main__":
    main()
