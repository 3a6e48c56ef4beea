"""Fitting F to the styles of photos: where it ends, what it leaves alone."""

from __future__ import annotations

import pytest
import torch

from i2i.methods.mapping_fit import fit_mapping, read_styles
from i2i.nets.style import MappingNetwork, StyleEncoder


def test_seeds_spread_as_the_photos_styles_do():
    torch.manual_seed(0)
    mapping = MappingNetwork(4, 2, domains=2, width=32, normalised=False)
    # One domain along a line far from the origin, the other in two heaps.
    line = torch.randn(200, 1) * torch.tensor([[2.0, 0.5]]) + torch.tensor([[5.0, 0.0]])
    heaps = torch.where(torch.rand(200, 1) < 0.5, -3.0, 3.0) * torch.ones(1, 2) + 0.1 * torch.randn(200, 2)
    before, after = fit_mapping(mapping, [line, heaps], 4, 500, batch=128, lr=1e-2)
    assert after < 0.05 < 1 < before
    with torch.no_grad():
        z = torch.randn(500, 4)
        found = [mapping(z, torch.full((500,), k)) for k in range(2)]
    assert (found[0].mean(0) - line.mean(0)).abs().max() < 0.4
    assert found[0].std(0)[0] == pytest.approx(2, rel=0.25) and found[0].std(0)[1] < 1
    low = (found[1].sum(1) < 0).float().mean()
    assert 0.35 < low < 0.65 and (found[1].abs() > 2).float().mean() > 0.7
    again = MappingNetwork(4, 2, domains=2, width=32, normalised=False)
    assert fit_mapping(again, [line, heaps], 4, 0)[0] == fit_mapping(again, [line, heaps], 4, 0)[1]


def test_styles_are_read_by_the_domains_head():
    torch.manual_seed(0)
    encoder = StyleEncoder(6, domains=3).eval()
    photos = [torch.rand(3, 64, 64) * 2 - 1 for _ in range(5)]
    styles = read_styles(encoder, photos, 2, batch=2)
    assert styles.shape == (5, 6) and not styles.requires_grad
    with torch.no_grad():
        wanted = encoder(torch.stack(photos), torch.full((5,), 2))
        other = encoder(torch.stack(photos), torch.zeros(5, dtype=torch.long))
    assert (styles - wanted).abs().max() < 1e-5 and (styles - other).abs().max() > 1e-2
