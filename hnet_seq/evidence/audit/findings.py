"""From what an audit counted to what a reader should know: how bad, in words, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Literal

from hnet_seq.evidence.audit.duplicates import Conflicts, Copies, Duplicates, Overlap
from hnet_seq.evidence.audit.names import RepeatedIds, SharedGroups
from hnet_seq.evidence.audit.remedies import Origin, groups_remedy, leak_remedy
from hnet_seq.evidence.audit.shortcuts import Shortcut
from hnet_seq.results.audit import Finding, FindingKind, SplitFacts

_MCC = 0.2  # of one property alone: more is a shortcut
_COMPOSITION_MCC = 0.3  # real classes differ in composition, so more of it is needed to be news
_CHANGE = 0.2  # of that MCC from train to test
_FEW = 10  # test sequences of a class: one of them moves its recall by a tenth
_MAJORITY = 0.8
_CLASS_SHIFT = 0.1
_MANY = 0.01  # of a split: a leak that moves the second digit of a score
_MANY_COPIES = 0.05
_ORIGINS = 50  # groups: with fewer, each holds too much to be a gene

_ORDER = {"high": 0, "medium": 1, "low": 2}


def find(
    splits: Mapping[str, SplitFacts],
    duplicates: Duplicates,
    ids: Sequence[RepeatedIds],
    groups: Sequence[SharedGroups],
    shortcuts: Sequence[Shortcut],
    origin: Origin,
) -> list[Finding]:
    """Everything worth a line, the worst first."""
    found = [
        *_leaks(duplicates["overlaps"], origin),
        *_shortcuts(shortcuts, splits),
        *_groups(groups, origin),
        *_conflicts(duplicates["conflicts"], splits),
        *_copies(duplicates["copies"]),
        *_ids(ids),
        *_classes(splits),
        *_letters(splits),
    ]
    return in_order(found)


Severity = Literal["high", "medium", "low"]


def finding(severity: Severity, kind: FindingKind, text: str, remedy: str) -> Finding:
    """A line."""
    return Finding(severity=severity, kind=kind, text=text, remedy=remedy)


def in_order(found: Sequence[Finding]) -> list[Finding]:
    """The worst first."""
    return sorted(found, key=lambda each: _ORDER[each["severity"]])


def _leaks(overlaps: Sequence[Overlap], origin: Origin) -> Iterator[Finding]:
    for overlap in sorted(overlaps, key=lambda each: each["second"] != "test"):
        first, second = overlap["first"], overlap["second"]
        count = overlap["exact"] + overlap["reverse_complement"] + overlap["near"]
        if not count:
            continue
        many = count >= _MANY * overlap["n"]
        yield Finding(
            severity=("high" if many else "medium") if second == "test" else "medium",
            kind="leak",
            text=f"{count:,} of {overlap['n']:,} {second} sequences stand in {first} "
            f"({overlap['exact']:,} exactly, {overlap['reverse_complement']:,} as reverse "
            f"complement, {overlap['near']:,} nearly; {_example(overlap)})",
            remedy=leak_remedy(second, origin),
        )


def _example(overlap: Overlap) -> str:
    closest = overlap["closest"]
    assert closest is not None, "an overlap has a closest pair"
    first, second = overlap["first"], overlap["second"]
    pair = f"{second}, {closest['second']} and {first}, {closest['first']}"
    if overlap["exact"] or overlap["reverse_complement"]:
        return f"such as {pair}"
    return f"the closest, {pair}, share {closest['share']:.0%} of their words"


_SHORTCUT_REMEDIES = {
    "length": "cut all to one length, or draw classes of like lengths",
    "base composition": "a model says something new only above this baseline",
    "letter case": "nothing here sees case; for other tools write everything in upper case",
    "share of N": "remove sequences with N, or draw classes of like shares",
    "share of other IUPAC codes": "they read as N: remove such sequences, or resolve them",
}
_SHORTCUT_NAMES = {"letter case": "letter case (the share of lower-case letters)"}


def _shortcuts(
    shortcuts: Sequence[Shortcut], splits: Mapping[str, SplitFacts]
) -> Iterator[Finding]:
    sizes = [splits["train"]["n"], splits["test"]["n"]]
    # The MCC of a guess has a standard error of about 1 / sqrt(n).
    chance = 3 * sqrt(sum(1 / max(1, n) for n in sizes))
    for shortcut in shortcuts:
        name = shortcut["property"]
        train_mcc, test_mcc = shortcut["train_mcc"], shortcut["test_mcc"]
        inside = test_mcc if train_mcc is None else train_mcc
        composition = name == "base composition"
        least = max(_COMPOSITION_MCC if composition else _MCC, chance)
        changes = abs(inside - test_mcc) >= max(_CHANGE, chance)
        if max(inside, test_mcc) < least and not changes:
            continue
        seen = name in ("length", "share of N")
        if composition:
            severity: Literal["high", "medium", "low"] = "medium" if changes else "low"
        else:
            severity = "high" if seen or changes else "medium"
        said = (
            "predicts the label much better in train than on test"
            if changes
            else ("predicts the label")
        )
        if changes and test_mcc > inside:
            said = "predicts the label much better on test than in train"
        yield Finding(
            severity=severity,
            kind="shortcut",
            text=f"{_SHORTCUT_NAMES.get(name, name)} alone {said}: MCC {inside:.2f} inside train, "
            f"{test_mcc:.2f} on test{_means(shortcut)}",
            remedy=_SHORTCUT_REMEDIES[name],
        )


def _means(shortcut: Shortcut) -> str:
    means = shortcut["means"]
    if means is None:
        return ""
    parts = [
        f"{split} " + ", ".join(f"{label} {value:.3g}" for label, value in list(of.items())[:4])
        for split, of in means.items()
        if split != "validation"
    ]
    return f" (means: {'; '.join(parts)})"


def _groups(groups: Sequence[SharedGroups], origin: Origin) -> Iterator[Finding]:
    for second in ("test", "validation"):
        levels = [each for each in groups if each["second"] == second and each["first"] == "train"]
        if not levels:
            continue
        finest = levels[0]
        coarser = {each["shared"]: each for each in reversed(levels[1:])}
        coarser.pop(finest["shared"], None)
        others = "".join(f"; {n:,} by {coarser[n]['rule']}" for n in sorted(coarser))
        origins = [each for each in levels if each["groups"] >= _ORIGINS] or levels[:1]
        fine = finest["groups"] >= _ORIGINS or finest["pattern"] is None
        yield Finding(
            severity="high" if fine and second == "test" else "medium",
            kind="groups",
            text=f"{finest['shared']:,} of {finest['n']:,} {second} sequences have a relative in "
            f"train, such as {finest['example']} ({finest['rule']}{others})",
            remedy=groups_remedy(origins[-1]["pattern"], origin),
        )


def _conflicts(conflicts: Conflicts, splits: Mapping[str, SplitFacts]) -> Iterator[Finding]:
    count = conflicts["either_strand"]
    if not count:
        return
    example = " and ".join(f"{each['label']} in {each['name']}" for each in conflicts["example"])
    total = sum(split["n"] for split in splits.values())
    yield Finding(
        severity="medium" if count >= _MANY * total else "low",
        kind="labels",
        text=f"sequences with more than one label: {conflicts['sequences']:,}, or {count:,} where "
        f"reverse complements are one; such as {example}",
        remedy="remove them, or decide: nobody can be right on both",
    )


def _copies(copies: Sequence[Copies]) -> Iterator[Finding]:
    inside = [each for each in copies if each["split"] != "all"]
    parts = []
    worst = 0.0
    for each in inside:
        count = each["exact"] + each["reverse_complement"]
        near = each["near"] or 0
        if count or near:
            repeats = [f"{count:,} repeat an earlier one"] * (count > 0)
            repeats += [f"{near:,} nearly equal another"] * (near > 0)
            parts.append(f"of {each['n']:,} in {each['split']} {' and '.join(repeats)}")
            worst = max(worst, (count + near) / each["n"])
    if not parts:
        return
    together = next((each for each in copies if each["split"] == "all"), None)
    everything = (
        f"; among all {together['n']:,} {together['exact']:,} exact copies and "
        f"{together['reverse_complement']:,} as reverse complement"
        if together
        else ""
    )
    yield Finding(
        severity="medium" if worst >= _MANY_COPIES else "low",
        kind="copies",
        text=", ".join(parts) + everything,
        remedy="they count more than once; keep copies on one side of any further split",
    )


def _ids(ids: Sequence[RepeatedIds]) -> Iterator[Finding]:
    found = [each for each in ids if each["repeated"]]
    if not found:
        return
    parts = [
        f"{each['repeated']:,} of {each['n']:,} "
        + (
            f"ids of {each['second']} repeat an earlier one"
            if each["first"] == each["second"]
            else f"{each['second']} sequences have an id of {each['first']}"
        )
        for each in found
    ]
    across = any(each["first"] != each["second"] for each in found)
    yield Finding(
        severity="medium" if across else "low",
        kind="ids",
        text=f"{', '.join(parts)}, such as {found[0]['example']}",
        remedy="make ids unique, and see that one record is not in two splits",
    )


def _classes(splits: Mapping[str, SplitFacts]) -> Iterator[Finding]:
    train, test = splits["train"], splits["test"]
    counts = {
        name: ", ".join(f"{label} {count:,}" for label, count in split["classes"].items())
        for name, split in splits.items()
    }
    few = [label for label, count in test["classes"].items() if count < _FEW]
    if few:
        yield Finding(
            severity="medium",
            kind="classes",
            text=f"fewer than {_FEW} test sequences of {', '.join(few[:5])} "
            f"(test: {counts['test']})",
            remedy="intervals are wide; hold out more",
        )
    shift = 0.5 * sum(
        abs(train["classes"][label] / max(1, train["n"]) - count / max(1, test["n"]))
        for label, count in test["classes"].items()
    )
    noise = 2 * sqrt(1 / max(1, train["n"]) + 1 / max(1, test["n"]))
    if shift >= max(_CLASS_SHIFT, noise):
        yield Finding(
            severity="medium",
            kind="classes",
            text=f"class shares differ (train: {counts['train']}; test: {counts['test']})",
            remedy="read AUROC and AUPRC beside MCC, or draw the splits alike",
        )
    largest = max(test["classes"].values()) / max(1, test["n"])
    if largest >= _MAJORITY:
        yield Finding(
            severity="low",
            kind="classes",
            text=f"{largest:.0%} of test sequences are of one class (test: {counts['test']})",
            remedy="read MCC, not accuracy",
        )


def _letters(splits: Mapping[str, SplitFacts]) -> Iterator[Finding]:
    unknown = sum(split["with_unknown"] for split in splits.values())
    ambiguous = sum(split["with_ambiguous"] for split in splits.values())
    if unknown or ambiguous:
        total = sum(split["n"] for split in splits.values())
        yield Finding(
            severity="low",
            kind="letters",
            text=f"of {total:,} sequences {unknown:,} hold N and {ambiguous:,} other IUPAC codes",
            remedy="all are read as unknown bases; nothing to do where they are few",
        )
