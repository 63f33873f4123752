"""How a checkpoint of another library is named; imports nothing that computes."""

from __future__ import annotations

from pathlib import Path

from hnet_seq.model.config import MODEL_TYPE
from hnet_seq.model.locate import CONFIG, read_json

PREFIX = "transformers:"


def peer_name(where: str | Path) -> str | None:
    """The folder, or ``owner/name`` of the hub, of a checkpoint of ``transformers``; else None.

    It is one where ``transformers:`` stands before it, or where it is a folder whose
    ``config.json`` has a ``model_type`` that is not ours.
    """
    name = str(where)
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX)
    file = Path(where) / CONFIG
    kind = read_json(file).get("model_type", MODEL_TYPE) if file.is_file() else MODEL_TYPE
    return name if kind != MODEL_TYPE else None
