"""The teacher: HED's heads on a pretrained trunk, and the choice between the two networks."""

from __future__ import annotations

import pytest
import torch

from i2i.methods.edge_detector import EdgeConfig, EdgeTraining
from i2i.nets.edge_net import EdgeNet
from i2i.nets.edge_teacher import EdgeTeacher, make_edge_net

SMALL = (4, 4, 4, 4)


@torch.inference_mode()
def test_a_map_for_each_tap_and_their_fusion():
    torch.manual_seed(0)
    net = EdgeTeacher(SMALL, 4).eval()
    x = torch.rand(2, 3, 64, 96) * 2 - 1
    *sides, fused = net(x)
    assert [tuple(side.shape) for side in sides] == [(2, 1, 64, 96)] * 4
    assert (fused - torch.stack(sides).mean(0)).abs().max() < 1e-5
    before = fused.clone()
    assert (net.fold_norms()(x)[-1] - before).abs().max() < 1e-4
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())


def test_gradients_reach_trunk_and_heads():
    torch.manual_seed(0)
    net = EdgeTeacher(SMALL, 4)
    sum(side.square().sum() for side in net(torch.rand(2, 3, 64, 64))).backward()
    assert [n for n, p in net.named_parameters() if p.grad is None] == []
    assert net.trunk.conv1.conv.weight.grad.abs().sum() > 0


def test_the_config_chooses_the_network():
    assert isinstance(make_edge_net({"widths": [4, 8], "blocks": [1, 1], "head_widths": [4, 4]}), EdgeNet)
    with torch.device("meta"):
        assert isinstance(make_edge_net(EdgeConfig(trunk="mobilenet_v1").net), EdgeTeacher)
        assert isinstance(make_edge_net(EdgeConfig().net), EdgeNet)
    with pytest.raises(ValueError, match="head_widths needs 4 numbers"):
        EdgeTeacher((4, 4))
    with pytest.raises(ValueError, match="unknown trunk 'vgg'"):
        EdgeConfig(trunk="vgg")
    with pytest.raises(ValueError, match="^blocks shapes the residual trunk alone: leave it out"):
        EdgeConfig(trunk="mobilenet_v1", blocks=(1, 1, 1, 1))


def test_a_pretrained_trunk_learns_at_its_own_rate():
    optimizer = EdgeTraining(EdgeConfig(trunk="mobilenet_v1", lr=2e-3, trunk_lr=1e-4)).optimizers()["edges"]
    groups = optimizer.param_groups
    assert [g["lr"] for g in groups] == [2e-3, 1e-4]
    with torch.device("meta"):
        net = EdgeTeacher()
    assert len(groups[1]["params"]) == len(list(net.trunk.parameters()))
    assert sum(len(g["params"]) for g in groups) == len(list(net.parameters()))
    small = EdgeTraining(EdgeConfig()).optimizers()["edges"].param_groups
    assert [g["lr"] for g in small] == [3e-3]


def test_the_teachers_maps_pull_at_every_output():
    torch.manual_seed(0)
    config = EdgeConfig(widths=(4, 4), blocks=(1, 1), head_widths=(4, 4), side_weights=(1.0, 2.0), fusion_weight=3.0)
    x, taught = torch.rand(1, 3, 16, 16), torch.rand(1, 1, 16, 16)
    totals = {}
    for weight in (0.0, 2.0):
        method = EdgeTraining(EdgeConfig(**vars(config) | {"lambda_taught": weight}))
        torch.manual_seed(1)
        for p in method.parameters():
            torch.nn.init.normal_(p, 0, 0.1)
        batch = {"x": x, "consensus": torch.full_like(taught, -1), "taught": taught}
        seen = []
        logs = method.step(batch, 0.0, lambda name, loss, seen=seen: seen.append(float(loss.detach())))
        totals[weight] = seen[0]
        outputs = method.nets["edges"](x)
    assert totals[0.0] == 0  # without labels there is nothing else to learn from
    t = taught
    each = [
        torch.nn.functional.binary_cross_entropy_with_logits(o, t) + (t * t.log() + (1 - t) * (1 - t).log()).mean()
        for o in outputs
    ]
    wanted = 2 * (each[0] + 2 * each[1] + 3 * each[2])
    assert totals[2.0] == pytest.approx(wanted.item(), rel=1e-3)
    assert logs["taught"] == pytest.approx(each[2].item(), rel=1e-3)
