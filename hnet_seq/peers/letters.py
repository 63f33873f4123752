"""What another model's tokenizer makes of DNA: ids, and how many bases each stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError

_SPELLINGS = ("ACGTN", "ACGUN", "acgtn", "acgun")
_PLAIN = {"add_special_tokens": False, "truncation": False, "verbose": False}
_LETTERS = set("ACGTUN")
_MARKS = "\u0120\u2581#"  # of a word's beginning or inside, in byte-level BPE and its like
_NO_LIMIT = 10**9  # tokenizers without one have a huge number


@dataclass(frozen=True)
class Spelled:
    """One sequence as the tokenizer reads it, without special tokens.

    Attributes:
        ids: (K,) int64.
        bases: (K,) how many bases each token stands for; their sum is the sequence's length.
        known: (K,) bool, False where a token stands for a base that is unknown (N).
    """

    ids: NDArray[np.int64]
    bases: NDArray[np.int64]
    known: NDArray[np.bool_]


class DnaTokenizer:
    """A tokenizer of ``transformers`` that knows the letters of DNA.

    Letters go in as it spells them, found out here: upper or lower case, T or U. Case and U of the
    caller so make no difference, as everywhere in this package.

    Attributes:
        before, after: ids of the special tokens that it puts around a sequence.
        base_ids: the ids of A, C, G and T where each base is one token, else None.
        mask_id: of a hidden token; None where there is none.
        limit: tokens that it says the model takes, special ones included; None for no limit.

    Raises:
        InputError: it does not know the letters, or most of its words are of others.
    """

    def __init__(self, tokenizer: Any, folder: Path) -> None:
        self._tokenizer = tokenizer
        self._folder = folder
        self._unknown = tokenizer.unk_token_id
        self._table = self._spelling()
        self._check_words()
        own = self._call("ACGT")
        whole = [int(i) for i in tokenizer("ACGT".translate(self._table))["input_ids"]]
        at_all = [at for at in range(len(whole)) if whole[at : at + len(own)] == own]
        if not at_all:
            raise InputError(folder, "its tokenizer reads a sequence otherwise with special tokens")
        first = at_all[0]
        self.before, self.after = whole[:first], whole[first + len(own) :]
        singles = [self._call(letter) for letter in "ACGT"]
        alone = all(len(ids) == 1 for ids in singles)
        one_each = own == [ids[0] for ids in singles] if alone else False
        # Longer words may wait for a longer text.
        long = self._call("ACGT" * 16)
        self.base_ids = [ids[0] for ids in singles] if one_each and len(long) == 64 else None
        self.mask_id: int | None = tokenizer.mask_token_id
        limit = tokenizer.model_max_length
        self.limit: int | None = int(limit) if limit and limit < _NO_LIMIT else None
        self._pure: NDArray[np.bool_] | None = None

    def _check_words(self) -> None:
        """Raise InputError where most words are of other letters: a tokenizer of text has ACGT."""
        special = set(self._tokenizer.all_special_ids)
        words = self._tokenizer.convert_ids_to_tokens(list(range(len(self._tokenizer))))
        plain = [
            bare
            for index, word in enumerate(words)
            if index not in special
            and word
            and word[0] not in "<["  # kept for special ones
            and (bare := word.strip(_MARKS))
        ]
        of_dna = sum(set(word.upper()) <= _LETTERS for word in plain)
        if 2 * of_dna <= len(plain):
            raise InputError(
                self._folder,
                f"its tokenizer is none of DNA: {of_dna:,} of its {len(plain):,} words are of its "
                "letters",
            )

    def _spelling(self) -> dict[int, int]:
        for letters in _SPELLINGS:
            table = str.maketrans("ACGTN", letters)
            ids = self._tokenizer("ACGT".translate(table), **_PLAIN)["input_ids"]
            if len(ids) and self._unknown not in ids:
                return table
        raise InputError(
            self._folder,
            "its tokenizer does not know the letters of DNA (ACGT, acgt or with U); words that "
            "are parted by blanks are not read",
        )

    def _call(self, letters: str) -> list[int]:
        found = self._tokenizer(letters.translate(self._table), **_PLAIN)
        return [int(i) for i in found["input_ids"]]

    def spell(self, tokens: Tokens, name: str) -> Spelled:
        """A sequence (L,) as the tokenizer reads it.

        Raises:
            InputError: known bases read as an unknown word; or nobody can say which letters its
                tokens stand for.
        """
        # Markers and masks of our own are no letters.
        letters = dna.decode(np.where(tokens > dna.UNKNOWN, dna.UNKNOWN, tokens))
        text = letters.translate(self._table)
        ids, ends = self._ids_and_ends(text, name)
        starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
        unknown_before = np.concatenate([[0], np.cumsum(tokens >= dna.UNKNOWN)])
        known = unknown_before[ends] == unknown_before[starts]
        odd = known & (ids == (-1 if self._unknown is None else self._unknown))
        if odd.any():
            at = int(starts[odd.argmax()])
            raise InputError(
                None,
                f"its tokenizer has no word for {text[at : at + 12]!r} at base {at + 1}; no vector "
                "would tell what stands there",
                where=name,
            )
        return Spelled(ids, ends - starts, known)

    def _ids_and_ends(self, text: str, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids (K,), and the letters up to the end of each."""
        if self._tokenizer.is_fast:
            found = self._tokenizer(text, return_offsets_mapping=True, **_PLAIN)
            ends = np.array([end for _, end in found["offset_mapping"]], np.int64)
        else:
            found = self._tokenizer(text, **_PLAIN)
            words = self._tokenizer.convert_ids_to_tokens(found["input_ids"])
            one = self._tokenizer.unk_token  # of a base that it does not know
            ends = np.cumsum([1 if word == one else len(word) for word in words])
        ids = np.array(found["input_ids"], np.int64)
        if not len(ids) or int(ends[-1]) != len(text) or (np.diff(ends) < 0).any():
            raise InputError(
                self._folder,
                "nobody can say which bases its tokenizer's words stand for",
                where=name,
            )
        return ids, ends

    def pure(self, size: int) -> NDArray[np.bool_]:
        """(size,) bool: the ids whose words are of A, C, G and T alone."""
        if self._pure is None:
            words = self._tokenizer.convert_ids_to_tokens(list(range(len(self._tokenizer))))
            special = set(self._tokenizer.all_special_ids)
            letters = set("ACGT".translate(self._table))
            self._pure = np.array(
                [
                    bool(word) and index not in special and set(word) <= letters
                    for index, word in enumerate(words)
                ]
            )
        found = np.zeros(size, np.bool_)
        found[: len(self._pure)] = self._pure[:size]
        return found

    def bases_of(self, ids: Sequence[int]) -> Tokens:
        """The bases (L,) that ids of :meth:`pure` spell."""
        words = "".join(self._tokenizer.convert_ids_to_tokens(list(ids)))
        return dna.encode(words)
