"""A feature network whose answers mean nothing, to see that measures are made."""

import torch
from safetensors.torch import save_file


def random_features(path):
    """A MobileNet v1 with random weights."""
    torch.manual_seed(0)
    tensors = {}

    def layer(name: str, *shape: int) -> None:
        tensors[f"{name}.conv.weight"] = torch.randn(*shape) * (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        for key, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            tensors[f"{name}.bn.{key}"] = torch.full((shape[0],), value)

    widths = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    layer("conv1", 32, 3, 3, 3)
    for i, (a, b) in enumerate(zip(widths, widths[1:], strict=False)):
        layer(f"blocks.{i}.dw", a, 1, 3, 3)
        layer(f"blocks.{i}.pw", b, a, 1, 1)
    save_file(tensors, path)
    return path
