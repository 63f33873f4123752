"""One HTML page about a run: curves, chunks, boundaries along genes, classification, provenance.

The page draws on what lies in the run folder (metrics.jsonl, markov.json, boundaries.json,
region.json, text_boundaries.json, classification.json, run.json, config.yaml) and says for each
piece that is missing which command makes it. It is worded for what the run reads: bases of DNA, or
bytes of text and code. It is one file that needs no network and no JavaScript.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.report.page import build_page
from hnet_seq.report.run_data import RunData, read_run
from hnet_seq.report.summary import summary
from modalities.errors import InputError
from pipelines.files import check_file, replaced_file

EXAMPLE = "hnet-seq report run"


def report(
    run: str | Path, baseline: str | Path | None = None, out: str | Path | None = None
) -> Path:
    """Write the report of a run.

    Args:
        run: a run folder.
        baseline: another run folder, drawn beside it; an isotropic model on the same shards.
        out: the file to write; ``report.html`` in the run folder when None.

    Returns:
        the file written.

    Raises:
        InputError: not a run folder, one of its files is damaged, or the two runs do not compare;
            nothing is written then.
    """
    target = Path(run) / "report.html" if out is None else check_file(out)
    page = build_page(*_read(run, baseline))
    with replaced_file(target) as stream:
        stream.write(page)
    return target


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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq report``."""
    parser.add_argument("run_folder", metavar="RUN", help="run folder")
    parser.add_argument("--baseline", metavar="RUN", help="another run to draw beside it")
    parser.add_argument("--out", metavar="FILE", help="page to write (RUN/report.html)")


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    page = report(args.run_folder, args.baseline, args.out)
    print(summary(*_read(args.run_folder, args.baseline)))
    print(f"\n{page}")
    return 0
