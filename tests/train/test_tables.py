"""Tables are trained at the cost of the rows that a step touched, and exactly as defined."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from hnet_seq import HNetForCausalLM
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.model.masked_lm import language_model
from hnet_seq.model.ngram_memory import NgramMemory
from hnet_seq.model.ngram_tables import NgramMemoryTables
from hnet_seq.ops.packing import Packing
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.tasks.pretrain_data import complement, everything_once, training_batches
from hnet_seq.train.counting import Counting
from hnet_seq.train.feed import Feed
from hnet_seq.train.interval import Interval
from hnet_seq.train.objective import Extent, Objective
from hnet_seq.train.ratio_control import RatioInForce
from hnet_seq.train.tables import AdamWWithTables, add_up
from hnet_seq.train.trainable import trainable_names
from pipelines.batches import PackedBatch
from tests.train.runs import make_shards, metrics, tiny, train_until_killed

MEMORY = "model.ngram_memory={orders: [2, 5], rows: 300, width: 4, symbols: 4}"

COUNTS = "model.ngram_counts={orders: [1, 2, 5], rows: 300, symbols: 4}"


def _gradients(steps: int) -> list[torch.Tensor]:
    """Of a few rows each, some of them twice in a step."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(steps):
        rows = torch.randint(0, 10, (1, 6), generator=generator)
        values = torch.randn(6, 3, generator=generator)
        found.append(torch.sparse_coo_tensor(rows, values, (10, 3), check_invariants=True))
    return found


def test_a_row_moves_by_the_definition_and_rows_without_gradient_stay() -> None:
    table = torch.nn.Parameter(torch.zeros(10, 3))
    other = torch.nn.Parameter(torch.ones(2))
    optimizer = AdamWWithTables([{"params": [other], "lr": 0.1}], [table], 0.5, (0.9, 0.95))
    expected, total = torch.zeros(10, 3), torch.zeros(10)
    for gradient in _gradients(4):
        table.grad, other.grad = gradient, torch.ones(2)
        optimizer.step()
        for row, own in enumerate(gradient.to_dense()):
            if own.any():
                total[row] += own.square().mean()
                expected[row] -= 0.5 * own / total[row].sqrt()
    torch.testing.assert_close(table.detach(), expected)
    assert not expected[total == 0].any()
    assert (other < 1).all()


def test_the_first_sighting_moves_a_row_by_the_rate() -> None:
    table = torch.nn.Parameter(torch.zeros(10, 3))
    optimizer = AdamWWithTables(
        [{"params": [torch.nn.Parameter(torch.ones(1))]}], [table], 0.5, (0.9, 0.95)
    )
    table.grad = _gradients(1)[0]
    optimizer.step()
    moved = table.detach()[table.detach().any(1)]
    torch.testing.assert_close(moved.square().mean(1).sqrt(), torch.full((len(moved),), 0.5))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = torch.Generator().manual_seed(0)
    bases = "".join("ACGT"[b] for b in torch.randint(0, 4, (6000,), generator=generator))
    return make_shards(tmp_path_factory.mktemp("shards"), bases)


@pytest.mark.parametrize("front", [MEMORY, COUNTS])
def test_a_run_goes_on_bit_for_bit(front: str, shards: Path, tmp_path: Path) -> None:
    config = tiny("ecoli_demo", shards, front)
    pretrain(config, tmp_path / "whole", device="cpu")
    train_until_killed(config, tmp_path / "killed", 4)
    pretrain(config, tmp_path / "killed", resume=True, device="cpu")
    assert metrics(tmp_path / "killed") == metrics(tmp_path / "whole")
    runs = (tmp_path / name / "checkpoints" / "step-000006" for name in ("whole", "killed"))
    first, second = ((run / "model.safetensors").read_bytes() for run in runs)
    assert first == second


def test_training_sees_counts_of_all_but_its_span(shards: Path) -> None:
    config = tiny("ecoli_demo", shards, COUNTS, "train.steps=32")
    batches = training_batches(config)
    model = HNetForCausalLM(config.model)
    both = complement(config, batches)
    counts = model.backbone.ngram_counts
    assert counts is not None
    counting = Counting(counts, Feed(batches), 32, both)
    counting.count(everything_once(batches))
    assert counts.counts[:4].sum() == _sightings(everything_once(batches))
    for step in (0, 1, 2, 31):
        counting.hold_out(step)
        assert counts.held_out is not None
        own = [batches[step]]  # more would be over a sixteenth of an epoch
        assert counts.held_out[:4].sum() == _sightings(own)
        assert (counts.counts >= counts.held_out).all()


def _sightings(batches: Iterable[PackedBatch]) -> int:
    """Of order 1, on both strands: on the other one a window does not know what follows it."""
    return sum(
        int((b.targets >= 0).sum()) + b.input_ids.size - (b.cu_seqlens.size - 1) for b in batches
    )


def test_many_epochs_leave_counts_to_train_with(shards: Path) -> None:
    config = tiny("ecoli_demo", shards, COUNTS, "train.steps=400")  # 38 epochs
    batches = training_batches(config)
    counts = HNetForCausalLM(config.model).backbone.ngram_counts
    assert counts is not None
    counting = Counting(counts, Feed(batches), 400, complement(config, batches))
    counting.count(everything_once(batches))
    counting.hold_out(0)
    assert counts.held_out is not None
    assert 0 < counts.held_out[:4].sum() < 0.2 * counts.counts[:4].sum()


def test_carried_over_tokens_are_counted_once(shards: Path) -> None:
    sums = []
    for carry in (0, 16):
        config = tiny("ecoli_demo", shards, COUNTS, f"data.carry_over={carry}")
        batches = training_batches(config)
        counts = HNetForCausalLM(config.model).backbone.ngram_counts
        assert counts is not None
        counting = Counting(counts, Feed(batches), 6, complement(config, batches))
        counting.count(everything_once(batches))
        sums.append(int(counts.counts[:4].sum()))
    assert sums[1] - sums[0] <= 42  # of each window the pair over its edge, which it now has whole


def test_counts_tell_nothing_of_random_bases(shards: Path, tmp_path: Path) -> None:
    # Random bases: whoever finds its own targets in the counts gets far below 2 bits.
    rare = "model.ngram_counts={orders: [7, 8], rows: 65536, symbols: 4}"
    pretrain(tiny("ecoli_demo", shards, rare, "train.steps=20"), tmp_path / "run", device="cpu")
    training = [line for line in metrics(tmp_path / "run") if line["event"] == "train"]
    assert min(line["bits_per_token"] for line in training) > 1.95


def test_gradients_of_micro_batches_add_up() -> None:
    memory = NgramMemory(NgramMemoryTables([2, 5], rows=300, width=4, symbols=4), 8, 6)
    tokens = torch.randint(0, 4, (80,), generator=torch.Generator().manual_seed(0))
    torch.nn.init.normal_(memory.projection.weight)
    memory.tables.data.normal_()
    found = []
    for parts in ([[50, 30]], [[50], [30]]):
        memory.tables.grad = None
        for own, lengths in zip(tokens.split([sum(part) for part in parts]), parts, strict=True):
            memory(own, Packing.from_lengths(lengths)).square().sum().backward()
        assert memory.tables.grad is not None
        found.append(memory.tables.grad.to_dense())
    torch.testing.assert_close(found[0], found[1])


def test_a_gradient_has_no_more_rows_than_were_looked_up_however_many_micro_batches() -> None:
    """And the same bits as if all came together: the rows of a pass follow those before it."""
    memory = NgramMemory(NgramMemoryTables([2, 5], rows=300, width=4, symbols=4), 8, 6)
    generator = torch.Generator().manual_seed(0)
    found = []
    for adds_up in (True, False):
        memory.tables.grad, rows = None, 0
        generator.manual_seed(0)
        for _ in range(12):
            tokens = torch.randint(0, 4, (64,), generator=generator)
            memory(tokens, Packing.from_lengths([64])).cos().sum().backward()
            if adds_up:
                add_up([memory.tables])
            assert memory.tables.grad is not None
            rows = memory.tables.grad._nnz()
        found.append((rows, memory.tables.grad.coalesce().values()))
    assert found[0][0] == len(found[0][1]) < 300 < found[1][0]
    assert torch.equal(found[0][1], found[1][1])


def test_a_step_of_many_micro_batches_adds_up_as_it_goes(shards: Path) -> None:
    config = tiny("ecoli_demo", shards, MEMORY, "train.ratio_loss.hold=true")
    model = language_model(config.model, seed=0)
    (step,) = Feed(training_batches(config), 128).steps(0, 1)
    assert len(step) == 4
    objective, ratio = Objective(model, "batch", [0]), RatioInForce([3.0], [0.0])
    table = model.backbone.ngram_memory.tables
    for batch in step:
        objective.backward(batch, Extent.of(step), ratio, Interval.of_stages(1))
        assert table.grad is not None
        assert table.grad.is_coalesced()
        assert table.grad._nnz() <= len(table)


def test_fine_tuning_leaves_the_tables(shards: Path) -> None:
    config = tiny("ecoli_demo", shards, MEMORY)
    model = HNetForSequenceClassification(
        config.model, HeadConfig("single_label", names=["a", "b"])
    )
    names = trainable_names(model, "all")
    assert "backbone.ngram_memory.projection.weight" in names
    assert "backbone.ngram_memory.tables" not in names
