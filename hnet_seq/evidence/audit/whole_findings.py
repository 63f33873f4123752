"""From what ``hnet-seq audit`` counted beside ``classify`` to lines: how bad, what, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Literal

from hnet_seq.evidence.audit.whole import WORDS, Whole
from hnet_seq.results.audit import Audit, Finding, SplitFacts
from hnet_seq.results.audited import Generated, Loci, Pretrained, Relatives, Signal, Twins

Severity = Literal["high", "medium", "low"]

_MANY, _SOME = 0.05, 0.01  # of test sequences with a relative
_FEW_WINDOWS = 0.01
_SITE_MANY, _SITE_SOME = 0.25, 0.05  # of the others without a site
_PLACES_MCC, _PLACES_SOME = 0.7, 0.4
_SEGMENT_MCC, _SEGMENT_SOME = 0.3, 0.1
_GENOME_MCC, _GENOME_SOME = 0.5, 0.2
_WORDS_MCC = 0.5
_WEAK_MCC, _SHORTCUT_MCC = 0.1, 0.2
_UNKNOWN_MANY = 0.05
_FEWEST_TWINS = 10
_FEWEST_PAIRS = 20  # of relatives: fewer say little of how labels came about
_AGREE = 0.5  # kappa
_TRAIN_MCC = 0.3
_FEWEST_LABELS = 100
_MEMORY = 0.5  # of the test sequences
_PARTS_MCC = 0.3

_CLEAN = "hnet-seq audit --clean OUT drops them"
_RESPLIT = "--clean OUT --mode resplit draws the splits anew"


def whole_findings(whole: Whole, base: Audit) -> list[Finding]:
    """Everything worth a line."""
    splits = base["splits"]
    return [
        *_memory(whole, base),
        *(line for each in whole.relatives for line in _relatives(each)),
        *(line for each in whole.loci for line in _windows(each)),
        *_negatives(whole.twins, splits),
        *_generated(whole.generated),
        *_genome(whole),
        *_places(whole),
        *_segments(whole),
        *_signal(whole.signal, base),
        *_weak(whole.signal),
        *(line for each in whole.pretrained for line in _pretrained(each, splits)),
        *_unknown(whole.unknown, splits),
    ]


def _finding(severity: Severity, kind: str, text: str, remedy: str) -> Finding:
    return Finding(severity=severity, kind=kind, text=text, remedy=remedy)  # type: ignore[typeddict-item]


def _memory(whole: Whole, base: Audit) -> Iterator[Finding]:
    overlap = next(
        each for each in base["overlaps"] if (each["first"], each["second"]) == ("train", "test")
    )
    same = overlap["exact"] + overlap["reverse_complement"] + overlap["near"]
    if not overlap["n"] or same < _MEMORY * overlap["n"]:
        return
    copies = overlap["exact"] + overlap["reverse_complement"]
    which = "every test sequence" if same == overlap["n"] else f"{same / overlap['n']:.0%} of test"
    said = "a copy or near copy" if copies < same else "a copy"
    lookup = None if whole.signal is None else whole.signal["lookup"]
    scored = (
        f": the label of the closest training sequence alone has an MCC of {lookup:.2f}"
        if lookup is not None
        else ""
    )
    yield _finding(
        "high",
        "memory",
        f"{which} has {said} in train{scored}; a score here says what was learned by heart",
        f"no score of this test means anything; {_RESPLIT}",
    )


def _relatives(found: Relatives) -> Iterator[Finding]:
    example = found["example"]
    if example is None:
        return
    share = found["close"] / max(1, found["n"])
    severity: Severity = "medium" if share >= _SOME else "low"
    if share >= _MANY and found["second"] == "test":
        severity = "high"
    ranges = [
        f"{count:,} at {f'{least}% or more' if least != '0' else 'less than 70%'}"
        for least, count in found["identities"].items()
        if count
    ]
    strand = " on the other strand" if example["reverse"] else ""
    yield _finding(
        severity,
        "homology",
        f"{found['found']:,} more of {found['n']:,} {found['second']} sequences have a relative in "
        f"{found['first']} by local alignment, {found['close']:,} of them 80% identical over half "
        f"of the shorter one ({', '.join(ranges)}), such as {found['second']}, "
        f"{example['second']} and {found['first']}, {example['first']}: "
        f"{example['identity']:.0%} over {example['bases']:,} bases{strand}",
        _CLEAN,
    )


def _windows(found: Loci) -> Iterator[Finding]:
    n, rule = found["n"], found["rule"]
    first, second = found["first"], found["second"]
    if found["overlapping"] and found["pair"]:
        many = found["overlapping"] >= _FEW_WINDOWS * n and second == "test"
        yield _finding(
            "high" if many else "medium",
            "windows",
            f"{found['overlapping']:,} of {n:,} {second} sequences lie on one of {first} by their "
            f"coordinates ({rule}), the most on each other {found['pair'][1]} and "
            f"{found['pair'][0]}, by {found['overlap']:,} bases",
            f"{_CLEAN}, --by locus or chromosome what is near, too",
        )
    beside = found["within"] - found["overlapping"]
    if beside >= _FEW_WINDOWS * n:
        yield _finding(
            "medium",
            "windows",
            f"{beside:,} more of {n:,} {second} sequences lie within {found['near']:,} bases of "
            f"one of {first} ({rule})",
            "hold whole loci out: --clean OUT --mode resplit --by locus",
        )
    if found["chromosomes"] and second == "test":
        yield _finding(
            "low",
            "windows",
            f"{found['chromosomes']:,} of {n:,} {second} sequences are on a chromosome that "
            f"{first} has too ({rule})",
            "hold whole chromosomes out: --clean OUT --mode resplit --by chromosome",
        )


_TWINS = {
    "dinucleotides": "the length, ends and dinucleotides of one with another label, as a shuffle "
    "leaves them",
    "letters": "the letters of one with another label in another order, as a shuffle leaves them",
    "segments": "segments of one with another label at the same places, and other bases between",
}


def _negatives(found: Sequence[Twins], splits: Mapping[str, SplitFacts]) -> Iterator[Finding]:
    total = sum(split["n"] for split in splits.values())
    known = False
    for each in found:
        if each["kind"] == "letters" and known:
            continue  # a shuffle of dinucleotides is one of letters
        beyond = each["opposite"] - each["expected"]
        if beyond < max(_FEWEST_TWINS, 5 * sqrt(each["expected"])):
            continue
        known = known or each["kind"] == "dinucleotides"
        count = min(each["sequences"], round(2 * beyond))
        example = " and ".join(f"{own['label']} in {own['name']}" for own in each["example"])
        about = "about " if each["kind"] == "letters" else ""
        yield _finding(
            "high" if count >= _SOME * total else "medium",
            "negatives",
            f"{about}{count:,} of {total:,} sequences have {_TWINS[each['kind']]}: "
            f"{each['opposite']:,} of {each['pairs']:,} such pairs have two labels, "
            f"{each['expected']:,.0f} by chance; such as {example}",
            "a classifier tells made sequences from real ones: draw negatives from the genome",
        )


_ORDERS = {
    0: "each letter comes as often after any other: random letters, or letters shuffled",
    1: "letters depend on the one before alone: a Markov chain, or a shuffle that keeps "
    "dinucleotides",
}


def _generated(found: Sequence[Generated]) -> Iterator[Finding]:
    made = [each for each in found if each["order"] is not None]
    if not made:
        return
    natural = [each for each in found if each["order"] is None]
    for each in made:
        order = each["order"] or 0
        said = _ORDERS.get(order, f"letters depend on the {order} before alone: a Markov chain")
        beside = [
            f"{own['label']} {own['excess'][f'{order}']:,.1f}"
            for own in natural
            if f"{order}" in own["excess"]
        ]
        others = f"; {', '.join(beside)}" if beside else "; no class is otherwise"
        yield _finding(
            "high" if natural else "medium",
            "negatives",
            f"sequences of {each['label']} look generated: {said} (words of that class are "
            f"{each['excess'][f'{order}']:.1f} times as far from such a model as chance{others})",
            "a classifier tells made sequences from real ones: draw them from the genome",
        )


def _genome(whole: Whole) -> Iterator[Finding]:
    found = whole.genome
    if found is None or found["test_mcc"] is None:
        return
    mcc = min(found["test_mcc"], found["train_mcc"] or found["test_mcc"])
    if mcc < _GENOME_SOME:
        return
    members = ", ".join(f"{label} {share:.0%}" for label, share in found["members"].items())
    yield _finding(
        "high" if mcc >= _GENOME_MCC else "medium",
        "genome",
        f"whether a sequence stands in {found['where']} tells its label: MCC {mcc:.2f} "
        f"(there: {members})",
        "draw all classes from one genome",
    )


def _places(whole: Whole) -> Iterator[Finding]:
    found = whole.places
    if found is None:
        return
    site, lacking = found.get("site"), found.get("lacking", 0.0)
    if site is not None and lacking >= _SITE_SOME:
        yield _finding(
            "high" if lacking >= _SITE_MANY else "medium",
            "places",
            f"{site['share']:.0%} of {site['label']} have {site['word']} at {site['place']}, "
            f"{site['others']:.0%} of the others: {lacking:.0%} of their test sequences can be "
            "told by its lack",
            "give the other classes the site too, or the score is of a motif of so many letters",
        )
    mcc = min(found["train_mcc"], found["test_mcc"])
    if mcc >= _PLACES_SOME:
        words = ", ".join(
            f"{own['word']} at {own['place']} ({own['label']} {own['share']:.0%}, others "
            f"{own['others']:.0%})"
            for own in found["words"]
        )
        yield _finding(
            "high" if mcc >= _PLACES_MCC else "medium",
            "places",
            f"letters at fixed places alone predict the label: MCC {found['train_mcc']:.2f} inside "
            f"train, {found['test_mcc']:.2f} on test ({words})",
            "a model says something new only above letters by position",
        )


def _segments(whole: Whole) -> Iterator[Finding]:
    found = whole.segments
    if found is None:
        return
    mcc = min(found["train_mcc"], found["test_mcc"])
    stretches = ", ".join(
        f"{own['word']} at {own['place']} ({own['label']} {own['share']:.0%}, others "
        f"{own['others']:.0%})"
        for own in found["segments"]
    )
    if mcc >= _SEGMENT_SOME:
        yield _finding(
            "high" if mcc >= _SEGMENT_MCC else "medium",
            "segments",
            f"stretches that many sequences have at one place predict the label: MCC {mcc:.2f} "
            f"({stretches})",
            "cut what is of a construct off, or keep each library on one side",
        )
    else:
        yield _finding(
            "low",
            "segments",
            f"many sequences have one stretch at one place ({stretches})",
            "cut what is of a construct off: it makes all of them alike",
        )


def _signal(found: Signal | None, base: Audit) -> Iterator[Finding]:
    if found is None or base["splits"]["train"]["n"] < _FEWEST_LABELS:
        return
    chance = max(0.05, found["chance"])
    test_chance = max(0.05, 4 / sqrt(max(1, base["splits"]["test"]["n"])))
    nothing = all(
        (scores[0] or 0) < chance and (scores[1] or 0) < test_chance
        for scores in found["rules"].values()
    )
    best = max(found["rules"], key=lambda name: found["rules"][name][0] or 0)
    inside, on_test = found["rules"][best]
    rule = f"the best of {len(found['rules'])} simple rules, {best}, has an MCC of {inside or 0:.2f}"
    pairs, same, expected = found["pairs"], found["same"], found["expected"]
    agree = (same - expected) / max(1e-9, pairs - expected)
    error = sqrt(max(1.0, expected * (1 - expected / max(1, pairs)))) / max(1e-9, pairs - expected)
    said = f"{same:,} of {pairs:,} pairs of copies over the splits have one label, {expected:,.0f} by chance"
    apart = pairs >= _FEWEST_PAIRS and agree + 2 * error < _AGREE
    if nothing and apart:
        yield _finding(
            "high",
            "signal",
            f"labels look shuffled: {said}; and {rule} inside train",
            "compare the labels with their source: nothing can be learned from these",
        )
    elif nothing and pairs >= _FEWEST_PAIRS:
        yield _finding(
            "low",
            "signal",
            f"{rule} inside train, no more than chance; but {said}: the labels are not random",
            "nothing trivial helps here; a score above chance is news, or memory",
        )
    elif nothing:
        yield _finding(
            "medium",
            "signal",
            f"nothing simple tells the label: {rule} inside train, and chance reaches "
            f"{chance:.2f}; shuffled labels look so",
            "compare the labels with their source before a model is blamed",
        )
    elif apart:
        yield _finding(
            "medium",
            "signal",
            f"relatives have different labels: {said}",
            "see how labels were given: a copy of a sequence should have its label",
        )
    if inside is not None and on_test is not None and not nothing:
        words = found["rules"].get(WORDS, [None, None])
        if (words[0] or 0) >= _TRAIN_MCC and (words[1] or 0) < test_chance:
            yield _finding(
                "high",
                "signal",
                f"what tells labels in train does not on test: {WORDS} have an MCC of "
                f"{words[0]:.2f} inside train, {words[1]:.2f} on test; the labels of test look "
                "shuffled, or it comes from elsewhere",
                "compare the labels of test with their source",
            )


def _weak(found: Signal | None) -> Iterator[Finding]:
    if found is None:
        return
    for name, (inside, on_test) in found["rules"].items():
        mcc = min(inside or on_test or 0, on_test or 0)
        if name == WORDS and mcc >= _WORDS_MCC:
            yield _finding(
                "low",
                "words",
                f"{name} alone predict the label: MCC {inside or 0:.2f} inside train, "
                f"{on_test or 0:.2f} on test",
                "a model says something new only above this baseline",
            )
        elif name in ("length", "letter case", "share of N", "share of other IUPAC codes"):
            if max(_WEAK_MCC, found["chance"]) <= mcc < _SHORTCUT_MCC:
                yield _finding(
                    "low",
                    "shortcut",
                    f"{name} alone tells a little of the label: MCC {inside or 0:.2f} inside "
                    f"train, {on_test or 0:.2f} on test",
                    "a model says something new only above this baseline",
                )


def _pretrained(found: Pretrained, splits: Mapping[str, SplitFacts]) -> Iterator[Finding]:
    if found["split"] != "test" or found["example"] is None:
        return
    sizes = splits["test"]["classes"]
    shares = {
        label: count / sizes[label] for label, count in found["classes"].items() if sizes[label]
    }
    uneven = bool(shares) and max(shares.values()) - min(shares.values()) >= _PARTS_MCC
    of_classes = ", ".join(f"{label} {share:.0%}" for label, share in shares.items())
    name, document = found["example"]
    yield _finding(
        "high" if uneven else "medium" if found["found"] >= _SOME * found["n"] else "low",
        "pretraining",
        f"{found['found']:,} of {found['n']:,} test sequences stand in what was pretrained on, "
        f"{found['shards']} ({found['part']}; {of_classes}), such as {name} in {document}"
        + (": a model that remembers what it saw tells the classes" if uneven else ""),
        "pretrain without these records, or compare with a model that has not seen them",
    )


def _unknown(found: Mapping[str, int], splits: Mapping[str, SplitFacts]) -> Iterator[Finding]:
    total, n = sum(found.values()), sum(split["n"] for split in splits.values())
    if not total:
        return
    yield _finding(
        "high" if total >= _UNKNOWN_MANY * n else "medium",
        "unknown",
        f"fewer than half of the bases are known in {total:,} of {n:,} sequences "
        f"({found.get('test', 0):,} of them in test)",
        "remove them: nothing can be told of them but that",
    )
