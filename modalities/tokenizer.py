"""Fixed tokens of several letters, the baseline beside learned chunks: byte pairs and k-mers.

A letter is a token of the shards, a byte or a base, and keeps its id; what has several letters
follows. A tokenizer only ever joins neighbouring letters of the run that it is given, so the tokens
of a run cover each letter once.
"""

from __future__ import annotations

import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modalities import text
from modalities.base import Modality, Tokens
from modalities.errors import UsageError

Ids = NDArray[np.int64]

TOKENIZER = "tokenizer"
"""Where the metadata of weights have one."""

TOKENS_OF = "tokens of "
"""Before the modality in the metadata of a model that reads tokens of several letters."""

_MOST_KMERS = 1 << 16
_REMEDY = "byte pairs need `tokenizers`: pip install 'hnet-seq[bpe]'"
# Words, numbers, rests and blanks, as GPT-2 cuts them, without a look at what a byte is part of: a
# merge never joins two of them, and letters of all scripts lie above 0x7f.
_BLANK = " \t-\r"
_WORDS = (
    f" ?[A-Za-z\x80-\xff]+| ?[0-9]+| ?[^{_BLANK}0-9A-Za-z\x80-\xff]+"
    f"|[{_BLANK}]+(?![^{_BLANK}])|[{_BLANK}]+"
)


class Tokenizer(ABC):
    """Letters to tokens and back.

    Attributes:
        name: as ``data.tokenizer`` has it.
        spellings: the letters of each token.
    """

    name: str
    spellings: list[Tokens]

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return len(self.spellings)

    @cached_property
    def lengths(self) -> Ids:
        """(vocab_size,) letters of each token."""
        return np.array([len(spelling) for spelling in self.spellings])

    @abstractmethod
    def encode(self, letters: Tokens) -> Ids:
        """(L,) letters to the ids of tokens that cover them."""

    @abstractmethod
    def to_json(self) -> str:
        """All that :func:`from_json` needs."""

    def decode(self, ids: Sequence[int]) -> Tokens:
        """The letters (L,) of tokens."""
        return np.concatenate([np.empty(0, np.uint8), *(self.spellings[token] for token in ids)])

    def joins(self, letters: Iterable[int]) -> list[int]:
        """The tokens that are made of these letters alone."""
        wanted = set(letters)
        return [t for t, spelling in enumerate(self.spellings) if wanted.issuperset(spelling)]


class Kmers(Tokenizer):
    """Every k letters of an alphabet are a token; the 1 to k - 1 at the end of a run are letters.

    So is whatever is not of the alphabet, and k-mers begin anew behind it.

    Args:
        k: letters of a token, 2 or more.
        letters: ids that stand for letters, those of the modality.
        alphabet: the letters that are joined.
    """

    def __init__(self, k: int, letters: int, alphabet: Sequence[int]) -> None:
        self.name = f"{k}mer"
        self.k, self.letters, self.alphabet = k, letters, tuple(sorted(alphabet))
        if k < 2 or len(self.alphabet) ** k > _MOST_KMERS:
            raise UsageError(
                "data.tokenizer",
                f"{self.name} of {len(self.alphabet)} letters are {len(self.alphabet) ** k:,} "
                "tokens; 2mer to 8mer are for DNA, bpe for text",
            )
        places = np.indices((len(self.alphabet),) * k).reshape(k, -1).T
        words = np.array(self.alphabet, np.uint8)[places]
        self.spellings = [*(np.array([i], np.uint8) for i in range(letters)), *words]
        self._digit = np.full(256, -1)
        self._digit[list(self.alphabet)] = np.arange(len(self.alphabet))
        self._powers = len(self.alphabet) ** np.arange(k)[::-1]

    def encode(self, letters: Tokens) -> Ids:
        """As :meth:`Tokenizer.encode`."""
        known = np.r_[False, self._digit[letters] >= 0, False]
        edges = np.flatnonzero(known[1:] != known[:-1])
        found, done = [np.empty(0, np.int64)], 0
        for start, stop in edges.reshape(-1, 2).tolist():
            whole = stop - (stop - start) % self.k
            words = self._digit[letters[start:whole]].reshape(-1, self.k) @ self._powers
            found += [letters[done:start].astype(np.int64), self.letters + words]
            done = whole
        return np.concatenate([*found, letters[done:].astype(np.int64)])

    def to_json(self) -> str:
        """As :meth:`Tokenizer.to_json`."""
        return json.dumps({"k": self.k, "letters": self.letters, "alphabet": self.alphabet})


class BytePairs(Tokenizer):
    """Byte pairs (Gage 1994; Sennrich, Haddow and Birch 2016), joined in the order of the merges.

    Args:
        characters: how each letter is written in ``merges``.
        merges: pairs of what is joined, the first ones first.

    Raises:
        UsageError: ``tokenizers`` is not installed.
    """

    name = "bpe"

    def __init__(self, characters: str, merges: Sequence[tuple[str, str]]) -> None:
        self.characters, self.merges = characters, [tuple(merge) for merge in merges]
        # Two merges may come to the same letters.
        vocabulary = dict.fromkeys([*characters, *("".join(pair) for pair in merges)])
        ids = {token: number for number, token in enumerate(vocabulary)}
        letter = {character: number for number, character in enumerate(characters)}
        self.spellings = [np.array([letter[c] for c in token], np.uint8) for token in vocabulary]
        library = _library()
        self._tokenizer = library.Tokenizer(library.models.BPE(ids, self.merges))
        self._tokenizer.pre_tokenizer = _words(characters)

    def encode(self, letters: Tokens) -> Ids:
        """As :meth:`Tokenizer.encode`."""
        written = _written(letters, self.characters)
        return np.array(self._tokenizer.encode(written).ids, np.int64)

    def to_json(self) -> str:
        """As :meth:`Tokenizer.to_json`."""
        return json.dumps({"characters": self.characters, "merges": self.merges})


def train_byte_pairs(
    runs: Iterable[Tokens], modality: Modality, joined: Iterable[int], vocab_size: int
) -> BytePairs:
    """Learn which neighbours to join.

    Args:
        runs: letters to learn from; those that are not to be joined end a word.
        joined: the letters that may be joined.
        vocab_size: tokens to end with, letters included; fewer where there is nothing more to join.

    Raises:
        UsageError: ``tokenizers`` is not installed.
    """
    library = _library()
    named = enumerate(modality.vocabulary)
    characters = "".join(name if len(name) == 1 else chr(letter) for letter, name in named)
    alphabet = [characters[letter] for letter in joined]
    words = re.compile(f"[{re.escape(''.join(alphabet))}]+")
    learner = library.Tokenizer(library.models.BPE())
    learner.pre_tokenizer = _words(characters)
    learner.train_from_iterator(
        (word for run in runs for word in words.findall(_written(run, characters))),
        library.trainers.BpeTrainer(
            vocab_size=len(alphabet) + max(0, vocab_size - len(characters)),
            initial_alphabet=alphabet,
            min_frequency=2,
            show_progress=False,
        ),
    )
    merges = json.loads(learner.to_str())["model"]["merges"]
    return BytePairs(characters, [(first, second) for first, second in merges])


def from_json(written: str) -> Tokenizer:
    """What :meth:`Tokenizer.to_json` wrote.

    Raises:
        UsageError: ``tokenizers`` is not installed, and it is needed.
    """
    values = json.loads(written)
    if "k" in values:
        return Kmers(**values)
    return BytePairs(**values)


def tokenizer_of(metadata: Mapping[str, str]) -> Tokenizer | None:
    """What the weights with these metadata read letters with; None: as they are.

    Raises:
        UsageError: as :func:`from_json`.
    """
    return from_json(metadata[TOKENIZER]) if TOKENIZER in metadata else None


def k_of(name: str) -> int | None:
    """The k of ``"6mer"``; None of anything else."""
    found = re.fullmatch(r"([1-9]\d*)mer", name)
    return int(found[1]) if found else None


def _written(letters: Tokens, characters: str) -> str:
    return letters.tobytes().decode("latin-1").translate(dict(enumerate(characters)))


def _words(characters: str) -> Any:
    """What cuts bytes into words; None for DNA, which has none."""
    library = _library()
    if len(characters) < len(text.VOCABULARY):
        return None
    return library.pre_tokenizers.Split(library.Regex(_WORDS), "isolated")


def _library() -> Any:
    # Its threads and the worker processes of a run do not go together; a batch takes milliseconds.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import tokenizers
    except ImportError:
        raise UsageError("data.tokenizer", _REMEDY) from None
    return tokenizers
