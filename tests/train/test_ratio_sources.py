"""The ratio loss over all that a step reads, and of each source by itself."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from hnet_seq.model.ratio_loss import group_ratio_losses, ratio_loss
from hnet_seq.ratio_config import RatioLossConfig
from hnet_seq.train.interval import Interval
from hnet_seq.train.objective import Objective
from hnet_seq.train.ratio_control import RatioControl, RatioInForce
from hnet_seq.train.statistics import ratio_warnings
from pipelines.batches.token_batches import IGNORED, PackedBatch
from tests.conftest import make_model

LENGTHS = [70, 30, 1, 55, 90, 44]
SOURCES = [0, 2, 2, 0, 2, 0]  # of three, of which the step has nothing of the second
TARGETS = [3.0, 2.0]


def test_parts_of_a_group_add_up_to_its_loss_and_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    prob = torch.rand(60, generator=generator, requires_grad=True)
    mask = prob.detach() > 0.5
    groups = torch.randint(0, 2, (60,), generator=generator)
    alone = [ratio_loss(prob[groups == g], mask[groups == g], 3.0) for g in (0, 1)]
    positions = torch.bincount(groups, minlength=3).float()
    chunks = torch.bincount(groups[mask], minlength=3).float()
    selected = chunks / positions.clamp(min=1)
    parts = [
        group_ratio_losses(prob[part], groups[part], 3.0, selected, positions)
        for part in (slice(0, 13), slice(13, 60))
    ]
    found = torch.stack(parts).sum(0)
    torch.testing.assert_close(found, torch.stack([*alone, torch.zeros(())]))
    for g in (0, 1):
        (own,) = torch.autograd.grad(found[g], prob, retain_graph=True)
        torch.testing.assert_close(own, torch.autograd.grad(alone[g], prob, retain_graph=True)[0])


def test_sources_that_only_balance_each_other_are_not_at_the_target() -> None:
    # One source has a boundary at each position, the other none: together one in two.
    mask = torch.tensor([True] * 20 + [False] * 20)
    prob = torch.full((40,), 0.5, requires_grad=True)
    groups = torch.tensor([0] * 20 + [1] * 20)
    pull = []
    for own, selected in ((torch.zeros_like(groups), [0.5]), (groups, [1.0, 0.0])):
        positions = torch.bincount(own).float()
        losses = group_ratio_losses(prob, own, 2.0, torch.tensor(selected), positions)
        pull.append(torch.autograd.grad(losses.mean(), prob)[0])
    assert not pull[0].any()  # nothing is held
    assert (pull[1][mask] > 0).all()  # fewer boundaries
    assert (pull[1][~mask] < 0).all()  # more of them


def _batch() -> PackedBatch:
    random = np.random.default_rng(0)
    total = sum(LENGTHS)
    targets = random.integers(0, 4, total, np.int16)
    targets[random.random(total) < 0.1] = IGNORED
    bounds = np.cumsum([0, *LENGTHS]).astype(np.int32)
    ids = random.integers(0, 4, total, np.uint8)
    return PackedBatch(ids, targets, bounds, None, sources=np.array(SOURCES))


def _gradients(
    statistics: str, batches: list[PackedBatch], max_chunks: list[int], layout: str
) -> tuple[dict[str, Tensor], Interval, Tensor]:
    model = make_model(layout)
    stages = model.num_stages
    interval = Interval.of_stages(stages)
    of_groups = [[0.7, 9.0, 0.4]] * stages if statistics == "source" else None
    ratio = RatioInForce(TARGETS[:stages], [0.7] * stages, of_groups)
    objective = Objective(model, statistics, max_chunks, groups=3)
    counts = objective.step(batches, ratio, interval)
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return gradients, interval, counts


@pytest.mark.parametrize("statistics", ["step", "source"])
@pytest.mark.parametrize(
    ("cuts", "max_chunks"), [([0, 1, 4, 6], [0, 0]), ([0, 6], [60, 0]), ([0, 2, 6], [40, 20])]
)
def test_accumulation_and_pieces_change_nothing(
    statistics: str, cuts: list[int], max_chunks: list[int]
) -> None:
    layout, batch = "two stages, MLPs outside, tied", _batch()
    whole, expected, counts = _gradients(statistics, [batch], [0, 0], layout)
    parts = [batch.sequences(first, last) for first, last in pairwise(cuts)]
    found, interval, own = _gradients(statistics, parts, max_chunks, layout)
    assert torch.equal(own, counts)
    assert interval.ratio_loss == pytest.approx(expected.ratio_loss, rel=1e-5)
    assert interval.penalty == pytest.approx(expected.penalty, rel=1e-5)
    for name, gradient in whole.items():
        scale = gradient.abs().max().item()
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=2e-5 * scale + 1e-9)


def test_a_source_is_held_as_if_it_were_alone() -> None:
    batch = _batch()
    _, together, counts = _gradients("source", [batch], [0], "one stage")
    assert counts[0, 1].tolist() == [0, 0]
    tokens = sum(LENGTHS)
    apart = penalty = 0.0
    for source, weight in ((0, 0.7), (2, 0.4)):
        numbers = [number for number, own in enumerate(SOURCES) if own == source]
        own = PackedBatch.joined([batch.sequences(number, number + 1) for number in numbers])
        _, alone, own_counts = _gradients("step", [own], [0], "one stage")
        assert torch.equal(own_counts[0, 0], counts[0, source])
        share = own.input_ids.size / tokens
        apart += share * alone.ratio_loss[0]
        penalty += share * weight * alone.ratio_loss[0]
    assert together.ratio_loss[0] == pytest.approx(apart, rel=1e-5)
    assert together.penalty == pytest.approx(penalty, rel=1e-5)


def test_a_source_far_from_its_target_is_warned_of() -> None:
    stages = [{"tokens_per_chunk": 3.1}, {"tokens_per_chunk": 40.0}]
    (said,) = ratio_warnings(stages, [3.0, 3.0], "code")
    assert said.startswith("stage 1 of code: 40.00 tokens per chunk against a target of 3; set ")
    assert "with statistics=source" in said
    assert "source" not in ratio_warnings(stages, [3.0, 3.0])[0]


def test_the_weight_rises_for_the_source_that_is_off() -> None:
    config = RatioLossConfig([3.0], [0.03], statistics="source", hold=True)
    control = RatioControl(config, steps=1000, groups=3)
    # The first is at its target, the second has chunks of 760 bytes, the third is not read.
    counts = torch.tensor([[[300.0, 100.0], [7600.0, 10.0], [0.0, 0.0]]], dtype=torch.float64)
    for step in range(50):
        control.update(step, counts)
    force = control.in_force(50)
    assert force.of_groups is not None
    first, second, third = force.of_groups[0]
    assert (first, third) == (0.03, 0.03)
    assert second > 1
    assert force.weights == [(first + second + third) / 3]
    again = RatioControl(config, steps=1000, groups=3)
    again.restore(control.state())
    assert again.in_force(50) == force
