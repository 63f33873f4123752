"""Learned chunks beside every control, at equal work and at equal time.

    OMP_NUM_THREADS=1 python -m studies.learned_cuts run --data FOLDER

A study that was killed goes on with the same command, and on another machine from its ledger.
Without --data there is *E. coli* alone: --only ecoli.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from modalities.errors import InputError, UsageError

from .design import HERE, Only, read_study
from .plan import PHASES, Plan

USES = {
    "plan": "the runs, and the CPU seconds that they take",
    "measure": "what a step of each arm costs here",
    "run": "what is missing, the most wanted first",
    "table": "the page's tables and its plot, of what is there",
}


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    parser = argparse.ArgumentParser(
        prog="python -m studies.learned_cuts", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("use", choices=USES, help="; ".join(f"{k}: {v}" for k, v in USES.items()))
    parser.add_argument("--study", type=Path, default=HERE / "study.yaml", metavar="FILE")
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/learned_cuts"), help="of all runs (%(default)s)"
    )
    parser.add_argument(
        "--ledger", type=Path, default=HERE / "ledger.jsonl", help="of what was found (%(default)s)"
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="below which inputs are")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="CPU, of a run's training")
    parser.add_argument("--only", metavar="NAME,...", help="data sets and arms; both may be named")
    parser.add_argument("--phases", metavar="NAME,...", help=f"of {', '.join(PHASES)}")
    parser.add_argument(
        "--again", action="store_true", help="measure: once more, and keep the lower cost"
    )
    parser.add_argument("--page", type=Path, help="table: write into this page, with a plot beside")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Do what is asked; returns the exit code, 2 for misuse."""
    args = parser().parse_args(arguments)
    try:
        return _do(args)
    except (UsageError, InputError) as error:
        print(f"learned_cuts: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except OSError as error:
        print(f"learned_cuts: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1


def _do(args: argparse.Namespace) -> int:
    study = read_study(args.study, args.budget)
    only = Only(_names(args.only), _names(args.phases))
    only.check(study)
    for option, use in (("again", "measure"), ("page", "table")):
        if getattr(args, option) and args.use != use:
            raise UsageError(f"--{option}", f"is of {use}, and this is {args.use}; leave it out")
    for name in sorted(only.phases - set(PHASES)):
        raise UsageError("--phases", f"{name!r} is none of {', '.join(PHASES)}")
    plan = Plan(study, args.folder, args.ledger)
    if args.use == "plan":
        from .listing import listing

        print("\n".join(listing(plan, only)))
    elif args.use == "table":
        from .page import write_page

        write_page(plan, args.page)
    else:
        from . import training

        if args.use == "measure":
            training.measure_missing(plan, only, args.data, args.again)
        else:
            training.run_missing(plan, only, args.data)
    return 0


def _names(text: str | None) -> frozenset[str]:
    return frozenset(filter(None, (text or "").split(",")))


if __name__ == "__main__":
    sys.exit(main())
