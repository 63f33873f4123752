"""``hnet-seq report``: one page about a run or about results; arguments are in ``commands``."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from hnet_seq.model.shipped import shipped_folder
from hnet_seq.report.classification_section import score_with_interval
from hnet_seq.report.headline import headline_rows, verdict
from hnet_seq.report.page import build_page, build_results_page
from hnet_seq.report.run_data import RunData, is_run, read_run
from hnet_seq.report.target_scores import target_lines
from hnet_seq.report.wording import score
from hnet_seq.results.classification import Classification, Targets
from hnet_seq.tasks.report_place import place_of
from modalities.errors import InputError, UsageError
from pipelines.storage.files import check_file, replaced_file


def report(
    run: str | Path,
    baseline: str | Path | None = None,
    out: str | Path | None = None,
    *,
    gene: str | None = None,
    region: str | None = None,
    genome: str | None = None,
    annotation: str | None = None,
) -> Path:
    """Write the report of a run, or of the results in a folder.

    Args:
        run: a run folder; or one that holds results of other verbs.
        baseline: another run folder, drawn beside it; an isotropic model on the same shards.
        out: the file to write; ``report.html`` in the run folder when None.
        gene, region: what is drawn of the genome, instead of all that ``region.json`` holds; with
            ``genome`` and ``annotation`` the model cuts it, else it must lie there.

    Returns:
        the file written.

    Raises:
        UsageError: no such gene or region there.
        InputError: neither kind of folder, one of its files is damaged, or the two runs do not
            compare; nothing is written then.
    """
    target = Path(run) / "report.html" if out is None else check_file(out)
    place = {"gene": gene, "region": region, "genome": genome, "annotation": annotation}
    page = _page(Path(run), baseline, place)
    with replaced_file(target) as stream:
        stream.write(page)
    return target


def _page(folder: Path, baseline: str | Path | None, place: dict[str, str | None]) -> str:
    if not folder.exists() and shipped_folder(f"{folder}"):
        raise UsageError(
            folder,
            f"is a model and no run; hnet-seq info {folder} has its figures, and a report is of "
            "what a verb wrote to --out",
        )
    if is_run(folder):
        this, other = _read(folder, baseline)
        if place["gene"] or place["region"]:
            this = replace(this, region=place_of(this, **place))
        return build_page(this, other)
    for name, given in {"baseline": baseline, **place}.items():
        if given is not None:
            raise UsageError(name, f"is for runs, and {folder} is none")
    return build_results_page(folder)


def _read(run: str | Path, baseline: str | Path | None) -> tuple[RunData, RunData | None]:
    this = read_run(Path(run))
    if baseline is None:
        return this, None
    other = read_run(Path(baseline))
    if other.unit.uniform != this.unit.uniform:
        raise InputError(
            baseline,
            f"predicts {other.unit.symbols}, {run} predicts {this.unit.symbols}: their bits do "
            "not compare; give a run on the same data",
        )
    return this, other


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    place = {name: getattr(args, name) for name in ("gene", "region", "genome", "annotation")}
    page = report(args.run_folder, args.baseline, args.out, **place)
    if is_run(Path(args.run_folder)):
        print(summary(*_read(args.run_folder, args.baseline)) + "\n")
    print(page)
    return 0


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
