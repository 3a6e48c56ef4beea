"""Norms served with a picture's own statistics, and dropout keyed by each picture's generator."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from i2i.nets.layers import BatchNorm, drop, make_norm, needs_bias, use_own_statistics


def trained_norm() -> BatchNorm:
    torch.manual_seed(0)
    norm = BatchNorm(3)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    norm(5 * torch.randn(8, 3, 4, 4) + 2)  # moves the running statistics
    return norm.eval()


def test_own_statistics_are_batch_norm_of_one_picture():
    norm = trained_norm()
    x = torch.randn(3, 3, 6, 6)
    running = norm(x)
    own = use_own_statistics(norm)(x)
    assert (own - running).abs().max() > 0.1
    norm.train()
    alone = torch.cat([norm(picture[None]) for picture in x])  # what training with a batch of one does
    assert torch.allclose(own, alone, atol=1e-5)
    use_own_statistics(norm.eval(), False)
    assert norm(x).shape == x.shape and not torch.allclose(norm(x), own, atol=0.01)


def test_training_ignores_the_switch():
    norm = use_own_statistics(trained_norm()).train()
    x = torch.randn(4, 3, 5, 5)
    assert torch.allclose(norm(x), F.batch_norm(x, None, None, norm.weight, norm.bias, True), atol=1e-6)


def test_norms_by_name():
    assert isinstance(make_norm("batch", 4), BatchNorm) and not needs_bias("batch")
    assert list(make_norm("instance", 4).parameters()) == [] and needs_bias("instance")
    assert isinstance(make_norm("none", 4), torch.nn.Identity) and needs_bias("none")
    with pytest.raises(ValueError, match="'group'.*batch, instance, none"):
        make_norm("group", 4)


def generators(*seeds):
    return [torch.Generator().manual_seed(s) for s in seeds]


def test_each_picture_has_its_own_mask():
    x = torch.ones(3, 8, 16, 16)
    together = drop(x, 0.5, False, generators(4, 7, 4))
    assert torch.equal(together[0], together[2]) and not torch.equal(together[0], together[1])
    assert torch.equal(drop(x[:1], 0.5, False, generators(7))[0], together[1])
    assert set(together.unique().tolist()) == {0.0, 2.0} and abs(together.mean() - 1) < 0.05


def test_a_generator_moves_on_from_layer_to_layer():
    x, noise = torch.ones(1, 1, 16, 16), generators(3)
    assert not torch.equal(drop(x, 0.5, False, noise), drop(x, 0.5, False, noise))


def test_without_generators_evaluation_has_no_dropout():
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(drop(x, 0.5, False), x) and torch.equal(drop(x, 0.0, False, generators(0, 1)), x)
    torch.manual_seed(0)
    assert not torch.equal(drop(x, 0.5, True), x)


def test_the_rate_of_dropout_is_the_share_that_is_dropped():
    noise = [torch.Generator().manual_seed(seed) for seed in range(2)]
    for y in drop(torch.ones(2, 8, 40, 40), 0.2, training=False, noise=noise):
        assert 0.18 < (y == 0).float().mean() < 0.22 and torch.allclose(y[y > 0], torch.tensor(1.25))
