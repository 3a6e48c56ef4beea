"""The edge network: outputs, sizes, deep supervision, size."""

from __future__ import annotations

import pytest
import torch

from i2i.nets.edge_net import EdgeNet
from i2i.nets.edge_teacher import EdgeTeacher


@pytest.fixture
def net() -> EdgeNet:
    torch.manual_seed(0)
    return EdgeNet(widths=(4, 8, 8), blocks=(1, 1, 1), head_widths=(4, 4, 4)).eval()


def test_default_is_below_a_million_parameters():
    with torch.device("meta"):
        net = EdgeNet()
    assert 100_000 < sum(p.numel() for p in net.parameters()) < 1_000_000
    assert len(net.stages) == 4 and net.multiple == 16


@torch.inference_mode()
@pytest.mark.parametrize("stages", [2, 3, 5])
def test_one_map_for_each_stage_and_their_fusion(stages):
    net = EdgeNet((4,) * stages, (1,) * stages, (4,) * stages).eval()
    assert net.multiple == 2**stages
    outputs = net(torch.randn(2, 3, 32, 96))
    assert [tuple(o.shape) for o in outputs] == [(2, 1, 32, 96)] * (stages + 1)


@torch.inference_mode()
def test_the_photo_is_folded_and_stages_halve_the_resolution(net):
    shapes = []
    for stage in net.stages:
        stage.register_forward_hook(lambda module, given, result: shapes.append(tuple(result.shape[-2:])))
    net(torch.randn(1, 3, 32, 48))
    assert shapes == [(16, 24), (8, 12), (4, 6)]


@torch.inference_mode()
def test_fusion_starts_as_the_mean_and_is_learned(net):
    *sides, fusion = net(torch.randn(2, 3, 32, 32))
    assert (fusion - torch.stack(sides).mean(0)).abs().max() < 1e-5
    net.fuse.weight.copy_(torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1))
    *sides, fusion = net(torch.randn(2, 3, 32, 32))
    assert (fusion - sides[2]).abs().max() < 1e-5


def test_fine_outputs_know_the_coarse_context_and_not_the_reverse(net):
    finest, _, coarsest, _ = net(torch.randn(1, 3, 32, 32))
    finest.sum().backward(retain_graph=True)
    assert net.heads[2].reduce.weight.grad.any()
    net.zero_grad()
    coarsest.sum().backward()
    assert net.heads[2].reduce.weight.grad.any() and net.heads[0].reduce.weight.grad is None


def test_gradients_reach_every_parameter(net):
    outputs = net.train()(torch.randn(2, 3, 32, 32))
    sum(o.square().mean() for o in outputs).backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("make", [EdgeNet, EdgeTeacher])
def test_gradients_in_bfloat16_are_finite(make):
    # With heads of 24 channels the weight gradient of a dilated convolution came out as NaN on CPUs.
    net = make().to(memory_format=torch.channels_last)
    photos = torch.randn(2, 3, 128, 128).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = net(photos)
    sum(o.float().square().mean() for o in outputs).backward()
    taught = {n: p.grad for n, p in net.named_parameters() if p.requires_grad}
    assert [n for n, grad in taught.items() if not grad.isfinite().all()] == []


@torch.inference_mode()
def test_an_output_moves_with_its_photo(net):
    # Shifting by the coarsest stage's stride shifts the maps: nothing is off by a pixel between the stages.
    photo = torch.zeros(1, 3, 320, 320)
    photo[:, :, 128:160, 128:160] = torch.randn(3, 32, 32)
    here = net(photo)[-1]
    there = net(photo.roll((16, 8), (2, 3)))[-1].roll((-16, -8), (2, 3))
    assert (here - there)[:, :, 124:164, 124:164].abs().max() < 1e-4


@torch.inference_mode()
def test_folded_norms_change_nothing(net):
    net.train()
    for _ in range(3):
        net(torch.randn(4, 3, 32, 32) * 3 + 1)  # running statistics away from zero and one
    net.eval()
    x = torch.randn(2, 3, 48, 32)
    before = net(x)
    after = net.fold_norms()(x)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())
    assert max((a - b).abs().max() for a, b in zip(before, after, strict=True)) < 1e-4


def test_neighbouring_pixels_are_told_apart(net):
    # Folding four pixels into one must not blur them: each reaches the finest output on its own.
    x = torch.randn(1, 3, 32, 32, requires_grad=True)
    net(x)[0][0, 0, 16, 16].backward()
    near = x.grad[0, :, 14:18, 14:18].abs().sum(0)
    assert (near > 0).all() and len(near.unique()) == 16
