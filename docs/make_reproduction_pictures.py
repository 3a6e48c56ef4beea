"""Make docs/reproduction_{losses,generators,patches}.jpg from the run folders of train/reproduce.py.

A row is a held-out label map, a column one of the trained variants; photos of the set are not shown.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "train")]

from pix2pix_tables import TABLES, PaperTable  # noqa: E402
from reproduce_pix2pix import Setup  # noqa: E402

from docs.picture_sheet import sheet  # noqa: E402
from i2i import Translator  # noqa: E402
from i2i.data.paired import PairedDataset  # noqa: E402


def compared(table: PaperTable, runs: Path, maps: list[Path]) -> Image.Image:
    """Label maps, and what each variant of a table makes of them."""
    rows, labels = [[Image.open(path)] for path in maps], [["label map"] for _ in maps]
    for row in table.rows:
        model = Translator.from_pretrained(runs / Setup().name(row.variant) / "model")
        for r, path in enumerate(maps):
            rows[r].append(model.sample(path, n=1)[0])
            labels[r].append(row.name)
    return sheet(rows, labels, side=176)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path, help="the pairs that were trained on, with labels/")
    parser.add_argument("runs", type=Path, help="what reproduce.py had as --out")
    parser.add_argument("--count", type=int, default=4, help="label maps (default: 4)")
    args = parser.parse_args()
    ids = PairedDataset(args.pairs, "val", cache=False).ids[: args.count]
    maps = [args.pairs / "labels" / f"{name}.png" for name in ids]
    for name, table in TABLES.items():
        compared(table, args.runs, maps).save(ROOT / "docs" / f"reproduction_{name}.jpg", quality=85)


if __name__ == "__main__":
    main()
