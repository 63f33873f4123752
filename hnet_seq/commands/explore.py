"""A page on which to look at where a model cuts: of a genome, of text or code, of what is pasted.

Zoom and pan; boundaries of every stage with their probability, chunks as coloured words, genes,
bits per base, the reverse complement, two models below each other, dependency maps; chunks as BED.
The page is answered on this machine alone, and to who has the URL that is printed. --export FILE
writes the same page with chosen regions as one file, which opens offline. The cuts are those of
`hnet-seq segment`, with its defaults.

Guide: docs/explore.md
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from hnet_seq.commands.checks import (
    check_checkpoint,
    check_genome,
    check_outputs,
    check_region,
    check_stage,
    check_there,
    modality_here,
)
from hnet_seq.commands.later import later
from hnet_seq.commands.meaning import check_meant
from hnet_seq.tasks.arguments import CHECKPOINT, add_device_argument
from modalities.dna import DNA
from modalities.errors import UsageError
from pipelines.storage.files import check_file

EXAMPLE = "hnet-seq explore genomes-tiny genome.fna.gz --annotation genes.gff.gz"

MEANT = {
    "": {
        "": "beside region export device",
        "!export": "port",
        "export": "maps",
        "of=DNA": "annotation maps",
    }
}

LAST_PORT = 65535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq explore``."""
    parser.add_argument("checkpoint", metavar="RUN", help=CHECKPOINT)
    parser.add_argument(
        "genome",
        nargs="?",
        metavar="GENOME",
        help="FASTA, GenBank or 2bit; or a file or folder of text; left out: what is pasted",
    )
    parser.add_argument("--beside", metavar="RUN", help="another model, shown below the first")
    parser.add_argument(
        "--annotation", metavar="GENES", help="GFF3, GTF or GenBank of GENOME, drawn as arrows"
    )
    parser.add_argument(
        "--region",
        action="append",
        default=[],
        metavar="NAME[:START-END]|GENE",
        help="to begin with, 1-based, inclusive; several times for several",
    )
    parser.add_argument(
        "--export", metavar="FILE.html", help="write a page with the regions, and answer none"
    )
    parser.add_argument(
        "--maps", action="store_true", help="with dependency maps of regions of up to 300 bases"
    )
    parser.add_argument("--port", type=int, default=0, help="of the server (any that is free)")
    add_device_argument(parser)


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    if args.export:
        check_file(args.export, "export")
        if not args.export.lower().endswith((".html", ".htm")):
            raise UsageError("export", f"{Path(args.export).name} is no page; end it in .html")
        check_outputs({"export": args.export}, args.genome, args.annotation)
    elif not 0 <= args.port <= LAST_PORT:
        raise UsageError("port", f"is {args.port}; expected 0 to {LAST_PORT}")
    if not args.genome:
        for name in ("annotation", "region", "export"):
            if getattr(args, name):
                raise UsageError(name, "goes with GENOME, on which it lies; give that")
    if "" in args.region:
        raise UsageError("region", "is empty; give NAME:START-END, or leave it out")
    if args.beside == args.checkpoint:
        raise UsageError("beside", f"{args.beside} is the model itself; give another")
    for where in (args.checkpoint, args.beside):
        if where is not None:
            check_checkpoint(where)
            check_stage(where, 0)
    check_there(args.genome, args.annotation)
    modality = modality_here(args.checkpoint)
    if modality is not None:
        check_modality(args, modality.name)
    if modality is DNA and args.genome:
        check_genome(args.genome)
        if not args.annotation:
            for region in args.region:
                check_region(args.genome, region)
    if not args.export:
        import_web()
    return later("hnet_seq.tasks.explore")(args)


def check_modality(args: argparse.Namespace, modality: str) -> None:
    """Raise UsageError for an option that means nothing of what the model reads."""
    of = "DNA" if modality == DNA.name else "text and code"
    check_meant(args, f"{args.checkpoint} was trained on {modality}", of=of)


def import_web() -> None:
    """Raise UsageError, with the line that installs them, where the server's packages are not."""
    missing = [own for own in ("starlette", "uvicorn") if importlib.util.find_spec(own) is None]
    if missing:
        raise UsageError(
            "explore",
            f"a page with a server needs {' and '.join(missing)}: pip install starlette uvicorn "
            "(or 'hnet-seq[explore]'); --export FILE.html does without",
        )
