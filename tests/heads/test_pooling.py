"""Packed pooling equals a loop over sequences, and gradients flow through it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.heads.pooling import (
    POOLINGS,
    chunk_bases,
    last_pool,
    mean_pool,
    pool,
    weighted_mean_pool,
)
from hnet_seq.model.hnet import HNetOutput
from hnet_seq.ops.packing import Packing

LENGTHS = [5, 1, 17, 2, 9]


@pytest.fixture
def packed() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(sum(LENGTHS), 6, generator=generator)
    weights = torch.randint(1, 9, (sum(LENGTHS),), generator=generator)
    return vectors, weights, Packing.from_lengths(LENGTHS).cu_seqlens


def test_each_pooling_equals_a_loop(packed: tuple[Tensor, Tensor, Tensor]) -> None:
    vectors, weights, cu_seqlens = packed
    sequences, shares = vectors.split(LENGTHS), weights.split(LENGTHS)
    expected = {
        "mean": [x.mean(0) for x in sequences],
        "last": [x[-1] for x in sequences],
        "weighted": [
            sum(x[i] * w[i] for i in range(len(x))) / w.sum()
            for x, w in zip(sequences, shares, strict=True)
        ],
    }
    torch.testing.assert_close(mean_pool(vectors, cu_seqlens), torch.stack(expected["mean"]))
    torch.testing.assert_close(last_pool(vectors, cu_seqlens), torch.stack(expected["last"]))
    torch.testing.assert_close(
        weighted_mean_pool(vectors, weights, cu_seqlens), torch.stack(expected["weighted"])
    )


@pytest.mark.parametrize("pooling", [mean_pool, last_pool])
def test_half_precision_is_pooled_in_fp32(pooling: Callable[[Tensor, Tensor], Tensor]) -> None:
    # 4,000 x 1 summed in bfloat16 would stop at 256.
    vectors = torch.ones(4000, 2, dtype=torch.bfloat16)
    pooled = pooling(vectors, torch.tensor([0, 4000], dtype=torch.int32))
    assert pooled.dtype == torch.float32
    assert torch.equal(pooled, torch.ones(1, 2))


def test_gradients_reach_every_vector_that_counts(packed: tuple[Tensor, Tensor, Tensor]) -> None:
    vectors, weights, cu_seqlens = packed
    for function, expected in (
        (mean_pool, torch.cat([torch.full((n,), 1 / n) for n in LENGTHS])),
        (
            lambda x, c: weighted_mean_pool(x, weights, c),
            torch.cat([w / w.sum() for w in weights.split(LENGTHS)]),
        ),
        (last_pool, torch.cat([torch.tensor([0.0] * (n - 1) + [1.0]) for n in LENGTHS])),
    ):
        leaf = vectors.clone().requires_grad_()
        function(leaf, cu_seqlens).sum().backward()
        torch.testing.assert_close(leaf.grad, expected.unsqueeze(1).expand(-1, 6))


def test_chunks_of_a_deep_stage_cover_the_bases_of_all_their_chunks() -> None:
    # Two sequences of 6 and 3 bases. Outer chunks: [2, 1, 3] and [1, 2]; of these the inner stage
    # joins the first two and keeps the rest.
    outer = torch.tensor([1, 0, 1, 1, 0, 0, 1, 1, 0], dtype=torch.bool)
    inner = torch.tensor([1, 0, 1, 1, 0], dtype=torch.bool)
    bounds = torch.tensor([0, 6, 9], dtype=torch.int32)
    lengths, cu_seqlens = chunk_bases([outer], bounds)
    assert lengths.tolist() == [2, 1, 3, 1, 2]
    assert cu_seqlens.tolist() == [0, 3, 5]
    lengths, cu_seqlens = chunk_bases([outer, inner], bounds)
    assert lengths.tolist() == [3, 3, 3]
    assert cu_seqlens.tolist() == [0, 2, 3]


@pytest.fixture(scope="module")
def two_stages() -> HNetForCausalLM:
    config = HNetConfig.from_dict(
        {
            "arch_layout": ["m1", ["m1", ["m1"], "m1"], "m1"],
            "d_model": [64, 64, 64],
            "d_intermediate": [0, 0, 0],
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 16},
        }
    )
    return HNetForCausalLM(config, seed=3).eval()


@torch.no_grad()
def outputs(model: HNetForCausalLM, sequences: list[Tensor]) -> tuple[HNetOutput, Tensor]:
    packing = Packing.from_lengths([len(sequence) for sequence in sequences])
    return model.encode(torch.cat(sequences), packing), packing.cu_seqlens


@pytest.mark.parametrize("stage", [0, 1, -1])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_vector_does_not_depend_on_what_is_packed_with_it(
    two_stages: HNetForCausalLM, pooling: str, stage: int
) -> None:
    generator = torch.Generator().manual_seed(1)
    sequences = [torch.randint(0, 4, (n,), generator=generator) for n in (40, 1, 73, 12)]
    together = pool(*outputs(two_stages, sequences), pooling, stage)
    for sequence, vector in zip(sequences, together, strict=True):
        alone = pool(*outputs(two_stages, [sequence]), pooling, stage)
        torch.testing.assert_close(alone[0], vector, atol=1e-5, rtol=1e-5)


def test_chunk_poolings_read_the_stage_that_is_asked_for(two_stages: HNetForCausalLM) -> None:
    generator = torch.Generator().manual_seed(1)
    output, cu_seqlens = outputs(two_stages, [torch.randint(0, 4, (60,), generator=generator)])
    for stage in (0, 1):
        vector = pool(output, cu_seqlens, "chunks", stage)
        torch.testing.assert_close(vector[0], output.chunks[stage].mean(0))
    with pytest.raises(ValueError, match="has 2 stages"):
        pool(output, cu_seqlens, "chunks", 2)
    with pytest.raises(ValueError, match="unknown pooling 'max'; known: chunks"):
        pool(output, cu_seqlens, "max")


def test_a_mean_of_more_vectors_than_fp32_counts_is_theirs() -> None:
    """A running fp32 sum of ones ends at 2**24: a mean of 20 million would be 0.839."""
    ones = torch.ones(20_000_000, 1)
    cu_seqlens = torch.tensor([0, len(ones)])
    assert mean_pool(ones, cu_seqlens).item() == 1
    assert weighted_mean_pool(ones, ones.squeeze(1), cu_seqlens).item() == 1


def test_sums_of_long_sequences_are_those_of_fp64_and_so_are_their_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.rand(300_000, 3, generator=generator) + 1
    weights = torch.rand(300_000, generator=generator) + 0.1
    cu_seqlens = torch.tensor([0, 100, 300_000])
    parts = [(vectors[a:b].double(), weights[a:b].double()) for a, b in ((0, 100), (100, 300_000))]
    means = torch.stack([x.mean(0) for x, _ in parts]).float()
    assert torch.equal(mean_pool(vectors, cu_seqlens), means)
    leaf = weights.clone().requires_grad_()
    pooled = weighted_mean_pool(vectors, leaf, cu_seqlens)
    expected = [w @ x / w.sum() for x, w in parts]
    torch.testing.assert_close(pooled.detach(), torch.stack(expected).float(), rtol=1e-7, atol=0)
    pooled[:, 0].sum().backward()
    slope = torch.cat(
        [(x[:, 0] - m[0]) / w.sum() for (x, w), m in zip(parts, expected, strict=True)]
    )
    torch.testing.assert_close(leaf.grad, slope.float(), rtol=1e-4, atol=1e-9)
