"""A lexicon as lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from hnet_seq.results.lexicon import Lexicon, StageLexicon, Word

_SHOWN = 12


def told(found: Lexicon) -> str:
    """Of each stage what its words are, and how it compares."""
    return "\n\n".join("\n".join(_stage(found, stage)) for stage in found.stages)


def _stage(found: Lexicon, stage: StageLexicon) -> Iterator[str]:
    many = f"{found.letter}s"
    yield (
        f"stage {stage.stage}: {stage.chunks:,} chunks of {_number(stage.letters_per_chunk, 0)} "
        f"{many}, {stage.distinct:,} words, {stage.once:,} of them once; "
        f"{stage.left_out:,} chunks left out"
    )
    if stage.found is not None:
        yield (
            f"of the {stage.listed:,} most frequent, {stage.found:,} are chunks more often than in "
            "the same sequence shuffled (q at most 0.05)"
        )
    yield (
        f"  {'word':20s}{'count':>10s}{'one chunk':>11s}{'to context':>12s}{'to shuffled':>13s}"
        f"{'forward':>9s}"
    )
    yield from map(_word, stage.words[:_SHOWN])
    if stage.beyond:
        yield "  furthest beyond shuffled:"
        yield from map(_word, stage.beyond[:_SHOWN])
    for kind in stage.kinds:
        yield f"  {kind.kind:30s}{kind.share:8.3f} of chunks  {'  '.join(kind.examples[:6])}"
    yield (
        f"  {'cut by':26s}{'words':>10s}{'letters':>9s}{'bits':>8s}{'chunks':>9s}{'cuts':>8s}"
        f"{'shared':>8s}{'chance':>8s}"
    )
    for way in stage.ways:
        size = "" if way.vocabulary is None else f"{way.vocabulary:,}"
        yield (
            f"  {way.way:26s}{size:>10s}{_number(way.letters_per_word, 9)}"
            f"{_number(way.bits_per_letter, 8, 3)}{_number(way.chunks_given_back, 9, 3)}"
            f"{_number(way.cuts_given_back, 8, 3)}{_number(way.cuts_shared, 8, 3)}"
            f"{_number(way.cuts_by_chance, 8, 3)}"
        )
    for row in stage.enriched[:_SHOWN]:
        yield (
            f"  {row.word:20s}in {row.kind:22s}{row.observed:8,}  {_number(row.to_shifted, 5)} "
            f"times shifted, {_number(row.to_context, 0)} context, "
            f"{_number(row.to_shuffled, 0)} shuffled, z {_number(row.z, 0, 1)}"
        )


def _word(row: Word) -> str:
    return (
        f"  {row.word:20s}{row.count:10,}{_number(row.one_chunk, 11, 3)}"
        f"{_number(row.to_context, 12)}{_number(row.to_shuffled, 13)}"
        f"{_number(row.forward_share, 9, 3)}"
    )


def _number(value: float | None, width: int, digits: int = 2) -> str:
    return f"{'-':>{max(width, 1)}s}" if value is None else f"{value:{max(width, 1)}.{digits}f}"
