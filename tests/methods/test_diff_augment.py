"""What discriminators see of a pair is changed alike for all its pictures."""

import pytest
import torch

from i2i.methods.diff_augment import SHIFT, DiffAugment

CPU = torch.device("cpu")


def pictures(count=4, size=32, channels=3):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_nothing_changes_at_a_share_of_zero():
    y = pictures()
    change = DiffAugment(4, 0.0, CPU)
    torch.testing.assert_close(change.pictures(y), y)
    assert torch.equal(change.place(y), y)


def test_real_and_generated_pictures_of_a_pair_are_changed_alike():
    y = pictures()
    change = DiffAugment(4, 1.0, CPU)
    once, twice = change.pictures(y), change.pictures(torch.cat([y, y]))
    assert not torch.allclose(once, y)
    assert torch.equal(twice, torch.cat([once, once]))


def test_drawing_and_photo_move_together_and_the_rest_is_grey():
    torch.manual_seed(3)
    change = DiffAugment(4, 1.0, CPU)
    x = torch.zeros(4, 1, 64, 64)
    x[:, :, 30, 20] = 1.0
    moved = change.place(x)
    for k, (down, right) in enumerate((change.shift * 64).round().long().T.tolist()):
        # place() reads at row + down, so what was at 30 is found at 30 - down.
        assert moved[k, 0, 30 - down, 20 - right] == 1 and moved[k].sum() == 1
    assert change.shift.abs().max() <= 1 / SHIFT
    full = change.place(torch.ones(4, 1, 64, 64))
    assert (full == 0).any() and set(full.unique().tolist()) == {0.0, 1.0}


def test_only_the_share_asked_for_is_changed():
    torch.manual_seed(0)
    y = pictures(400, 8)
    changed = (DiffAugment(400, 0.25, CPU).pictures(y) - y).abs().amax((1, 2, 3)) > 1e-3
    assert changed.float().mean() == pytest.approx(0.25, abs=0.08)


def test_gradients_reach_the_generated_picture():
    y = pictures().requires_grad_()
    DiffAugment(4, 1.0, CPU).pictures(y).square().sum().backward()
    assert y.grad.isfinite().all() and (y.grad != 0).float().mean() > 0.5
