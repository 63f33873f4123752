"""Vectors of a model, computed once: a killed run finds again what was finished."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnet_seq.jobs.job import Tell, in_parts
from hnet_seq.tasks.benchmarking.model import BenchmarkModel
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError
from pipelines.storage.files import replaced_stream
from pipelines.storage.leftovers import sweep

PART_TOKENS = 1 << 18  # bases of a call, and of a file: what a kill can cost
_ASIDE = ".npy"


def vectors_of(
    model: BenchmarkModel,
    sequences: Sequence[Tokens],
    folder: Path,
    tell: Tell | None = None,
    *,
    middle: bool = False,
) -> NDArray[np.float32]:
    """A vector of each sequence, (N, D), of which finished parts lie in ``folder``.

    A file's name is a hash of the model and of its part's sequences: nothing stale is read.

    Args:
        tell: hears how many bases are done.
        middle: that of the base in the middle of each.

    Raises:
        InputError: a model that has no vector of a base; vectors that are not finite, or not one a
            sequence.
    """
    letters = [dna.decode(tokens) for tokens in sequences]
    embed = getattr(model, "embed_middle", None) if middle else model.embed
    if embed is None:
        raise InputError(model.name, "gives no vector of a base; leave per_base tasks out")
    found = []
    for part in in_parts(letters, PART_TOKENS, len):
        path = folder / f"{_key(model, part, middle)}{_ASIDE}"
        vectors = _read(path, len(part))
        if vectors is None:
            vectors = np.ascontiguousarray(embed(part), np.float32)
            if vectors.ndim != 2 or len(vectors) != len(part) or not np.isfinite(vectors).all():
                raise InputError(
                    model.name,
                    f"gave vectors of shape {vectors.shape} for {len(part):,} sequences, or some "
                    "that are not finite; nothing can be probed",
                )
            folder.mkdir(parents=True, exist_ok=True)
            array = io.BytesIO()  # into a file NumPy writes past Python: no error has its cause
            np.save(array, vectors)
            with replaced_stream(path) as file:
                file.write(array.getbuffer())
        found.append(vectors)
        if tell is not None:
            tell(sum(map(len, part)))
    return np.concatenate(found)


def _key(model: BenchmarkModel, part: Sequence[str], middle: bool) -> str:
    digest = hashlib.sha256(model.fingerprint.encode() + b" middle" * middle)
    for letters in part:
        digest.update(f"\n{letters}".encode())
    return digest.hexdigest()[:32]


def _read(path: Path, count: int) -> NDArray[np.float32] | None:
    try:
        with path.open("rb") as file:
            vectors: NDArray[np.float32] = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if vectors.ndim == 2 and len(vectors) == count else None


def clear(folder: Path) -> None:
    """Take finished parts away, and the folder where nothing else is in it."""
    if folder.is_dir():
        sweep(folder)
    for path in _parts(folder):
        path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _parts(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.glob(f"*{_ASIDE}"))) if folder.is_dir() else iter(())
