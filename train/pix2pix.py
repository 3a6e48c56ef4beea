"""pix2pix on pairs of pictures: python train/pix2pix.py PAIRS --out RUN.

PAIRS holds pictures A|B side by side, or two folders with equal names (photo and edges, photo and labels with
palette.json, or A and B), or what train/edges2photo.py prepared. Every choice of the paper is an option; --recipe
names its tasks. Leaves a model folder: python demo/app.py --model RUN/model
"""

from __future__ import annotations

from cli import run_script
from paired_run import Script, run

from i2i.methods.pix2pix import Pix2Pix, Pix2PixConfig

# The paper's batch, and no warm-up.
SCRIPT = Script("pix2pix.py", __doc__, Pix2Pix, Pix2PixConfig, "pix2pix", {"batch": 1, "warmup": 0})


def main(argv: list[str] | None) -> int:
    return run(SCRIPT, argv)


if __name__ == "__main__":
    run_script(main)
