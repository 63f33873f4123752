"""Windows to the tensors of one forward call: packed, or padded."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from pipelines.batches.token_stream import IGNORED
from pipelines.own_loop.tar_slices import Item

_OF_WINDOW = {
    "names": "name",
    "starts": "start",
    "strands": "strand",
    "labels": "label",
    "sources": "source",
}


def packed(windows: Iterator[Item], *, batch_tokens: int) -> Iterator[Item]:
    """A stage: whole windows end to end, at most ``batch_tokens`` tokens of them.

    ``input_ids`` (T,) int64, ``targets`` (T,) int64, ``cu_seqlens`` (S + 1,) int32.
    """
    for chosen in _together(windows, batch_tokens, lambda sizes: sum(sizes)):
        sizes = [len(window["input_ids"]) for window in chosen]
        yield _described(chosen) | {
            "input_ids": _tensor(np.concatenate([window["input_ids"] for window in chosen])),
            "targets": _tensor(np.concatenate([window["targets"] for window in chosen])),
            "cu_seqlens": torch.from_numpy(np.cumsum([0, *sizes]).astype(np.int32)),
        }


def padded(windows: Iterator[Item], *, batch_tokens: int) -> Iterator[Item]:
    """A stage: a row for each window, at most ``batch_tokens`` places with the padding.

    ``input_ids`` (B, L) int64, ``targets`` (B, L) int64, -100 in the padding, ``mask`` (B, L) bool,
    True at tokens.
    """
    for chosen in _together(windows, batch_tokens, lambda sizes: len(sizes) * max(sizes)):
        sizes = np.array([len(window["input_ids"]) for window in chosen])
        mask = np.arange(sizes.max()) < sizes[:, None]
        ids, targets = np.zeros(mask.shape, np.int64), np.full(mask.shape, IGNORED, np.int64)
        ids[mask] = np.concatenate([window["input_ids"] for window in chosen])
        targets[mask] = np.concatenate([window["targets"] for window in chosen])
        yield _described(chosen) | {
            "input_ids": torch.from_numpy(ids),
            "targets": torch.from_numpy(targets),
            "mask": torch.from_numpy(mask),
        }


def _together(
    windows: Iterator[Item], most: int, cost: Callable[[list[int]], int]
) -> Iterator[list[Item]]:
    """Consecutive windows whose sizes cost at most ``most``; none is alone above it."""
    chosen: list[Item] = []
    sizes: list[int] = []
    for window in windows:
        size = len(window["input_ids"])
        if chosen and cost([*sizes, size]) > most:
            yield chosen
            chosen, sizes = [], []
        chosen.append(window)
        sizes.append(size)
    if chosen:
        yield chosen


def _described(windows: list[Item]) -> Item:
    return {name: [window[own] for window in windows] for name, own in _OF_WINDOW.items()}


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.int64))
