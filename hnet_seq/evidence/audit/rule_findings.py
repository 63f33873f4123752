"""What tells labels, and whether anything does: lines about it for ``hnet-seq audit``."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

from hnet_seq.evidence.audit.findings import finding as _finding
from hnet_seq.evidence.audit.whole import WORDS, Whole
from hnet_seq.results.audit import Audit, Finding
from hnet_seq.results.audited import Signal

_SITE_MANY, _SITE_SOME = 0.25, 0.05  # of the others without a site
_PLACES_MCC, _PLACES_SOME = 0.7, 0.4
_SEGMENT_MCC, _SEGMENT_SOME = 0.3, 0.1
_GENOME_MCC, _GENOME_SOME = 0.5, 0.2
_WORDS_MCC = 0.5
_WEAK_MCC, _SHORTCUT_MCC = 0.1, 0.2
_ARTEFACTS = ("length", "letter case", "share of N", "share of other IUPAC codes")
_FEWEST_PAIRS = 20  # of relatives: fewer say little of how labels came about
_AGREE = 0.5  # kappa
_TRAIN_MCC = 0.3
_FEWEST_LABELS = 200


def rule_findings(whole: Whole, base: Audit) -> Iterator[Finding]:
    """Of membership in a genome, of places, of stretches, of labels, of words."""
    yield from _genome(whole)
    yield from _places(whole)
    yield from _segments(whole)
    yield from _signal(whole.signal, base)
    yield from _weak(whole.signal)


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
    rule = (
        f"the best of {len(found['rules'])} simple rules, {best}, has an MCC of {inside or 0:.2f}"
    )
    pairs, same, expected = found["pairs"], found["same"], found["expected"]
    agree = (same - expected) / max(1e-9, pairs - expected)
    error = sqrt(max(1.0, expected * (1 - expected / max(1, pairs)))) / max(1e-9, pairs - expected)
    said = (
        f"{same:,} of {pairs:,} pairs of copies over the splits have one label, {expected:,.0f} by "
        "chance"
    )
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
        elif name in _ARTEFACTS and max(_WEAK_MCC, found["chance"]) <= mcc < _SHORTCUT_MCC:
            yield _finding(
                "low",
                "shortcut",
                f"{name} alone tells a little of the label: MCC {inside or 0:.2f} inside train, "
                f"{on_test or 0:.2f} on test",
                "a model says something new only above this baseline",
            )
