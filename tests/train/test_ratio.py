"""The ratio loss in a run: what it is taken over, how it changes, what holds it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from hnet_seq.experiments import load_experiment
from hnet_seq.model.hnet import StageBoundaries
from hnet_seq.model.ratio_loss import document_ratio_losses, ratio_loss
from hnet_seq.ratio_config import RatioLossConfig, TargetPoint, WeightPoint
from hnet_seq.train.launch import process_group
from hnet_seq.train.ranks import rank, summed_over_ranks, world_size
from hnet_seq.train.ratio_control import HEAVIEST, RatioControl
from hnet_seq.train.statistics import BoundaryStatistics, grouped_counts, sequence_lengths
from modalities.errors import UsageError
from tests.forked import end_all, ranks


def _boundaries(lengths: list[int], seed: int = 0) -> StageBoundaries:
    generator = torch.Generator().manual_seed(seed)
    prob = torch.rand(sum(lengths), generator=generator)
    bounds = torch.tensor([0, *lengths]).cumsum(0)
    prob[bounds[:-1]] = 1.0
    return StageBoundaries(prob.requires_grad_(), prob.detach() > 0.5, bounds.to(torch.int32))


def _counted(boundaries: StageBoundaries) -> Tensor:
    """(1, 2) positions and boundaries."""
    return grouped_counts(sequence_lengths([boundaries]), None, 1)[:, 0]


def _by_hand(prob: Tensor, mask: Tensor, target: float) -> Tensor:
    F, G = mask.float().mean(), prob.mean()
    return target / (target - 1) * ((target - 1) * F * G + (1 - F) * (1 - G))


def test_document_losses_are_those_of_each_sequence_alone() -> None:
    packed = _boundaries([5, 1, 12, 30])
    losses = document_ratio_losses(
        packed.boundary_prob, packed.boundary_mask, 3.0, packed.cu_seqlens
    )
    pieces = [slice(0, 5), slice(5, 6), slice(6, 18), slice(18, 48)]
    alone = [_by_hand(packed.boundary_prob[p], packed.boundary_mask[p], 3.0) for p in pieces]
    torch.testing.assert_close(losses, torch.stack(alone))
    (together,) = torch.autograd.grad(losses.sum(), packed.boundary_prob)
    (one_by_one,) = torch.autograd.grad(torch.stack(alone).sum(), packed.boundary_prob)
    torch.testing.assert_close(together, one_by_one)


def test_documents_that_only_balance_each_other_are_not_at_the_target() -> None:
    # One document all boundaries, one with none but its first: together 1 in 2.
    mask = torch.tensor([True] * 10 + [True] + [False] * 17)
    prob, cu_seqlens = mask.float(), torch.tensor([0, 10, 28])
    packed = ratio_loss(prob, mask, 28 / 11)
    by_document = document_ratio_losses(prob, mask, 28 / 11, cu_seqlens).mean()
    assert packed.item() == pytest.approx(1.0)
    assert by_document.item() > 1.3


def test_pieces_given_the_whole_share_make_up_the_loss_of_the_whole() -> None:
    whole = _boundaries([40, 24])
    prob, mask = whole.boundary_prob, whole.boundary_mask
    expected = ratio_loss(prob, mask, 4.0)
    share = mask.float().mean().item()
    pieces = [slice(0, 40), slice(40, 64)]
    parts = [
        mask[p].numel() / 64 * ratio_loss(prob[p], mask[p], 4.0, selected=share) for p in pieces
    ]
    value = torch.stack(parts).sum()
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(
        torch.autograd.grad(value, prob), torch.autograd.grad(expected, prob)
    )


def _rank(results: str) -> None:
    """One of two processes: its part of the batch, its part of the gradient."""
    with process_group("cpu"):
        _part(results)


def _part(results: str) -> None:
    scale = torch.tensor(0.9, requires_grad=True)
    own = _boundaries([20, 13] if rank() else [31], seed=rank())
    counts = summed_over_ranks(_counted(own))[0]
    part = world_size() * own.boundary_mask.numel() / counts[0].item()
    share = counts[1].item() / counts[0].item()
    loss = part * ratio_loss(scale * own.boundary_prob, own.boundary_mask, 3.0, selected=share)
    loss.backward()
    assert scale.grad is not None
    averaged = torch.stack([loss.detach(), scale.grad])
    dist.all_reduce(averaged)  # as data parallel training does
    control = RatioControl(RatioLossConfig([3.0], [0.1], hold=True), steps=10)
    control.update(0, _counted(own))
    torch.save((averaged / 2, control.state()), f"{results}.{rank()}")


@pytest.mark.skipif(not dist.is_gloo_available(), reason="torch was built without gloo")
def test_the_ratio_over_ranks_is_that_of_their_batches_together(tmp_path: Path) -> None:
    for ended in end_all(ranks(2, _rank, str(tmp_path / "out"), folder=tmp_path)):
        assert ended.code == 0, ended.err
    (first, state), (second, other_state) = (torch.load(tmp_path / f"out.{r}") for r in (0, 1))
    parts = [_boundaries([31], seed=0), _boundaries([20, 13], seed=1)]
    prob = torch.cat([part.boundary_prob for part in parts]).detach()
    mask = torch.cat([part.boundary_mask for part in parts])
    scale = torch.tensor(0.9, requires_grad=True)
    loss = _by_hand(scale * prob, mask, 3.0)
    loss.backward()
    torch.testing.assert_close(first, second)
    assert scale.grad is not None
    torch.testing.assert_close(first, torch.stack([loss.detach(), scale.grad]))
    # Processes that held the ratio by their own counts would drift apart.
    assert state == other_state


def test_one_process_is_its_own_sum() -> None:
    counts = _counted(_boundaries([7]))
    assert summed_over_ranks(counts).equal(counts)
    assert world_size() == 1


def _scheduled() -> RatioLossConfig:
    return RatioLossConfig(
        targets=[3.0, 2.0],
        weights=[1.0, 0.5],
        target_schedule=[TargetPoint(0.1, [1.5, 2.0]), TargetPoint(0.5, [3.0, 2.0])],
        weight_schedule=[WeightPoint(0.0, [0.0, 0.5]), WeightPoint(1.0, [1.0, 0.5])],
    )


def test_targets_and_weights_follow_straight_lines_between_points() -> None:
    config = _scheduled()
    config.validate(stages=2)
    control = RatioControl(config, steps=100)
    assert control.in_force(0).targets == [1.5, 2.0]
    assert control.in_force(10).targets == [1.5, 2.0]
    assert control.in_force(30).targets == pytest.approx([2.25, 2.0])
    assert control.in_force(50).targets == [3.0, 2.0]
    assert control.in_force(99).targets == [3.0, 2.0]
    assert control.in_force(25).weights == pytest.approx([0.25, 0.5])


def test_without_points_the_lists_hold_all_along() -> None:
    control = RatioControl(RatioLossConfig([3.0], [0.03]), steps=10)
    assert {(*control.in_force(k).targets, *control.in_force(k).weights) for k in range(10)} == {
        (3.0, 0.03)
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.targets.pop(), "targets: expected 2 targets"),
        (lambda c: c.weights.append(1.0), "weights: expected 2 weights"),
        (lambda c: c.targets.__setitem__(0, 1.0), "targets must be above 1"),
        (lambda c: c.weights.__setitem__(0, -1.0), "0 or more"),
        (lambda c: c.weights.__setitem__(0, math.nan), "0 or more"),
        (lambda c: setattr(c.target_schedule[0], "targets", [1.5]), "target_schedule: expected 2"),
        (lambda c: setattr(c.target_schedule[0], "targets", [0.5, 2.0]), "must be above 1"),
        (lambda c: setattr(c.target_schedule[0], "at", 0.5), "'at' must grow"),
        (lambda c: setattr(c.target_schedule[1], "at", 1.5), "'at' must grow"),
        (lambda c: c.targets.__setitem__(0, 4.0), "make them equal"),
        (lambda c: setattr(c, "statistics", "token"), "not one of batch, document, ranks"),
        (lambda c: setattr(c, "hold", True), "every weight must be above 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(change: Callable[[Any], Any], said: str) -> None:
    config = _scheduled()
    change(config)
    with pytest.raises(ValueError, match=said):
        config.validate(stages=2)


def test_schedules_are_data_of_the_configuration() -> None:
    points = "train.ratio_loss.target_schedule=[{at: 0, targets: [1.5]}, {at: 0.3, targets: [3]}]"
    config = load_experiment("ecoli_demo", [points])
    assert RatioControl(config.train.ratio_loss, 100).in_force(15).targets == pytest.approx([2.25])
    with pytest.raises(UsageError, match="unknown key"):
        load_experiment("ecoli_demo", [points.replace("targets", "target")])


def test_boundaries_that_follow_a_rule_cannot_be_held() -> None:
    rule = "model.boundary_policies=[{policy: stride, every: 3}]"
    load_experiment("ecoli_demo", [rule])
    with pytest.raises(UsageError, match="only learned ones"):
        load_experiment("ecoli_demo", [rule, "train.ratio_loss.hold=true"])


def _counts(tokens_per_chunk: float) -> Tensor:
    return torch.tensor([[1000.0, 1000 / tokens_per_chunk]], dtype=torch.float64)


def test_the_weight_rises_while_the_ratio_is_off_and_comes_back() -> None:
    control = RatioControl(RatioLossConfig([3.0], [0.03], hold=True), steps=1000)
    for step in range(60):
        control.update(step, _counts(2.5))
    risen = control.in_force(60).weights[0]
    assert risen > 0.3
    for step in range(60, 2000):
        control.update(step, _counts(3.0))
    assert control.in_force(999).weights == pytest.approx([0.03])


def test_the_weight_stops_at_the_heaviest_whatever_happens() -> None:
    for configured in (0.03, 2 * HEAVIEST):
        control = RatioControl(RatioLossConfig([3.0], [configured], hold=True), steps=1000)
        for step in range(500):
            control.update(step, _counts(30.0))
        assert control.in_force(500).weights == pytest.approx([max(configured, HEAVIEST)])


def test_a_held_ratio_comes_to_its_target_against_a_push() -> None:
    # A plant: the share of boundaries moves with the pull of the loss, 0.03 too weak for the push.
    target, push = 3.0, 0.05

    def settle(hold: bool) -> float:
        control = RatioControl(RatioLossConfig([target], [0.03], hold=hold), steps=2000)
        share = 0.5
        for step in range(2000):
            force = control.in_force(step)
            pull = force.weights[0] * target / (target - 1) * (target * share - 1)
            share = min(0.99, max(0.01, share + 0.1 * (push - pull)))
            control.update(step, _counts(1 / share))
        return 1 / share

    assert settle(hold=False) < 0.7 * target
    assert settle(hold=True) == pytest.approx(target, rel=0.05)


def test_statistics_of_two_batches_are_those_of_both_together() -> None:
    first, second = _boundaries([40, 100], seed=1), _boundaries([9], seed=2)
    apart = BoundaryStatistics.of_stages(1)
    apart.update([first])
    apart.update([second])
    together = BoundaryStatistics.of_stages(1)
    prob = torch.cat([first.boundary_prob, second.boundary_prob])
    bounds = torch.tensor([0, 40, 140, 149])
    together.update([StageBoundaries(prob, prob > 0.5, bounds)])
    (summary,), (expected,) = apart.summary(), together.summary()
    assert summary.pop("mean_boundary_prob") == pytest.approx(expected.pop("mean_boundary_prob"))
    assert summary == expected
    lengths = summary["chunk_length_histogram"]
    assert sum(int(length) * count for length, count in lengths.items()) == 149
