"""What a ``.safetensors`` file says of its weights, beside them; torch is not needed for it."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open

METADATA = "hnet_seq"


def read_metadata(weights: Path) -> dict[str, str]:
    """What the weights were trained on; nothing where another program wrote them.

    Raises:
        ValueError: the file is not readable; names it.
    """
    try:
        with safe_open(weights, "numpy") as file:
            stored: dict[str, str] = json.loads((file.metadata() or {}).get(METADATA, "{}"))
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{weights}: not a readable safetensors file: {error}") from error
    return stored
