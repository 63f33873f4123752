"""What a kept classifier is, from the names of its files; torch is not needed to find it wrong."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hnet_seq.heads.names import HEAD
from hnet_seq.model.locate import ADAPTER
from modalities.errors import InputError, UsageError

MODEL = "model"
NO_PROBE = "is no probe of `hnet-seq classify train`; give its probe.npz"


def finetuned_folder(path: str | Path, checkpoint: str | Path | None) -> Path | None:
    """The folder of a fine-tuned model in ``path``; None where it is the file of a probe.

    Args:
        checkpoint: where the model of a probe, or the base of an adapter, lies now.

    Raises:
        InputError: a folder or file of something else.
        UsageError: a checkpoint for a fine-tuned model, which is its own.
    """
    path = Path(path)
    folders = [folder for folder in (path, path / MODEL) if (folder / HEAD).is_file()]
    if folders and checkpoint is not None and not (folders[0] / ADAPTER).is_file():
        raise UsageError("checkpoint", f"goes with a probe; {folders[0]} is a whole model")
    if not folders and path.is_dir():
        raise InputError(
            path,
            "is a folder; give the probe.npz in it, or a folder that `hnet-seq classify finetune` "
            f"wrote, with {HEAD}",
        )
    if not folders and not zipfile.is_zipfile(path):
        raise InputError(path, NO_PROBE)
    return folders[0] if folders else None
