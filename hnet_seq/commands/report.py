"""One HTML page about a run, or about what classify, boundaries, embed and score left in a folder.

The page of a run draws on what lies in its folder (metrics.jsonl, markov.json, boundaries.json,
region.json, text_boundaries.json, classification.json, run.json, config.yaml) and says for each
piece that is missing which command makes it. It is worded for what the run reads: bases of DNA, or
bytes of text and code. It is one file that needs no network and no JavaScript.
"""

from __future__ import annotations

import argparse

from hnet_seq.commands.later import later

EXAMPLE = "hnet-seq report run"
# Whether RUN is a run, which a baseline goes with, is asked when it is read.
MEANT = {"": {"": "baseline out"}}

main = later("hnet_seq.tasks.report")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq report``."""
    parser.add_argument("run_folder", metavar="RUN", help="run folder, or one of results")
    parser.add_argument("--baseline", metavar="RUN", help="another run to draw beside it")
    parser.add_argument("--out", metavar="FILE", help="page to write (RUN/report.html)")
