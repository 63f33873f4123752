"""``<out>.json``: how vectors were made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hnet_seq import __version__
from hnet_seq.model.twin import TWIN
from hnet_seq.results.embedding import Embedding
from hnet_seq.tasks.embedding.plan import Plan
from hnet_seq.tasks.sequences.inputs import SequenceSource
from modalities.errors import UsageError

_OPTIONS = (
    *("level", "layer", "stage", "pooling", "strands", "batch_tokens", "cache_limit"),
    *("attention_window", "precision", "label"),
)


def about_vectors(
    identity: dict[str, Any],
    checkpoint: str | Path,
    source: str | Path,
    sequences: SequenceSource,
    rows: int,
    plan: Plan,
    seconds: float,
    out: Path,
    overview: dict[str, Any] | None,
) -> Embedding:
    """The record.

    Args:
        identity: see :func:`hnet_seq.tasks.embedding.plan.identity_of`.
        seconds: of computing, all processes and runs together.
        overview: of vectors of sequences.
    """
    content = {
        "version": __version__,
        "output": out.name,
        "model": {
            "checkpoint": f"{checkpoint}",
            "sha256": identity["weights"],
            **({TWIN: identity[TWIN]} if TWIN in identity else {}),
            "modality": identity["modality"],
        },
        "input": {
            "source": f"{source}",
            "sha256": sequences.digest,
            "sequences": sequences.count,
            "bases": sequences.total_bases,
        },
        "options": {key: identity[key] for key in _OPTIONS},
        "device": identity["device"],
        "rows": rows,
        "width": plan.layer.width,
        "seconds": round(seconds, 3),
        "overview": overview,
    }
    return Embedding.of(content)


def check_about(path: Path) -> None:
    """Raise UsageError where another kind of file has the name."""
    if not path.exists():
        return
    try:
        if json.loads(path.read_bytes())["kind"] == Embedding.KIND:
            return
    except (ValueError, KeyError, TypeError, OSError):
        pass
    raise UsageError(
        "out",
        f"{path}, which would say how the vectors were made, is something else; rename --out",
    )
