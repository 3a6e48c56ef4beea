"""A training step of the edge detector: what each kind of truth teaches, and norms that stay as they are."""

from __future__ import annotations

import pytest
import torch

from i2i.methods.edge_detector import EdgeConfig, EdgeTraining

TINY = {"widths": (8, 8, 8, 8), "blocks": (1, 1, 1, 1), "head_widths": (16, 16, 16, 16)}


def training(**options) -> EdgeTraining:
    torch.manual_seed(0)
    return EdgeTraining(EdgeConfig(**TINY, **options))


def crops(**known: torch.Tensor) -> dict[str, torch.Tensor]:
    """Two crops of 32 pixels of which only `known` is known."""
    x = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return {"x": x, "consensus": torch.full((2, 1, 32, 32), -1.0)} | known


def edge(column: int = 16) -> torch.Tensor:
    truth = torch.zeros(2, 1, 32, 32)
    truth[..., column : column + 2] = 1
    return truth


def loss_of(method: EdgeTraining, batch: dict[str, torch.Tensor]) -> tuple[float, dict[str, float]]:
    losses = []
    logs = method.step(batch, 0.0, lambda name, loss: losses.append((name, float(loss.detach()))))
    (name, loss), = losses  # fmt: skip
    assert name == "edges"
    return loss, logs


def test_what_nobody_knows_teaches_nothing():
    loss, logs = loss_of(training(), crops())
    assert loss == 0 and set(logs) == {"loss", "fusion"}
    unknown = torch.full((2, 1, 32, 32), -1.0)
    assert loss_of(training(), crops(exact=unknown, taught=unknown))[0] == 0


@pytest.mark.parametrize("name", ["exact", "taught"])
def test_each_kind_of_truth_has_its_weight(name):
    known = crops(**{name: edge()})
    once, logs = loss_of(training(), known)
    assert once > 0 and logs[name] > 0
    assert loss_of(training(**{f"lambda_{name}": 3.0}), known)[0] == pytest.approx(3 * once, rel=1e-5)


def test_a_ghost_costs_as_much_as_a_gap_on_plain_shapes_alone():
    """By how much the loss would change with the logit of a pixel far from the edge, and of one on it."""
    method, prices = training(), {}
    for name in ("consensus", "exact"):
        logits = torch.zeros(2, 1, 32, 32, requires_grad=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(method.nets["edges"], "forward", lambda x, made=logits: [made] * 5)
            method.step(crops(**{name: edge()}), 0.0, lambda _, loss: loss.backward())
        prices[name] = float(-logits.grad[0, 0, 5, 3] / logits.grad[0, 0, 5, 16])
    assert prices["exact"] == pytest.approx(1) and 0 < prices["consensus"] < 0.1


@pytest.mark.parametrize("norms", ["batch", "frozen"])
def test_frozen_norms_keep_their_statistics_and_learn_all_the_same(norms):
    method = training(norms=norms)
    before = {k: v.clone() for k, v in method.state_dict().items()}
    optimizer = method.optimizers()["edges"]

    def update(_, loss):
        loss.backward()
        optimizer.step()

    method.train()
    method.step(crops(exact=edge()), 0.0, update)
    after = method.state_dict()
    moved = {k for k in before if not torch.equal(before[k], after[k])}
    assert any(k.endswith("entry.weight") for k in moved) and any(k.endswith("norm.weight") for k in moved)
    statistics = {k for k in before if "running" in k}
    assert statistics and (statistics <= moved if norms == "batch" else not statistics & moved)
    assert not method.eval().nets["edges"].stages[0].norm.training


def test_norms_are_of_a_known_kind():
    with pytest.raises(ValueError, match="unknown norms 'none': use one of batch, frozen"):
        EdgeConfig(norms="none")


def test_every_stage_has_its_numbers():
    for change in ({"head_widths": (16, 16)}, {"blocks": (1,)}, {"widths": (8, 8, 8, 8, 8)}):
        with pytest.raises(ValueError, match="widths, blocks and head_widths need a number for each .*, got [145] w"):
            EdgeConfig(**TINY | change)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"lr": -1.0}, "^lr must be above 0 and finite, got -1$"),
        ({"lr": float("nan")}, "^lr must be above 0 and finite, got nan$"),
        ({"trunk_lr": 0.0}, "^trunk_lr must be above 0 and finite, got 0$"),
    ],
)
def test_rates_are_above_0(options, message):
    with pytest.raises(ValueError, match=message):
        EdgeConfig(**options)
