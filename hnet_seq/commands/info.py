"""Versions, device, operations and experiments; or what a checkpoint or a configuration is."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from hnet_seq.commands.checks import check_checkpoint, stages_of
from hnet_seq.commands.later import later
from hnet_seq.commands.meaning import check_meant
from hnet_seq.experiment_files import find_experiment, is_experiment
from hnet_seq.model.locate import read_config
from hnet_seq.model.released import configuration_file
from modalities.errors import UsageError

EXAMPLE = "hnet-seq info hnet_2stage_XL --tokens-per-chunk 3 3"

CONTEXT = 8192  # tokens
EXPERIMENT = "an experiment"

MEANT = {
    "": {
        "": "json as_flops_of",
        "as_flops_of": "letters_per_token",
        "of=a checkpoint": "config",
        "of=a checkpoint|a configuration": "batch_tokens",
        "of=a checkpoint|a configuration|one of two": "tokens_per_chunk context",
    }
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq info``."""
    parser.add_argument(
        "what",
        nargs="?",
        help="a checkpoint folder, a run, a .pt file, a model that comes with the package, "
        "owner/name on the hub, a .json configuration, or a released name; or an experiment (a "
        "name or .yaml), for all its keys",
    )
    parser.add_argument("--config", metavar="FILE", help="JSON of a checkpoint that has none")
    parser.add_argument(
        "--tokens-per-chunk", type=float, nargs="+", metavar="N", help="of each stage (default 3)"
    )
    parser.add_argument("--context", type=int, default=CONTEXT, help="tokens (%(default)s)")
    parser.add_argument(
        "--batch-tokens", type=int, help="tokens that training computes at once (one context)"
    )
    parser.add_argument(
        "--as-flops-of",
        metavar="OTHER",
        help="say which layers or width give WHAT, an isotropic model, the work of another one",
    )
    parser.add_argument(
        "--letters-per-token",
        type=float,
        metavar="N",
        help="with --as-flops-of: bytes or bases that a token of its data.tokenizer stands for",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object, for machines")


def kind_of(what: str | None) -> str:
    """What is described; whether it is there at all, is not asked."""
    if what is None:
        return "the installation"
    if configuration_file(what):
        return "a configuration"
    return EXPERIMENT if is_experiment(what) and not Path(what).is_dir() else "a checkpoint"


def check_rates(rates: Sequence[float], stages: int) -> None:
    """Raise UsageError where these are not the tokens per chunk of every stage."""
    if len(rates) != stages:
        raise UsageError(
            "tokens_per_chunk",
            f"this model has {stages} stages of chunking; got {len(rates)} numbers",
        )


def check_described(what: str, config: str | None) -> None:
    """Raise, as describing it would, where there is nothing of that name on this machine."""
    if file := configuration_file(what):
        read_config(file)
    elif kind_of(what) == EXPERIMENT:
        find_experiment(what)
    else:
        check_checkpoint(what, config)


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    kind = "one of two" if args.as_flops_of else kind_of(args.what)
    check_meant(args, f"{args.what} is {kind}" if args.what else "name one", of=kind)
    if args.context < 1:
        raise UsageError("context", f"is {args.context}; expected 1 token or more")
    if args.batch_tokens is not None and args.batch_tokens < 1:
        raise UsageError("batch_tokens", f"is {args.batch_tokens}; expected 1 token or more")
    if args.letters_per_token is not None and not args.letters_per_token >= 1:
        raise UsageError("letters_per_token", f"is {args.letters_per_token}; expected 1 or more")
    if args.what is None and args.as_flops_of:
        raise UsageError("as_flops_of", "give an experiment or a checkpoint before it")
    if not all(rate >= 1 for rate in args.tokens_per_chunk or ()):
        raise UsageError("tokens_per_chunk", "expected numbers of 1 or more")
    for what in filter(None, (args.what, args.as_flops_of)):
        check_described(what, args.config)
    if args.tokens_per_chunk and not args.as_flops_of and not args.config:
        stages = stages_of(args.what)
        check_rates(args.tokens_per_chunk, len(args.tokens_per_chunk) if stages is None else stages)
    return later("hnet_seq.tasks.info")(args)
