"""The pool of generated pictures: what it keeps, what it returns and how often, and that its state is whole."""

from __future__ import annotations

import pytest
import torch

from i2i.methods.image_pool import ImagePool


def numbered(first: int, count: int = 1) -> torch.Tensor:
    return torch.arange(first, first + count).float().view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()


def test_it_fills_first():
    pool = ImagePool(5, 1, 2)
    for start, count in ((0, 3), (3, 2)):
        fakes = numbered(start, count)
        assert torch.equal(pool.exchange(fakes), fakes)
    assert len(pool) == 5 and torch.equal(pool.images, numbered(0, 5))


def test_pictures_of_another_size_are_told():
    with pytest.raises(ValueError, match=r"the pool keeps pictures \(1, 2, 2\), got \(1, 4, 4\)"):
        ImagePool(5, 1, 2).exchange(torch.zeros(2, 1, 4, 4))


def test_half_of_what_it_returns_is_from_the_past():
    torch.manual_seed(0)
    size, rounds = 10, 2000
    pool = ImagePool(size, 1, 2)
    pool.exchange(numbered(0, size))
    ages = []
    for k in range(rounds):
        fake = numbered(size + k)
        ages.append(size + k - int(pool.exchange(fake)[0, 0, 0, 0]))
    past = torch.tensor([age > 0 for age in ages]).float().mean()
    assert past == pytest.approx(0.5, abs=0.035)  # three standard deviations
    # A picture stays until it is drawn, which happens to each with probability 1 / 20 a round.
    old = torch.tensor([age for age in ages[200:] if age > 0]).float()
    assert old.mean() == pytest.approx(20, abs=3)


def test_what_goes_in_comes_out_or_stays():
    torch.manual_seed(0)
    pool = ImagePool(4, 1, 2)
    pool.exchange(numbered(0, 4))
    returned = torch.cat([pool.exchange(numbered(4 + 3 * k, 3)) for k in range(20)])
    everything = torch.cat([returned, pool.images])[:, 0, 0, 0]
    assert sorted(everything.tolist()) == list(range(64)) and returned.shape == (60, 1, 2, 2)


def test_pictures_are_copies_without_a_history():
    pool = ImagePool(1, 1, 2)
    fake = torch.zeros(1, 1, 2, 2, requires_grad=True) * 2
    out = pool.exchange(fake)
    assert not out.requires_grad and not pool.images.requires_grad
    torch.manual_seed(0)
    outs = [pool.exchange(numbered(k + 1)) for k in range(20)]
    values = [float(o[0, 0, 0, 0]) for o in outs]
    assert all(float(o.mean()) == v for o, v in zip(outs, values, strict=True))  # later rounds did not write into them
    assert len(set(values)) == 20


def test_without_a_pool_the_answers_pass():
    fakes = numbered(0, 3)
    state = torch.get_rng_state()
    assert ImagePool(0, 1, 2).exchange(fakes) is not None and torch.equal(torch.get_rng_state(), state)
    assert torch.equal(ImagePool(0, 1, 2).exchange(fakes), fakes)
    with pytest.raises(ValueError, match="got a pool of -1"):
        ImagePool(-1, 1, 2)


def test_its_state_goes_on():
    torch.manual_seed(0)
    pool, other = ImagePool(4, 1, 2), ImagePool(4, 1, 2)
    pool.exchange(numbered(0, 6))
    other.load_state_dict(pool.state_dict())
    assert len(other) == 4
    state = torch.get_rng_state()
    first = pool.exchange(numbered(6, 8))
    torch.set_rng_state(state)
    assert torch.equal(first, other.exchange(numbered(6, 8)))
    assert torch.equal(pool.images, other.images)
