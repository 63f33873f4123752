"""What results of the untrained twin say, and how they are named: beside the model's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.twin import TWIN
from hnet_seq.results.read import TWIN_SUFFIX


def about_twin(model: HNetLanguageModel | None) -> dict[str, Any]:
    """``{"twin": "seed 0, ..."}`` of an untrained twin, and nothing of a model, or of none."""
    said = None if model is None else model.metadata.get(TWIN)
    return {} if said is None else {TWIN: said}


def result_name(name: str, model: HNetLanguageModel) -> str:
    """``boundaries.json``, or of a twin ``boundaries.twin.json``: it replaces no model's."""
    path = Path(name)
    return f"{path.stem}{TWIN_SUFFIX}{path.suffix}" if about_twin(model) else name
