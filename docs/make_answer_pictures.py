"""Make a picture of what models answer to drawings: a row for each drawing, and in it, for each model, the same seeds.

python docs/make_answer_pictures.py --models edges2cats RUN/model --drawings DRAWINGS/*.png --out docs/answers.jpg
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs.picture_sheet import sheet  # noqa: E402
from i2i import Translator  # noqa: E402
from i2i.images import load_image  # noqa: E402


def answers(models: list[Translator], drawings: list[Path], seeds: list[int], side: int, across: int) -> Image.Image:
    """`across` drawings beside one another, each with its answers."""
    rows = []
    for path in drawings:
        row = [ImageOps.pad(load_image(path), (side, side), color="white")]  # as a model sees one that is not square
        for model in models:
            row += model.sample(str(path), seeds=seeds)
        rows.append(row)
    while len(rows) % across:
        rows.append([np.full((side, side, 3), 255, np.uint8)] * len(rows[0]))
    down = len(rows) // across
    return sheet([sum((rows[c * down + r] for c in range(across)), []) for r in range(down)], side=side)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", required=True, help="bundled names or model folders")
    parser.add_argument("--drawings", nargs="+", type=Path, required=True)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3])
    parser.add_argument("--side", type=int, default=112, help="of each picture, pixels")
    parser.add_argument("--across", type=int, default=1, help="drawings in a row")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    models = [Translator.from_pretrained(name, "cpu") for name in args.models]
    answers(models, args.drawings, args.seeds, args.side, args.across).save(args.out, quality=88)


if __name__ == "__main__":
    main()
