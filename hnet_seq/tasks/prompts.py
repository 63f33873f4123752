"""What ``hnet-seq generate`` goes on from: prompts of the command line, FASTA or lines of text."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from hnet_seq.tasks.sequences.inputs import read_named_sequences
from modalities import code, text
from modalities.base import Modality, Tokens
from modalities.dna_bytes import from_dna
from modalities.errors import InputError, UsageError
from pipelines.storage.compression import read_chunks


def is_text(modality: Modality) -> bool:
    """Whether its sequences are UTF-8, not letters of DNA."""
    return modality in (text.TEXT, code.CODE)


def read_prompts(args: argparse.Namespace, modality: Modality) -> list[tuple[str, Tokens]]:
    """Names and tokens of the prompts; those of bytes begin with the marker of a document.

    Raises:
        UsageError: one of the command line is empty or has other letters.
        InputError: a file that cannot be read, or without any.
    """
    begin = np.array([text.BEGIN] if modality.vocabulary == text.VOCABULARY else [], np.uint8)
    if is_text(modality):
        lines = args.prompt or _lines(args.prompts)
        found = [
            (f"prompt {number}", np.concatenate([begin, text.encode(line)]))
            for number, line in enumerate(lines, 1)
        ]
    elif args.prompt:
        found = [
            (f"prompt_{number}", np.concatenate([begin, tokens]))
            for number, tokens in enumerate(encoded(args.prompt, modality), 1)
        ]
    else:
        found = [
            (name, np.concatenate([begin, from_dna(tokens) if len(begin) else tokens]))
            for name, tokens in read_named_sequences(args.prompts)
        ]
    if not found:
        raise InputError(args.prompts, "has no prompts")
    return found


def encoded(prompts: Sequence[str], modality: Modality) -> list[Tokens]:
    """Tokens of prompts of DNA.

    Raises:
        UsageError: one is empty or has other letters.
    """
    found = []
    for number, letters in enumerate(prompts, 1):
        try:
            found.append(modality.encode(letters))
        except InputError as error:
            raise UsageError("prompt", f"prompt {number}, {error}") from None
        if not len(found[-1]):
            raise UsageError("prompt", f"prompt {number} is empty; give a base at least")
    return found


def _lines(path: str) -> list[str]:
    try:
        lines = b"".join(read_chunks(path)).decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        where = f"byte {error.start + 1}"
        raise InputError(path, "is not UTF-8; convert the text first", where=where) from None
    # Not str.splitlines, which would also cut at form feeds and the separators of Unicode.
    return [] if lines == [""] else [line.removesuffix("\r") for line in lines]
