"""Make the pictures of docs/cyclegan.md from trained models: docs/cyclegan_{cats,facades,failures}.jpg.

Photos are shown of AFHQ alone. Inputs from other sets appear as their drawings or label maps.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs.picture_sheet import sheet  # noqa: E402
from i2i import Translator  # noqa: E402
from i2i.data.paired import PairedDataset  # noqa: E402
from i2i.data.unpaired import find_side  # noqa: E402
from i2i.edges import photo_to_drawing  # noqa: E402
from i2i.images import fit_square, load_image  # noqa: E402


def square(path: Path, side: int) -> Image.Image:
    return fit_square(load_image(path), side)


def there_and_back(model: Translator, folders: dict[str, list[Path]], count: int) -> Image.Image:
    """Photo, answer and the photo again: a row for each photo of both sides in turn."""
    rows, labels = [], []
    for direction, files in folders.items():
        for path in files[:count]:
            photo = square(path, model.image_size)
            rows.append([photo, *model.cycle(photo, direction)])
            labels.append([path.stem, model.directions[direction], "and back"])
    wide = [rows[i] + rows[i + count] for i in range(count)]
    return sheet(wide, [labels[i] + labels[i + count] for i in range(count)], side=160)


def facades(model: Translator, paired: Translator | None, files: list[Path]) -> Image.Image:
    """Label maps and what unpaired, and beside it paired, training makes of them."""
    top = [Image.open(f) for f in files]
    rows, labels = [top], [["label map"] * len(files)]
    rows.append([model.sample(f, n=1)[0] for f in files])
    labels.append(["CycleGAN, without pairs"] * len(files))
    if paired is not None:
        rows.append([paired.sample(f, n=1)[0] for f in files])
        labels.append(["styled pix2pix, with pairs"] * len(files))
    return sheet(rows, labels)


def failures(
    cats: Translator, unseen: list[Path], shoes: Translator, folders: dict[str, list[Path]], count: int
) -> Image.Image:
    """Shape stays (goods as their drawings), and coats that neither side of the training showed."""
    rows, labels = [[], []], [[], []]
    for direction, files in folders.items():
        for path in files[:count]:
            photo = square(path, shoes.image_size)
            rows[0].append(Image.fromarray(photo_to_drawing(photo)))
            rows[1].append(shoes.sample(photo, n=1, direction=direction)[0])
            labels[0].append("input, as its edges")
            labels[1].append(shoes.directions[direction])
    for path, direction in zip(unseen, ("AtoB", "BtoA"), strict=True):
        photo = square(path, cats.image_size)
        rows[0].append(photo)
        rows[1].append(cats.sample(photo, n=1, direction=direction)[0])
        labels[0].append(path.stem)
        labels[1].append(cats.directions[direction])
    return sheet(rows, labels)


def coat(afhq: Path, colour: str) -> list[Path]:
    """Photos of one coat, those that training would have kept apart."""
    return find_side(afhq, "val", f"coat={colour}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("afhq", type=Path, help="folder of AFHQ cats with an index.csv")
    parser.add_argument("--cats", default="orange2grey", help="model of orange and grey cats")
    parser.add_argument("--facades", nargs=2, metavar=("MODEL", "PAIRS"), help="unpaired model, pairs with labels/")
    parser.add_argument("--paired", default="labels2facade", help="paired model beside it")
    parser.add_argument("--shoes", nargs=3, metavar=("MODEL", "SHOES", "BAGS"), help="model and its two folders")
    args = parser.parse_args()
    cats, docs = Translator.from_pretrained(args.cats), ROOT / "docs"
    both = {"AtoB": coat(args.afhq, "orange"), "BtoA": coat(args.afhq, "grey")}
    there_and_back(cats, both, 5).save(docs / "cyclegan_cats.jpg", quality=88)
    if args.facades:
        pairs = Path(args.facades[1])
        maps = [pairs / "labels" / f"{name}.png" for name in PairedDataset(pairs, "val", cache=False).ids[:5]]
        unpaired, paired = Translator.from_pretrained(args.facades[0]), Translator.from_pretrained(args.paired)
        facades(unpaired, paired, maps).save(docs / "cyclegan_facades.jpg", quality=88)
    if args.shoes:
        shoes = Translator.from_pretrained(args.shoes[0])
        goods = {d: find_side(f, "val") for d, f in zip(("AtoB", "BtoA"), args.shoes[1:], strict=True)}
        unseen = [coat(args.afhq, "white")[0], coat(args.afhq, "black")[0]]
        failures(cats, unseen, shoes, goods, 2).save(docs / "cyclegan_failures.jpg", quality=88)


if __name__ == "__main__":
    main()
