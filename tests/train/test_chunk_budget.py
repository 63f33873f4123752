"""A micro-batch with too many chunks is computed in pieces, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from hnet_seq.experiments import load_experiment
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.hnet import HNet
from hnet_seq.model.stack import Stack
from hnet_seq.ops.packing import Packing
from hnet_seq.train.chunk_budget import OverBudget, chunk_budget, chunks_of_sequences, fit
from hnet_seq.train.extent import Extent
from hnet_seq.train.interval import Interval
from hnet_seq.train.objective import Objective
from hnet_seq.train.ratio_control import RatioInForce
from hnet_seq.train.statistics import grouped_counts, sequence_lengths
from modalities.errors import UsageError
from pipelines.batches.token_batches import IGNORED, PackedBatch
from tests.conftest import LAYOUTS, make_model

LENGTHS = [70, 30, 1, 55, 90, 44]


def _batch(seed: int = 0) -> PackedBatch:
    random = np.random.default_rng(seed)
    total = sum(LENGTHS)
    targets = random.integers(0, 4, total, np.int16)
    targets[random.random(total) < 0.1] = IGNORED
    bounds = np.cumsum([0, *LENGTHS]).astype(np.int32)
    weights = random.random(total).astype(np.float32)
    return PackedBatch(random.integers(0, 4, total, np.uint8), targets, bounds, weights)


@contextmanager
def _watched(model: HNetForCausalLM) -> Iterator[list[list[int]]]:
    """The chunks of every training pass of each inner network, from the outside in."""
    levels = [level for level in model.modules() if isinstance(level, HNet)][1:]
    seen: list[list[int]] = [[] for _ in levels]

    def watch(counts: list[int], packing: Packing) -> None:
        if torch.is_grad_enabled():
            counts.append(packing.total)

    hooks = [
        level.register_forward_hook(lambda _m, args, _o, c=counts: watch(c, args[2]))
        for level, counts in zip(levels, seen, strict=True)
    ]
    yield seen
    for hook in hooks:
        hook.remove()


def _gradients(
    model: HNetForCausalLM, statistics: str, max_chunks: list[int]
) -> tuple[dict[str, Tensor], Interval]:
    model.zero_grad()
    stages = model.num_stages
    interval = Interval.of_stages(stages)
    # The second micro-batch checks that means are over the step, not over micro-batches.
    batches = [_batch(0), _batch(1).sequences(1, 3)]
    ratio = RatioInForce([3.0, 2.0][:stages], [0.7, 0.4][:stages])
    objective = Objective(model, statistics, max_chunks)
    for batch in batches:
        objective.backward(batch, Extent.of(batches), ratio, interval)
    interval.steps = 1
    interval.seconds = 1.0
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    assert len(gradients) == len(list(model.parameters()))
    return gradients, interval


@pytest.mark.parametrize("statistics", ["batch", "document", "ranks", "step"])
@pytest.mark.parametrize(
    ("layout", "max_chunks"),
    [
        ("one stage", [50]),
        ("two stages, MLPs outside, tied", [60, 0]),
        ("two stages, MLPs outside, tied", [0, 40]),
        ("two stages, MLPs outside, tied", [80, 30]),
    ],
)
def test_pieces_give_the_gradients_and_records_of_the_whole(
    layout: str, max_chunks: list[int], statistics: str
) -> None:
    model = make_model(layout)
    whole, expected = _gradients(model, statistics, [0] * model.num_stages)
    with _watched(model) as seen:
        pieces, interval = _gradients(model, statistics, max_chunks)
    for limit, counts in zip(max_chunks, seen, strict=True):
        # The longest sequence alone may have more than the bound; it is then computed alone.
        assert all(count <= max(limit, max(LENGTHS)) for count in counts if limit)
    assert len(seen[0]) > 2
    assert (expected.splits, interval.splits) == (0, 1)
    for name, gradient in whole.items():
        scale = gradient.abs().max().item()
        torch.testing.assert_close(pieces[name], gradient, rtol=1e-4, atol=2e-5 * scale + 1e-9)
    ratio = RatioInForce([3.0] * model.num_stages, [1.0] * model.num_stages)
    record = interval.record(ratio.targets, ratio)
    for key, value in expected.record(ratio.targets, ratio).items():
        if key not in ("split_micro_batches", "over_budget_sequences", "stages"):
            assert record[key] == pytest.approx(value, rel=1e-4), key
    for s, stage in enumerate(expected.record(ratio.targets, ratio)["stages"]):
        assert record["stages"][s]["tokens_per_chunk"] == stage["tokens_per_chunk"]
        assert record["stages"][s]["ratio_loss"] == pytest.approx(stage["ratio_loss"], rel=1e-4)


def test_no_bound_costs_no_second_pass() -> None:
    model = make_model("one stage")
    passes: list[int] = []
    assert isinstance(model.backbone.encoder, Stack)
    model.backbone.encoder.register_forward_hook(lambda *_: passes.append(1))
    _gradients(model, "batch", [10_000])
    assert len(passes) == 2  # one for each micro-batch


def test_a_batch_is_given_up_before_its_inner_network_runs() -> None:
    model = make_model("one stage")
    inner = []
    model.backbone.main_network.register_forward_hook(lambda *_: inner.append(1))
    batch = _batch()
    with pytest.raises(OverBudget), chunk_budget(model, [20]):
        model(torch.from_numpy(batch.input_ids).long(), torch.from_numpy(batch.cu_seqlens))
    assert not inner
    model(torch.from_numpy(batch.input_ids).long(), torch.from_numpy(batch.cu_seqlens))
    assert inner, "outside the block there is no bound"


def test_a_sequence_over_the_bound_is_computed_whole_and_counted() -> None:
    model = make_model("one stage")
    with _watched(model) as seen:
        _, interval = _gradients(model, "batch", [1])
    assert len(seen[0]) == len(LENGTHS) + 2  # each sequence by itself
    # The two sequences of one token have one chunk, which is not over the bound.
    assert interval.over_budget == len(LENGTHS) + 2 - 2


def test_pieces_are_whole_sequences_in_order_and_few() -> None:
    model = make_model("one stage")
    batch = _batch()

    def count(piece: PackedBatch) -> Tensor:
        ids, bounds = torch.from_numpy(piece.input_ids).long(), torch.from_numpy(piece.cu_seqlens)
        return grouped_counts(sequence_lengths(model(ids, bounds).boundaries), None, 1)

    pieces = fit(model, batch, [60], count)
    lengths = [np.diff(piece.cu_seqlens).tolist() for piece, _ in pieces]
    assert [n for piece in lengths for n in piece] == LENGTHS
    assert np.concatenate([piece.input_ids for piece, _ in pieces]).tolist() == (
        batch.input_ids.tolist()
    )
    chunks = [int(counts[0, 0, 1]) for _, counts in pieces]
    assert all(a + b > 60 for a, b in pairwise(chunks) if a <= 60)


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_chunks_are_counted_without_the_innermost_network(layout: str) -> None:
    model, batch, inner = make_model(layout), _batch(), []
    ids, bounds = torch.from_numpy(batch.input_ids).long(), torch.from_numpy(batch.cu_seqlens)
    expected = sequence_lengths(model(ids, bounds).boundaries)
    innermost = [m for m in model.modules() if isinstance(m, HNet)][-1]
    innermost.main_network.register_forward_hook(lambda *_: inner.append(1))
    found = chunks_of_sequences(model, bounds, lambda: model(ids, bounds))
    assert found == (expected or [LENGTHS])
    assert not inner
    assert chunks_of_sequences(model, bounds, lambda: model(ids, bounds), True) == found
    model(ids, bounds)  # nothing is left of the counting


@pytest.mark.parametrize(
    ("value", "bounds"), [("[]", [0]), ("4096", [4096]), ("[4096]", [4096]), ("[0]", [0])]
)
def test_the_bound_is_a_list_or_one_number(value: str, bounds: list[int]) -> None:
    assert load_experiment("ecoli_demo", [f"train.max_chunks={value}"]).train.max_chunks == bounds


@pytest.mark.parametrize("value", ["-1", "many", "[1, 2]", "1.5", "true"])
def test_bounds_that_are_none_are_refused(value: str) -> None:
    with pytest.raises(UsageError, match="max_chunks"):
        load_experiment("ecoli_demo", [f"train.max_chunks={value}"])
