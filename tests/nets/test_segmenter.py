"""The segmentation network: shapes, and that every pixel's scores see its surroundings."""

from __future__ import annotations

import pytest
import torch

from i2i.methods.segmenter import SegmenterConfig, SegmenterTraining
from i2i.nets.segmenter import Segmenter


@pytest.mark.parametrize("widths, stride", [((4, 8), 4), ((4, 8, 8, 8), 16)])
def test_shapes(widths, stride):
    net = Segmenter(5, widths).eval()
    assert net.stride == stride
    assert net(torch.zeros(2, 3, 2 * stride, stride)).shape == (2, 5, 2 * stride, stride)


def test_scores_of_a_pixel_depend_on_it_and_on_what_is_far():
    torch.manual_seed(0)
    net = Segmenter(3, (4, 8, 8)).eval()
    y = torch.randn(1, 3, 32, 32, requires_grad=True)
    net(y)[0, :, 16, 16].sum().backward()
    seen = y.grad[0].abs().sum(0) > 0
    assert seen[16, 16] and seen[4, 16] and seen[16, 28]


def test_a_step_learns_and_the_grid_shows_three_pictures():
    torch.manual_seed(0)
    method = SegmenterTraining(SegmenterConfig(size=32, classes=2, widths=(4, 8), lr=1e-2))
    optimizer = method.optimizers()["segmenter"]

    def update(name, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    classes = (torch.arange(32) > 15).long().expand(4, 32, 32)
    photo = classes[:, None].float().expand(-1, 3, -1, -1) * 1.6 - 0.8
    labels = torch.nn.functional.one_hot(classes, 2).permute(0, 3, 1, 2).float() * 2 - 1
    losses = [method.step({"x": photo, "y": labels}, 0.0, update)["loss"] for _ in range(25)]
    assert losses[-1] < 0.7 * losses[0]
    assert method.grid(method.nets, {"x": photo, "y": labels}).size == (3 * 32 + 4, 4 * 32 + 6)
    assert method.nets["segmenter"].training
    with pytest.raises(ValueError, match="multiple of 4, got 30"):
        SegmenterTraining(SegmenterConfig(size=30, widths=(4, 8)))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"lr": 0.0}, "^lr must be above 0 and finite, got 0$"),
        ({"classes": 1}, "^classes must be at least 2, got 1$"),
        ({"recolour": 1.5}, "^recolour must be from 0 to 1, got 1.5$"),
    ],
)
def test_recipes_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        SegmenterConfig(**change)
