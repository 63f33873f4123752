"""The headline and every classifier as plain text, for a terminal."""

from __future__ import annotations

from hnet_seq.report.classification_section import score_with_interval
from hnet_seq.report.headline import headline_rows, verdict
from hnet_seq.report.run_data import RunData
from hnet_seq.report.target_scores import target_lines
from hnet_seq.report.wording import score


def summary(run: RunData, baseline: RunData | None) -> str:
    """Lines to print: a table of measures, a table of classifiers, the verdict."""
    rows = [(name, value, note) for name, value, note in headline_rows(run, baseline)]
    lines = _columns([("measure", "value", "how to read it"), *rows])
    if run.classification is not None:
        scores = [
            (
                s.name,
                "baseline" if s.baseline else "model",
                score_with_interval(s),
                *map(score, (s.accuracy, s.f1, s.auroc, s.auprc)),
            )
            for s in run.classification.scores
        ]
        head = ("classifier", "kind", "MCC (95% interval)", "accuracy", "F1", "AUROC", "AUPRC")
        lines += ["", *_columns([head, *scores])]
        serious = [f for f in run.classification.findings if f.severity == "high"]
        lines += [f"{f.kind}: {f.text} -> {f.remedy}" for f in serious]
    if run.targets is not None:
        lines += ["", *_columns(target_lines(run.targets))]
    return "\n".join([*lines, "", verdict(run)])


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
