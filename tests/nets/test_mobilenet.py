"""MobileNet v1 as a feature network: TensorFlow's padding, folded batch norm, frozen, clear errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from i2i.nets.features import load_features
from i2i.nets.mobilenet import STRIDES, WIDTHS, MobileNetFeatures, _ConvNorm


def random_weights(depth: int) -> dict[str, torch.Tensor]:
    """Weights in the documented key format; variances near TensorFlow's epsilon, so that a wrong one shows."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}

    def layer(name: str, outputs: int, inputs: int, kernel: int) -> None:
        shape = (outputs, inputs, kernel, kernel)
        tensors[f"{name}.conv.weight"] = torch.randn(shape, generator=generator) * (2e-3 / (inputs * kernel**2)) ** 0.5
        tensors[f"{name}.bn.weight"] = 0.5 + torch.rand(outputs, generator=generator)
        tensors[f"{name}.bn.bias"] = torch.rand(outputs, generator=generator)
        tensors[f"{name}.bn.running_mean"] = 0.01 * torch.randn(outputs, generator=generator)
        tensors[f"{name}.bn.running_var"] = 1e-3 * (0.5 + torch.rand(outputs, generator=generator))

    layer("conv1", 32, 3, 3)
    for k in range(depth):
        inputs = WIDTHS[k - 1] if k else 32
        layer(f"blocks.{k}.dw", inputs, 1, 3)
        layer(f"blocks.{k}.pw", WIDTHS[k], inputs, 1)
    return tensors


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mobilenet.safetensors"
    save_file(random_weights(13), path)
    return path


@pytest.fixture
def photos() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_shapes_of_the_taps(whole, photos):
    net = MobileNetFeatures(whole, taps=(1, 3, 5))
    assert net.channels == [64, 128, 256]
    assert [tuple(f.shape) for f in net(photos)] == [(2, 64, 32, 32), (2, 128, 16, 16), (2, 256, 8, 8)]


def test_losses_and_measures_take_different_taps(whole):
    assert load_features(str(whole), "loss").channels == [128, 256, 512]
    assert load_features(str(whole), "measure").channels == [64, 128, 256, 512, 1024]


def test_same_padding_at_stride_two():
    # TensorFlow pads an even size by one at the bottom and right alone: window i starts at 2 i, not at 2 i - 1.
    layer = _ConvNorm(1, 1, 3, 2, 1)
    torch.nn.init.ones_(layer.conv.weight)
    torch.nn.init.zeros_(layer.conv.bias)
    page = np.arange(36, dtype=np.float32).reshape(6, 6) / 100
    padded = np.pad(page, ((0, 1), (0, 1)))
    wanted = [[padded[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].sum() for j in range(3)] for i in range(3)]
    with torch.no_grad():
        found = layer(torch.from_numpy(page)[None, None])[0, 0]
    assert found.shape == (3, 3)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.parametrize("whole_net", [False, True])  # autocast, or weights in bfloat16 as well
def test_strided_depthwise_in_bfloat16_rounds_the_answer_alone(whole_net):
    torch.manual_seed(0)
    layer, half = _ConvNorm(8, 8, 3, 2, 8), _ConvNorm(8, 8, 3, 2, 8)
    half.load_state_dict(layer.state_dict())
    for net in (layer, half):
        net.conv.weight.data = net.conv.weight.data.bfloat16().float()
        net.conv.bias.data = net.conv.bias.data.bfloat16().float()
    x = torch.randn(2, 8, 12, 12).bfloat16()
    exact, rounded = x.float().requires_grad_(), x.clone().requires_grad_()
    wanted = layer(exact)
    if whole_net:
        found = half.bfloat16()(rounded)
    else:
        with torch.autocast("cpu", torch.bfloat16):
            found = half(rounded)
    assert found.dtype == torch.bfloat16 and 0.2 < (wanted > 0).float().mean() < 0.8
    # Sums in bfloat16 would be off by more than the rounding of what they come to.
    assert torch.equal(found, wanted.bfloat16())
    wanted.sum().backward()
    found.float().sum().backward()
    assert torch.equal(rounded.grad, exact.grad.bfloat16())
    assert torch.allclose(half.conv.weight.grad.float(), layer.conv.weight.grad, rtol=1e-2, atol=1e-2)


def test_relu6():
    layer = _ConvNorm(1, 1, 1, 1, 1)
    torch.nn.init.ones_(layer.conv.weight)
    torch.nn.init.zeros_(layer.conv.bias)
    with torch.no_grad():
        assert layer(torch.tensor([-1.0, 3.0, 9.0]).view(1, 1, 1, 3)).flatten().tolist() == [0, 3, 6]


def test_folded_batch_norm_equals_the_explicit_one(whole, photos):
    weights = random_weights(13)

    def layer(x: torch.Tensor, name: str, stride: int = 1, groups: int = 1) -> torch.Tensor:
        kernel = weights[f"{name}.conv.weight"]
        if kernel.shape[-1] == 3:
            x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        x = F.conv2d(x, kernel, stride=stride, groups=groups)
        norm = (weights[f"{name}.bn.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *norm, eps=1e-3).clamp(0, 6)

    y, wanted = layer(photos, "conv1", 2), []
    for k in range(5):
        y = layer(y, f"blocks.{k}.dw", STRIDES[k], groups=y.shape[1])
        y = layer(y, f"blocks.{k}.pw")
        wanted.append(y)
    for found, reference in zip(MobileNetFeatures(whole, taps=(1, 2, 3, 4, 5))(photos), wanted, strict=True):
        assert 0.01 < (reference > 0).float().mean() and reference.std() > 0.05  # the comparison is not of zeros
        assert (found - reference).abs().max() < 1e-4


def test_frozen_for_good(whole, photos):
    net = MobileNetFeatures(whole)
    assert not net.training and not net.train().training
    assert not any(m.training for m in net.modules())
    assert not any(p.requires_grad for p in net.parameters())
    photos.requires_grad_()
    sum(f.sum() for f in net(photos)).backward()
    assert photos.grad.any()  # what it looks at still learns


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(ValueError, match="nowhere.safetensors do not exist"):
        MobileNetFeatures(tmp_path / "nowhere.safetensors")
    save_file({"fc.weight": torch.zeros(3)}, tmp_path / "foreign.safetensors")
    with pytest.raises(ValueError, match="not a MobileNet v1 file"):
        MobileNetFeatures(tmp_path / "foreign.safetensors")
    (tmp_path / "text.safetensors").write_text("these are not weights, and not in the format either")
    with pytest.raises(ValueError, match="text.safetensors"):
        MobileNetFeatures(tmp_path / "text.safetensors")
    tensors = random_weights(5)
    tensors["blocks.2.pw.conv.weight"] = torch.zeros(7, 7, 1, 1)
    save_file(tensors, tmp_path / "wide.safetensors")
    with pytest.raises(ValueError, match="wide.safetensors"):
        MobileNetFeatures(tmp_path / "wide.safetensors", taps=(5,))
    del tensors["conv1.bn.running_var"]
    save_file(tensors, tmp_path / "part.safetensors")
    with pytest.raises(ValueError, match="part.safetensors"):
        MobileNetFeatures(tmp_path / "part.safetensors", taps=(5,))
