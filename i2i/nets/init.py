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


def normal_init(module: nn.Module, std: float = 0.02) -> None:
    """Weights from N(0, std), as pix2pix starts (section 6.2); biases zero, scales of batch norm from N(1, std)."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d) and layer.affine:
            nn.init.normal_(layer.weight, 1.0, std)
            nn.init.zeros_(layer.bias)
