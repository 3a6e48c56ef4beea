"""MobileNet v1 (Howard et al., 2017) as a trunk, or as a frozen feature network; the code only, its weights come from a
file.

Weights: safetensors with keys `conv1.{conv,bn}.*` and `blocks.<i>.{dw,pw}.{conv,bn}.*`, as TensorFlow's release
has them: 'SAME' padding (the odd pixel of a stride goes to the bottom and right), batch norm with epsilon 1e-3.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)


class _ConvNorm(nn.Module):
    """Convolution with its batch norm folded in, then ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        if kernel == 3:
            x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        if stride == 2 and self.conv.groups > 1 and x.device.type == "cpu" and x.dtype == torch.bfloat16:
            # On CPUs with bfloat16 its gradient takes six times as long as in float32 (torch 2.14): a tenth of a run.
            with torch.autocast("cpu", enabled=False):
                weight, bias = self.conv.weight.float(), self.conv.bias.float()
                return F.relu6(F.conv2d(x.float(), weight, bias, stride, groups=self.conv.groups).to(x.dtype))
        return F.relu6(self.conv(x))


class MobileNetTrunk(nn.Module):
    """The first blocks, ready to be trained further.

    Args:
        taps: block numbers (1-based) whose outputs are returned.

    Forward: (B, 3, H, W) in [-1, 1] -> list of features at the taps.
    """

    name = "MobileNet v1, Google, Apache-2.0"

    def __init__(self, taps: tuple[int, ...]):
        super().__init__()
        self.taps = tuple(taps)
        depth = max(taps)
        self.conv1 = _ConvNorm(3, 32, 3, 2, 1)
        self.blocks = nn.ModuleList()
        for k in range(depth):
            inputs = WIDTHS[k - 1] if k else 32
            self.blocks.append(
                nn.ModuleDict(
                    {
                        "dw": _ConvNorm(inputs, inputs, 3, STRIDES[k], inputs),
                        "pw": _ConvNorm(inputs, WIDTHS[k], 1, 1, 1),
                    }
                )
            )

    @property
    def channels(self) -> list[int]:
        return [WIDTHS[t - 1] for t in self.taps]

    def load(self, path: str | Path) -> None:
        """Take ImageNet's weights from a safetensors file; ValueError where it is missing or another network's."""
        path = Path(path)
        if not path.is_file():
            raise ValueError(f"feature weights {path} do not exist: give a MobileNet v1 safetensors file")
        try:
            with safe_open(path, framework="pt") as file:
                for name, module in self.named_modules():
                    if isinstance(module, _ConvNorm):
                        self._fold(file, name, module)
        except (SafetensorError, RuntimeError) as error:
            raise ValueError(f"{path} is not a MobileNet v1 file: {str(error).splitlines()[0]}") from error

    @staticmethod
    def _fold(file, name: str, module: _ConvNorm) -> None:
        """Read one layer and fold its batch norm (epsilon 1e-3) into the convolution."""
        conv = file.get_tensor(f"{name}.conv.weight").float()
        norm = ("weight", "bias", "running_mean", "running_var")
        scale, bias, mean, var = (file.get_tensor(f"{name}.bn.{k}").float() for k in norm)
        if conv.shape != module.conv.weight.shape:
            raise RuntimeError(f"{name}.conv.weight is {tuple(conv.shape)}, not {tuple(module.conv.weight.shape)}")
        factor = scale / torch.sqrt(var + 1e-3)
        module.conv.weight.data.copy_(conv * factor[:, None, None, None])
        module.conv.bias.data.copy_(bias - mean * factor)

    def forward(self, y: Tensor) -> list[Tensor]:
        features = []
        y = self.conv1(y)
        for k, block in enumerate(self.blocks, 1):
            y = block["pw"](block["dw"](y))
            if k in self.taps:
                features.append(y)
        return features


class MobileNetFeatures(MobileNetTrunk):
    """Frozen features of photos.

    Args:
        weights: safetensors file.
        taps: as of the trunk.
    """

    def __init__(self, weights: str | Path, taps: tuple[int, ...] = (3, 5, 11)):
        super().__init__(taps)
        self.load(weights)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> MobileNetFeatures:
        return super().train(False)  # frozen
