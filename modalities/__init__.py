"""What a sequence is. Needs numpy only."""

from __future__ import annotations

from modalities import code, dna, dna_bytes, text
from modalities.base import Modality
from modalities.errors import InputError, UsageError
from modalities.tokenizer import TOKENS_OF

MODALITIES: dict[str, Modality] = {
    m.name: m for m in (dna.DNA, text.TEXT, code.CODE, dna_bytes.DNA_BYTES)
}


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


__all__ = [
    "MODALITIES",
    "InputError",
    "Modality",
    "UsageError",
    "code",
    "dna",
    "dna_bytes",
    "get",
    "text",
]
