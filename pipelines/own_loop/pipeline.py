"""Our shards as a ``webdataset.DataPipeline``."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import webdataset
from webdataset.tariterators import group_by_keys, tar_file_expander
from webdataset.utils import pytorch_worker_info

from modalities.errors import UsageError
from pipelines.batches.token_batches import (
    MixedSource,
    check_vocabulary,
    given_sources,
    source_names,
)
from pipelines.own_loop.tar_slices import Item, SlicedShards
from pipelines.own_loop.window_batches import packed, padded
from pipelines.own_loop.windows import cut_windows, give_targets, turn_windows

__all__ = ["webdataset_pipeline"]

_MOST_WORKERS = 1024


def webdataset_pipeline(
    sources: str | Path | MixedSource | Sequence[str | Path | MixedSource],
    split: str = "train",
    *,
    context: int = 8192,
    batch_tokens: int | None = None,
    pad: bool = False,
    seed: int = 0,
    epochs: int | None = 1,
    shuffle: bool | None = None,
    buffer: int = 1000,
    reverse_complement: bool = False,
    store: dict[str, Any] | None = None,
) -> webdataset.DataPipeline:
    """Windows or batches of shards, through the stages of webdataset, for a loop of one's own.

    It is an ``IterableDataset``: give it to a ``DataLoader`` with ``batch_size=None``, or iterate
    over it. Processes (``RANK`` and ``WORLD_SIZE``, or torch.distributed) and the workers of a
    DataLoader each read other blocks, and together all of them. ``.compose(stage)`` adds stages.

    A window is a dict: ``input_ids`` (n,) uint8, ``targets`` (n,) int16 (the next token; -100 where
    none is scored), ``name`` of the record, ``start`` in it (0-based, on the forward strand),
    ``strand``, ``label``, ``source``, ``__key__`` and ``__url__``. A batch has tensors and lists:
    ``input_ids``, ``targets`` and ``cu_seqlens``, or with ``pad`` ``mask``, and ``names``,
    ``starts``, ``strands``, ``labels``, ``sources``. A model takes it as
    ``model(batch["input_ids"], cu_seqlens=batch["cu_seqlens"])``.

    What it does not promise are :class:`hnet_seq.TokenBatches`'s order, equal steps of all
    processes, and a resume from a step.

    Args:
        sources: folder or URL of shards, or several with weights, which are shares of the tokens.
        split: "train" or "validation".
        context: tokens of a window at most.
        batch_tokens: tokens of a batch at most, with ``pad`` places; None gives single windows.
        pad: batches (B, L) with a mask instead of packed ones.
        seed: of every draw.
        epochs: how often all is read in one iteration, None for without end. The next iteration
            over the same pipeline draws anew.
        shuffle: read the blocks and windows in an order that is drawn, and begin windows at other
            places in each epoch; as a rule for training and not for validation.
        buffer: windows among which the next one is drawn, of each source.
        reverse_complement: read each window on the other strand with probability one half.
        store: options of :class:`pipelines.storage.folders.ShardStore`, as ``cache_dir``.

    Raises:
        UsageError: an option out of range, or that these shards or this split do not allow.
        InputError: a manifest is wrong, a shard is missing or truncated, or a split empty. While
            it is read: a block is damaged, or cannot be fetched.
    """
    sources = given_sources(sources)
    shuffle = split == "train" if shuffle is None else shuffle
    _check(sources, split, context, batch_tokens, pad, epochs, buffer, reverse_complement)
    names = source_names(sources)
    opened = [
        SlicedShards(source, split, context=context, options=store or {}) for source in sources
    ]
    check_vocabulary([(shards.location, shards.manifest) for shards in opened])
    if reverse_complement and all(s.modality.complement_table is None for s in opened):
        raise UsageError("reverse_complement", f"{opened[0].manifest.modality} has one strand")
    pipelines = [
        webdataset.DataPipeline(
            *_stages(shards, name, f"{seed}/{name}", context, shuffle, buffer, reverse_complement)
        )
        for shards, name in zip(opened, names, strict=True)
    ]
    for pipeline in pipelines:
        # Its own -1 stands for no end.
        pipeline.repeat(-1 if epochs is None else epochs)
    (whole, *others) = pipelines
    if others:
        weights = [source.weight for source in sources]
        whole = webdataset.DataPipeline(partial(_mixed, pipelines, names, weights))
    if batch_tokens is not None:
        # A repeated pipeline would end a batch with each epoch.
        batches = padded if pad else packed
        whole = webdataset.DataPipeline(
            partial(iter, whole), partial(batches, batch_tokens=batch_tokens)
        )
    return whole


def _stages(
    shards: SlicedShards,
    name: str,
    seed: str,
    context: int,
    shuffle: bool,
    buffer: int,
    reverse_complement: bool,
) -> list[Any]:
    """From the list of slices to windows with targets; those of webdataset are called so."""
    urls, modality = shards.urls, shards.modality
    cut = partial(cut_windows, context=context, shuffle=shuffle, source=name)
    turn = None
    if reverse_complement and modality.complement_table is not None:
        turn = _Drawn(
            partial(turn_windows, complement=modality.complement_table), f"{seed}/strands"
        )
    targets = partial(give_targets, modality=modality, soft_mask=shards.manifest.soft_mask)
    stages = [
        webdataset.SimpleShardList(urls),
        partial(_enough, slices=len(urls), location=shards.location),
        # Dealt out before anything is drawn: no process needs to know what another one drew.
        webdataset.split_by_node,
        webdataset.split_by_worker,
        _Drawn(partial(_shuffled, size=len(urls)), f"{seed}/slices") if shuffle else None,
        shards.opened,
        partial(tar_file_expander, handler=shards.refused),
        shards.whole,
        group_by_keys,
        _Drawn(cut, f"{seed}/windows"),
        _Drawn(partial(_shuffled, size=buffer), f"{seed}/buffer") if shuffle else None,
        turn,
        targets,
    ]
    return [stage for stage in stages if stage is not None]


class _Drawn:
    """A stage with draws of its own, other ones each time it begins.

    How often it began is counted in memory that workers share with the process that made it: a
    DataLoader makes new workers for every epoch, and webdataset's own ``detshuffle`` then begins
    with its first order again.
    """

    def __init__(self, stage: Callable[[Iterator[Item], random.Random], Any], seed: str) -> None:
        self._stage = stage
        self._seed = seed
        self._begun = torch.zeros(_MOST_WORKERS, dtype=torch.int64).share_memory_()

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        rank, _, worker, _ = pytorch_worker_info()
        begun = int(self._begun[worker % _MOST_WORKERS])
        self._begun[worker % _MOST_WORKERS] += 1
        drawn: Iterator[Item] = self._stage(
            items, random.Random(f"{self._seed}/{begun}/{rank}/{worker}")
        )
        return drawn


def _shuffled(items: Iterator[Item], random: random.Random, *, size: int) -> Iterator[Item]:
    stage = webdataset.shuffle(size, initial=size, rng=random)
    shuffled: Iterator[Item] = stage(items)
    return shuffled


def _enough(items: Iterator[Item], *, slices: int, location: str) -> Iterator[Item]:
    """Items as they come, where each process gets one."""
    _, processes, _, _ = pytorch_worker_info()
    if slices < processes:
        raise UsageError(
            location,
            f"has {slices} parts to deal out to {processes} processes; use fewer, or make the "
            "shards with a smaller --block-size",
        )
    yield from items


def _mixed(
    pipelines: Sequence[webdataset.DataPipeline], names: Sequence[str], weights: Sequence[float]
) -> Iterator[Item]:
    """Windows of the source that is furthest behind its share of the tokens, without end."""
    streams = [iter(pipeline) for pipeline in pipelines]
    given = [0] * len(streams)
    while True:
        source = min(range(len(streams)), key=lambda i: (given[i] / weights[i], i))
        window = next(streams[source], None)
        if window is None:
            raise UsageError(
                names[source],
                "has nothing for one of the workers; use fewer, or make the shards with a smaller "
                "--block-size",
            )
        given[source] += len(window["input_ids"])
        yield window


def _check(
    sources: Sequence[MixedSource],
    split: str,
    context: int,
    batch_tokens: int | None,
    pad: bool,
    epochs: int | None,
    buffer: int,
    reverse_complement: bool,
) -> None:
    for option, value in (("context", context), ("epochs", epochs), ("buffer", buffer)):
        if value is not None and value < 1:
            raise UsageError(option, f"is {value}, expected at least 1")
    if batch_tokens is None and pad:
        raise UsageError("pad", "is of batches; give batch_tokens")
    if batch_tokens is not None and batch_tokens < context:
        raise UsageError(
            "batch_tokens", f"is {batch_tokens}, less than a window of {context} tokens (context)"
        )
    if len(sources) > 1:
        if split == "validation":
            raise UsageError("split", "validation is read one source at a time")
        if epochs is not None:
            raise UsageError("epochs", "is of one source; a mixture has no end: give None")
        if not all(0 < source.weight < float("inf") for source in sources):
            raise UsageError("sources", "a weight is not above 0")
    if split == "validation" and reverse_complement:
        raise UsageError("reverse_complement", "is for training; validation is always the same")
