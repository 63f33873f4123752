"""A checkpoint and its untrained twin as readers: of ours, or of ``transformers``."""

from __future__ import annotations

from pathlib import Path

import torch

from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.model.auto import load_pretrained
from hnet_seq.peers.names import peer_name
from hnet_seq.tasks.zero_shot.hnet_reader import BATCH_TOKENS, HNetReader


def open_readers(
    where: str | Path,
    *,
    device: str | torch.device | None = None,
    batch_tokens: int = BATCH_TOKENS,
) -> tuple[Reader, Reader]:
    """The model and its untrained twin.

    Args:
        where: as everywhere checkpoints are taken, or as
            :func:`hnet_seq.peers.names.peer_name` knows it: a folder that ``transformers`` wrote,
            or ``transformers:owner/name`` of the hub.
        batch_tokens: of one forward call.

    Raises:
        FileNotFoundError: there is none.
        InputError: it cannot be read, or reads no DNA.
    """
    if (peer_at := peer_name(where)) is not None:
        from hnet_seq.peers.model import TransformersModel

        peer = TransformersModel.from_pretrained(
            peer_at, device, batch_tokens=batch_tokens, twin=True
        )
        assert peer.twin is not None
        return peer, peer.twin
    one, twin = (load_pretrained(where, device, twin=untrained) for untrained in (False, True))
    return (
        HNetReader(one, str(where), batch_tokens=batch_tokens, device=device),
        HNetReader(twin, f"{where}, untrained twin", batch_tokens=batch_tokens, device=device),
    )
