"""pix2pix on pairs of pictures: python train/pix2pix.py PAIRS --out RUN.

PAIRS holds pictures A|B side by side, or two folders with equal names (photo and edges, photo and labels with
palette.json, or A and B), or what train/edges2photo.py prepared. Every choice of the paper is an option; --recipe
names its tasks. Leaves a model folder: python demo/app.py --model RUN/model
"""

from __future__ import annotations

from typing import Any

from cli import run_script
from paired_run import Script, run

from i2i.methods.pix2pix import Pix2Pix, Pix2PixConfig


def unused(method: Pix2Pix) -> dict[str, str]:
    """Options that mean nothing to this method -> why, and what to do."""
    c, net, why = method.config, method.nets["generator"], {}
    lacks = f"which --objective {c.objective} has not: leave it out, or choose --objective "
    if not c.adversarial:
        why |= dict.fromkeys(("gan", "patch", "patch_width"), f"is of the discriminator, {lacks}{c.objective}+cgan")
    if not c.objective.startswith(("l1", "l2")):
        why["lambda_l1"] = f"is of the L1 term, {lacks}l1+{c.objective}"
    if c.generator.startswith("resnet"):
        why["noisy"] = f"is of U-Nets, and {c.generator} has noise in every block: leave it out"
    elif not c.dropout:
        why["noisy"] = "names the layers with noise, and with --dropout 0 there is none: leave one of the two out"
    elif net.noisy != c.noisy:
        why["noisy"] = f"names layers where {c.generator} has no noise: choose from 0 to {len(net.up) - 2}"
    return why


# The paper's batch, and no warm-up.
SCRIPT = Script("pix2pix.py", __doc__, Pix2Pix, Pix2PixConfig, "pix2pix", {"batch": 1, "warmup": 0}, unused, True)


def main(argv: list[str] | None, defaults: dict[str, Any] | None = None) -> int:
    """See `paired_run.run`."""
    return run(SCRIPT, argv, defaults)


if __name__ == "__main__":
    run_script(main)
