"""Shards of given documents, for tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import modalities
from pipelines.shards.manifest import SPLITS, Manifest
from pipelines.shards.writer import ShardWriter


class Written(NamedTuple):
    """A document for :func:`write_shards`."""

    name: str
    tokens: np.ndarray
    label: str = ""
    split: str = "train"


def write_shards(
    folder: Path,
    documents: Sequence[Written],
    *,
    modality: str = "dna",
    block_size: int = 256,
    shard_size: int = 600,
) -> Path:
    """A folder of shards with these documents; returns it."""
    folder.mkdir(parents=True)
    shards = []
    for split in SPLITS:
        with ShardWriter(folder, split, block_size=block_size, shard_size=shard_size) as writer:
            for document in documents:
                if document.split == split:
                    writer.add(document.name, document.tokens, label=document.label)
        shards += writer.shards
    kind = modalities.get(modality)
    Manifest(
        modality=modality,
        vocab_size=kind.vocab_size,
        vocabulary_fingerprint=kind.fingerprint,
        block_size=block_size,
        soft_mask=False,
        validation=None,
        options={},
        sources=[],
        shards=shards,
    ).save(folder)
    return folder


def random_documents(
    lengths: Sequence[int], labels: Sequence[str] = ("",), seed: int = 0
) -> list[Written]:
    """Random bases, named by number, with the labels in turn."""
    generator = np.random.default_rng(seed)
    return [
        Written(f"d{i}", generator.integers(0, 4, length, np.uint8), labels[i % len(labels)])
        for i, length in enumerate(lengths)
    ]


def flip(path: Path, place: int) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def as_json_lines(path: Path, documents: Sequence[tuple[str, str]]) -> Path:
    """Texts and their languages as JSON lines."""
    lines = [json.dumps({"text": text, "language": label}) for text, label in documents]
    path.write_text("\n".join(lines) + "\n")
    return path
