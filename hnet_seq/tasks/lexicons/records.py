"""What was found of a stage as a record of ``lexicon.json``."""

from __future__ import annotations

from typing import Any

import numpy as np

from hnet_seq.analysis.lexicon.cut_text import Alphabet
from hnet_seq.analysis.lexicon.spelling import KINDS
from hnet_seq.resampling import number, quotient
from hnet_seq.results.lexicon import (
    TOKENIZER,
    CurvePoint,
    Enriched,
    KindShare,
    StageLexicon,
    TokenizerFile,
    Word,
)
from hnet_seq.tasks.lexicons.rows import Columns
from hnet_seq.tasks.lexicons.stage import StageWords

LISTED = 60  # words in the record
ENRICHED = 40
EXAMPLES = 12
FALSE = 0.05  # rate of false discoveries


def stage_record(
    found: StageWords,
    alphabet: Alphabet,
    columns: Columns,
    enriched: Columns | None,
    tokenizer: str | None,
) -> StageLexicon:
    """The record of a stage.

    Args:
        columns: of its words.
        enriched: of words in kinds of features; None without any.
        tokenizer: name of the file.
    """
    counts, spread = found.counts, found.spread
    rows = _rows(columns)
    some = found.shuffled.words > 0
    beyond = [row for row in rows if some and row["q"] <= FALSE and row["to_shuffled"] > 1]
    return StageLexicon(
        stage=counts.stage,
        chunks=spread.words,
        letters=spread.letters,
        left_out=counts.left_out,
        distinct=spread.distinct,
        once=spread.once,
        letters_per_chunk=number(quotient(spread.letters, spread.words)),
        listed=len(found.words),
        found=len(beyond) if some else None,
        tested=spread.distinct + found.shuffled.distinct if some else None,
        sampled=counts.sampled if some else None,
        shuffled=found.shuffled.words if some else None,
        curve=[CurvePoint(*point) for point in spread.curve()],
        lengths={f"{n}": int(k) for n, k in enumerate(counts.lengths) if k},
        words=[_word(row) for row in rows[:LISTED]],
        beyond=[_word(row) for row in sorted(beyond, key=_far)[:LISTED]],
        ways=found.ways,
        kinds=_kinds(rows, spread.words),
        enriched=[] if enriched is None else _enriched(enriched),
        tokenizer=None if tokenizer is None else _tokenizer(found, tokenizer),
    )


def _rows(columns: Columns) -> list[dict[str, Any]]:
    names = list(columns)
    listed = [
        own if isinstance(own, list) else np.asarray(own).tolist() for own in columns.values()
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*listed, strict=True)]


def _far(row: dict[str, Any]) -> tuple[float, str]:
    return -row["far"], row["word"]


def _word(row: dict[str, Any]) -> Word:
    def known(name: str, digits: int | None = 6) -> float | None:
        value = row.get(name, np.nan)
        return number(value) if digits or not np.isfinite(value) else float(value)

    return Word(
        word=row["word"],
        count=row["count"],
        length=row["length"],
        coverage=row["coverage"],
        occurrences=row["occurrences"],
        one_chunk=known("one_chunk"),
        to_context=known("to_context"),
        to_shuffled=known("to_shuffled"),
        q=known("q", None),
        forward_share=known("forward_share"),
        kind=row.get("kind"),
        parts=row.get("parts") or None,
    )


def _kinds(rows: list[dict[str, Any]], chunks: int) -> list[KindShare]:
    found = []
    for kind in KINDS:
        own = [row for row in rows if row.get("kind") == kind]
        if own:
            total = sum(row["count"] for row in own)
            examples = [row["word"] for row in own[:EXAMPLES]]
            found.append(KindShare(kind, len(own), total, total / max(chunks, 1), examples))
    return found


def _enriched(columns: Columns) -> list[Enriched]:
    """Those furthest from the shifted ones, in either direction."""
    rows = [row for row in _rows(columns) if row["q"] <= FALSE]
    rows.sort(key=lambda row: (-abs(row["z"]), row["word"], row["kind"]))
    return [
        Enriched(
            word=row["word"],
            kind=row["kind"],
            count=row["count"],
            observed=row["observed"],
            shifted=round(row["shifted"], 3),
            to_shifted=number(row["to_shifted"]),
            z=number(row["z"]),
            q=row["q"],
            to_context=number(row["to_context"]),
            to_shuffled=number(row["to_shuffled"]),
        )
        for row in rows[:ENRICHED]
    ]


def _tokenizer(found: StageWords, file: str) -> TokenizerFile:
    own = found.way(TOKENIZER)
    return TokenizerFile(
        file=file,
        vocabulary=len(found.words),
        chunks_given_back=own.chunks_given_back,
        cuts_given_back=own.cuts_given_back,
        cuts_shared=own.cuts_shared,
        letters=own.letters,
    )
