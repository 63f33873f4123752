"""Continue sequences with a causal model: text as it comes, bases as FASTA, many at once.

Prompts are --prompt arguments, or the records of a FASTA file (DNA) or the lines of a text file
with --prompts. A sequence depends on its prompt, its seed and the options alone, not on what else
is in the batch. With --show-chunks, a bar stands before each token that begins a chunk: one for
every stage that begins one there.
"""

from __future__ import annotations

import argparse

import modalities
from hnet_seq.commands.checks import (
    check_at_least,
    check_causal,
    check_checkpoint,
    check_outputs,
    check_there,
    is_small,
    modality_here,
    stages_of,
)
from hnet_seq.commands.later import later
from hnet_seq.commands.meaning import check_meant
from hnet_seq.model.sampling_rules import Sampling
from hnet_seq.tasks.arguments import CHECKPOINT, add_device_argument
from modalities.errors import UsageError
from pipelines.storage.files import check_file

_SEEDS = 1 << 63  # of torch's generators

EXAMPLE = "hnet-seq generate run --prompt ACGTACGT --max-new-tokens 200 --show-chunks"

MEANT = {
    "": {
        "": "prompt prompts out max_new_tokens samples temperature modality device",
        "temperature!=0": "top_k top_p min_p seed",
        "of=models that cut": "show_chunks",
    }
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq generate``."""
    parser.add_argument("checkpoint", help=CHECKPOINT)
    parser.add_argument("--prompt", action="append", metavar="LETTERS", help="may be repeated")
    parser.add_argument(
        "--prompts", metavar="FILE", help="FASTA or GenBank for DNA, lines for text"
    )
    parser.add_argument("--out", metavar="FILE", help="write there instead of standard output")
    parser.add_argument("--max-new-tokens", type=int, default=256, help="%(default)s")
    parser.add_argument("--samples", type=int, default=1, help="of each prompt (%(default)s)")
    parser.add_argument("--temperature", type=float, default=1.0, help="0: likeliest token (1)")
    parser.add_argument("--top-k", type=int, default=0, help="keep the k likeliest (all)")
    parser.add_argument("--top-p", type=float, default=1.0, help="keep this probability (1)")
    parser.add_argument("--min-p", type=float, default=0.0, help="share of the likeliest (0)")
    parser.add_argument("--seed", type=int, default=0, help="of the first sequence (%(default)s)")
    parser.add_argument("--show-chunks", action="store_true", help="bars where chunks begin")
    parser.add_argument(
        "--modality", choices=sorted(modalities.MODALITIES), help="if the checkpoint lacks it"
    )
    add_device_argument(parser)


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    if bool(args.prompt) == bool(args.prompts):
        raise UsageError("prompt", "give --prompt LETTERS, or --prompts FILE")
    check_at_least(1, max_new_tokens=args.max_new_tokens, samples=args.samples)
    sampling_from(args)
    if not -_SEEDS <= args.seed < _SEEDS:
        raise UsageError("seed", f"is {args.seed}; expected less than {_SEEDS}")
    if args.out:
        check_file(args.out)
    check_checkpoint(args.checkpoint)
    check_causal(args.checkpoint, "what goes on with a prompt has seen what lies before alone")
    check_there(args.prompts)
    check_outputs({"out": args.out}, args.prompts)
    if stages_of(args.checkpoint) == 0:
        check_meant(args, f"{args.checkpoint} has no chunks", of="isotropic models")
    modality = modality_here(args.checkpoint)
    if modality and args.modality:
        check_modality(args.checkpoint, args.modality, modality.name)
    if modality and (args.prompt or is_small(args.prompts)):
        from hnet_seq.tasks.prompts import read_prompts

        read_prompts(args, modality)
    return later("hnet_seq.tasks.generate")(args)


def check_modality(checkpoint: str, asked: str | None, stated: str | None) -> None:
    """Raise UsageError where a checkpoint says another modality than was asked for."""
    if asked and stated and asked != stated:
        raise UsageError("modality", f"{checkpoint} was trained on {stated}, not {asked}")


def sampling_from(args: argparse.Namespace, allowed: tuple[int, ...] | None = None) -> Sampling:
    """How tokens are drawn; ``allowed`` are ids that may be.

    Raises:
        UsageError: a number out of range.
    """
    try:
        return Sampling(args.temperature, args.top_k, args.top_p, args.min_p, allowed)
    except ValueError as error:
        name, _, rest = str(error).partition(":")
        raise UsageError(name, rest.strip()) from None
