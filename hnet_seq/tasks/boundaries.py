"""What a model's boundaries follow, and how firmly: sites of an annotation, edits, motifs.

  enrich      boundaries at start and stop codons, splice sites, transcription starts and the edges
              of any feature, beside shifted sites, random boundaries, context and shuffled sequence
  stability   share of boundaries that stay after a substitution, an insertion, a deletion
  motifs      chunks per occurrence of a motif, beside k-mers, BPE and random cuts

Guide: docs/boundaries.md
"""

from __future__ import annotations

import argparse

from hnet_seq.tasks.boundary_analysis import enrich as boundaries_enrich
from hnet_seq.tasks.boundary_analysis import motifs as boundaries_motifs
from hnet_seq.tasks.boundary_analysis import stability as boundaries_stability

EXAMPLE = "hnet-seq boundaries enrich run genome.fna.gz --features genes.gff.gz --out run"

_ACTIONS = {
    "enrich": (boundaries_enrich, "boundaries at the sites of an annotation"),
    "stability": (boundaries_stability, "boundaries after single edits"),
    "motifs": (boundaries_motifs, "chunks per occurrence of motifs"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq boundaries``."""
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    for name, (task, description) in _ACTIONS.items():
        child = actions.add_parser(name, help=description, description=task.__doc__)
        task.add_arguments(child)
        child.set_defaults(act=task.main)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    code: int = args.act(args)
    return code
