"""The words of a stage as rows of tables, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from hnet_seq.analysis.lexicon.chance import (
    beyond_shifted,
    beyond_shuffled,
    false_discoveries,
    ratio_of_shares,
)
from hnet_seq.analysis.lexicon.cut_text import Alphabet
from hnet_seq.analysis.lexicon.facts import FRAMES
from hnet_seq.analysis.lexicon.spelling import kind_of, spelled
from hnet_seq.resampling import quotient
from hnet_seq.tasks.lexicons.stage import StageWords
from modalities.dna import VOCABULARY

Columns = dict[str, Any]

_INTEGERS = {"stage", "count", "length", "occurrences", "sampled", "shuffled", "observed"}
_INTEGERS |= {"reverse_complement_count", "reverse_complement_occurrences"}
_TEXT = {"word", "kind", "parts", "reverse_complement", "before", "after"}


def word_columns(found: StageWords, alphabet: Alphabet, kinds: Sequence[str]) -> Columns:
    """A row a word, the most frequent first; numbers that are not known are NaN.

    Args:
        kinds: of features, in the order of the facts.
    """
    dna = alphabet.complement is not None
    facts, size, words = found.facts, len(found.words), found.words
    own = slice(0, size)
    chunks = facts.chunks[own]
    columns: Columns = {
        "stage": np.full(size, found.counts.stage),
        "word": [spelled(word, dna=dna) for word in words],
        "count": found.count,
        "length": np.array([len(word) for word in words], np.int64),
    }
    columns["coverage"] = columns["count"] * columns["length"] / max(found.counts.letters, 1)
    columns["occurrences"] = facts.occurrences[own]
    columns["one_chunk"] = quotient(chunks, facts.occurrences[own])
    columns["expected_by_context"] = facts.expected[own]
    columns["to_context"] = quotient(chunks, facts.expected[own])
    if dna:
        ratio, q, far = beyond_shuffled(
            facts.sampled[own],
            facts.shuffled[own],
            (found.counts.sampled, found.shuffled.words),
            found.spread.distinct + found.shuffled.distinct,
        )
        some = found.shuffled.words > 0
        compared: Columns = {"sampled": facts.sampled[own], "shuffled": facts.shuffled[own]}
        compared |= {"to_shuffled": ratio, "q": q, "far": far}
        for name, values in compared.items():
            columns[name] = values if some else np.full(size, np.nan)
        mirrored = [alphabet.reverse_complement(word) for word in words]
        index = np.array([found.followed[word] for word in mirrored], np.int64)
        columns["reverse_complement"] = [spelled(word, dna=True) for word in mirrored]
        columns["reverse_complement_count"] = facts.chunks[index]
        columns["reverse_complement_occurrences"] = facts.occurrences[index]
        columns["forward_share"] = np.where(
            index == np.arange(size), np.nan, quotient(chunks, chunks + facts.chunks[index])
        )
    for name, beside in (("before", facts.before[own]), ("after", facts.after[own])):
        total = beside.sum(axis=1)
        most = beside.argmax(axis=1)
        share = quotient(beside.max(axis=1), total)
        columns[name] = [
            _letter(letter, dna=dna) if some else ""
            for letter, some in zip(most, total, strict=True)
        ]
        columns[f"{name}_share"] = share
        columns[f"{name}_bits"] = _entropy(beside)
    if not dna:
        columns["kind"] = [kind_of(word) for word in words]
    columns["parts"] = [
        spelled(found.parts[word][0], dna=dna) if word in found.parts else "" for word in words
    ]
    columns["parts_share"] = quotient(
        np.array([found.parts[word][1] if word in found.parts else 0 for word in words]),
        np.where([word in found.parts for word in words], found.count, 0),
    )
    if kinds:
        for place, frame in enumerate(FRAMES):
            columns[f"codon_{frame}"] = facts.frames[own, place]
        for place, kind in enumerate(kinds):
            columns[f"in_{kind}"] = facts.kinds.observed[place, own].astype(np.int64)
    return columns


def enriched_columns(found: StageWords, alphabet: Alphabet, kinds: Sequence[str]) -> Columns:
    """A row for each word and kind of feature with enough chunks to tell, the words in order."""
    size = len(found.words)
    facts, sums = found.facts, found.facts.kinds
    chunks = facts.chunks[:size]
    observed, shifted = sums.observed[:, :size], sums.shifted[:, :size]
    z, p = beyond_shifted(observed, shifted, sums.squares[:, :size], chunks)
    to_context = ratio_of_shares(observed, chunks, sums.context[:, :size], facts.expected[:size])
    to_shuffled = ratio_of_shares(observed, chunks, sums.shuffled[:, :size], facts.shuffled[:size])
    word, kind = np.nonzero(np.isfinite(z.T))
    cell = kind, word
    return {
        "stage": np.full(len(word), found.counts.stage),
        "word": [spelled(found.words[index], dna=True) for index in word.tolist()],
        "kind": [kinds[index] for index in kind.tolist()],
        "count": found.count[word],
        "observed": observed[cell].astype(np.int64),
        "shifted": shifted[cell],
        "to_shifted": quotient(observed[cell], shifted[cell]),
        "z": z[cell],
        "q": false_discoveries(p[cell]),
        "to_context": to_context[cell],
        "to_shuffled": to_shuffled[cell],
    }


def schema_of(columns: Columns) -> pa.Schema:
    """Types by the names of columns."""
    return pa.schema([(name, _type(name)) for name in columns])


def lines_of(columns: Columns) -> Iterator[str]:
    """Rows of TSV; what is not known is empty, and text with a quote is quoted as in CSV."""
    listed = [
        values if isinstance(values, list) else np.asarray(values).tolist()
        for values in columns.values()
    ]
    for row in zip(*listed, strict=True):
        yield "\t".join(map(_shown, row)) + "\n"


def table_of(columns: Columns) -> pa.Table:
    """For Parquet; NaN is null."""
    arrays = [pa.array(values, _type(name), from_pandas=True) for name, values in columns.items()]
    return pa.Table.from_arrays(arrays, schema=schema_of(columns))


def _type(name: str) -> pa.DataType:
    if name in _TEXT:
        return pa.string()
    whole = name in _INTEGERS or name.startswith(("codon_", "in_"))
    return pa.int64() if whole else pa.float64()


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.6g}"
    if isinstance(value, str) and '"' in value:
        return '"' + value.replace('"', '""') + '"'
    return f"{value}"


def _entropy(counts: np.ndarray) -> np.ndarray:
    """(W,) bits, NaN without counts."""
    share = quotient(counts, counts.sum(axis=1, keepdims=True))
    return -(share * np.log2(np.where(share > 0, share, 1))).sum(axis=1) + 0.0


def _letter(letter: int, *, dna: bool) -> str:
    if dna:
        return VOCABULARY[letter]
    return {254: "<begin>", 255: "<end>"}.get(letter) or spelled(bytes([letter]), dna=False)
