"""Tables are trained at the cost of the rows that a step touched, and exactly as defined."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from Bio.Seq import Seq

from hnet_seq import HNetForCausalLM
from hnet_seq.config import ExperimentConfig, SourceConfig
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.model.masked_lm import language_model
from hnet_seq.model.ngram_counts import NgramCounts
from hnet_seq.model.ngram_memory import NgramMemory
from hnet_seq.model.ngram_tables import GAP, NgramMemoryTables
from hnet_seq.ops.packing import Packing
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.tasks.pretrain_data import complement, everything_once, training_batches
from hnet_seq.train.counting import Counting
from hnet_seq.train.extent import Extent
from hnet_seq.train.feed import Feed
from hnet_seq.train.interval import Interval
from hnet_seq.train.objective import Objective
from hnet_seq.train.ratio_control import RatioInForce
from hnet_seq.train.tables import AdamWWithTables, add_up
from hnet_seq.train.trainable import trainable_names
from modalities import dna
from modalities.errors import UsageError
from pipelines.batches.token_batches import TokenBatches
from tests.train.runs import make_shards, metrics, tiny, train_until_killed

MEMORY = "model.ngram_memory={orders: [2, 5], rows: 300, width: 4, symbols: 4}"

COUNTS = "model.ngram_counts={orders: [1, 2, 5], symbols: 4}"


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
    return make_shards(tmp_path_factory.mktemp("shards"), _random_bases(6000, seed=0))


def _random_bases(length: int, seed: int) -> str:
    generator = torch.Generator().manual_seed(seed)
    return "".join("ACGT"[b] for b in torch.randint(0, 4, (length,), generator=generator))


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


def _counting(config: ExperimentConfig) -> tuple[TokenBatches, NgramCounts, Counting]:
    """Of a model that has counted everything."""
    batches = training_batches(config)
    counts = HNetForCausalLM(config.model).backbone.ngram_counts
    assert counts is not None
    both = complement(config, batches)
    counting = Counting([counts], batches, config.train.steps, both)
    counting.count(everything_once(config))
    return batches, counts, counting


@pytest.mark.parametrize("carry", [0, 16])
@pytest.mark.parametrize("strands", ["augment", "none"])
def test_the_text_is_every_training_base_once(shards: Path, carry: int, strands: str) -> None:
    options = f"data.carry_over={carry}", f"data.strands={strands}"
    batches, counts, _ = _counting(tiny("ecoli_demo", shards, COUNTS, *options))
    documents = [part for part in counts.text.numpy().tobytes().split(bytes([GAP])) if part]
    genome = (shards.parent / "genome.fa").read_text().split("\n")[1]
    expected = [genome[: batches.tokens_per_epoch]]
    if strands == "augment":
        expected.append(str(Seq(expected[0]).reverse_complement()))
    assert [dna.decode(np.frombuffer(own, np.uint8)) for own in documents] == expected


@pytest.mark.parametrize("parts", [1, 2])
def test_training_sees_counts_of_all_but_its_span(shards: Path, tmp_path: Path, parts: int) -> None:
    other = make_shards(tmp_path, _random_bases(6000, seed=1))
    config = tiny(
        "ecoli_demo", shards, COUNTS, "train.steps=32", f"model.ngram_counts.parts={parts}"
    )
    config.data.sources.append(SourceConfig(str(other), "other"))
    batches, counts, counting = _counting(config)
    followed = 2 * (batches.streams[0].tokens_per_epoch - 1)  # on both strands
    expected = [2 * followed] if parts == 1 else [followed] * 2
    assert [index.size for index in counts.indexes] == expected
    for step in (0, 1, 2, 31):
        counting.hold_out(step)
        assert counts.held_out is not None
        for source, own in batches.by_source(step):  # more would be over a sixteenth of an epoch
            part = source if parts == 2 else 0
            looked_up = counts.indexes[part], counts.held_out[part]
            for start, end in pairwise([0, *own.ends]):
                line = torch.from_numpy(own.input_ids[start:end]).long()
                contexts, known = looked_up[0].contexts(line)
                whole, held = (each.counts(contexts, known, counts.orders) for each in looked_up)
                assert (whole >= held).all()
                # Its own target is among what is held out, for each order that it has.
                targets = torch.from_numpy(own.targets[start:end]).long()
                itself = held.gather(2, targets[:, None, None].expand(-1, len(counts.orders), 1))
                enough = known.unsqueeze(1) >= torch.tensor(counts.orders)
                assert (itself.squeeze(2) > 0).equal(enough)
        scored = 2 * int((batches[step].targets >= 0).sum())
        assert sum(index.size for index in counts.held_out) == scored


def test_parts_are_one_or_as_many_as_sources(shards: Path) -> None:
    with pytest.raises(UsageError, match=r"parts.* is 3, expected 1 or 1, one for each source"):
        _counting(tiny("ecoli_demo", shards, COUNTS, "model.ngram_counts.parts=3"))


def test_many_epochs_leave_counts_to_train_with(shards: Path) -> None:
    # 38 epochs.
    _, counts, counting = _counting(tiny("ecoli_demo", shards, COUNTS, "train.steps=400"))
    counting.hold_out(0)
    assert counts.held_out is not None
    assert 0 < counts.held_out[0].size < 0.2 * counts.indexes[0].size


def test_counts_tell_nothing_of_random_bases(shards: Path, tmp_path: Path) -> None:
    # Random bases: whoever finds its own targets in the counts gets far below 2 bits.
    rare = "model.ngram_counts={orders: [7, 8], symbols: 4}"
    pretrain(tiny("ecoli_demo", shards, rare, "train.steps=20"), tmp_path / "run", device="cpu")
    training = [line for line in metrics(tmp_path / "run") if line["event"] == "train"]
    assert min(line["bits_per_token"] for line in training) > 1.95


def test_gradients_of_micro_batches_add_up() -> None:
    memory = NgramMemory(NgramMemoryTables([2, 5], rows=300, width=4, symbols=4), 8, 6)
    tokens = torch.randint(0, 4, (80,), generator=torch.Generator().manual_seed(0))
    torch.nn.init.normal_(memory.projection.weight)
    memory.tables.data.normal_()
    found: list[torch.Tensor] = []
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
    found: list[tuple[int, torch.Tensor]] = []
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
        gradient = memory.tables.grad
        assert gradient is not None
        found.append((rows, gradient.coalesce().values()))
    assert found[0][0] == len(found[0][1]) < 300 < found[1][0]
    assert torch.equal(found[0][1], found[1][1])


def test_a_step_of_many_micro_batches_adds_up_as_it_goes(shards: Path) -> None:
    config = tiny("ecoli_demo", shards, MEMORY, "train.ratio_loss.hold=true")
    model = language_model(config.model, seed=0)
    (step,) = Feed(training_batches(config), 128).steps(0, 1)
    assert len(step) == 4
    objective, ratio = Objective(model, "batch", [0]), RatioInForce([3.0], [0.0])
    assert model.backbone.ngram_memory is not None
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
