"""The headline and every classifier as plain text, for a terminal."""

from __future__ import annotations

from hnet_seq.report.classification_section import score_with_interval
from hnet_seq.report.headline import headline_rows, verdict
from hnet_seq.report.run_data import RunData
from hnet_seq.report.target_scores import target_lines
from hnet_seq.report.wording import score
from hnet_seq.results.classification import Classification, Targets


def summary(run: RunData, baseline: RunData | None) -> str:
    """Lines to print: a table of measures, a table of classifiers, the verdict."""
    rows = [(name, value, note) for name, value, note in headline_rows(run, baseline)]
    lines = _columns([("measure", "value", "how to read it"), *rows])
    found = run.classification
    if isinstance(found, Targets):
        lines += ["", *_columns(target_lines(found))]
    elif isinstance(found, Classification):
        scores = [
            (
                row["name"],
                row["kind"],
                score_with_interval(row),
                *map(score, (row["accuracy"], row["f1"], row["auroc"], row["auprc"])),
            )
            for row in found.rows
        ]
        head = ("classifier", "kind", "MCC (95% interval)", "accuracy", "F1", "AUROC", "AUPRC")
        lines += ["", *_columns([head, *scores])]
        serious = [each for each in found.audit["findings"] if each["severity"] == "high"]
        lines += [f"{each['kind']}: {each['text']} -> {each['remedy']}" for each in serious]
    return "\n".join([*lines, "", verdict(run)])


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
