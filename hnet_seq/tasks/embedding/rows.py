"""A vector for each chunk or each base of sequences, in their order.

Rows come a block at a time, so that a sequence longer than a call never lies in memory as vectors:
of chunks, the one that a piece leaves open waits for the next piece, which tells where it ends; of
bases on two strands, those of the reverse strand wait in a temporary file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.counted_text import left_out
from hnet_seq.model.hnet import HNetOutput
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import stream
from hnet_seq.ops.packing import Packing
from hnet_seq.tasks.embedding.layer_choice import Layer
from hnet_seq.tasks.embedding.layers import Placed
from hnet_seq.train.labelled_batches import longest_first
from modalities.base import Tokens
from pipelines.storage.files import named_errors


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of one sequence.

    Attributes:
        sequence: its index.
        vectors: (R, D) float32.
        start, end: (R,) int64, 0-based and half-open, in tokens of the sequence.
        boundary_prob: (R,) float32 of the chunk's start; of bases None.
    """

    sequence: int
    vectors: NDArray[np.float32]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    boundary_prob: NDArray[np.float32] | None


@dataclass(frozen=True)
class Calls:
    """How sequences go through a model: what does not change from one to the next."""

    model: HNetLanguageModel
    layer: Layer
    placed: Placed
    batch_tokens: int
    cache_limit: int
    device: torch.device
    complement: Tokens | None = None


def sequence_rows(calls: Calls, sequences: Sequence[Tokens]) -> Iterator[Rows]:
    """The rows of each sequence, in order: a row a base at resolution 0, else a row a chunk.

    Rows are held until their turn comes; those of one sequence alone, of any length, are not.

    Raises:
        CacheLimitError: global attention over a long sequence would cache more than the limit.
    """
    assert calls.complement is None or not calls.layer.resolution
    if goes_in_pieces(calls.model, sequences, calls.batch_tokens):
        yield from _long(calls, sequences[0])
        return
    lengths = np.array([len(tokens) for tokens in sequences], np.int64)
    found: list[list[Rows]] = [[] for _ in sequences]
    for batch in longest_first(lengths, calls.batch_tokens):
        picked = [sequences[index] for index in batch]
        if goes_in_pieces(calls.model, picked, calls.batch_tokens):
            found[batch[0]] = list(_long(calls, picked[0], batch[0]))
            continue
        for index, rows in zip(batch, _short(calls, picked, batch), strict=True):
            found[index] = [rows]
    for own in found:
        yield from own


def _short(calls: Calls, picked: list[Tokens], names: list[int]) -> Iterator[Rows]:
    output, packing = one_call(calls.model, picked, calls.device)
    output = calls.placed(output)
    if not calls.layer.resolution:
        vectors = output.hidden.float()
        if calls.complement is not None:
            reverse = [calls.complement[tokens[::-1]] for tokens in picked]
            other, _ = one_call(calls.model, reverse, calls.device)
            vectors = (vectors + calls.placed(other).hidden.float()[packing.reversal]) / 2
        ends = np.cumsum([len(tokens) for tokens in picked])
        for index, own in zip(names, np.split(vectors.cpu().numpy(), ends[:-1]), strict=True):
            yield _base_rows(index, own, 0)
        return
    start, prob = _chunk_starts(output, packing.total, calls.layer.resolution)
    vectors = output.chunks[calls.layer.resolution - 1]
    bounds = packing.cu_seqlens.long().cpu().numpy()
    places, probs, values = start.cpu().numpy(), prob.cpu().numpy(), vectors.float().cpu().numpy()
    cuts = np.searchsorted(places, bounds)
    for index, low, high, first, end in zip(
        names, cuts[:-1], cuts[1:], bounds[:-1], bounds[1:], strict=True
    ):
        begin = places[low:high] - first
        stop = np.append(begin[1:], end - first)
        yield Rows(index, values[low:high], begin, stop, probs[low:high])


def _long(calls: Calls, tokens: Tokens, name: int = 0) -> Iterator[Rows]:
    if calls.layer.resolution:
        yield from _long_chunks(calls, tokens, name)
    elif calls.complement is None:
        for first, vectors in _pieces(calls, tokens):
            yield _base_rows(name, vectors, first)
    else:
        yield from _long_bases_of_both_strands(calls, tokens, calls.complement, name)


def _long_bases_of_both_strands(
    calls: Calls, tokens: Tokens, complement: Tokens, name: int
) -> Iterator[Rows]:
    row_bytes = 4 * calls.layer.width
    folder = Path(tempfile.gettempdir())
    with named_errors(folder), tempfile.TemporaryFile(prefix="hnet-seq-") as file:
        for _, vectors in _pieces(calls, complement[tokens[::-1]]):
            file.write(vectors.tobytes())
        for first, vectors in _pieces(calls, tokens):
            last = first + len(vectors)
            file.seek((len(tokens) - last) * row_bytes)
            other = np.frombuffer(file.read(len(vectors) * row_bytes), np.float32)
            both: NDArray[np.float32] = (vectors + other.reshape(vectors.shape)[::-1]) / np.float32(
                2
            )
            yield _base_rows(name, both, first)


def _pieces(calls: Calls, tokens: Tokens) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Where each piece begins, and its vectors (R, D)."""
    for first, output, _ in _outputs(calls, tokens):
        yield first, output.hidden.float().cpu().numpy()


def _long_chunks(calls: Calls, tokens: Tokens, name: int) -> Iterator[Rows]:
    resolution = calls.layer.resolution
    start = np.zeros(0, np.int64)
    prob = np.zeros(0, np.float32)
    vectors = np.zeros((0, calls.layer.width), np.float32)
    for first, output, total in _outputs(calls, tokens):
        places, probs = _chunk_starts(output, total, resolution)
        own = output.chunks[resolution - 1].float().cpu().numpy()
        start = np.concatenate([start, places.cpu().numpy() + first])
        prob = np.concatenate([prob, probs.cpu().numpy()])
        vectors = np.concatenate([vectors, own])
        if len(start) > 1:  # the last one is still open
            yield Rows(name, vectors[:-1], start[:-1], start[1:], prob[:-1])
            start, prob, vectors = start[-1:], prob[-1:], vectors[-1:]
    yield Rows(name, vectors, start, np.array([len(tokens)]), prob)


def _outputs(calls: Calls, tokens: Tokens) -> Iterator[tuple[int, HNetOutput, int]]:
    """Where each piece begins, its output, and how many tokens it has."""
    assert isinstance(calls.model, HNetForCausalLM)
    for call in stream(
        calls.model,
        [("the sequence", tokens)],
        calls.batch_tokens,
        cache_limit=calls.cache_limit,
    ):
        yield call.pieces[0].start, calls.placed(call.output), call.packing.total


def _chunk_starts(output: HNetOutput, total: int, resolution: int) -> tuple[Tensor, Tensor]:
    """(K,) packed token at which each chunk begins, and (K,) the probability that it does."""
    start = torch.arange(total, device=output.hidden.device)
    prob = output.hidden.new_ones(total, dtype=torch.float32)
    for record in output.boundaries[:resolution]:
        start, prob = start[record.boundary_mask], record.boundary_prob[record.boundary_mask]
    return start, prob.float()


def _base_rows(name: int, vectors: NDArray[np.float32], first: int) -> Rows:
    start = np.arange(first, first + len(vectors))
    return Rows(name, vectors, start, start + 1, None)


def one_call(
    model: HNetLanguageModel, sequences: Sequence[Tokens], device: torch.device
) -> tuple[HNetOutput, Packing]:
    """The body's output over sequences laid end to end."""
    packing = Packing.from_lengths([len(sequence) for sequence in sequences], device)
    ids = torch.from_numpy(np.concatenate(sequences)).to(device).long()
    with left_out(model):
        return model.encode(ids, packing), packing


def goes_in_pieces(
    model: HNetLanguageModel, sequences: Sequence[Tokens], batch_tokens: int
) -> bool:
    """Whether these are one sequence too long for a call, of a model that has a running state."""
    return (
        len(sequences) == 1
        and len(sequences[0]) > batch_tokens
        and isinstance(model, HNetForCausalLM)
    )
