"""The modalities by name."""

from __future__ import annotations

from modalities.base import Modality
from modalities.code import CODE
from modalities.dna import DNA
from modalities.dna_bytes import DNA_BYTES
from modalities.errors import InputError, UsageError
from modalities.text import TEXT
from modalities.tokenizer import TOKENS_OF

MODALITIES: dict[str, Modality] = {m.name: m for m in (DNA, TEXT, CODE, DNA_BYTES)}


def get(name: str) -> Modality:
    """The modality of that name.

    Raises:
        UsageError: there is none; the message names those there are.
        InputError: it is that of a model behind a tokenizer, where letters are read.
    """
    if name.startswith(TOKENS_OF):
        raise InputError(
            None,
            f"the model reads {name}, and this reads letters: take a model that was trained "
            "without data.tokenizer",
        )
    if name not in MODALITIES:
        raise UsageError("modality", f"{name!r} is unknown; expected {' or '.join(MODALITIES)}")
    return MODALITIES[name]
