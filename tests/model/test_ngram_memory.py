"""N-grams in front of a model: which row is whose, what is counted, and what cannot be seen."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.model.masked_lm import HNetForMaskedLM
from hnet_seq.model.ngram_index import index_of
from hnet_seq.model.ngram_memory import NgramMemory
from hnet_seq.model.ngram_tables import NgramMemoryTables
from hnet_seq.ops.packing import Packing

LENGTHS = [70, 1, 5, 131]
PACKING = Packing.from_lengths(LENGTHS)
#: Exact tables, hashed ones, and both.
TABLES = {
    "exact": NgramMemoryTables([2, 3], rows=64, width=4, symbols=4),
    "hashed": NgramMemoryTables([5, 9], rows=50, width=4, symbols=4),
    "both, all of the vocabulary": NgramMemoryTables([2, 3, 4, 70], rows=600, width=4),
}


def ids(symbols: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, symbols, (PACKING.total,), generator=generator)


def memory(config: NgramMemoryTables, bidirectional: bool = False) -> NgramMemory:
    module = NgramMemory(config, vocab_size=8, d_model=6, bidirectional=bidirectional)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(generator=generator)
    return module


def ngram(tokens: Tensor, place: int, order: int) -> tuple[int, ...] | None:
    """The tokens that end at a place, or None where the sequence has not as many."""
    start = max(int(bound) for bound in PACKING.cu_seqlens[:-1] if bound <= place)
    first = place - order + 1
    return None if first < start else tuple(tokens[first : place + 1].tolist())


@pytest.mark.parametrize("config", TABLES.values(), ids=TABLES.keys())
def test_equal_ngrams_have_one_row_of_their_own_table(config: NgramMemoryTables) -> None:
    index, tokens = index_of(config, 8), ids(2)
    rows, known = index(tokens, PACKING)
    firsts = [sum(index.rows[:number]) for number in range(len(index.rows))]
    for number, order in enumerate(index.orders):
        found: dict[tuple[int, ...], set[int]] = {}
        for place in range(PACKING.total):
            seen = ngram(tokens, place, order)
            assert bool(known[place, number]) is (seen is not None)
            if seen is not None:
                found.setdefault(seen, set()).add(int(rows[place, number]) - firsts[number])
        assert all(len(own) == 1 for own in found.values())
        used = {row for own in found.values() for row in own}
        assert used <= set(range(index.rows[number]))
        if index.rows[number] == index.symbols**order:
            assert len(used) == len(found)


def test_hashes_spread_over_the_rows() -> None:
    config = NgramMemoryTables([12], rows=1 << 14, symbols=4)
    tokens = torch.randint(0, 4, (1 << 14,), generator=torch.Generator().manual_seed(0))
    rows, _ = index_of(config, 8)(tokens, Packing.from_lengths([len(tokens)]))
    # As many balls as urns: 1 - 1/e of them are hit.
    assert len(rows.unique()) / (1 << 14) == pytest.approx(0.632, abs=0.02)


def test_the_vector_is_the_projection_of_the_rows_side_by_side() -> None:
    module, tokens = memory(TABLES["exact"]), ids()
    out = module(tokens, PACKING)
    for place in (0, 1, 69, 70, 71, 72, 80):
        parts = []
        for order, first in zip(module.index.orders, (0, 16), strict=True):
            seen = ngram(tokens, place, order)
            if seen is None:
                parts.append(torch.zeros(4))
            else:  # the last token is the digit of least weight
                digits = sum(token * 4**lag for lag, token in enumerate(reversed(seen)))
                parts.append(module.tables[first + digits])
        expected = module.projection.weight @ torch.cat(parts)
        torch.testing.assert_close(out[place], expected)


def model(
    bidirectional: bool = False, key: str = "ngram_memory", **changed: Any
) -> HNetForCausalLM | HNetForMaskedLM:
    values = {"orders": [2, 4, 7], "symbols": 4}
    if key == "ngram_memory":
        values |= {"rows": 300, "width": 8}
    values |= changed
    config = HNetConfig.from_dict(
        {
            "arch_layout": ["m1", ["m1"], "m1"],
            "d_model": [64, 64],
            "d_intermediate": [0, 0],
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 16},
            "bidirectional": bidirectional,
            key: values,
        }
    )
    kind = HNetForMaskedLM if bidirectional else HNetForCausalLM
    built = kind(config, residual_proj="identity").eval()
    generator = torch.Generator().manual_seed(1)
    if built.backbone.ngram_memory is not None:
        nn.init.normal_(built.backbone.ngram_memory.tables, generator=generator)
    if built.backbone.ngram_counts is not None:
        text = torch.randint(0, 4, (4000,), generator=generator, dtype=torch.uint8)
        built.backbone.ngram_counts.count([text])
        nn.init.normal_(built.backbone.ngram_counts.gate, std=0.1, generator=generator)
    return built


@torch.no_grad()
@pytest.mark.parametrize("key", ["ngram_memory", "ngram_counts"])
@pytest.mark.parametrize("place", [0, 40, 69, 70, 71, 76, 140])
def test_no_logit_depends_on_a_later_token(place: int, key: str) -> None:
    built, tokens = model(key=key), ids()
    changed = tokens.clone()
    changed[place] = (changed[place] + 1) % 4
    before, after = (built(each, PACKING.cu_seqlens).logits for each in (tokens, changed))
    moved = (before - after).abs().amax(1)
    end = min(int(bound) for bound in PACKING.cu_seqlens if bound > place)
    assert not moved[:place].any(), "an earlier position"
    assert moved[place] > 0
    assert (moved[end:] < 1e-5).all(), "another sequence"


@torch.no_grad()
def test_from_both_sides_a_token_does_not_see_itself_in_the_memory() -> None:
    module, tokens = (
        memory(NgramMemoryTables([2, 3], rows=64, width=4, symbols=4), bidirectional=True),
        ids(),
    )
    for place in (0, 1, 40, 69, 70, 72):
        changed = tokens.clone()
        changed[place] = (changed[place] + 1) % 4
        moved = (module(tokens, PACKING) - module(changed, PACKING)).abs().amax(1) > 0
        start = max(int(bound) for bound in PACKING.cu_seqlens[:-1] if bound <= place)
        end = min(int(bound) for bound in PACKING.cu_seqlens if bound > place)
        reached = {at for at in range(place - 3, place + 4) if start <= at < end and at != place}
        # Where too few tokens stand before or behind, no n-gram has this one.
        assert set(moved.nonzero().flatten().tolist()) <= reached
        if place == 40:
            assert set(moved.nonzero().flatten().tolist()) == reached


@torch.no_grad()
def test_from_both_sides_a_reversed_sequence_is_the_mirror_image() -> None:
    built, tokens = model(bidirectional=True), ids()
    turned = tokens[PACKING.reversal]
    forward = built(tokens, PACKING.cu_seqlens).logits
    backward = built(turned, PACKING.cu_seqlens).logits
    torch.testing.assert_close(backward[PACKING.reversal], forward, rtol=1e-4, atol=1e-4)


def test_a_bidirectional_model_takes_no_counts() -> None:
    with pytest.raises(ValueError, match="ngram_counts"):
        model(bidirectional=True, key="ngram_counts")


def test_without_orders_there_is_no_memory_and_no_word_of_it_in_the_file() -> None:
    config = HNetConfig.from_dict({"arch_layout": ["m1"], "d_model": [64], "d_intermediate": [0]})
    assert HNetForCausalLM(config).backbone.ngram_memory is None
    assert "ngram_memory" not in config.to_dict()
    assert model().config == HNetConfig.from_dict(model().config.to_dict())


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"orders": [0, 2]}, "ngram_memory.orders"),
        ({"orders": [3, 3]}, "ngram_memory.orders"),
        ({"rows": 0}, "ngram_memory.rows"),
        ({"width": 0}, "ngram_memory.width"),
        ({"symbols": 9}, "ngram_memory.symbols"),
        ({"tables": 3}, "unknown model key ngram_memory.tables"),
    ],
)
def test_values_that_describe_no_tables_are_named(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        model(**values)
