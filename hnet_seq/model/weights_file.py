"""What a ``.safetensors`` file says of its weights, beside them; torch is not needed for it."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

METADATA = "hnet_seq"


def read_metadata(weights: Path) -> dict[str, str]:
    """What the weights were trained on; nothing where another program wrote them.

    :mod:`hnet_seq.transformers` has it in ``config.json``, as that library writes the weights.

    Raises:
        ValueError: the file is not readable; names it.
    """
    try:
        with safe_open(weights, "numpy") as file:
            stored: dict[str, str] = json.loads((file.metadata() or {}).get(METADATA, "{}"))
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{weights}: not a readable safetensors file: {error}") from error
    config = weights.parent / "config.json"
    if stored or not config.is_file():
        return stored
    try:
        found = json.loads(config.read_text())
    except ValueError:
        return {}  # whoever reads the configuration says so
    values = found.get(METADATA) if isinstance(found, dict) else None
    return {str(k): str(v) for k, v in values.items()} if isinstance(values, dict) else {}
