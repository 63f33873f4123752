"""The data of a run: its sources, mixed for training and apart for validation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hnet_seq.config import ExperimentConfig, SourceConfig
from hnet_seq.train.evaluation import ValidationSource
from hnet_seq.train.masking import MaskedBatches
from modalities.errors import UsageError
from pipelines.batches import MixedSource, TokenBatches
from pipelines.open_shards import check_hashes, open_shards


def assign_data(config: ExperimentConfig, given: Sequence[str]) -> None:
    """Put what ``--data`` says into the configuration.

    Args:
        given: ``NAME=FOLDER`` for a source that the experiment names; ``FOLDER`` for the next one
            without a folder, or for another source.

    Raises:
        UsageError: there is no source of that name, or some are left without a folder.
    """
    sources = config.data.sources
    names = {source.name: source for source in sources if source.name}
    for item in given:
        name, is_named, path = item.partition("=")
        if is_named and name in names:
            names[name].path = path
        elif is_named and names and "/" not in name:
            raise UsageError("--data", f"no source {name!r}; there are: {', '.join(names)}")
        else:
            empty = next((source for source in sources if not source.path), None)
            if empty:
                empty.path = item
            elif names:
                raise UsageError("--data", f"{item} is one more than the {len(sources)} sources")
            else:
                sources.append(SourceConfig(item))


def training_batches(config: ExperimentConfig) -> TokenBatches:
    """All sources by their weights.

    Raises:
        UsageError: a source has no folder.
        InputError: the shards are missing, damaged, of another vocabulary, or without training
            data.
    """
    data = config.data
    if not data.sources:
        raise UsageError("data.sources", "no shards given; --data FOLDER or data.sources in YAML")
    for source in data.sources:
        if not source.path:
            named = f"{source.name}=" if source.name else ""
            raise UsageError(
                "data.sources",
                f"no shards given{f' for {source.name}' if source.name else ''}; "
                f"--data {named}FOLDER or data.sources in YAML",
            )
    return _batches(config)(
        [
            MixedSource(source.path, source.name, source.weight, source.labels or None)
            for source in data.sources
        ],
        split="train",
        context=data.context,
        batch_tokens=data.micro_batch_tokens or data.batch_tokens,
        step_tokens=data.batch_tokens,
        seed=config.seed,
        carry_over=data.carry_over,
        reverse_complement=data.strands == "augment",
        soft_mask_weight=data.soft_mask_weight,
        skip_damaged=data.damaged_shards == "skip",
        store=_store(config),
    )


def validation_sources(config: ExperimentConfig, train: TokenBatches) -> list[ValidationSource]:
    """The validation splits that there are, one for each label of each source."""
    data = config.data
    context = data.validation_context or data.context
    sources = []
    for name, source, stream in zip(train.names, data.sources, train.streams, strict=True):
        labels = list(stream.manifest.label_tokens("validation"))
        if source.labels:
            wanted = {label.lower() for label in source.labels}
            labels = [label for label in labels if label.lower() in wanted]
        for label in labels:
            batches = _batches(config)(
                [MixedSource(source.path, name, labels=[label])],
                split="validation",
                context=context,
                batch_tokens=max(context, train.batch_tokens),
                shuffle=False,
                carry_over=data.carry_over,
                skip_damaged=data.damaged_shards == "skip",
                store=_store(config),
            )
            sources.append(ValidationSource(name, label, batches))
    return sources


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
    """Say what is left out of the data, and which sources have short sequences."""
    data = config.data
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


def _batches(config: ExperimentConfig) -> Callable[..., TokenBatches]:
    if config.train.objective == "masked":
        return partial(MaskedBatches, mask_rate=config.train.mask_rate)
    return TokenBatches


def _store(config: ExperimentConfig) -> dict[str, Any]:
    return {"cache_bytes": int(config.data.cache_gb * 1e9)}
