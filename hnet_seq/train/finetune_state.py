"""What an unfinished fine-tuning goes on from: one file, whole or as it was before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hnet_seq.train.ranks import on_first
from modalities.errors import InputError, UsageError
from pipelines.storage.files import replaced_stream


class StateFile:
    """Saves and loads; every process calls the same methods at the same step.

    Args:
        of: what the run is, see :func:`fingerprint`.
    """

    def __init__(self, path: str | Path, of: str) -> None:
        self.path = Path(path)
        self.of = of

    def save(self, state: Callable[[], dict[str, Any]]) -> None:
        """Write tensors and plain values, in the first process."""

        def write() -> None:
            with replaced_stream(self.path) as file:
                torch.save({"of": self.of, **state()}, file)

        on_first(write)

    def load(self) -> dict[str, Any] | None:
        """What was written last; None where nothing was.

        Raises:
            InputError: it cannot be read.
            UsageError: it is another run's.
        """
        if not on_first(self.path.is_file):
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
        except Exception as error:
            message = " ".join(str(error).split())[:200]
            raise InputError(self.path, f"not a readable state: {message}; remove it") from error
        if state.pop("of") != self.of:
            raise UsageError(
                self.path,
                "holds a run with other sequences, labels, weights or settings; remove it, or give "
                "another file",
            )
        return state


def fingerprint(settings: dict[str, Any], arrays: Iterable[np.ndarray]) -> str:
    """Of JSON values and of all that arrays hold."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
