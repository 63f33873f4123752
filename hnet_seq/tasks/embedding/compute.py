"""The vectors of sequences, and the rows of one part of an input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.heads.pieces import PooledPieces
from hnet_seq.heads.pooling import pool, same_on_both_strands
from hnet_seq.jobs.job import Tell
from hnet_seq.jobs.spool import Columns
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.needed import only_up_to
from hnet_seq.model.streaming import stream
from hnet_seq.tasks.choices import STRANDS
from hnet_seq.tasks.embedding.layer_choice import Layer
from hnet_seq.tasks.embedding.layers import Placed, listening
from hnet_seq.tasks.embedding.plan import VECTOR, Plan
from hnet_seq.tasks.embedding.rows import Calls, goes_in_pieces, one_call, sequence_rows
from hnet_seq.tasks.embedding.space import Space
from hnet_seq.tasks.sequences.inputs import NamedSequence
from hnet_seq.train.labelled_batches import longest_first
from hnet_seq.train.precision import computing_in
from hnet_seq.train.predict import computing, strand_table
from modalities.base import Tokens


def part_rows(
    model: HNetLanguageModel,
    plan: Plan,
    space: Space,
    part: Sequence[NamedSequence],
    done: int,
    tell: Tell,
) -> Iterator[tuple[Columns, int]]:
    """The rows of sequences, in their order, as a job wants them; they depend on the part alone."""
    space.check()
    options = plan.options
    same = same_on_both_strands(model.config, plan.pooling)
    complement = strand_table(plan.modality, options.strands, STRANDS, symmetric=same)
    device = model.embeddings.weight.device
    tokens = [found.tokens for found in part]
    if plan.pooling:
        vectors = pool_sequences(
            model,
            tokens,
            {plan.pooling: plan.layer},
            stage=options.stage,
            listened=True,
            complement=complement,
            batch_tokens=options.batch_tokens,
            cache_limit=options.cache_limit,
            device=device,
        )[plan.pooling]
        lengths = np.array([len(own) for own in tokens], np.int64)
        space.add(len(part), int(lengths.sum()))
        yield {**_names(part, plan), "length": lengths, VECTOR: vectors}, len(part)
        return
    with (
        computing(model, device) as where,
        torch.inference_mode(),
        listening(model, plan.layer) as placed,
    ):
        calls = Calls(
            model,
            plan.layer,
            placed,
            options.batch_tokens,
            options.cache_limit,
            where,
            complement,
        )
        for rows in sequence_rows(calls, tokens):
            count = len(rows.start)
            columns = _names([part[rows.sequence]], plan, count)
            if rows.boundary_prob is None:
                columns["position"] = rows.start
            else:
                columns["stage"] = np.full(count, plan.layer.resolution - 1)
                columns["start"], columns["end"] = rows.start, rows.end
                columns["boundary_prob"] = rows.boundary_prob
            space.add(count, int((rows.end - rows.start).sum()))
            yield columns | {VECTOR: rows.vectors}, 0


def _names(part: Sequence[NamedSequence], plan: Plan, times: int = 1) -> dict[str, Any]:
    columns: dict[str, Any] = {"id": [found.name for found in part] * times}
    if plan.options.label:
        columns["label"] = [found.label or "" for found in part] * times
    return columns


def pool_sequences(
    model: HNetLanguageModel,
    tokens: Sequence[Tokens],
    layers: Mapping[str, Layer],
    *,
    stage: int,
    listened: bool,
    complement: Tokens | None,
    batch_tokens: int,
    cache_limit: int,
    device: str | torch.device | None,
    precision: str = "fp32",
    on_tokens: Callable[[int], object] = lambda count: None,
) -> dict[str, NDArray[np.float32]]:
    """(N, D) of each pooling, see :func:`hnet_seq.tasks.embedding.vectors.embed_poolings`.

    Args:
        layers: what each pooling reads.
        listened: they read one layer, which was named; else each its default.
        complement: the table, for the mean of both strands.
        on_tokens: told the tokens that are done after each call.
    """
    vectors = {
        pooling: np.empty((len(tokens), found.width), np.float32)
        for pooling, found in layers.items()
    }
    heard = next(iter(layers.values())) if listened and layers else None
    if heard is not None and heard.resolution:
        stage = heard.resolution - 1
    lengths = np.array([len(sequence) for sequence in tokens], np.int64)
    hearing = nullcontext(lambda output: output) if heard is None else listening(model, heard)
    coarsest = min((found.resolution for found in layers.values()), default=0)
    with (
        computing(model, device) as where,
        torch.inference_mode(),
        only_up_to(model, coarsest),
        hearing as placed,
    ):

        def call(picked: list[Tokens]) -> list[torch.Tensor]:
            with computing_in(precision, where):
                return _pooled(
                    model, picked, list(layers), stage, batch_tokens, cache_limit, where, placed
                )

        for batch in longest_first(lengths, batch_tokens):
            picked = [tokens[index] for index in batch]
            found = call(picked)
            if complement is not None:
                other = call([complement[sequence[::-1]] for sequence in picked])
                found = [(one + two) / 2 for one, two in zip(found, other, strict=True)]
            for pooling, rows in zip(layers, found, strict=True):
                vectors[pooling][batch] = rows.cpu().numpy()
            on_tokens(int(lengths[batch].sum()))
    return vectors


def _pooled(
    model: HNetLanguageModel,
    sequences: list[Tokens],
    poolings: Sequence[str],
    stage: int,
    batch_tokens: int,
    cache_limit: int,
    device: torch.device,
    placed: Placed,
) -> list[torch.Tensor]:
    """Each pooling's vectors (S, D) of sequences that are one call, or of one that takes several.

    Args:
        placed: puts the vectors that are pooled in the output of a call.

    Raises:
        CacheLimitError: global attention over a long sequence would cache more than the limit.
    """
    if goes_in_pieces(model, sequences, batch_tokens):
        assert isinstance(model, HNetForCausalLM)
        pieces = [PooledPieces(pooling, stage) for pooling in poolings]
        for call in stream(
            model, [("the sequence", sequences[0])], batch_tokens, cache_limit=cache_limit
        ):
            output = placed(call.output)
            for piece in pieces:
                piece.add(output, call.packing.total)
        return [piece.vector().unsqueeze(0) for piece in pieces]
    output, packing = one_call(model, sequences, device)
    output = placed(output)
    return [pool(output, packing.cu_seqlens, pooling, stage) for pooling in poolings]
