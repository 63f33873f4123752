"""``X``, ``y`` and ``groups`` as scikit-learn hands them on; errors name them and the row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from hnet_seq.train.labelled_batches import encode_sequences
from modalities.base import Modality, Tokens
from modalities.errors import InputError
from modalities.given import Given
from modalities.given_paths import a_kind_of, kind_of

_TEXT = "UOST"  # kinds of NumPy arrays that may hold strings
_LARGEST = float(np.finfo(np.float32).max)  # of a number to learn: models compute in float32


def sequences_of(
    given: Given, modality: Modality, vocab_size: int, *, for_learning: bool
) -> list[Tokens]:
    """Tokens (L,) of each sample.

    Args:
        given: as :func:`hnet_seq.embed` takes sequences; also a Series, an array of strings
            (N,), and one column of them: an array (N, 1) or a data frame.
        for_learning: a sequence of unknown letters alone is refused.

    Raises:
        InputError: no sequences, or one that is none, with its index.
    """
    return encode_sequences(
        _column(given), modality, vocab_size, for_learning=for_learning, parameter="X"
    )


def _column(given: Given) -> Given:
    shape: tuple[int, ...] = tuple(getattr(given, "shape", ()))
    frame = hasattr(given, "columns")
    if len(shape) != 2 or not (frame or getattr(given, "dtype", None) is not None):
        return given
    if not frame and getattr(given.dtype, "kind", "a tensor's") not in _TEXT:
        message = f"is {given.dtype} {shape}; give a list of N sequences"
        raise InputError(None, message, where="X")
    if shape[1] != 1:
        what = f"a {kind_of(given)} of {shape[1]} columns"
        raise InputError(None, f"is {what}; give the one with the sequences", where="X")
    return np.asarray(given, object)[:, 0]


def class_labels(y: Any, count: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Sorted classes (C,), and the number of each label's class (N,).

    Raises:
        InputError: not N labels, one that is missing or a fraction, or of one class alone.
    """
    labels = _targets(y, count)
    # A list of both becomes an array of text, in which 1 and "1" are one class.
    kinds = {kind_of(label) for label in (y if isinstance(y, list | tuple) else labels.tolist())}
    if "str" in kinds and len(kinds - {"str", "str_"}):
        message = f"labels are of several types, {', '.join(sorted(kinds))}; give one type"
        raise InputError(None, message, where="y")
    try:
        check_classification_targets(labels)
        classes, numbers = np.unique(labels, return_inverse=True)
    except (TypeError, ValueError) as error:
        message = f"{error}".rstrip(".")
        raise InputError(None, f"{message}; give the name of a class each", where="y") from None
    if len(classes) < 2:
        message = f"has one class, {classes[0]!s}; a classifier needs two or more"
        raise InputError(None, message, where="y")
    return classes, numbers.astype(np.int64)


def numbers_of(y: Any, count: int) -> NDArray[np.float64]:
    """(N,) of a regression.

    Raises:
        InputError: not N numbers, or one that is not finite in float32, with its row; or less than
            two.
    """
    targets = _targets(y, count)
    found = np.empty(count)
    for row, value in enumerate(targets.tolist()):
        try:
            number = float(value)
        except OverflowError:  # of a whole number
            number = math.inf
        except (TypeError, ValueError):
            message = f"row {row}: {value!r} is no number"
            raise InputError(None, message, where="y") from None
        if not abs(number) <= _LARGEST:
            remedy = "leave it out, or give y in other units"
            message = f"row {row}: is {number:g}, which float32 does not hold; {remedy}"
            raise InputError(None, message, where="y")
        found[row] = number
    if count < 2:
        raise InputError(None, "has one sample; a regression needs two or more", where="X")
    return found


def _targets(y: Any, count: int) -> NDArray[Any]:
    if y is None:
        message = "requires y to be passed, but the target y is None"
        raise InputError(None, message, where="y")
    try:
        found = column_or_1d(y, warn=True)
    except (TypeError, ValueError) as error:
        raise InputError(None, f"{error}; give one label a sequence", where="y") from None
    _check_count(len(found), count, "y", "labels")
    for row, value in enumerate(found.tolist()):
        if _is_missing(value):
            shown = f"{value}" if np.ndim(value) == 0 else a_kind_of(value)
            raise InputError(None, f"row {row}: is {shown}; leave it out", where="y")
    return found


def _is_missing(value: Any) -> bool:
    """None, NaN, pandas' NA and NaT, or a number without bounds."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return True
    equal = value == value
    return equal is not True and not (isinstance(equal, bool | np.bool_) and equal)


def groups_of(groups: Any, count: int) -> list[Any] | None:
    """Of each sample what splits inside the training keep together; None without.

    Raises:
        InputError: not N groups, or one that is missing or cannot be compared, with its row.
    """
    if groups is None:
        return None
    if not isinstance(groups, Sequence) and not hasattr(groups, "__array__"):
        raise InputError(None, f"is {a_kind_of(groups)}; give one a sequence", where="groups")
    try:
        given = np.asarray(groups, object)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(None, f"{error}; give one a sequence", where="groups") from None
    if given.ndim != 1:
        raise InputError(None, f"is {given.shape}; give one a sequence", where="groups")
    found: list[Any] = given.tolist()
    _check_count(len(found), count, "groups", "values")
    for row, value in enumerate(found):
        try:
            hash(value)
        except TypeError:
            message = f"row {row}: is {a_kind_of(value)}; give text or a number"
            raise InputError(None, message, where="groups") from None
        if _is_missing(value):
            message = f"row {row}: is {value}; give it a group of its own, or leave it out"
            raise InputError(None, message, where="groups")
    return found


def _check_count(found: int, count: int, parameter: str, what: str) -> None:
    if found != count:
        message = f"has {found:,} {what}, and X {count:,} sequences; give one each"
        raise InputError(None, message, where=parameter)
