"""Vectors of sequences: hidden states of a model, pooled over its learned chunks.

Poolings: ``chunks``, the mean over the inner network's output at the chunks of a stage;
``chunks_weighted``, the same with each chunk counted by its bases; ``bases``, the mean over the
final hidden states; ``last``, the final hidden state of the last base (docs/downstream.md).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from hnet_seq.heads.pooling import CHUNK_POOLINGS, POOLINGS
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.pretrained import load_pretrained
from hnet_seq.model.streaming import CACHE_LIMIT, attention_window
from hnet_seq.tasks.arguments import add_batch_arguments, add_streaming_arguments
from hnet_seq.tasks.pooled_calls import length_batches, pooled
from hnet_seq.tasks.sequences import in_parts, read_fasta_sequences
from hnet_seq.tasks.vector_files import open_vectors, vector_format
from hnet_seq.train.predict import computing
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.files import check_file

EXAMPLE = "hnet-seq embed run windows.fa.gz --out vectors.parquet"

BATCH_TOKENS = 16384
STRANDS = ("none", "average")
PART_TOKENS = 1 << 22  # bases read, embedded and written at a time

Strands = Literal["none", "average"]


def embed(
    model: HNetLanguageModel,
    sequences: Sequence[str | Tokens],
    *,
    pooling: str = "chunks",
    stage: int = -1,
    strands: Strands = "none",
    batch_tokens: int = BATCH_TOKENS,
    cache_limit: int = CACHE_LIMIT,
    device: str | torch.device | None = None,
    progress: bool = False,
) -> NDArray[np.float32]:
    """One vector for each sequence, in the order given: (N, D) float32.

    A vector depends on its sequence alone, up to rounding: batches are packed, nothing is padded.
    Held at a time are the tokens of all sequences, their vectors, and the activations of one
    batch. The model's mode and device are left as they were found.

    Args:
        sequences: DNA letters, or uint8 tokens (L,); none may be empty.
        pooling: ``chunks``, ``chunks_weighted``, ``bases`` or ``last``, see
            :func:`hnet_seq.heads.pooling.pool`.
        stage: whose chunks, from the outside in; -1 is the innermost.
        strands: ``none``, as given; or ``average``: the mean with the vector of the reverse
            complement, so that a sequence and its reverse complement have one vector.
        batch_tokens: bases of one forward call; a longer sequence goes through in pieces, with
            the vector of the whole (a bidirectional model takes it in one call).
        cache_limit: bytes that global attention may cache over a sequence in pieces.
        device: where to compute; None is the model's own accelerator, else a GPU if there is one,
            else the CPU.

    Raises:
        InputError: an empty sequence or one that is not DNA (with its index), or a model of
            something else.
        UsageError: an unknown pooling, stage or strands, or ``batch_tokens`` below 1.
    """
    vectors = embed_poolings(
        model,
        sequences,
        poolings=(pooling,),
        stage=stage,
        strands=strands,
        batch_tokens=batch_tokens,
        cache_limit=cache_limit,
        device=device,
        progress=progress,
    )
    return vectors[pooling]


def embed_poolings(
    model: HNetLanguageModel,
    sequences: Sequence[str | Tokens],
    *,
    poolings: Sequence[str],
    stage: int = -1,
    strands: Strands = "none",
    batch_tokens: int = BATCH_TOKENS,
    cache_limit: int = CACHE_LIMIT,
    device: str | torch.device | None = None,
    progress: bool = False,
) -> dict[str, NDArray[np.float32]]:
    """Several poolings of the same forward calls, each (N, D); see :func:`embed`."""
    for pooling in poolings:
        check_pooling(model, pooling, stage)
    if strands not in STRANDS:
        raise UsageError("--strands", f"is {strands!r}; expected none or average")
    if batch_tokens < 1:
        raise UsageError("--batch-tokens", f"is {batch_tokens}; expected 1 or more")
    check_modality(model)
    tokens = [_tokens(index, sequence, model) for index, sequence in enumerate(sequences)]
    vectors = {
        pooling: np.empty((len(tokens), vector_width(model, pooling, stage)), np.float32)
        for pooling in poolings
    }
    lengths = np.array([len(sequence) for sequence in tokens], np.int64)
    bar = tqdm(
        total=int(lengths.sum()),
        unit="base",
        unit_scale=True,
        desc="embed",
        disable=None if progress else True,  # None: no bar where nobody looks on
        file=sys.stderr,
    )
    with bar, computing(model, device) as where, torch.inference_mode():

        def call(picked: list[Tokens]) -> list[torch.Tensor]:
            return pooled(model, picked, poolings, stage, batch_tokens, cache_limit, where)

        for batch in length_batches(lengths, batch_tokens):
            picked = [tokens[index] for index in batch]
            found = call(picked)
            if strands == "average":
                reverse = [dna.reverse_complement(sequence) for sequence in picked]
                other = call(reverse)
                found = [(one + two) / 2 for one, two in zip(found, other, strict=True)]
            for pooling, rows in zip(poolings, found, strict=True):
                vectors[pooling][batch] = rows.cpu().numpy()
            bar.update(int(lengths[batch].sum()))
    return vectors


def check_pooling(model: HNetLanguageModel, pooling: str, stage: int) -> None:
    """Raise UsageError where the model cannot be pooled like that."""
    if pooling not in POOLINGS:
        raise UsageError("--pooling", f"is {pooling!r}; expected one of {', '.join(POOLINGS)}")
    stages = model.num_stages
    if pooling in CHUNK_POOLINGS and not -stages <= stage < stages:
        if not stages:
            raise UsageError(
                "--pooling", f"{pooling}: an isotropic model has no chunks; use bases or last"
            )
        raise UsageError("--stage", f"is {stage}; the model has stages 0 to {stages - 1}")


def check_modality(model: HNetLanguageModel) -> None:
    """Raise InputError for a model that was trained on anything but DNA."""
    modality = model.metadata.get("modality", dna.DNA.name)
    if modality != dna.DNA.name or model.config.vocab_size < dna.DNA.vocab_size:
        raise InputError(
            None,
            f"the model reads {modality} with {model.config.vocab_size} tokens; "
            "embed and classify need one trained on DNA",
        )


def vector_width(model: HNetLanguageModel, pooling: str, stage: int) -> int:
    """D of a pooling's vectors: a stage's chunks are as wide as the stage that made them."""
    d_model = model.config.d_model
    return d_model[stage % model.num_stages if pooling in CHUNK_POOLINGS else 0]


def _tokens(index: int, sequence: str | Tokens, model: HNetLanguageModel) -> Tokens:
    where = f"sequence {index}"
    if not len(sequence):
        raise InputError(None, "is empty: nothing to pool over; leave it out", where=where)
    if isinstance(sequence, str):
        try:
            return dna.encode(sequence)
        except InputError as error:
            raise InputError(None, str(error), where=where) from None
    if sequence.dtype != np.uint8 or sequence.ndim != 1:
        raise InputError(
            None,
            f"is {sequence.dtype} {sequence.shape}; expected a string or uint8 tokens (L,)",
            where=where,
        )
    if int(sequence.max()) >= model.config.vocab_size:
        raise InputError(
            None,
            f"holds token {sequence.max()}; the model knows 0 to {model.config.vocab_size - 1}",
            where=where,
        )
    return sequence


def add_embedding_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every verb that embeds."""
    parser.add_argument("--strands", choices=STRANDS, default="none", help="default none")
    parser.add_argument(
        "--stage", type=int, default=-1, help="whose chunks; 0 outermost, -1 innermost (default)"
    )
    add_batch_arguments(parser, BATCH_TOKENS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq embed``."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="checkpoint folder or run folder")
    parser.add_argument("input", metavar="FASTA", help="plain, gzip or bgzip; a vector a record")
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="vectors.parquet, or vectors.npy with its ids"
    )
    parser.add_argument("--pooling", choices=POOLINGS, default="chunks", help="default chunks")
    add_streaming_arguments(parser)
    add_embedding_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    out = check_file(args.out)
    vector_format(out)
    model = load_pretrained(args.checkpoint, args.device)
    check_pooling(model, args.pooling, args.stage)
    check_modality(model)
    # The first pass finds what is wrong with the input, and how many vectors there will be.
    count = bases = 0
    for _, tokens in read_fasta_sequences(args.input):
        count += 1
        bases += len(tokens)
    width = vector_width(model, args.pooling, args.stage)
    print(
        f"{count:,} sequences, {bases:,} bases: {count:,} x {width} float32, "
        f"{count * width * 4 / 1e6:,.1f} MB, to {out}",
        file=sys.stderr,
    )
    described = {
        "pooling": args.pooling,
        "stage": str(args.stage),
        "strands": args.strands,
        "checkpoint": str(args.checkpoint),
        "input": str(args.input),
    }
    bar = tqdm(
        total=bases, unit="base", unit_scale=True, desc="embed", disable=None, file=sys.stderr
    )
    if args.attention_window:
        described["attention_window"] = str(args.attention_window)
    with (
        bar,
        attention_window(model, args.attention_window),
        open_vectors(out, count, width, described) as writer,
    ):
        for part in in_parts(read_fasta_sequences(args.input), PART_TOKENS):
            names, sequences = [name for name, _ in part], [tokens for _, tokens in part]
            vectors = embed(
                model,
                sequences,
                pooling=args.pooling,
                stage=args.stage,
                strands=args.strands,
                batch_tokens=args.batch_tokens,
                cache_limit=args.cache_limit,
                device=args.device,
            )
            lengths = [len(tokens) for tokens in sequences]
            writer.write(names, lengths, vectors)
            bar.update(sum(lengths))
    return 0
