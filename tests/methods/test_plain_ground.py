"""Where the ground of a photo is, and what an answer pays for not leaving it plain."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from i2i.methods.plain_ground import ground_loss, plain_border, plain_ground

SIZE = 128  # the margin is 4 pixels


def pair(shade: float, outline: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """A drawing and a photo of a ring, radii 20 and 40, of one shade in [-1, 1], on white."""
    paper, photo = np.ones((SIZE, SIZE), np.float32), np.ones((SIZE, SIZE), np.float32)
    cv2.circle(photo, (64, 64), 30, shade, 20)
    if outline:
        for radius in (20, 40):
            cv2.circle(paper, (64, 64), radius, -1.0, 1)
    return torch.from_numpy(paper)[None, None], torch.from_numpy(photo)[None, None].expand(1, 3, -1, -1).clone()


def radius() -> torch.Tensor:
    at = torch.arange(SIZE) - 64.0
    return (at[:, None].square() + at.square()).sqrt()


@pytest.mark.parametrize("shade", [-0.8, 0.5, 1.0], ids=["dark", "light", "white"])
def test_ground_is_what_is_seen_from_a_side_and_not_near_the_subject(shade):
    """A white subject is told by its outline; what it encloses, a handle's inside say, is not ground."""
    ground = plain_ground(*pair(shade))
    assert ground.shape == (1, 1, SIZE, SIZE) and set(ground.unique().tolist()) == {0.0, 1.0}
    assert not ground[0, 0][radius() < 44].any()
    assert ground[0, 0][radius() > 50].all()


def test_ground_seen_from_one_side_alone():
    """A hook that is open below: its inside is ground, seen from there."""
    x, y = pair(-0.8, outline=False)
    y[..., 64:, :] = 1.0
    assert plain_ground(x, y)[0, 0, 53:, 56:73].all()
    y[..., 62:66, 24:104] = -0.8  # closed
    closed = plain_ground(x, y)[0, 0]
    assert not closed[30:70, 50:79].any() and closed[70:].all()


def test_a_photo_without_plain_border_has_no_ground():
    x, y = pair(-0.8)
    noisy = y + 0.3 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    found = plain_ground(torch.cat([x, x]), torch.cat([noisy, y]))
    assert not found[0].any() and found[1].any()


def test_a_subject_that_touches_the_border_leaves_the_ground_beside_it():
    x, y = pair(-0.8)
    y[..., 60:68, 64:] = -0.8
    ground = plain_ground(x, y)[0, 0]
    assert not ground[57:71, 64:].any() and ground[:20, 100:].all() and ground[100:, 100:].all()


def test_any_ground_that_is_of_one_colour_costs_nothing():
    ground = plain_ground(*pair(-0.8))
    for colour in (1.0, 0.2, -0.7):
        assert float(ground_loss(pair(0.0, outline=False)[1] * 0 + colour, ground)) == pytest.approx(0, abs=1e-6)


def test_what_stands_on_the_ground_costs_by_its_area_and_contrast():
    ground, answer = plain_ground(*pair(-0.8)), torch.ones(1, 3, SIZE, SIZE)
    costs = []
    for side, shade in ((8, -1.0), (16, -1.0), (16, 0.0)):
        spotted = answer.clone()
        spotted[..., 2 : 2 + side, 2 : 2 + side] = shade
        costs.append(float(ground_loss(spotted, ground)))
    assert costs[1] == pytest.approx(4 * costs[0], rel=0.1) and costs[2] == pytest.approx(costs[1] / 2, rel=0.01)
    assert costs[1] == pytest.approx(2 * 2 * 256 / SIZE**2, rel=0.1)  # the spot, and the mean that it has moved


def test_the_subject_itself_is_free_and_no_ground_is_finite():
    ground = plain_ground(*pair(-0.8))
    answer = torch.where(radius() < 40, -1.0, 1.0).expand(1, 3, -1, -1).clone().requires_grad_()
    ground_loss(answer, ground).backward()
    assert not answer.grad.any()
    nothing = ground_loss(answer, torch.zeros_like(ground))
    assert nothing.item() == 0


def test_what_touches_a_fifth_of_the_border_does_not_change_its_colour():
    y = torch.ones(1, 3, SIZE, SIZE)
    y[..., -2:, 10:110] = -0.8
    plain, colour = plain_border(y)
    assert plain.tolist() == [True] and colour.tolist() == [[1.0, 1.0, 1.0]]


def test_the_ground_s_own_colour_is_nothing_to_be_learnt():
    """A gradient through the mean would spread each spot's over all of the ground."""
    ground, answer = plain_ground(*pair(-0.8)), torch.full((1, 3, SIZE, SIZE), 0.5)
    answer[..., 2:18, 2:18] = -0.5
    answer.requires_grad_()
    ground_loss(answer, ground).backward()
    colour = (answer * ground).sum((2, 3), keepdim=True) / ground.sum()
    torch.testing.assert_close(answer.grad, ground * (answer - colour).sign() / answer.numel())
