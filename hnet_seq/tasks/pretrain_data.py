"""The data of a run: its sources, mixed for training and apart for validation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.config import ExperimentConfig
from hnet_seq.model.pretrained import read_checkpoint
from hnet_seq.tasks.pretrain_sources import check_sources
from hnet_seq.train.evaluation import ValidationSource
from hnet_seq.train.masking import MaskedBatches
from hnet_seq.train.ranks import on_first
from hnet_seq.train.tokenised import TokenisedBatches, letters_per_token, make_tokenizer
from modalities.errors import UsageError
from modalities.tokenizer import TOKENIZER, TOKENS_OF, Tokenizer, from_json, tokenizer_of
from pipelines.batches.token_batches import MixedSource, TokenBatches
from pipelines.batches.token_stream import Stretch
from pipelines.progress import progress_bar
from pipelines.shards.open_shards import check_hashes, open_shards

_AT_ONCE = 1 << 18  # tokens


def training_batches(config: ExperimentConfig, tokenizer: Tokenizer | None = None) -> TokenBatches:
    """All sources by their weights.

    Args:
        tokenizer: what the model reads them with; None: as they are.

    Raises:
        UsageError: a source has no folder.
        InputError: the shards are missing, damaged, of another vocabulary, or without training
            data.
    """
    data = config.data
    check_sources(config)
    return _batches(config, tokenizer)(
        _sources(config),
        split="train",
        context=data.context,
        batch_tokens=data.batch_tokens,
        seed=config.seed,
        carry_over=data.carry_over,
        reverse_complement=data.strands == "augment",
        soft_mask_weight=data.soft_mask_weight,
        skip_damaged=data.damaged_shards == "skip",
        store=_store(config),
    )


def _sources(config: ExperimentConfig) -> list[MixedSource]:
    return [
        MixedSource(source.path, source.name, source.weight, source.labels or None)
        for source in config.data.sources
    ]


def everything_once(
    config: ExperimentConfig, *, progress: bool = False
) -> Iterator[tuple[int, Stretch]]:
    """Every training token of every source, by its number, in long windows and in order."""
    streams = TokenBatches(
        _sources(config),
        context=_AT_ONCE,
        batch_tokens=_AT_ONCE,
        shuffle=False,
        skip_damaged=config.data.damaged_shards == "skip",
        store=_store(config),
    ).streams
    total = sum(stream.tokens_per_epoch for stream in streams)
    with progress_bar("count n-grams", total, unit="tok", progress=progress) as bar:
        for number, stream in enumerate(streams):
            for start in range(0, stream.tokens_per_epoch, _AT_ONCE):
                part = stream.read(start, min(start + _AT_ONCE, stream.tokens_per_epoch))
                yield number, part
                bar.update(part.input_ids.size)


def complement(config: ExperimentConfig, train: TokenBatches) -> np.ndarray | None:
    """(256,) of each token, where the run reads both strands.

    Raises:
        UsageError: of some sources, and counts of n-grams cannot tell which.
    """
    if config.data.strands != "augment":
        return None
    if not all(stream.two_strands for stream in train.streams):
        raise UsageError(
            "data.strands",
            "with augment model.ngram_counts and boundaries by counts need both strands, and a "
            "source has one; take data.strands=none, or model.ngram_memory for the counts",
        )
    return next(stream.complement.copy() for stream in train.streams if stream.two_strands)


def validation_sources(config: ExperimentConfig, train: TokenBatches) -> list[ValidationSource]:
    """The validation splits that there are, one for each label of each source.

    ``data.validation_tokens`` is shared out to them by their size.
    """
    data = config.data
    context = data.validation_context or data.context
    tokenizer = train.tokenizer if isinstance(train, TokenisedBatches) else None
    found = []
    for name, source, stream in zip(train.names, data.sources, train.streams, strict=True):
        labels = list(stream.manifest.label_tokens("validation"))
        if source.labels:
            wanted = {label.lower() for label in source.labels}
            labels = [label for label in labels if label.lower() in wanted]
        for label in labels:
            batches = _batches(config, tokenizer)(
                [MixedSource(source.path, name, labels=[label])],
                split="validation",
                context=context,
                batch_tokens=max(context, train.batch_tokens),
                shuffle=False,
                carry_over=data.carry_over,
                skip_damaged=data.damaged_shards == "skip",
                store=_store(config),
            )
            found.append((name, label, batches))
    total = sum(batches.tokens_per_epoch for _, _, batches in found)
    limit = min(data.validation_tokens or total, total)
    return [
        ValidationSource(name, label, batches, limit=batches.tokens_per_epoch * limit // total)
        for name, label, batches in found
    ]


def check_local_shards(config: ExperimentConfig) -> None:
    """Compare the sha256 of all shards on this machine; those of URLs are checked as they come.

    Raises:
        InputError: a shard is missing, or not what was written.
    """
    for source in config.data.sources:
        store, manifest = open_shards(source.path, **_store(config))
        if store.is_local:
            check_hashes(store, manifest)


def report_sources(config: ExperimentConfig, train: TokenBatches) -> None:
    """Say what is left out of the data, and which sequences are shorter or longer than asked."""
    data = config.data
    window = min(max(data.context, data.validation_context), data.batch_tokens)
    if 0 < data.micro_batch_tokens < window:
        print(
            f"warning: data.micro_batch_tokens ({data.micro_batch_tokens:,}) is less than a "
            f"sequence: sequences are never cut for it, so up to {window:,} tokens are computed at "
            "once; lower data.context for less",
            file=sys.stderr,
        )
    held_out = [stream.manifest.label_tokens("validation") for stream in train.streams]
    if data.validation_tokens and not any(held_out):
        print(
            "warning: data.validation_tokens bounds nothing, for no shards hold anything out; make "
            "them with --validation",
            file=sys.stderr,
        )
    for name, stream, share in zip(train.names, train.streams, train.mixture.shares, strict=True):
        for reason in stream.skipped.values():
            print(f"skipped: {reason}", file=sys.stderr)
        if stream.skipped:
            print(
                f"{name}: {len(stream.skipped)} shards with {stream.skipped_tokens:,} tokens are "
                "left out",
                file=sys.stderr,
            )
        if len(train.streams) > 1 and share * data.batch_tokens < data.context:
            print(
                f"warning: {name} has {share * data.batch_tokens:,.0f} tokens of a step, less "
                f"than data.context ({data.context:,}): its sequences are cut; raise "
                "data.batch_tokens, or its weight",
                file=sys.stderr,
            )


def _batches(config: ExperimentConfig, tokenizer: Tokenizer | None) -> Callable[..., TokenBatches]:
    if tokenizer is not None:
        return partial(TokenisedBatches, tokenizer=tokenizer)
    if config.train.objective == "masked":
        return partial(MaskedBatches, mask_rate=config.train.mask_rate)
    return TokenBatches


def _store(config: ExperimentConfig) -> dict[str, Any]:
    return {"cache_bytes": int(config.data.cache_gb * 1e9)}


def run_tokenizer(config: ExperimentConfig, checkpoint: Path | None) -> Tokenizer | None:
    """What a run reads its data with; None: as they are.

    Args:
        checkpoint: of the run, where it goes on; else ``train.init`` is looked at.

    Raises:
        UsageError: the weights to begin with have another kind of tokenizer, or its library is
            not installed.
    """
    name, given = config.data.tokenizer, checkpoint or config.train.init
    if name == "none":
        return None
    letters = training_batches(config)

    def written() -> str:
        if not given:
            return make_tokenizer(name, letters, config.model.vocab_size).to_json()
        found = tokenizer_of(read_checkpoint(given).metadata)
        if found is None or found.name != name:
            other = found.name if found else "none"
            raise UsageError(
                "data.tokenizer", f"is {name}, and {other} in {given}, whose weights this run takes"
            )
        return found.to_json()

    return from_json(on_first(written))


def described(batches: TokenisedBatches) -> dict[str, str]:
    """What the metadata of weights say of the tokenizer."""
    modality = batches.manifest.modality
    return {
        "modality": f"{TOKENS_OF}{modality}",
        TOKENIZER: batches.tokenizer.to_json(),
        "letters_per_token": f"{letters_per_token(batches):.4f}",
    }
