"""What tells ranks that compute the same from others."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from hnet_seq.ops.registry import choices
from pipelines.genome import Genome


def genome_digest(genome: Genome) -> str:
    """sha256 over names, lengths and tokens of all records."""
    digest = hashlib.sha256()
    for name, length in genome.lengths.items():
        digest.update(f"{name}\n{length}\n".encode())
        digest.update(genome.fetch(name, 0, length).data)
    return digest.hexdigest()


def computed_by(device: torch.device) -> dict[str, Any]:
    """What the last bits of a result depend on beside model and input, JSON values."""
    backends = {operation: name for operation, (name, _) in choices(device).items()}
    return {"device": device.type, "backends": backends}
