"""One HTML page about a run, or about what other verbs left in a folder.

The page of a run draws on what lies in its folder (metrics.jsonl, markov.json, boundaries.json,
region.json, text_boundaries.json, classification.json, run.json, config.yaml) and says for each
piece that is missing which command makes it. It is worded for what the run reads: bases of DNA, or
bytes of text and code. It is one file that needs no network and no JavaScript.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.commands.checks import check_outputs, check_there
from hnet_seq.commands.later import later
from hnet_seq.model.shipped import shipped_folder
from modalities.errors import InputError, UsageError
from pipelines.storage.files import check_file

EXAMPLE = "hnet-seq report run"
# Whether RUN is a run, which a baseline goes with, is asked when it is read.
MEANT = {"": {"": "baseline out gene region genome annotation"}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq report``."""
    parser.add_argument("run_folder", metavar="RUN", help="run folder, or one of results")
    parser.add_argument("--baseline", metavar="RUN", help="another run to draw beside it")
    parser.add_argument("--out", metavar="FILE", help="page to write (RUN/report.html)")
    place = parser.add_argument_group("the stretch of the genome that a run's page draws")
    place.add_argument("--gene", metavar="NAME", help="a coding sequence, with bases around it")
    place.add_argument("--region", metavar="NAME:START-END", help="1-based, inclusive")
    place.add_argument(
        "--genome", metavar="GENOME", help="what is not in region.json the model cuts of this"
    )
    place.add_argument("--annotation", metavar="GENES", help="GFF3, GTF or GenBank of --genome")


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its folders are there."""
    check_place(args)
    if args.out:
        check_file(args.out)
        check_outputs({"out": args.out}, args.genome, args.annotation)
    check_there(args.genome, args.annotation)
    for folder, of in ((args.run_folder, "a verb"), (args.baseline, "hnet-seq pretrain")):
        if folder is not None and not Path(folder).exists() and not shipped_folder(folder):
            raise InputError(folder, f"no such folder; give the --out of {of}")
    return later("hnet_seq.tasks.report")(args)


def check_place(args: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go together."""
    if args.gene and args.region:
        raise UsageError("gene", "goes without --region; the page draws one stretch")
    if not args.gene and not args.region:
        for name in ("genome", "annotation"):
            if getattr(args, name):
                raise UsageError(name, "goes with --gene or --region; leave it out")
    if args.annotation and not args.genome:
        raise UsageError("annotation", "goes with --genome, on which it lies")
    if args.gene and args.genome and not args.annotation:
        raise UsageError("annotation", "is missing: --gene in --genome is a name in its annotation")
