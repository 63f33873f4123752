"""The audit of labelled data on the page: what is wrong with them, and the counts behind it."""

from __future__ import annotations

from collections.abc import Sequence

from hnet_seq.report.html import Markup, Section, element, join, table
from hnet_seq.report.wording import plain, score
from hnet_seq.results.audit import Finding
from hnet_seq.results.audited import Audited, AuditedTask, Change

_SEVERITY = {"high": "Serious", "medium": "Worth knowing", "low": "Minor"}


def audit_section(found: Audited) -> Section:
    """Every data set of ``audit.json``, each with its verdict first."""
    parts = [part for task in found.tasks for part in _task(task)]
    if found.between:
        parts += [element("h3", "Among the data sets"), finding_list(found.between)]
    facts = [(key.replace("_", " "), plain(value)) for key, value in found.details.items() if value]
    if facts:
        parts.append(table(("Detail", "Value"), facts))
    return Section("audit", "Audit of labelled sequences", *parts)


def finding_list(findings: Sequence[Finding]) -> Markup:
    """A line for each, with its remedy."""
    items = [
        element(
            "li",
            element("strong", f"{_SEVERITY[each['severity']]} ({each['kind']}): "),
            f"{each['text']}. ",
            element("em", f"{each['remedy'][:1].upper()}{each['remedy'][1:]}."),
        )
        for each in findings
    ]
    return element("ul", *items)


def _task(found: AuditedTask) -> list[Markup]:
    counts = {
        severity: sum(each["severity"] == severity for each in found["findings"])
        for severity in _SEVERITY
    }
    verdict = (
        f"{counts['high']:,} serious findings, {counts['medium']:,} worth knowing, "
        f"{counts['low']:,} minor."
        if found["findings"]
        else "Nothing was found."
    )
    parts = [
        element("h3", found["task"]),
        element("p", f"{verdict} Split: {found['split']}."),
        finding_list(found["findings"]) if found["findings"] else join([]),
        _sizes(found),
        _overlaps(found),
        _rules(found),
        _made(found),
    ]
    if found["clean"] is not None:
        parts += _clean(found["clean"])
    return [part for part in parts if part]


def _sizes(found: AuditedTask) -> Markup:
    splits = found["audit"].get("splits", {})
    rows = [
        (
            name,
            f"{facts['n']:,}",
            ", ".join(f"{label} {count:,}" for label, count in facts["classes"].items()),
            f"{facts['shortest']:,} to {facts['longest']:,}",
        )
        for name, facts in splits.items()
    ]
    return table(("Split", "Sequences", "Of each class", "Bases"), rows, numeric=(1,))


def _overlaps(found: AuditedTask) -> Markup:
    relatives = {(each["first"], each["second"]): each for each in found["relatives"]}
    loci = {(each["first"], each["second"]): each for each in found["loci"]}
    rows = []
    for each in found["audit"].get("overlaps", []):
        pair = each["first"], each["second"]
        aligned, lies = relatives.get(pair), loci.get(pair)
        rows.append(
            (
                f"{pair[1]} in {pair[0]}",
                f"{each['n']:,}",
                *(f"{each[key]:,}" for key in ("exact", "reverse_complement", "near")),
                "" if aligned is None else f"{aligned['found']:,}",
                "" if aligned is None else f"{aligned['close']:,}",
                "unknown" if lies is None else f"{lies['overlapping']:,}",
            )
        )
    return table(
        (
            *("", "Sequences", "Exactly", "Reverse complement", "Nearly", "By alignment"),
            *("Of these 80% identical over half", "Overlap by coordinates"),
        ),
        rows,
        caption="Sequences of one split that have their like in another",
        numeric=range(1, 8),
    )


def _rules(found: AuditedTask) -> Markup:
    signal = found["signal"]
    if signal is None:
        return join([])
    rows = [(name, *(score(each) for each in scores)) for name, scores in signal["rules"].items()]
    if signal["lookup"] is not None:
        rows.append(("the label of a copy or relative", "", score(signal["lookup"])))
    return table(
        ("Rule", "MCC inside train", "MCC on test"),
        rows,
        caption=f"What tells the label without a model; chance reaches {signal['chance']:.2f}",
        numeric=(1, 2),
    )


def _made(found: AuditedTask) -> Markup:
    rows = [
        (
            each["label"],
            f"{each['n']:,}",
            *(f"{each['excess'].get(f'{order}', float('nan')):.1f}" for order in (0, 1)),
            "like nature"
            if each["order"] is None
            else f"an order {each['order']} chain or shuffle",
        )
        for each in found["generated"]
    ]
    if not rows:
        return join([])
    return table(
        ("Class", "Sequences", "Beyond letters", "Beyond dinucleotides", "Looks"),
        rows,
        caption="Words of four bases beside those of shuffles, which differ among each other by 1",
        numeric=(1, 2, 3),
    )


def _clean(change: Change) -> list[Markup]:
    rows = [
        (name, f"{n:,}", f"{change['after'].get(name, 0):,}")
        for name, n in change["before"].items()
    ]
    reasons = [(why, f"{count:,}") for why, count in sorted(change["dropped"].items())]
    if change["moved"]:
        reasons.append(("moved to another split", f"{change['moved']:,}"))
    left = finding_list(change["findings"]) if change["findings"] else element("p", "Nothing.")
    return [
        element("h3", f"Cleaned: {change['mode']} by {change['by']}, into {change['folder']}"),
        table(("Split", "Before", "After"), rows, numeric=(1, 2)),
        table(("Reason", "Rows"), reasons, numeric=(1,)) if reasons else join([]),
        element("p", "Found in what is left:"),
        left,
    ]
