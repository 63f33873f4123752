"""What storing weights in fewer bits costs: the measurements of studies/ship_weights.py.

Against fp32, on the same held-out windows: bits per token, and the vectors that ``embed`` gives
(cosine of the mean over chunks and over bases). Beside them the untrained twin.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnet_seq.config import ExperimentConfig
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.int8_rows import to_int8_rows
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.locate import WEIGHTS
from hnet_seq.model.pretrained import save_weights
from hnet_seq.tasks.embedding.vectors import embed_poolings
from hnet_seq.tasks.pretrain_data import training_batches, validation_sources
from hnet_seq.train.evaluation import evaluate
from pipelines.batches.shard_documents import read_documents

#: How tables of n-grams are stored, and how matrices.
FORMATS = {
    "fp32": ("fp32", "fp32"),
    "bf16": ("bf16", "bf16"),
    "int8-tables": ("int8", "bf16"),
    "int8": ("int8", "int8"),
}
LEAST = 1 << 14  # values of a matrix that is worth it: more than a small router has
_TABLES = ".tables"
_WINDOW = 500  # tokens
_WINDOWS = 100  # of all sources together


@dataclass(frozen=True)
class Measured:
    """One format, or the twin.

    Attributes:
        bytes: of the file.
        all_bits: per token, of all sources.
        bits: per token, of each source.
        scored: tokens.
        windows: whose vectors are compared.
        cosine: with the vectors of fp32, by pooling: the mean, and the least, of all windows.
    """

    bytes: int
    all_bits: float
    bits: dict[str, float]
    scored: int
    windows: int
    cosine: dict[str, tuple[float, float]]


def formats_of() -> list[str]:
    """Their names."""
    return list(FORMATS)


def stored_as(weights: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """What is written of weights in a format; what is small, or no matrix, stays as it is."""
    tables, matrices = FORMATS[name]
    rounded: dict[str, dict[str, Tensor]] = {"fp32": {}, "bf16": {}, "int8": {}}
    for key, value in weights.items():
        large = value.is_floating_point() and value.dim() == 2 and value.numel() > LEAST
        kind = (tables if key.endswith(_TABLES) else matrices) if large else "fp32"
        rounded[kind][key] = value
    in_bf16 = {key: value.to(torch.bfloat16) for key, value in rounded["bf16"].items()}
    return {**rounded["fp32"], **in_bf16, **to_int8_rows(rounded["int8"])}


def measure(
    model: HNetLanguageModel, twin: HNetLanguageModel, config: ExperimentConfig
) -> dict[str, Measured]:
    """Every format of :data:`FORMATS`, and ``twin``, on the validation split of a run's data.

    Args:
        config: of the run; ``data.validation_tokens`` bounds what is scored.
    """
    windows = _windows(config)
    given = embed_poolings(model, windows, poolings=_poolings(model))
    found = {"twin": _measured(twin, config, windows, given, 0)}
    with tempfile.TemporaryDirectory() as folder:
        for name in FORMATS:
            save_weights(model, folder, store=partial(stored_as, name=name))
            size = (Path(folder) / WEIGHTS).stat().st_size
            rounded = load_pretrained(folder, "cpu")
            found[name] = _measured(rounded, config, windows, given, size)
    return found


def by_source(scores: Mapping[str, Any], only: str) -> dict[str, tuple[float, int]]:
    """Bits per token and scored tokens of each source, all its labels together.

    Args:
        scores: of a validation.
        only: the source, where there is one.
    """
    sums: dict[str, tuple[float, int]] = {}
    for own in scores.get("sources", [{"source": only, **scores}]):
        bits, tokens = sums.get(own["source"], (0.0, 0))
        new = own["scored_tokens"]
        sums[own["source"]] = bits + own["bits_per_token"] * new, tokens + new
    return {name: (bits / max(1, tokens), tokens) for name, (bits, tokens) in sums.items()}


def _measured(
    model: HNetLanguageModel,
    config: ExperimentConfig,
    windows: list[NDArray[np.uint8]],
    given: dict[str, NDArray[np.float32]],
    size: int,
) -> Measured:
    sources = validation_sources(config, training_batches(copy.deepcopy(config)))
    scores = evaluate(model, sources, config.train.ratio_loss.targets)
    own = embed_poolings(model, windows, poolings=[*given])
    return Measured(
        bytes=size,
        all_bits=scores["bits_per_token"],
        bits={name: bits for name, (bits, _) in by_source(scores, sources[0].source).items()},
        scored=scores["scored_tokens"],
        windows=len(windows),
        cosine={pooling: _cosine(own[pooling], given[pooling]) for pooling in given},
    )


def _poolings(model: HNetLanguageModel) -> list[str]:
    return ["chunks", "bases"] if model.num_stages else ["bases"]


def _windows(config: ExperimentConfig) -> list[NDArray[np.uint8]]:
    """As many of each source, from all over its held-out documents."""
    found = []
    share = _WINDOWS // len(config.data.sources)
    for source in config.data.sources:
        tokens = np.concatenate(
            [document.tokens for document in read_documents(source.path, "validation")]
        )
        starts = np.linspace(0, max(0, len(tokens) - _WINDOW), share).astype(int)
        found += [tokens[start : start + _WINDOW] for start in starts]
    return found


def _cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[float, float]:
    """Mean and least of the rows' cosines, as they stand and not centred."""
    each = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return float(each.mean()), float(each.min())
