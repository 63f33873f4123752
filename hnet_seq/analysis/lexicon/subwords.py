"""Tokenizers of Hugging Face's library: one of a lexicon's words, and byte pairs beside it.

DNA is written in its letters, as other models' tokenizers have it. Of text each byte is a
character of the library's byte-level alphabet, so that words may begin inside a character.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.lexicon.cut_text import Letters

UNKNOWN = "<unk>"
_DNA = "ACGTN"
_NEVER = -100.0  # log of the chance of a letter that is no word: only where nothing else fits


def byte_characters() -> str:
    """The character of each byte, as GPT-2's tokenizer writes them (Radford et al. 2019)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {byte: chr(byte) for byte in plain}
    others = [byte for byte in range(256) if byte not in table]
    table |= {byte: chr(0x100 + place) for place, byte in enumerate(others)}
    return "".join(table[byte] for byte in range(256))


class Writing:
    """How letters stand in a tokenizer.

    Args:
        dna: A, C, G, T and N; else bytes.
    """

    def __init__(self, *, dna: bool) -> None:
        self.dna = dna
        self.characters = _DNA if dna else byte_characters()
        self._letters = {character: number for number, character in enumerate(self.characters)}
        self._table = dict(enumerate(self.characters))

    def write(self, letters: bytes) -> str:
        """A character for each letter."""
        return letters.decode("latin-1").translate(self._table)

    def read(self, word: str) -> bytes | None:
        """The inverse; None for what is no word of letters, such as the unknown token."""
        numbers = [self._letters.get(character, -1) for character in word]
        return bytes(numbers) if word and min(numbers) >= 0 else None

    def encoded(self, letters: Letters) -> str:
        """What a user gives the tokenizer."""
        if self.dna:
            return self.write(letters.tobytes())
        return letters.tobytes().decode()


def lexicon_tokenizer(
    words: Sequence[bytes], counts: NDArray[np.int64], writing: Writing
) -> dict[str, Any]:
    """A unigram tokenizer of the words, by their shares, as the library's JSON.

    It cuts where the product of the shares of its words is largest (Kudo, ACL 2018). Letters that
    are no word of the lexicon stand where nothing else fits.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    total = math.log(max(int(counts.sum()), 1))
    scores = {
        writing.write(word): math.log(count) - total
        for word, count in zip(words, counts.tolist(), strict=True)
    }
    scores |= {letter: _NEVER for letter in writing.characters if letter not in scores}
    made = Tokenizer(models.Unigram([(UNKNOWN, _NEVER * 2), *scores.items()], unk_id=0))
    if writing.dna:
        lower = [normalizers.Replace(own, own.upper()) for own in _DNA.lower()]
        rna = [normalizers.Replace(own, "T") for own in "Uu"]
        made.normalizer = normalizers.Sequence([*lower, *rna])
        made.decoder = decoders.Fuse()
    else:
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        made.decoder = decoders.ByteLevel()
    found: dict[str, Any] = json.loads(made.to_str())
    return found


def byte_pairs(pieces: Iterable[Letters], size: int, writing: Writing) -> Any:
    """A byte-pair tokenizer of a vocabulary of ``size``, learned from pieces."""
    from tokenizers import Tokenizer, models, trainers

    learner = Tokenizer(models.BPE())
    alphabet = list(writing.characters[:4] if writing.dna else writing.characters)
    trainer = trainers.BpeTrainer(
        vocab_size=max(size, len(alphabet)), initial_alphabet=alphabet, show_progress=False
    )
    learner.train_from_iterator((writing.write(own.tobytes()) for own in pieces), trainer)
    return learner


def lengths_by(tokenizer: Any, texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """Letters of each token of each text."""
    return [
        np.array([len(token) for token in found.tokens], np.int64)
        for found in tokenizer.encode_batch(texts, add_special_tokens=False)
    ]


def opened(content: dict[str, Any]) -> Any:
    """The tokenizer of a JSON file's content."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(json.dumps(content))
