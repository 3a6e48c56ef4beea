"""What discriminators see of a pair is changed alike for all its pictures; what a style encoder sees is moved about."""

import pytest
import torch

from i2i.methods.augmentation import SHIFT, WINDOWS, DiffAugment, random_views

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
    # Photos move by the same way: the marked pixel is the brightest one of each.
    photo = change.pictures(x.expand(-1, 3, -1, -1) - 0.5)[:, :, 8:-8, 8:-8].mean(1)
    assert torch.equal(photo.flatten(1).argmax(1), moved[:, 0, 8:-8, 8:-8].flatten(1).argmax(1))
    full = change.place(torch.ones(4, 1, 64, 64))
    assert (full == 0).any() and set(full.unique().tolist()) == {0.0, 1.0}


def test_only_the_share_asked_for_is_changed():
    torch.manual_seed(0)
    y = pictures(400, 8)
    changed = (DiffAugment(400, 0.25, CPU).pictures(y) - y).abs().amax((1, 2, 3)) > 1e-3
    assert changed.float().mean() == pytest.approx(0.25, abs=0.08)


def test_colours_change_within_the_paper_s_ranges():
    torch.manual_seed(0)
    change = DiffAugment(4000, 1.0, CPU)
    for drawn, low, high in ((change.brightness, -0.5, 0.5), (change.saturation, 0, 2), (change.contrast, 0.5, 1.5)):
        assert low <= drawn.min() < low + 0.05 and high - 0.05 < drawn.max() <= high


def test_brightness_saturation_and_contrast_by_hand():
    torch.manual_seed(0)
    y, change = pictures(3), DiffAugment(3, 1.0, CPU)
    change.shift.zero_()
    for k, changed in enumerate(change.pictures(y)):
        brighter = y[k] + change.brightness[k]
        grey = brighter.mean(0, keepdim=True)
        coloured = grey + change.saturation[k] * (brighter - grey)
        mean = coloured.mean()  # of the whole picture, so that contrast leaves its colours alone
        torch.testing.assert_close(changed, mean + change.contrast[k] * (coloured - mean))


def test_gradients_reach_the_generated_picture():
    y = pictures().requires_grad_()
    DiffAugment(4, 1.0, CPU).pictures(y).square().sum().backward()
    assert y.grad.isfinite().all() and (y.grad != 0).float().mean() > 0.5


def spot(count=600, size=64, side=8):
    """White photos with one dark square, left of the middle."""
    y = torch.ones(count, 3, size, size)
    y[:, :, 28 : 28 + side, 16 : 16 + side] = -1.0
    return y


def test_views_are_mirrored_moved_and_of_other_sizes():
    torch.manual_seed(0)
    views = random_views(spot(), 64, 1.0)
    dark = (1 - views[:, 0]) / 2
    area = dark.sum((1, 2))
    seen = area > 8
    columns = ((dark * torch.arange(64)).sum((1, 2)) / area.clamp(min=1e-3))[seen]
    assert (columns < 32).float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert columns.std() > 10
    # The square is larger through a small window, by up to its side's inverse, and smaller through a large one.
    sizes = area[seen] / 64
    assert sizes.quantile(0.9) > 1.5 and sizes.quantile(0.1) < 0.7
    assert views.amin() >= -1.0001 and views.amax() <= 1.0001


def test_views_keep_colours():
    torch.manual_seed(0)
    y = pictures(6).mean((2, 3), keepdim=True).expand(-1, -1, 64, 64)
    torch.testing.assert_close(random_views(y, 32, 1.0), y[:, :, :32, :32])


def test_a_smaller_strength_stays_nearer_to_the_photo():
    torch.manual_seed(0)
    mirrored = torch.cat([spot(200), spot(200).flip(3)])
    near = random_views(mirrored, 64, 0.05)
    change = torch.minimum((near - mirrored).abs().mean((1, 2, 3)), (near - mirrored.flip(3)).abs().mean((1, 2, 3)))
    assert change.max() < 0.02
    assert WINDOWS[0] < 1 < WINDOWS[1]


def test_views_of_large_photos_are_averaged_and_of_the_size_asked_for():
    torch.manual_seed(0)
    for side, most in ((256, 1e-5), (128, 0.4)):
        stripes = (torch.arange(side) % 2 * 2.0 - 1.0).expand(8, 3, side, side)
        views = random_views(stripes, 64, 1.0)
        assert views.shape == (8, 3, 64, 64)
        # Stripes too fine to be shown come out grey, as by averaging; sampled every second pixel they would be 1.
        assert views.abs().mean((1, 2, 3)).max() < most


def test_views_are_computed_in_float32_under_autocast():
    y = pictures(2, 64)
    torch.manual_seed(4)
    exact = random_views(y, 64, 1.0)
    torch.manual_seed(4)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(random_views(y.bfloat16(), 64, 1.0), exact, atol=0.02, rtol=0)


def test_gradients_pass_through_views():
    y = pictures(2, 64).requires_grad_()
    random_views(y, 64, 1.0).square().sum().backward()
    assert y.grad.isfinite().all() and y.grad.any()
