"""One HTML page about a run: curves, chunks, boundaries along genes, classification, provenance.

The page draws on what lies in the run folder (metrics.jsonl, markov.json, boundaries.json,
region.json, classification.json, run.json, config.yaml) and says for each piece that is missing
which command makes it. It is one file that needs no network and no JavaScript.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.report.page import build_page
from hnet_seq.report.run_data import read_run
from hnet_seq.report.summary import summary
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
        InputError: not a run folder, or one of its files is damaged; nothing is written then.
    """
    target = Path(run) / "report.html" if out is None else check_file(out)
    page = build_page(
        read_run(Path(run)), read_run(Path(baseline)) if baseline is not None else None
    )
    with replaced_file(target) as stream:
        stream.write(page)
    return target


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq report``."""
    parser.add_argument("run_folder", metavar="RUN", help="run folder")
    parser.add_argument("--baseline", metavar="RUN", help="another run to draw beside it")
    parser.add_argument("--out", metavar="FILE", help="page to write (RUN/report.html)")


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    page = report(args.run_folder, args.baseline, args.out)
    baseline = None if args.baseline is None else read_run(Path(args.baseline))
    print(summary(read_run(Path(args.run_folder)), baseline))
    print(f"\n{page}")
    return 0
