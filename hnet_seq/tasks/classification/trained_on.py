"""Which sequences a classifier was trained on, as hashes in a file beside it.

Eight bytes a sequence tell a copy from a new sequence and give no letters away. A sequence and its
reverse complement have one hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnet_seq.tasks.classification.kept_results import read_kept, write_kept
from hnet_seq.train.grouped_draw import strand_key
from modalities import dna
from modalities.base import Tokens
from modalities.file_hash import file_sha256

Hashes = NDArray[np.uint64]

_NAME = "trained_on.npz"
_BYTES = 8  # a million against a million: one in ten million that any two meet by chance


def sequence_hashes(sequences: Sequence[Tokens]) -> Hashes:
    """(N,) of each sequence: the first 8 bytes of BLAKE2b over the lesser of its two strands."""
    found = (
        hashlib.blake2b(strand_key(tokens, dna.COMPLEMENT), digest_size=_BYTES).digest()
        for tokens in sequences
    )
    return np.frombuffer(b"".join(found), "<u8").astype(np.uint64)


def write_trained_on(classifier: Path, sequences: Sequence[Tokens]) -> None:
    """Keep sorted hashes of the training sequences beside what was trained.

    Args:
        classifier: the file with the trained weights: ``probe.npz`` or ``model.safetensors``.
    """
    hashes = np.unique(sequence_hashes(sequences))
    write_kept(_path(classifier), {"hashes": hashes}, {"classifier": file_sha256(classifier)})


def read_trained_on(classifier: Path) -> Hashes | None:
    """The sorted hashes; None where there are none, or they are those of another classifier."""
    kept = read_kept(_path(classifier))
    if kept is None or kept[1].get("classifier") != file_sha256(classifier):
        return None
    return kept[0].get("hashes")


def were_trained_on(sequences: Sequence[Tokens], hashes: Hashes) -> NDArray[np.bool_]:
    """(N,) True for those that stand in training, as they are or as their reverse complement."""
    return np.isin(sequence_hashes(sequences), hashes)


def _path(classifier: Path) -> Path:
    return classifier.with_name(f"{classifier.stem}.{_NAME}")
