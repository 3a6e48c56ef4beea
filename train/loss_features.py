"""The feature network of a run's losses: the one that the run began with, also where it goes on elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from model_run import features_or_none
from torch import nn

NONE = "none"  # no feature network, in cards and states


def loss_features(args: argparse.Namespace, say: Callable[[str], None], taught: str | None) -> nn.Module | None:
    """The network that --features names; a dry run fetches none.

    Args:
        taught: the name of the network that the run which goes on began with, NONE where it had to do without (what
            torchvision fetches may be out of reach at one time and in reach at another), None where it is not known.

    Raises:
        ValueError: for a file that cannot be read, or where the run began with a network that is out of reach now.
    """
    if args.features == "torchvision" and taught == NONE:
        say("without perceptual term and projected discriminator, as the run began")
        return None
    found = features_or_none(args.features, "loss", say, fetch=not args.dry_run)
    if found is None and taught not in (None, NONE):
        raise ValueError(
            f"{args.out} began with the feature network {taught}, which is out of reach: resume where there is a "
            "network connection, or name its file with --features"
        )
    return found


def name_of(features: nn.Module | None) -> str:
    return features.name if features is not None else NONE
