"""From what ``hnet-seq audit`` counted beside ``classify`` to lines: how bad, what, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt

from hnet_seq.evidence.audit.findings import Severity
from hnet_seq.evidence.audit.findings import finding as _finding
from hnet_seq.evidence.audit.rule_findings import rule_findings
from hnet_seq.evidence.audit.twins import SEGMENT
from hnet_seq.evidence.audit.whole import Whole
from hnet_seq.results.audit import Audit, Finding, SplitFacts
from hnet_seq.results.audited import Generated, Loci, Pretrained, Relatives, Twins

_MANY, _SOME = 0.05, 0.01  # of test sequences with a relative
_FEW_WINDOWS = 0.01
_UNKNOWN_MANY = 0.05
_FEWEST_TWINS = 10
_FEW_TWINS = 0.005  # of test sequences
_MEMORY = 0.5  # of the test sequences
_PARTS_MCC = 0.3

_CLEAN = "drop them with hnet-seq audit --clean OUT"
_RESPLIT = "--clean OUT --mode resplit draws the splits anew"


def whole_findings(whole: Whole, base: Audit) -> list[Finding]:
    """Everything worth a line."""
    splits = base["splits"]
    return [
        *_memory(whole, base),
        *(line for each in whole.relatives for line in _relatives(each)),
        *(line for each in whole.loci for line in _windows(each)),
        *_negatives(whole.twins, splits),
        *_twins(whole.twins, splits),
        *_generated(whole.generated),
        *rule_findings(whole, base),
        *(line for each in whole.pretrained for line in _pretrained(each, splits)),
        *_unknown(whole.unknown, splits),
    ]


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


_ALIKE = {
    "dinucleotides": "the length, ends and dinucleotides",
    "segments": f"segments of {SEGMENT} bases at the same places, and other bases between,",
}


def _twins(found: Sequence[Twins], splits: Mapping[str, SplitFacts]) -> Iterator[Finding]:
    """Those over two splits, whatever their label: chance makes next to none of these kinds."""
    n = splits["test"]["n"]
    for each in found:
        if each["kind"] in _ALIKE and each["over"] >= _FEW_TWINS * n:
            yield _finding(
                "low",
                "twins",
                f"{each['over']:,} of {n:,} test sequences have {_ALIKE[each['kind']]} of one in "
                f"another split",
                "made from one another, or aligned to one place: keep them on one side "
                "(--clean OUT --mode resplit where labels differ)",
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
