"""Frozen feature networks for losses and measures, from a file or from torchvision."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from i2i.nets.mobilenet import MobileNetFeatures

# What a network taught must not judge what it taught: losses and measures take different ones.
_TORCHVISION = {
    "loss": ("mobilenet_v2", ("features.3", "features.6", "features.13"), [24, 32, 96]),
    "fit": ("mobilenet_v2", ("features.3", "features.6", "features.13", "features.18"), [24, 32, 96, 1280]),
    "measure": ("resnet18", ("layer1", "layer2", "layer3", "layer4"), [64, 128, 256, 512]),
}
_MOBILENET_TAPS = {"loss": (3, 5, 11), "fit": (1, 3, 5, 11, 12), "measure": (1, 3, 5, 11, 13)}


class TorchvisionFeatures(nn.Module):
    """Taps of a torchvision network with ImageNet weights. Forward: (B, 3, H, W) in [-1, 1] -> list of features."""

    def __init__(self, use: str):
        super().__init__()
        import torchvision
        from torchvision.models.feature_extraction import create_feature_extractor

        architecture, taps, self.channels = _TORCHVISION[use]
        self.name = f"{architecture}, torchvision {torchvision.__version__}, ImageNet"
        net = torchvision.models.get_model(architecture, weights="DEFAULT")
        self.net = create_feature_extractor(net.eval(), list(taps)).requires_grad_(False)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def train(self, mode: bool = True) -> TorchvisionFeatures:
        return super().train(False)  # frozen

    def forward(self, y: Tensor) -> list[Tensor]:
        return list(self.net(((y + 1) / 2 - self.mean) / self.std).values())


class UnfetchedFeatures(nn.Module):
    """Stands for torchvision's network where its weights shall not be fetched: `channels`, for nets that are built on
    it, and nothing that could be computed.
    """

    name = "torchvision"

    def __init__(self, use: str):
        super().__init__()
        self.channels = _TORCHVISION[use][2]


def load_features(source: str, use: str) -> nn.Module:
    """A frozen network with `name`, `channels`, and a list of features as output.

    Args:
        source: a MobileNet v1 safetensors file, or "torchvision" (downloads its weights once).
        use: "loss"; "fit", the same network with a tap at its end; or "measure".

    Raises:
        ValueError: if the weights cannot be had.
    """
    if source == "torchvision":
        try:
            net: nn.Module = TorchvisionFeatures(use)
        except Exception as error:
            raise ValueError(
                f"torchvision's weights could not be loaded ({type(error).__name__}): give a file instead, or 'none' "
                "where the command can do without"
            ) from error
    else:
        net = MobileNetFeatures(Path(source), _MOBILENET_TAPS[use])
    return net.to(memory_format=torch.channels_last)
