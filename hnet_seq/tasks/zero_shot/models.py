"""A checkpoint and its untrained twin as readers: of ours, or of ``transformers``."""

from __future__ import annotations

from pathlib import Path

import torch

from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.model.auto import load_pretrained
from hnet_seq.peers.files import is_transformers_folder
from hnet_seq.tasks.zero_shot.hnet_reader import BATCH_TOKENS, HNetReader

PEER = "transformers:"
"""Before a name on the hub, or a folder: it is no checkpoint of ours."""


def open_readers(
    where: str | Path,
    *,
    device: str | torch.device | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> tuple[Reader, Reader]:
    """The model and its untrained twin.

    Args:
        where: as everywhere checkpoints are taken; a folder whose ``config.json`` is one of
            ``transformers``; or ``transformers:owner/name`` of the hub.
        batch_tokens: of one forward call.

    Raises:
        FileNotFoundError: there is none.
        InputError: it cannot be read, or reads no DNA.
    """
    name = str(where)
    if name.startswith(PEER) or is_transformers_folder(Path(where)):
        from hnet_seq.peers.model import TransformersModel

        peer = TransformersModel.from_pretrained(
            name.removeprefix(PEER), device, batch_tokens=batch_tokens, twin=True
        )
        assert peer.twin is not None
        return peer, peer.twin
    one, twin = (load_pretrained(where, device, twin=untrained) for untrained in (False, True))
    options = {"batch_tokens": batch_tokens}
    return HNetReader(one, name, **options), HNetReader(twin, f"{name}, untrained twin", **options)
