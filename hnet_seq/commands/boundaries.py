"""What a model's boundaries follow, and how firmly: sites of an annotation, edits, motifs.

  enrich      boundaries at start and stop codons, splice sites, transcription starts and the edges
              of any feature, beside shifted sites, random boundaries, context and shuffled sequence
  stability   share of boundaries that stay after a substitution, an insertion, a deletion
  motifs      chunks per occurrence of a motif, beside k-mers, BPE and random cuts

Guide: docs/boundaries.md
"""

from __future__ import annotations

import argparse

from hnet_seq.commands.checks import (
    check_at_least,
    check_causal,
    check_checkpoint,
    check_dna_model,
    check_genome,
    check_region,
    check_seed,
    check_stage,
    check_there,
)
from hnet_seq.commands.later import later
from hnet_seq.tasks.arguments import (
    CHECKPOINT,
    add_attention_window_argument,
    add_batch_arguments,
    add_streaming_arguments,
    add_twin_argument,
)
from hnet_seq.tasks.choices import (
    ENRICH_NEAR,
    ENRICH_SHIFTS,
    ENRICH_SHUFFLES,
    ENRICH_WIDTH,
    LEFT_CONTEXT,
    SEGMENT_BATCH_TOKENS,
    STABILITY_CONTEXT,
    STABILITY_PLACES,
    STABILITY_REACH,
)
from modalities.errors import UsageError
from pipelines.storage.files import check_folder

EXAMPLE = "hnet-seq boundaries enrich run genome.fna.gz --features genes.gff.gz --out run"

_LEAST_SHIFTS = 10
NEEDS_CAUSAL = "an edit moves boundaries on both sides of it"
"""Why ``stability`` refuses a bidirectional model."""

_ALWAYS = "twin out stage region attention_window batch_tokens device"
MEANT = {
    "enrich": {
        "": f"{_ALWAYS} seed features edges width near shifts shuffles cache_limit",
        "region": "left_context",
    },
    "stability": {"": f"{_ALWAYS} seed left_context places reach"},
    "motifs": {"": f"{_ALWAYS} motifs no_bpe cache_limit", "region": "left_context"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq boundaries``."""
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    for name, (add, text, question) in _ACTIONS.items():
        child = actions.add_parser(name, help=text, description=question)
        add(child)
        child.set_defaults(act=later(f"hnet_seq.tasks.boundary_analysis.{name}"))


def main(args: argparse.Namespace) -> int:
    """Run the action, once its words can be meant."""
    check_folder(args.out)
    check_checkpoint(args.checkpoint)
    check_there(args.genome, getattr(args, "motifs", None))
    check_seed(args.seed)
    check_at_least(0, left_context=args.left_context)
    check_dna_model(args.checkpoint)
    check_stage(args.checkpoint, args.stage)
    if args.region:
        check_region(args.genome, args.region)
    _CHECKS[args.action](args)
    code: int = args.act(args)
    return code


def _read_sites(args: argparse.Namespace) -> None:
    check_at_least(1, width=args.width)
    check_at_least(0, near=args.near, shuffles=args.shuffles)
    check_at_least(_LEAST_SHIFTS, shifts=args.shifts)
    if args.near > args.width:
        raise UsageError("near", f"is {args.near}, more than --width {args.width}")
    from hnet_seq.tasks.boundary_analysis.site_files import sites_from_arguments

    args.read_sites = sites_from_arguments(args)


def _check_places(args: argparse.Namespace) -> None:
    check_causal(args.checkpoint, NEEDS_CAUSAL)
    check_at_least(1, places=args.places, reach=args.reach)
    check_genome(args.genome)


def _read_motifs(args: argparse.Namespace) -> None:
    from hnet_seq.tasks.boundary_analysis.motif_file import read_motifs
    from pipelines.formats.genome import Genome

    genome = Genome(args.genome)
    args.read_motifs = genome, read_motifs(args.motifs, genome)


_CHECKS = {"enrich": _read_sites, "stability": _check_places, "motifs": _read_motifs}


def _add_common(
    parser: argparse.ArgumentParser,
    left_context: int = LEFT_CONTEXT,
    *,
    whole_records: bool = True,
    behind: bool = True,
    draws: bool = True,
) -> None:
    """Model, genome, and where and how to cut it.

    Args:
        left_context: default, bases.
        whole_records: records of any length are read, for which attention's cache has a limit.
        behind: a bidirectional model may be given, which reads context behind too.
        draws: something is drawn.
    """
    parser.add_argument("checkpoint", metavar="RUN", help=CHECKPOINT)
    parser.add_argument("genome", metavar="GENOME", help="FASTA, GenBank or 2bit")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the JSON file")
    add_twin_argument(parser)
    parser.add_argument("--stage", type=int, default=0, help="0 is the outermost (%(default)s)")
    parser.add_argument("--region", metavar="NAME[:START-END]", help="1-based, inclusive")
    if draws:
        parser.add_argument("--seed", type=int, default=0, help="of every draw (%(default)s)")
    else:
        parser.set_defaults(seed=0)  # which results name
    parser.add_argument(
        "--left-context",
        type=int,
        default=left_context,
        metavar="BASES",
        help=f"read before{' (bidirectional: and behind)' if behind else ''} what is looked at, "
        "not counted (%(default)s)",
    )
    if whole_records:
        add_streaming_arguments(parser)
    else:
        add_attention_window_argument(parser)
    add_batch_arguments(parser, SEGMENT_BATCH_TOKENS)


def _add_enrich(parser: argparse.ArgumentParser) -> None:
    _add_common(parser)
    parser.add_argument(
        "--features",
        action="append",
        metavar="[NAME=]FILE",
        help="GFF3, GTF, GenBank or BED; several times for several files; of a GENOME in GenBank "
        "its own",
    )
    parser.add_argument(
        "--edges", metavar="TYPE,...", help="types of features whose edges are sites as well"
    )
    parser.add_argument(
        "--width",
        type=int,
        default=ENRICH_WIDTH,
        help="bases on each side of profiles (%(default)s)",
    )
    parser.add_argument(
        "--near", type=int, default=ENRICH_NEAR, help="bases that still are at a site (%(default)s)"
    )
    parser.add_argument(
        "--shifts", type=int, default=ENRICH_SHIFTS, help="of the sites, as control (%(default)s)"
    )
    parser.add_argument(
        "--shuffles",
        type=int,
        default=ENRICH_SHUFFLES,
        help="passes over shuffled sequence, each as long as the first pass (%(default)s)",
    )


def _add_stability(parser: argparse.ArgumentParser) -> None:
    # Nothing longer than the context and the reach is read: no cache can grow past a limit.
    _add_common(parser, left_context=STABILITY_CONTEXT, whole_records=False, behind=False)
    parser.add_argument(
        "--places", type=int, default=STABILITY_PLACES, help="bases that are edited (%(default)s)"
    )
    parser.add_argument(
        "--reach",
        type=int,
        default=STABILITY_REACH,
        help="bases on each side to look at (%(default)s)",
    )


def _add_motifs(parser: argparse.ArgumentParser) -> None:
    _add_common(parser, draws=False)
    parser.add_argument(
        "--motifs",
        required=True,
        metavar="FILE",
        help="lines of a name, a tab and an IUPAC pattern; or a BED of occurrences",
    )
    parser.add_argument(
        "--no-bpe", action="store_true", help="leave the byte-pair tokeniser out (extra: bpe)"
    )


_ACTIONS = {
    "enrich": (
        _add_enrich,
        "boundaries at the sites of an annotation",
        "do chunks begin at genes, splice sites, repeats more than elsewhere?",
    ),
    "stability": (
        _add_stability,
        "boundaries after single edits",
        "which boundaries stay when one base is changed, put in or taken out.",
    ),
    "motifs": (
        _add_motifs,
        "chunks per occurrence of motifs",
        "are motifs kept in one chunk more than k-mers, BPE or chance keep them?",
    ),
}
