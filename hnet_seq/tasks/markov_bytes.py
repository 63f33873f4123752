"""``markov`` on shards of bytes: text, code, or DNA as letters; several folders together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import modalities
from hnet_seq.evidence.baselines.byte_markov import (
    MAX_ORDER,
    ByteDocument,
    ByteScores,
    GroupBits,
    score_byte_orders,
)
from hnet_seq.tasks.byte_documents import from_shards, is_byte_modality
from hnet_seq.tasks.choices import MARKOV_BYTES_ORDER as DEFAULT_ORDER
from modalities.errors import InputError, UsageError
from pipelines.shards.open_shards import check_hashes, open_shards

"""Beyond it the best order of text and code seldom lies, and counting takes longer."""

_Key = tuple[str, str]  # folder and label


def markov_bytes(
    folders: Sequence[str | Path], *, max_order: int = DEFAULT_ORDER
) -> dict[str, Any]:
    """Bits per byte of the orders 0..``max_order``, as ``markov.json`` has them.

    The training splits of all folders are counted together. Each validation split is scored for
    itself, its labels apart, on the tokens that ``pretrain`` validates on.

    Raises:
        UsageError: ``max_order`` is outside 0..7, or a folder is given twice.
        InputError: shards that are missing, damaged, not of bytes, or without a validation split.
    """
    if not 0 <= max_order <= MAX_ORDER:
        raise UsageError("max_order", f"{max_order} given; the orders are 0..{MAX_ORDER}")
    names = [str(folder) for folder in folders]
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise UsageError("shards", f"{twice[0]} is given twice")
    predicted = {name: _predicted(name) for name in names}
    try:
        scores = score_byte_orders(
            _documents(predicted, "train"), _documents(predicted, "validation"), max_order=max_order
        )
    except ValueError as error:
        raise InputError(", ".join(names), f"{error}; shard again with --validation") from None
    return {
        "unit": "byte",
        **_orders(scores.total),
        "smoothing": "Witten-Bell",
        "train_bytes": scores.counted,
        "scored_bytes": scores.total.scored,
        "folders": [_folder(name, scores) for name in names],
    }


def _predicted(folder: str) -> np.ndarray:
    """(256,) which tokens the modality of a folder predicts."""
    store, manifest = open_shards(folder)
    if not is_byte_modality(manifest.modality):
        raise InputError(
            folder, f"holds {manifest.modality}, not bytes; give shards of text or code"
        )
    check_hashes(store, manifest)
    if not manifest.tokens("validation"):
        raise InputError(folder, "no validation bytes to score; shard again with --validation")
    found = np.zeros(256, bool)
    found[list(modalities.get(manifest.modality).scored_tokens)] = True
    return found


def _documents(predicted: dict[str, np.ndarray], split: str) -> Iterator[ByteDocument[_Key]]:
    for folder, tokens in predicted.items():
        for document in from_shards(folder, split):
            yield ByteDocument((folder, document.label), document.tokens, tokens)


def documents(
    folders: Sequence[str | Path],
) -> tuple[Iterator[ByteDocument[_Key]], Iterator[ByteDocument[_Key]]]:
    """Those of both splits of shards of bytes, training first."""
    predicted = {str(name): _predicted(str(name)) for name in folders}
    return _documents(predicted, "train"), _documents(predicted, "validation")


def _folder(folder: str, scores: ByteScores[_Key]) -> dict[str, Any]:
    of_label = {
        label: bits for (name, label), bits in sorted(scores.groups.items()) if name == folder
    }
    if not of_label:
        raise InputError(folder, "no validation bytes to score; hold out more")
    first, *rest = of_label.values()
    return {
        "folder": folder,
        **_scored(sum(rest, first)),
        "labels": [{"label": label, **_scored(bits)} for label, bits in of_label.items()],
    }


def _scored(group: GroupBits) -> dict[str, Any]:
    return {"scored_bytes": group.scored, **_orders(group)}


def _orders(group: GroupBits) -> dict[str, Any]:
    rows = [
        {"order": order, "bits_per_byte": bits} for order, bits in enumerate(group.bits_per_byte)
    ]
    return {"orders": rows, "best_order": group.best_order}


def table(scores: dict[str, Any]) -> str:
    """The scores as lines of text, the best order marked; a line for each folder and label."""
    lines = ["order  bits/byte"]
    for row in scores["orders"]:
        mark = "  best" if row["order"] == scores["best_order"] else ""
        lines.append(f"{row['order']:5d}  {row['bits_per_byte']:9.4f}{mark}")
    lines.append(
        f"{scores['train_bytes']:,} bytes counted, {scores['scored_bytes']:,} scored, "
        f"{scores['smoothing']} back-off"
    )
    groups = _groups(scores["folders"])
    if len(groups) > 1:
        width = max(len(name) for name, _ in groups)
        orders = "".join(f"{row['order']:7d}" for row in scores["orders"])
        lines += ["", f"{'':{width}s}        scored{orders}  best"]
        lines += [
            f"{name:{width}s}{group['scored_bytes']:14,d}"
            + "".join(f"{row['bits_per_byte']:7.3f}" for row in group["orders"])
            + f"{group['best_order']:6d}"
            for name, group in groups
        ]
    return "\n".join(lines)


def _groups(folders: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Name and scores of each folder where there are several, and of each label."""
    found: list[tuple[str, dict[str, Any]]] = []
    for folder in folders:
        indent = ""
        if len(folders) > 1:
            found.append((folder["folder"], folder))
            indent = "  "
        if [label["label"] for label in folder["labels"]] != [""]:
            found += [(f"{indent}{row['label'] or '(no label)'}", row) for row in folder["labels"]]
    return found
