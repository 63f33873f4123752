"""One HTML page about a run, or about what other verbs left in a folder.

The page of a run draws on what lies in its folder (metrics.jsonl, markov.json, boundaries.json,
region.json, text_boundaries.json, classification.json, run.json, config.yaml) and says for each
piece that is missing which command makes it. It is worded for what the run reads: bases of DNA, or
bytes of text and code. It is one file that needs no network and no JavaScript.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.commands.later import later
from hnet_seq.model.shipped import shipped_folder
from modalities.errors import InputError
from pipelines.storage.files import check_file

EXAMPLE = "hnet-seq report run"
# Whether RUN is a run, which a baseline goes with, is asked when it is read.
MEANT = {"": {"": "baseline out"}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq report``."""
    parser.add_argument("run_folder", metavar="RUN", help="run folder, or one of results")
    parser.add_argument("--baseline", metavar="RUN", help="another run to draw beside it")
    parser.add_argument("--out", metavar="FILE", help="page to write (RUN/report.html)")


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its folders are there."""
    if args.out:
        check_file(args.out)
    for folder, of in ((args.run_folder, "a verb"), (args.baseline, "hnet-seq pretrain")):
        if folder is not None and not Path(folder).exists() and not shipped_folder(folder):
            raise InputError(folder, f"no such folder; give the --out of {of}")
    return later("hnet_seq.tasks.report")(args)
