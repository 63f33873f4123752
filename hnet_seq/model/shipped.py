"""Models that come with the package: loaded by name, with nothing to download.

Each is a folder under ``hnet_seq/weights/``, written by ``studies/ship_weights.py``: the weights
and ``config.json`` as anywhere, ``config.yaml`` with what it was trained by, and the card,
``card.json`` for programs and ``README.md`` for people.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CARD, PAGE = "card.json", "README.md"
FOLDER = Path(__file__).parents[1] / "weights"
_WEIGHTS = "model.safetensors"


def shipped_names() -> list[str]:
    """What can be loaded by name."""
    return sorted(file.parent.name for file in FOLDER.glob(f"*/{_WEIGHTS}"))


def shipped_folder(name: str) -> Path | None:
    """Where a model of this name lies; None for any other."""
    return FOLDER / name if name in shipped_names() else None


def shipped_lines() -> list[str]:
    """Each of them in a line: its name and what it is."""
    cards = {name: read_card(FOLDER / name) or {} for name in shipped_names()}
    return [f"{name}: {card.get('summary', 'no card')}" for name, card in cards.items()]


def read_card(folder: Path) -> dict[str, Any] | None:
    """The card beside weights; None where there is none.

    Raises:
        ValueError: it is no JSON; names the file.
    """
    file = folder / CARD
    if not file.is_file():
        return None
    try:
        card: dict[str, Any] = json.loads(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file}: not readable as JSON: {error}") from error
    return card
