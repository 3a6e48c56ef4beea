"""BicycleGAN on pairs of pictures: python train/bicyclegan.py PAIRS --out RUN.

The same pairs, options and recipes as train/pix2pix.py; each answer has a latent, from a seed or from a photo.
"""

from __future__ import annotations

from cli import run_script
from paired_run import Script, run

from i2i.methods.bicyclegan import BicycleGAN, BicycleGANConfig

# The paper's batch: half is encoded, half is drawn at random.
SCRIPT = Script("bicyclegan.py", __doc__, BicycleGAN, BicycleGANConfig, "BicycleGAN", {"batch": 2, "warmup": 0})


def main(argv: list[str] | None) -> int:
    return run(SCRIPT, argv)


if __name__ == "__main__":
    run_script(main)
