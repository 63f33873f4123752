"""The headline and every classifier as plain text, for a terminal."""

from __future__ import annotations

from hnet_seq.report.headline import headline_rows, verdict
from hnet_seq.report.run_data import RunData
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
                *map(_shown, (s.accuracy, s.mcc, s.auroc)),
            )
            for s in run.classification.scores
        ]
        lines += ["", *_columns([("classifier", "kind", "accuracy", "MCC", "AUROC"), *scores])]
    return "\n".join([*lines, "", verdict(run)])


def _shown(value: float | None) -> str:
    return "-" if value is None else score(value)


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
