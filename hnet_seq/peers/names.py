"""How a checkpoint of another library is named; imports nothing that computes."""

from __future__ import annotations

from pathlib import Path

from hnet_seq.model.locate import CONFIG, read_json

PREFIX = "transformers:"


def peer_name(where: str | Path) -> str | None:
    """The folder, or ``owner/name`` of the hub, of a checkpoint of ``transformers``; else None.

    It is one where ``transformers:`` stands before it, or where it is a folder whose
    ``config.json`` has the ``model_type`` that the library writes, and ours does not.
    """
    name = str(where)
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX)
    file = Path(where) / CONFIG
    return name if file.is_file() and "model_type" in read_json(file) else None
