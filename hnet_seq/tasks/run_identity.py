"""What results and unfinished runs are of: model, file of weights, and what computes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.locate import locate
from hnet_seq.model.pretrained import owned_state
from hnet_seq.model.twin import TWIN
from hnet_seq.ops.registry import choices
from hnet_seq.results.read import TWIN_SUFFIX
from modalities.base import Tokens
from modalities.file_hash import file_sha256
from pipelines.formats.genome import Genome

_READ = 1 << 20  # tokens


def weights_sha256(checkpoint: str | Path) -> str:
    """sha256 of the file of weights that a checkpoint stands for, as ``sha256sum`` prints it."""
    return file_sha256(locate(checkpoint).weights)


def model_hash(model: HNetLanguageModel) -> str:
    """sha256 over names and values of all parameters, and the configuration."""
    digest = hashlib.sha256(json.dumps(model.config.to_dict(), sort_keys=True).encode())
    for name, value in sorted(owned_state(model).items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def computed_by(model: HNetLanguageModel) -> dict[str, Any]:
    """What rows depend on beside input and options, to the last bit; JSON values."""
    device = model.embeddings.weight.device
    backends = {operation: name for operation, (name, _) in choices(device).items()}
    return {
        "model": model_hash(model),
        **about_twin(model),
        "device": device.type,
        "backends": backends,
    }


def genome_digest(genome: Genome) -> str:
    """sha256 over names, lengths and tokens of all records."""
    lengths = genome.lengths.items()
    return tokens_digest((name, length, partial(genome.fetch, name)) for name, length in lengths)


def tokens_digest(named: Iterable[tuple[str, int, Callable[[int, int], Tokens]]]) -> str:
    """sha256 over names, lengths and tokens, which are read some at a time.

    Args:
        named: name, tokens, and what reads those from a first to a last one, exclusive.
    """
    digest = hashlib.sha256()
    for name, length, read in named:
        digest.update(f"{name}\n{length}\n".encode())
        for first in range(0, length, _READ):
            digest.update(read(first, min(first + _READ, length)).data)
    return digest.hexdigest()


def about_twin(model: HNetLanguageModel | None) -> dict[str, Any]:
    """``{"twin": "seed 0, ..."}`` of an untrained twin, and nothing of a model, or of none."""
    said = None if model is None else model.metadata.get(TWIN)
    return {} if said is None else {TWIN: said}


def result_name(name: str, model: HNetLanguageModel) -> str:
    """``boundaries.json``, or of a twin ``boundaries.twin.json``: it replaces no model's."""
    path = Path(name)
    return f"{path.stem}{TWIN_SUFFIX}{path.suffix}" if about_twin(model) else name
