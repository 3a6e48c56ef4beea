"""Every loss against values worked out by hand, and the properties that training relies on."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from i2i.losses import (
    GAN_LOSSES,
    balanced_edge_loss,
    contrasts,
    energy_distance,
    excess_contrast,
    faint_lines,
    feature_distance,
    gaussian_divergence,
    gradient_penalty,
    hinge_discriminator,
    hinge_generator,
    least_squares_discriminator,
    least_squares_generator,
    logistic_discriminator,
    perceptual_distance,
    prominence,
    r1_penalty,
    soft_edge_loss,
    style_difference,
    vanilla_discriminator,
    vanilla_generator,
    wasserstein_discriminator,
)


def row(*values: float) -> Tensor:
    """(1, 1, 1, W)."""
    return torch.tensor(values).view(1, 1, 1, -1)


def softplus(v: float) -> float:
    return math.log1p(math.exp(v))


def test_balanced_edge_loss_by_hand():
    # One edge and three others: the edge weighs 3/4, each other 1.1 * 1/4.
    loss = balanced_edge_loss(row(2.0, -1.0, 0.0, 3.0), row(1.0, 0.0, 0.0, 0.0))
    edge, rest = 0.75, 1.1 * 0.25
    wanted = edge * softplus(-2.0) + rest * (softplus(-1.0) + softplus(0.0) + softplus(3.0))
    assert loss.item() == pytest.approx(wanted / (edge + 3 * rest), rel=1e-5)


def test_soft_edge_loss_by_hand():
    """The divergence from the teacher's map: zero where both agree, and blind where there is no image."""
    p = 0.3
    logits, taught = row(math.log(p / (1 - p)), 1.5, -20.0, 4.0), row(p, 0.25, 0.0, -1.0)
    wanted = 0.25 * softplus(-1.5) + 0.75 * softplus(1.5) + (0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert soft_edge_loss(logits, taught).item() == pytest.approx(wanted / 3, rel=1e-4)
    assert soft_edge_loss(row(3.0), row(-1.0)).item() == 0


def test_balanced_edge_loss_leaves_out_disputed_and_missing_pixels():
    consensus = row(0.8, 0.0, 0.0, 0.2, 0.01, -1.0, -0.5)
    one = balanced_edge_loss(row(1.0, -1.0, 2.0, 5.0, -5.0, 5.0, -5.0), consensus)
    two = balanced_edge_loss(row(1.0, -1.0, 2.0, -9.0, 9.0, -9.0, 9.0), consensus)
    alone = balanced_edge_loss(row(1.0, -1.0, 2.0), row(0.8, 0.0, 0.0))
    assert one.item() == two.item() == pytest.approx(alone.item(), rel=1e-6)


def test_balanced_edge_loss_counts_the_threshold_as_an_edge():
    logits, rest = row(3.0, -1.0, -1.0), (0.0, 0.0)
    assert balanced_edge_loss(logits, row(0.3, *rest)) == balanced_edge_loss(logits, row(1.0, *rest))
    assert balanced_edge_loss(logits, row(0.29, *rest)) != balanced_edge_loss(logits, row(1.0, *rest))
    assert balanced_edge_loss(logits, row(0.4, *rest), positive=0.5) == balanced_edge_loss(logits, row(-1.0, *rest))


def test_balanced_edge_loss_balances_the_classes():
    logits = torch.zeros(1, 1, 10, 10, requires_grad=True)
    consensus = torch.zeros(1, 1, 10, 10)
    consensus[0, 0, 3, :2] = 1  # 2 of 100
    balanced_edge_loss(logits, consensus).backward()
    pull, push = -logits.grad[consensus > 0].sum(), logits.grad[consensus == 0].sum()
    assert (push / pull).item() == pytest.approx(1.1, rel=1e-4)


def test_balanced_edge_loss_balances_each_photo_by_itself():
    logits, consensus = torch.randn(2, 1, 8, 8), torch.zeros(2, 1, 8, 8)
    consensus[0, 0, :6] = 1
    consensus[1, 0, 0, 0] = 1
    parts, sums = [], []
    for i, edges in enumerate((48, 1)):
        mask = consensus[i] > 0
        weight = torch.where(mask, (64 - edges) / 64, 1.1 * edges / 64)
        entropy = torch.where(mask, torch.nn.functional.softplus(-logits[i]), torch.nn.functional.softplus(logits[i]))
        parts.append((weight * entropy).sum())
        sums.append(weight.sum())
    assert balanced_edge_loss(logits, consensus).item() == pytest.approx((sum(parts) / sum(sums)).item(), rel=1e-5)


@pytest.mark.parametrize("value", [-1.0, 0.1, 0.0])
def test_balanced_edge_loss_of_a_photo_without_edges_is_zero(value):
    logits = torch.randn(1, 1, 4, 4, requires_grad=True)
    loss = balanced_edge_loss(logits, torch.full((1, 1, 4, 4), value))
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_hinge_by_hand():
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.5])
    # real: 0 and 0.5; fake: 0 and 1.5; half of 0.25 + 0.75
    assert hinge_discriminator(real, fake).item() == pytest.approx(0.5)
    assert hinge_generator(torch.tensor([1.0, -4.0])).item() == pytest.approx(1.5)


def test_hinge_pulls_the_right_way_and_stops_at_the_margin():
    real, fake = torch.tensor([0.0, 1.5], requires_grad=True), torch.tensor([0.0, -1.5], requires_grad=True)
    hinge_discriminator(real, fake).backward()
    assert real.grad.tolist() == [-0.25, 0.0] and fake.grad.tolist() == [0.25, 0.0]


def test_energy_distance_by_hand():
    a, b = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [5.0]])
    # between: mean of 1, 5, 1, 3 = 2.5; within: 2 and 4
    assert energy_distance(a, b).item() == pytest.approx(2 * 2.5 - 2 - 4)


def test_energy_distance_sees_shift_and_spread_and_nothing_else():
    torch.manual_seed(0)

    def mean(make) -> float:
        return float(
            torch.stack([energy_distance(torch.randn(64, 4), make(torch.randn(48, 4))) for _ in range(60)]).mean()
        )

    same = mean(lambda b: b)
    assert abs(same) < 0.02  # no bias: small samples of one distribution are not "different"
    assert mean(lambda b: b + 0.5) > 0.2
    assert mean(lambda b: 1.5 * b) > 0.1
    assert mean(lambda b: torch.where(b > 0, 1.0, -1.0) * b.abs().mean()) > 0.02  # equal mean, another shape


def test_energy_distance_needs_two_of_each():
    for a, b in ((1, 4), (4, 1), (0, 4)):
        with pytest.raises(ValueError, match=f"at least 2 of each, got {a} and {b}"):
            energy_distance(torch.randn(a, 3), torch.randn(b, 3))


def test_energy_distance_is_the_same_far_from_the_origin():
    torch.manual_seed(0)
    a, b = torch.randn(200, 4), torch.randn(200, 4)
    assert energy_distance(a + 1000, b + 1000).item() == pytest.approx(energy_distance(a, b).item(), abs=1e-3)


def test_energy_distance_is_symmetric():
    torch.manual_seed(0)
    a, b = torch.randn(10, 3), torch.randn(7, 3) + 1
    assert energy_distance(a, b).item() == pytest.approx(energy_distance(b, a).item(), rel=1e-5)


def test_energy_distance_has_a_finite_gradient_where_points_meet():
    a = torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]], requires_grad=True)
    energy_distance(a, a.detach().clone()).backward()
    assert a.grad.isfinite().all()


def test_feature_distance_by_hand():
    a = [torch.tensor([1.0, 2.0]), torch.tensor([[0.0]])]
    b = [torch.tensor([2.0, 4.0]), torch.tensor([[-3.0]])]
    assert feature_distance(a, b).item() == pytest.approx((1.5 + 3.0) / 2)
    assert feature_distance(a, a).item() == 0
    with pytest.raises(ValueError):
        feature_distance(a, b[:1])


def test_vanilla_by_hand():
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5])
    wanted = 0.5 * ((softplus(-2.0) + softplus(1.0)) / 2 + softplus(0.5))
    assert vanilla_discriminator(real, fake).item() == pytest.approx(wanted, rel=1e-5)
    assert vanilla_generator(fake).item() == pytest.approx(softplus(-0.5), rel=1e-5)  # -log D(fake)


def test_least_squares_by_hand():
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.5, -0.5])
    assert least_squares_discriminator(real, fake).item() == pytest.approx(0.5 * (4 / 2 + 0.25))
    assert least_squares_generator(fake).item() == pytest.approx((0.25 + 2.25) / 2)


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_the_players_pull_against_each_other(name):
    discriminator, generator = GAN_LOSSES[name]
    real, fake = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    discriminator(real, fake).backward()
    assert (real.grad < 0).all() and (fake.grad >= 0).all()  # a step downhill raises D(real)
    logit = torch.zeros(3, requires_grad=True)
    generator(logit).backward()
    assert (logit.grad < 0).all()


def test_gaussian_divergence_by_hand():
    mean, log_variance = torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, math.log(4.0)], [0.0, 0.0]])
    # 0.5 for the mean of one; 0.5 (4 - 1 - log 4) for the variance of four; averaged over the batch of two.
    assert gaussian_divergence(mean, log_variance).item() == pytest.approx((0.5 + 0.5 * (3 - math.log(4))) / 2)
    assert gaussian_divergence(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0


def test_the_logistic_loss_is_not_halved():
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5])
    wanted = (softplus(-2.0) + softplus(1.0)) / 2 + softplus(0.5)
    assert logistic_discriminator(real, fake).item() == pytest.approx(wanted, rel=1e-5)


def test_the_critic_by_hand():
    assert wasserstein_discriminator(torch.tensor([3.0, 5.0]), torch.tensor([1.0])).item() == pytest.approx(1 - 4)


def test_r1_by_hand():
    # D(y) = 3 y0^2 - 4 y1 has the gradient (6 y0, -4): 36 + 16 = 52 at y0 = 1, and 16 at y0 = 0.
    y = torch.tensor([[1.0, 7.0], [0.0, 2.0]], requires_grad=True)
    penalty = r1_penalty(3 * y[:, 0] ** 2 - 4 * y[:, 1], y)
    assert penalty.item() == pytest.approx(0.5 * (52 + 16) / 2)


def test_r1_teaches_as_autograd_by_hand_says():
    # D(y) = w y^2: half the squared gradient is 2 w^2 y^2, whose derivative by w is 4 w y^2.
    w, y = torch.tensor(1.5, requires_grad=True), torch.tensor([[2.0], [1.0]], requires_grad=True)
    r1_penalty(w * y[:, 0] ** 2, y).backward()
    assert w.grad.item() == pytest.approx((4 * 1.5 * 4 + 4 * 1.5 * 1) / 2)


def test_the_gradient_penalty_by_hand():
    # Gradients (3, 4) and (0, 0): norms 5 and 0.
    y = torch.zeros(2, 2, requires_grad=True)
    weight = torch.tensor([[3.0, 4.0], [0.0, 0.0]], requires_grad=True)
    penalty = gradient_penalty((weight * y).sum(1), y)
    assert penalty.item() == pytest.approx((16 + 1) / 2, rel=1e-4)
    penalty.backward()
    assert weight.grad.isfinite().all()


def test_style_difference_by_hand():
    a, b = torch.zeros(1, 1, 2, 2), torch.tensor([[[[1.0, -1.0], [3.0, 1.0]]]])
    assert style_difference(a, b).item() == pytest.approx(6 / 4)
    assert style_difference(a, b, cell=2).item() == pytest.approx(1.0)  # the mean of a cell


def stripes(width: int, amplitude: float, size: int = 64) -> torch.Tensor:
    """Stripes of +- amplitude, `width` pixels each: (1, 3, size, size)."""
    row = amplitude * (1 - 2 * ((torch.arange(size) // width) % 2).float())
    return row.expand(1, 3, size, size)


@pytest.mark.parametrize("size", [100, 544])
def test_contrasts_end_where_a_size_is_odd(size):
    assert contrasts(torch.rand(2, 3, size, size)).shape == (2, 3, {100: 3, 544: 6}[size])


@pytest.mark.parametrize("scale", [0, 1, 2, 3])
def test_contrasts_are_found_at_their_scale(scale):
    """64 pixels are halved three times, to 8; each halving takes away the stripes that are as wide as its pixels."""
    found = contrasts(stripes(2**scale, 0.5))
    assert found.shape == (1, 3, 4)
    wanted = torch.zeros(4)
    wanted[scale] = 0.5
    torch.testing.assert_close(found[0], wanted.expand(3, 4), atol=2e-3, rtol=0)


def test_only_contrast_that_is_harder_than_the_photos_costs():
    photo = stripes(4, 0.3) + 0.2
    for calmer in (photo, 1.2 * photo, 0.5 * photo, photo.mean() + 0 * photo, stripes(4, 0.3) - 0.5):
        assert float(excess_contrast(calmer, photo)) == 0  # brightness is free, and a fifth more
    harder = float(excess_contrast(stripes(4, 0.6), photo))
    # At one of four scales, in all three channels, and in none of their differences from grey.
    assert harder == pytest.approx((math.log(0.62 / 0.32) - 0.2) / 8, rel=1e-3)
    fine = float(excess_contrast(photo + stripes(1, 0.2), photo))
    assert fine == pytest.approx((math.log(0.22 / 0.021) - 0.2) / 8, rel=1e-3)


def test_each_answer_is_held_against_its_own_photo():
    calm, hard = stripes(2, 0.1), stripes(2, 0.8)
    both = torch.cat([calm, hard])
    assert float(excess_contrast(both, both)) == 0
    swapped = float(excess_contrast(both.flip(0), both))
    assert swapped == pytest.approx((math.log(0.82 / 0.12) - 0.2) / 16, rel=1e-3)


def test_a_coloured_spot_stands_out_where_the_photo_has_no_colour():
    grey, spot = stripes(16, 0.5), torch.zeros(1, 3, 64, 64)
    spot[:, 0, 20:36, 20:36] = 0.6
    red, brighter = float(excess_contrast(grey + spot, grey)), float(excess_contrast(grey + 0.2, grey))
    assert red > 0.2 and brighter == 0


def test_a_plain_answer_has_a_finite_gradient_of_contrast():
    plain = torch.zeros(2, 3, 64, 64, requires_grad=True)
    excess_contrast(plain, torch.zeros(2, 3, 64, 64)).backward()
    assert torch.isfinite(plain.grad).all()


def step_at(column: int, height: float, size: int = 32) -> Tensor:
    """A picture that is dark left of a column, and brighter by `height` from there on: (1, 3, S, S)."""
    return (torch.arange(size) >= column).float().mul(height).expand(1, 3, size, size)


def test_an_edge_stands_out_within_its_reach():
    """Averaged over three pixels, a step at 16 has slopes from 14 to 17; windows reach two further either way."""
    found = prominence(step_at(16, 1.0))
    assert found.shape == (1, 1, 32, 32)
    high = found[0, 0, 9] > 1
    assert high.nonzero().flatten().tolist() == list(range(12, 20))
    assert torch.equal(found[0, 0, 9], found[0, 0, 0])  # the frame is no edge
    assert float(found.mean()) == pytest.approx(1)
    # 2/3 of the step lies between the neighbours of its two middle columns, in all three channels.
    slope, rest = math.sqrt(3 * (2 / 3) ** 2 + 1e-4), 0.01
    outer = math.sqrt(3 * (1 / 3) ** 2 + 1e-4)  # columns 14 and 17
    mean = (6 * slope + 2 * outer + 24 * rest) / 32
    assert float(found[0, 0, 9, 16]) == pytest.approx(slope / mean, rel=1e-4)
    assert float(found[0, 0, 9, 12]) == pytest.approx(outer / mean, rel=1e-4)


def test_a_drawn_line_must_stand_out_as_in_its_photo():
    photo, ink = step_at(16, 0.5), torch.zeros(1, 1, 32, 32)
    ink[..., 16] = 1
    assert float(faint_lines(photo, photo, ink)) == 0
    assert float(faint_lines(0.9 - photo, photo, ink)) == 0  # dark for bright
    assert float(faint_lines(step_at(17, 0.5), photo, ink)) == 0  # a pixel beside the line
    missing = float(faint_lines(torch.zeros_like(photo), photo, ink))
    assert missing == pytest.approx(float(torch.log(prominence(photo)[0, 0, 9, 16])) - 0.1, rel=1e-4)
    away = float(faint_lines(step_at(26, 0.5), photo, ink))
    assert away > missing  # what stands out instead makes the line fainter still


def test_nothing_is_asked_where_a_line_has_left_its_edge():
    photo, ink = step_at(8, 0.5), torch.zeros(1, 1, 32, 32)
    assert float(faint_lines(torch.zeros_like(photo), photo, ink)) == 0  # no ink
    ink[..., 20] = 1
    assert float(faint_lines(torch.zeros_like(photo), photo, ink)) == 0


def test_a_plain_answer_has_a_finite_gradient_of_lines():
    plain, photo = torch.zeros(1, 3, 32, 32, requires_grad=True), step_at(16, 0.5)
    faint_lines(plain, photo, torch.ones(1, 1, 32, 32)).backward()
    assert torch.isfinite(plain.grad).all()


def test_places_without_features_have_a_distance_and_a_gradient():
    """The length that features are divided by may be zero."""
    a = torch.tensor([[0.0, 0.0], [3.0, 0.0]]).t().view(1, 2, 1, 2).requires_grad_(True)
    b = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).t().view(1, 2, 1, 2)
    distance = perceptual_distance([a], [b])
    assert distance.item() == pytest.approx((1 + 2) / 2)
    distance.sum().backward()
    assert torch.isfinite(a.grad).all()


def test_a_divergence_of_rough_numbers_is_exact():
    mean = torch.zeros(1, 2)
    log_variance = torch.tensor([[0.00390625, -0.00390625]]).requires_grad_(True)  # which bfloat16 holds
    rough = gaussian_divergence(mean.bfloat16(), log_variance.bfloat16())
    assert rough.item() == pytest.approx(gaussian_divergence(mean, log_variance).item()) and rough.item() > 0
    rough.backward()
    assert (log_variance.grad != 0).all()


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_an_objective_of_rough_logits_is_exact(name):
    """What a discriminator says under autocast: squares and means of it have more digits than bfloat16."""
    real, fake = torch.randn(2, 1, 30, 30, generator=torch.Generator().manual_seed(0)).bfloat16().split(1)
    discriminator, generator = GAN_LOSSES[name]
    assert discriminator(real, fake).item() == pytest.approx(discriminator(real.float(), fake.float()).item())
    assert generator(fake).item() == pytest.approx(generator(fake.float()).item())
