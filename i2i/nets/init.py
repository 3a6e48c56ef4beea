"""How weights start."""

from __future__ import annotations

from torch import nn

LEAK = 0.2  # slope of the leaky rectifier, everywhere


def he_init(module: nn.Module) -> None:
    """Weights of convolutions and linear layers that keep the variance of activations; biases zero."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, LEAK)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
