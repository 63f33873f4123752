"""``hnet-seq generate``: continue sequences; its arguments are in ``commands``."""

from __future__ import annotations

import argparse
import codecs
import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TextIO

import numpy as np
import torch

import modalities
from hnet_seq.commands.generate import check_modality, sampling_from
from hnet_seq.commands.meaning import check_meant
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.generation import Token, generate
from hnet_seq.tasks.prompts import is_text, read_prompts
from modalities import text
from modalities.base import Modality
from modalities.errors import InputError
from modalities.tokenizer import TOKENS_OF, Tokenizer, tokenizer_of
from pipelines.storage.files import check_file, replaced_file

__all__ = ["BAR", "Writer", "main"]

BAR = "|"
_LINE = 80  # letters of a FASTA line
_BATCH = 32  # sequences at once


class Writer:
    """Letters of one sequence from its tokens, as soon as they are whole characters."""

    def __init__(
        self, modality: Modality, show_chunks: bool, tokenizer: Tokenizer | None = None
    ) -> None:
        self._modality = modality
        self._show_chunks = show_chunks
        self._tokenizer = tokenizer
        # A character of several bytes is held back until its last byte has come.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def letters(self, token: Token) -> str:
        """What the token adds."""
        bars = BAR * token.depth if self._show_chunks else ""
        letters = self._tokenizer.decode([token.token]) if self._tokenizer else token.token
        found = np.array(letters, np.uint8, ndmin=1)
        if is_text(self._modality):
            if found[0] >= text.BEGIN:
                return ""
            of_token = found.tobytes()
            return self._decoder.decode(of_token if self._open else bars.encode() + of_token)
        return bars + self._modality.decode(found)

    @property
    def _open(self) -> bool:
        """In the middle of a character: a bar there would cut it."""
        return bool(self._decoder.getstate()[0])

    def close(self) -> str:
        """What a character that never ended adds."""
        return self._decoder.decode(b"", final=True)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    out = check_file(args.out) if args.out else None
    model = HNetForCausalLM.from_pretrained(args.checkpoint, args.device)
    if not model.num_stages:
        check_meant(args, f"{args.checkpoint} has no chunks", of="isotropic models")
    tokenizer = tokenizer_of(model.metadata)
    modality = _modality(model, args.modality, args.checkpoint)
    scored = tokenizer.joins(modality.scored_tokens) if tokenizer else modality.scored_tokens
    allowed = tuple(t for t in scored if t < model.config.vocab_size)
    sampling = sampling_from(args, allowed)
    prompts = [
        # No blank: a FASTA name ends at the first one, and samples would share theirs.
        (f"{name}_sample_{sample}" if args.samples > 1 else name, tokens)
        for name, tokens in read_prompts(args, modality)
        for sample in range(args.samples)
    ]
    with replaced_file(out) if out else nullcontext(sys.stdout) as file:
        for first in range(0, len(prompts), _BATCH):
            batch = prompts[first : first + _BATCH]
            ids = [torch.from_numpy(tokens.astype(np.int64)) for _, tokens in batch]
            tokens = generate(
                model,
                ids,
                args.max_new_tokens,
                sampling=sampling,
                stop_tokens=(text.END,) if text.END in allowed else (),
                seeds=args.seed + first,
            )
            names = [name for name, _ in batch]
            if len(prompts) == 1 and is_text(modality):
                _write_stream(file, tokens, Writer(modality, args.show_chunks, tokenizer))
            else:
                writers = [Writer(modality, args.show_chunks, tokenizer) for _ in names]
                _write_records(file, names, tokens, modality, writers)
    return 0


def _modality(model: HNetForCausalLM, asked: str | None, checkpoint: str) -> Modality:
    stated = model.metadata.get("modality", "").removeprefix(TOKENS_OF) or None
    check_modality(checkpoint, asked, stated)
    name = asked or stated
    if name is None:
        raise InputError(checkpoint, "does not say what it was trained on; give --modality")
    modality = modalities.get(name)
    if modality.vocab_size > model.config.vocab_size:
        raise InputError(
            checkpoint,
            f"has {model.config.vocab_size} tokens; {name} needs {modality.vocab_size}",
        )
    return modality


def _write_stream(file: TextIO, tokens: Iterator[Token], writer: Writer) -> None:
    for token in tokens:
        if letters := writer.letters(token):
            file.write(letters)
            if not token.prompt:
                file.flush()
    file.write(writer.close() + "\n")
    file.flush()


def _fasta_record(name: str, letters: str) -> str:
    lines = (letters[start : start + _LINE] for start in range(0, len(letters), _LINE))
    return "\n".join([f">{name}", *lines]) + "\n"


def _json_line(name: str, letters: str) -> str:
    return json.dumps({"name": name, "text": letters}, ensure_ascii=False) + "\n"


def _write_records(
    file: TextIO,
    names: list[str],
    tokens: Iterator[Token],
    modality: Modality,
    writers: list[Writer],
) -> None:
    """A FASTA record (DNA) or a JSON line (text) for each sequence, in the order of the prompts."""
    letters: list[list[str]] = [[] for _ in names]
    for token in tokens:
        letters[token.sequence].append(writers[token.sequence].letters(token))
    record = _json_line if is_text(modality) else _fasta_record
    for name, parts, writer in zip(names, letters, writers, strict=True):
        file.write(record(name, "".join(parts) + writer.close()))
    file.flush()
