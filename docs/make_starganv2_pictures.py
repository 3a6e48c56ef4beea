"""Make the pictures of docs/starganv2.md from a trained model: docs/starganv2_{latents,references,path}.jpg.

All photos are of the validation split, which training did not see.
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
from i2i.data.domains import DomainConfig, find_domains  # noqa: E402
from i2i.images import fit_square, load_image  # noqa: E402
from i2i.style_pictures import style_matrix, style_path  # noqa: E402

SIDE = 112


def latents(model: Translator, sources: list[Path], each: int) -> Image.Image:
    """A row for each photo: itself, and `each` seeds, the same in every row, in each domain."""
    rows, labels = [], []
    for path in sources:
        answers = [(p, f"{name}, seed {k}") for name in model.domains
                   for k, p in enumerate(model.sample(path, n=each, domain=name))]  # fmt: skip
        rows.append([fit_square(load_image(path), model.image_size), *(p for p, _ in answers)])
        labels.append([path.stem[-18:], *(text for _, text in answers)])
    return sheet(rows, labels, SIDE)


def ways(model: Translator, sources: list[Path], steps: int) -> Image.Image:
    """For each photo, the way through one seed of every domain."""
    styles = [model.styles([0], domain=name)[0] for name in model.domains]
    rows = [style_path(model, path, styles, steps) for path in sources]
    names = [model.domains[k // steps] if k % steps == 0 else "" for k in range(len(rows[0]))]
    return sheet(rows, [names] * len(rows), SIDE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="model of the domains")
    parser.add_argument("photos", type=Path, help="its photos")
    parser.add_argument("--index", default="", help="CSV file that names the domains, if subfolders do not")
    parser.add_argument("--column", default="", help="its column")
    parser.add_argument("--seeds", type=int, default=3, help="of each domain (default: 3)")
    args = parser.parse_args()
    model, docs = Translator.from_pretrained(args.model), ROOT / "docs"
    config = DomainConfig(index=args.index, column=args.column, domains=tuple(model.domains))
    found = find_domains(args.photos, "val", config)
    first = [files[0] for files in found.values()]
    second = [files[1] for files in found.values()]
    latents(model, first + second, args.seeds).save(docs / "starganv2_latents.jpg", quality=88)
    references = [(path, name) for name, files in found.items() for path in files[2:4]]
    matrix = style_matrix(model, first, *map(list, zip(*references, strict=True)))
    smaller = matrix.width * 5 // 8, matrix.height * 5 // 8
    matrix.resize(smaller, Image.Resampling.LANCZOS).save(docs / "starganv2_references.jpg", quality=88)
    ways(model, first[:2], 3).save(docs / "starganv2_path.jpg", quality=88)
    print("sources:", *(p.stem for p in first + second), "references:", *(p.stem for p, _ in references))


if __name__ == "__main__":
    main()
