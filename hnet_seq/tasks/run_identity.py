"""What results and unfinished runs are of: a run of something else does not go on in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hnet_seq.model.locate import locate
from modalities.errors import InputError, UsageError
from pipelines.files import file_sha256, replaced_file


def weights_sha256(checkpoint: str | Path) -> str:
    """sha256 of the file of weights that a checkpoint stands for, as ``sha256sum`` prints it."""
    return file_sha256(locate(checkpoint).weights)


def keep_identity(path: Path, identity: Mapping[str, Any]) -> None:
    """Write an identity, as JSON, where there is none yet; else hold it against the one that is.

    Args:
        path: in the folder of the unfinished run.
        identity: values that come out of JSON as they go in.

    Raises:
        InputError: the file is damaged.
        UsageError: the folder is of something else, and the message says what differs.
    """
    if not path.exists():
        with replaced_file(path) as stream:
            json.dump(identity, stream, indent=2)
        return
    folder = path.parent
    try:
        known = json.loads(path.read_bytes())
    except ValueError:
        raise InputError(path, f"is damaged; delete {folder} to begin anew") from None
    differing = [
        f"{key} was {known.get(key)!r}, is {value!r}"
        for key, value in identity.items()
        if known.get(key) != value
    ]
    if differing:
        raise UsageError(
            "--out",
            f"{folder} holds an unfinished run of something else: {'; '.join(differing)}; finish "
            "that one, delete the folder to begin anew, or name another --out",
        )
