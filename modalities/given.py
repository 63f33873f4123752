"""Sequences as a caller hands them to a function: letters or tokens, one or many, named or not.

One rule for every function that takes sequences. A string is one sequence, never its letters. Many
are a list (or tuple, or iterator) of strings, of arrays of tokens, or of (name, sequence) pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from os import PathLike
from typing import Any, TypeAlias

import numpy as np

from modalities.base import Modality, Tokens
from modalities.errors import InputError
from modalities.given_paths import a_kind_of, kind_of

Given: TypeAlias = Any
"""A string; tokens (L,) as a NumPy array or a torch tensor of whole numbers; a pair of a name and
one of these; or a list, tuple or iterator of them."""

_EXPECTED = "give a string, a list of strings, arrays of tokens (L,), or (name, sequence) pairs"


def named_sequences(
    given: Given,
    modality: Modality,
    vocab_size: int | None = None,
    *,
    parameter: str = "sequences",
) -> Iterator[tuple[str, Tokens]]:
    """(name, tokens (L,) uint8) of each, L > 0; those without a name go by their index.

    What is no collection of sequences is refused at the call, and each sequence as it comes.

    Args:
        vocab_size: token ids that the model knows; those of the modality when None.
        parameter: what the caller's function calls it, for errors.

    Raises:
        InputError: not what is expected, none at all, or a sequence that is empty, of other letters
            or outside the vocabulary, with its index. Names ``parameter``.
    """
    items = _items(given, modality, parameter)
    size = modality.vocab_size if vocab_size is None else vocab_size
    return _named(items, modality, min(size, 256), parameter)


def one_sequence(
    given: Given, modality: Modality, vocab_size: int | None = None, *, parameter: str
) -> Tokens:
    """Tokens (L,) uint8 of one sequence, L > 0; errors as :func:`named_sequences`."""
    found = list(named_sequences(given, modality, vocab_size, parameter=parameter))
    if len(found) > 1:
        raise InputError(None, f"{len(found)} sequences are given; give one", where=parameter)
    return found[0][1]


def _items(given: Given, modality: Modality, parameter: str) -> Iterable[Any]:
    if isinstance(given, str | bytes) or _is_array(given):
        return [given]
    if isinstance(given, PathLike):
        raise InputError(
            None,
            f"is a path, {given}; read it with hnet_seq.read_sequences, and give what that returns",
            where=parameter,
        )
    if isinstance(given, Mapping):
        raise InputError(
            None,
            f"is a {kind_of(given)}; give its pairs: list({parameter}.items())",
            where=parameter,
        )
    if (
        isinstance(given, set | frozenset)
        or hasattr(given, "columns")
        or not isinstance(given, Iterable)
    ):
        raise InputError(None, f"is {a_kind_of(given)}; {_EXPECTED}", where=parameter)
    if isinstance(given, tuple) and _is_pair(given):
        if isinstance(given[1], str) and _is_sequence(given[0], modality):
            raise InputError(
                None,
                "two strings in a tuple may be a name and its sequence, or two sequences; put them "
                "in a list: [(name, sequence)] or [sequence, sequence]",
                where=parameter,
            )
        return [given]
    if isinstance(given, Sized) and not len(given):
        raise InputError(None, f"has no sequences; {_EXPECTED}", where=parameter)
    return given


def _named(
    items: Iterable[Any], modality: Modality, vocab_size: int, parameter: str
) -> Iterator[tuple[str, Tokens]]:
    index = -1
    for index, item in enumerate(items):
        name, sequence = item if isinstance(item, tuple) and _is_pair(item) else (None, item)
        try:
            tokens = _tokens(sequence, modality, vocab_size)
        except InputError as error:
            which = f"sequence {index}" if name is None else f"sequence {index} ({name})"
            raise InputError(parameter, str(error), where=which) from None
        yield f"{index}" if name is None else f"{name}", tokens
    if index < 0:
        raise InputError(None, f"has no sequences; {_EXPECTED}", where=parameter)


def _tokens(sequence: Any, modality: Modality, vocab_size: int) -> Tokens:
    if isinstance(sequence, str | bytes):
        if not sequence:
            raise InputError(None, "is empty; leave it out")
        tokens = modality.encode(sequence)
    else:
        tokens = _from_array(sequence, vocab_size)
    # torch warns of arrays that it could change by mistake.
    return tokens if tokens.flags.writeable else tokens.copy()


def _from_array(sequence: Any, vocab_size: int) -> Tokens:
    if not _is_array(sequence):
        raise InputError(
            None, f"is {a_kind_of(sequence)}; expected letters or an array of tokens (L,)"
        )
    if hasattr(sequence, "detach"):  # a torch tensor, on any device
        sequence = sequence.detach().cpu().numpy()
    array = np.asarray(sequence)
    if array.ndim != 1 or array.dtype.kind not in "ui":
        raise InputError(
            None, f"is {array.dtype} {array.shape}; expected letters or whole numbers (L,)"
        )
    if not len(array):
        raise InputError(None, "is empty; leave it out")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= vocab_size:
        wrong = low if low < 0 else high
        raise InputError(None, f"holds token {wrong}; the model knows 0 to {vocab_size - 1}")
    return array.astype(np.uint8, copy=False)


def _is_array(value: Any) -> bool:
    """A NumPy array of numbers or a tensor; an array of strings is many sequences."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "UOST"
    return hasattr(value, "detach") and hasattr(value, "dim")


def _is_pair(value: tuple[Any, ...]) -> bool:
    return (
        len(value) == 2
        and isinstance(value[0], str)
        and (isinstance(value[1], str | bytes) or _is_array(value[1]))
    )


def _is_sequence(text: str, modality: Modality) -> bool:
    try:
        return bool(len(modality.encode(text)))
    except InputError:
        return False
