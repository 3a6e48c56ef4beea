"""Where ground is out of focus, and what an answer pays for its texture there."""

from __future__ import annotations

import pytest
import torch

from i2i.methods.soft_ground import SMOOTH, soft_ground, texture, texture_loss

SIZE = 128  # windows reach 4 pixels, and so does the margin


def portrait(subject: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """A drawing and a photo: a square of noise, 48 to 80 pixels and down to the lower side, on ground whose shade
    changes slowly from left to right, with the square's outline in ink."""
    across = torch.linspace(-0.6, 0.8, SIZE)
    photo = across.expand(1, 3, SIZE, SIZE).clone()
    noise = torch.rand(1, 3, SIZE - 48, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    photo[..., 48:, 48:80] = noise * 2 * subject
    drawing = torch.ones(1, 1, SIZE, SIZE)
    drawing[..., 48, 48:80] = drawing[..., 48:, 48] = drawing[..., 48:, 79] = -1.0
    return drawing, photo


def dots(period: int, contrast: float) -> torch.Tensor:
    at = torch.arange(SIZE) * 2 * torch.pi / period
    return contrast * (at.cos()[:, None] * at.cos()).expand(1, 3, SIZE, SIZE)


@pytest.mark.parametrize("subject", [0.5, 0.0], ids=["furry", "smooth"])
def test_ground_is_smooth_and_seen_from_the_left_the_right_or_above(subject):
    """A subject without texture is told by its outline; from below nothing is seen."""
    ground = soft_ground(*portrait(subject))
    assert ground.shape == (1, 1, SIZE, SIZE) and set(ground.unique().tolist()) == {0.0, 1.0}
    found = ground[0, 0]
    assert not found[44:, 44:84].any()
    assert found[:32].all() and found[:, :32].all() and found[:, 96:].all()


def test_ground_in_focus_is_no_soft_ground():
    drawing, photo = portrait()
    sharp = photo + dots(6, 0.3)
    found = soft_ground(torch.cat([drawing] * 2), torch.cat([sharp, photo]))
    assert not found[0].any() and found[1].any()


def test_texture_is_the_root_mean_square_of_fine_detail_and_no_slow_change():
    assert float(texture(dots(6, 0.4))[..., 20:-20, 20:-20].mean()) == pytest.approx(0.4 / 2, rel=0.1)
    slow = torch.linspace(-1, 1, SIZE).expand(1, 3, SIZE, SIZE)
    assert float(texture(slow).amax()) < SMOOTH
    one = dots(6, 0.4)
    one[:, :2] = 0  # the channel that has most counts
    assert float(texture(one)[..., 64, 64]) == pytest.approx(float(texture(dots(6, 0.4))[..., 64, 64]))


def test_smooth_answers_are_free_in_any_colour_and_texture_costs_by_contrast_and_area():
    ground = soft_ground(*portrait())
    for colour in (-0.9, 0.0, 0.7):
        assert float(texture_loss(portrait()[1] * 0 + colour, ground)) == 0
    faint, strong, stronger = (float(texture_loss(dots(8, c), ground)) for c in (0.08, 0.3, 0.5))
    assert faint == 0 and strong > 0.02
    share = float(ground.mean())
    assert stronger - strong == pytest.approx(0.1 * share, rel=0.15)
    assert float(texture_loss(dots(8, 0.3), ground * 0)) == 0


def test_the_subject_is_free():
    drawing, photo = portrait()
    answer = photo.clone().requires_grad_()
    texture_loss(answer, soft_ground(drawing, photo)).backward()
    assert not answer.grad.any()
    spotted = (photo + dots(8, 0.3)).requires_grad_()
    texture_loss(spotted, soft_ground(drawing, photo)).backward()
    assert not spotted.grad[..., 60:, 56:72].any() and spotted.grad.any()
