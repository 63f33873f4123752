"""The section about the words that a model made: the words, their controls, other ways to cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hnet_seq.report.bars import Rate, geometric_shares, histogram_chart, rate_chart, shares
from hnet_seq.report.html import Markup, Section, caption, element, figure, join, table
from hnet_seq.report.units import BASE, BYTE, Unit
from hnet_seq.report.wording import DASH, difference, rate, ratio
from hnet_seq.results.lexicon import Lexicon, StageLexicon, Way, Word

_DRAWN = 16  # words in a figure
_LISTED = 30  # words in a table
_LENGTHS = 24  # letters: longer chunks share the last bar


def lexicon_section(data: Lexicon) -> Section:
    """The words of each stage."""
    unit = BASE if data.letter == "base" else BYTE
    several = len(data.stages) > 1
    return Section(
        "lexicon",
        "Lexicon of chunks",
        element(
            "p",
            f"Chunks of {', '.join(data.inputs)} ({data.region}; {data.letters:,} {unit.many}) as "
            f"words: the {data.vocabulary:,} most frequent of each stage are in {data.table}.",
        ),
        *(
            part
            for stage in data.stages
            for part in (
                element("h3", f"Stage {stage.stage}") if several else "",
                *_stage(data, stage, unit),
            )
        ),
    )


def _stage(data: Lexicon, stage: StageLexicon, unit: Unit) -> Iterator[str]:
    yield element("p", _summary(data, stage, unit))
    if stage.words:
        yield _chosen(data, stage, unit)
        yield _lengths(stage, unit)
    if stage.ways:
        yield _ways(stage, unit)
    if stage.tokenizer is not None:
        own = stage.tokenizer
        yield element(
            "p",
            f"{own.file} is a tokenizer of the {own.vocabulary:,} words for other people's models. "
            f"It gives {rate(own.chunks_given_back)} of the chunks back, on {own.letters:,} "
            f"{unit.many} of what the words were counted on.",
        )
    if stage.kinds:
        yield _kinds(stage)
    if stage.beyond:
        yield element("h3", "Words furthest beyond shuffled sequence")
        caption = "Chunks over those of shuffled sequence, first what chance is furthest from"
        yield _words(data, stage.beyond[:_LISTED], caption)
    if stage.enriched:
        yield _enriched(data, stage)


def _summary(data: Lexicon, stage: StageLexicon, unit: Unit) -> str:
    said = (
        f"{stage.chunks:,} chunks of {ratio(stage.letters_per_chunk)} {unit.many} on average are "
        f"{stage.distinct:,} words, of which {stage.once:,} occur once."
    )
    half = next((point for point in stage.curve if point.letters >= 0.5), None)
    if half is not None:
        said += (
            f" The {half.words:,} most frequent make {half.chunks:.0%} of the chunks and "
            f"{half.letters:.0%} of the {unit.many}."
        )
    if stage.found is not None:
        said += (
            f" Of the {stage.listed:,} that are listed {stage.found:,} are chunks more often than "
            f"in the same sequence shuffled, as far as {data.shuffled_letters:,} {unit.many} of it "
            "tell, with at most one false discovery in twenty."
        )
    return said


def _chosen(data: Lexicon, stage: StageLexicon, unit: Unit) -> Markup:
    """How often the letters of a word are one chunk."""
    per_letter = stage.chunks / max(stage.letters, 1)
    rows = [
        Rate(
            word.word,
            word.one_chunk,
            None,
            None,
            per_letter**2 * (1 - per_letter) ** (word.length - 1),
            _by_context(word),
            word.occurrences,
        )
        for word in stage.words[:_DRAWN]
    ]
    return figure(
        rate_chart(
            rows,
            unit,
            measure="share of its occurrences that are one chunk",
            description="How often the letters of the most frequent words are one chunk",
            model="the model",
            context=f"expected from the last {_counted(data.context)} {unit.many}",
        ),
        f"The most frequent words: how often the same {unit.many}, wherever they stand, are one "
        "chunk. Grey is as many cuts at random; the diamond is what the last "
        f"{_counted(data.context)} {unit.many} before each cut alone predict. What leaves the "
        "diamond is more than a rule of so few letters.",
        _words(data, stage.words[:_LISTED], "The most frequent words"),
        title="The most frequent words",
    )


def _by_context(word: Word) -> float | None:
    if word.one_chunk is None or not word.to_context:
        return None
    return word.one_chunk / word.to_context


def _counted(number: int) -> str:
    return {2: "two", 3: "three"}.get(number, f"{number}")


def _lengths(stage: StageLexicon, unit: Unit) -> Markup:
    counts: dict[int, int] = {}
    for length, count in stage.lengths.items():
        own = min(int(length), _LENGTHS)
        counts[own] = counts.get(own, 0) + count
    return figure(
        histogram_chart(
            shares(counts),
            geometric_shares(stage.letters_per_chunk or 1, _LENGTHS),
            unit,
            description="Chunks by their length",
        ),
        "Chunks by length; the last bar holds longer ones too. The line is as many cuts at random.",
        title="Lengths",
    )


def _words(data: Lexicon, words: Sequence[Word], caption: str) -> Markup:
    columns: list[tuple[str, bool, list[str]]] = [
        ("Word", True, [word.word for word in words]),
        ("Parts", any(word.parts for word in words), [word.parts or "" for word in words]),
        ("Kind", any(word.kind for word in words), [word.kind or "" for word in words]),
        ("Chunks", True, [f"{word.count:,}" for word in words]),
        ("Occurrences", True, [f"{word.occurrences:,}" for word in words]),
        ("One chunk", True, [rate(word.one_chunk) for word in words]),
        ("To context", True, [ratio(word.to_context) for word in words]),
        (
            "To shuffled",
            any(word.to_shuffled is not None for word in words),
            [ratio(word.to_shuffled) for word in words],
        ),
        (
            "Forward",
            data.letter == "base",
            [rate(word.forward_share) for word in words],
        ),
    ]
    shown = [(name, values) for name, some, values in columns if some]
    text = sum(name in ("Word", "Parts", "Kind") for name, _ in shown)
    head = [name for name, _ in shown]
    rows = list(zip(*(values for _, values in shown), strict=True))
    return table(head, rows, caption=caption, numeric=range(text, len(head)))


def _kinds(stage: StageLexicon) -> Markup:
    rows = [
        (kind.kind, f"{kind.words:,}", rate(kind.share), " \u00b7 ".join(kind.examples))
        for kind in stage.kinds
    ]
    head = ("Kind", "Words", "Share of chunks", "The most frequent")
    said = caption(
        f"Kinds of the {stage.listed:,} words that are listed. Shares are of all chunks: those of "
        "words that are not listed are in none."
    )
    listed = table(head, rows, caption="What kind of words the chunks are", numeric=(1, 2))
    return join([said, listed])


def _enriched(data: Lexicon, stage: StageLexicon) -> Markup:
    head = ("Word", "In", "Chunks there", "To shifted", "z", "To context", "To shuffled")
    rows = [
        (
            row.word,
            row.kind,
            f"{row.observed:,} of {row.count:,}",
            ratio(row.to_shifted),
            difference(row.z, 1),
            ratio(row.to_context),
            ratio(row.to_shuffled),
        )
        for row in stage.enriched[:_LISTED]
    ]
    said = caption(
        f"Words whose chunks gather in features of {', '.join(data.features)}, or avoid them, the "
        "furthest from chance first: over chunks that moved round their block of 10 kb, over what "
        "the last letters predict, and over shuffled sequence."
    )
    listed = table(head, rows, caption="Words in features", numeric=range(2, len(head)))
    return join([element("h3", "Words in features"), said, listed])


def _ways(stage: StageLexicon, unit: Unit) -> Markup:
    head = (
        *("Cut by", "Words", f"{unit.many.capitalize()} a word", f"Bits a {unit.one}"),
        *("Chunks given back", "Cuts given back", "By chance"),
    )
    rows = [
        (
            way.way,
            DASH if way.vocabulary is None else f"{way.vocabulary:,}",
            ratio(way.letters_per_word),
            rate(way.bits_per_letter),
            rate(way.chunks_given_back),
            rate(way.cuts_given_back),
            rate(way.cuts_by_chance),
        )
        for way in stage.ways
    ]
    said = caption(
        "Bits of a code that learns each vocabulary while it writes, spelling a word when it is "
        "new: no list comes free. Given back: what of the model's chunks and cuts each way has."
    )
    listed = table(
        head, rows, caption="The same text cut in several ways", numeric=range(1, len(head))
    )
    shared = _shared(stage.ways)
    title = element("h3", "Beside other ways to cut")
    return join([title, said, listed, element("p", shared) if shared else ""])


def _shared(ways: Sequence[Way]) -> str:
    return " ".join(
        f"The vocabulary of {way.way} has {rate(way.shared_words)} of the words, with "
        f"{rate(way.shared_chunks)} of their chunks."
        for way in ways
        if way.shared_words is not None
    )
