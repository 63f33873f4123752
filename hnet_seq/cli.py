"""``hnet-seq <verb>``: parses, calls the task, turns bad input into one line."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from typing import Any, NoReturn

from hnet_seq import __version__
from hnet_seq.one_voice import speaks
from modalities.errors import UsageError

VERBS = {
    "shard": "FASTA to WebDataset shards",
    "pretrain": "train an H-Net on shards",
    "markov": "order-k Markov models on the same shards, the baseline to beat",
    "embed": "vectors of sequences, chunks or bases",
    "classify": "train, apply and evaluate a classifier, beside audit and baselines",
    "segment": "learned chunk boundaries of a genome as BED, bigWig and tables",
    "boundaries": "what boundaries follow: annotated sites, single edits, motifs, beside controls",
    "score": "log-likelihood of sequences, effects of variants, saturation mutagenesis",
    "generate": "continue sequences, with the chunks that the model sees",
    "report": "one HTML page about a run, or about results",
    "info": "versions, device, operations, experiments; or a checkpoint",
}

_OK, _FAILED, _MISUSE, _INTERRUPTED = 0, 1, 2, 130
_ENDED_BY = 128  # and the number of the signal, as a shell reports it


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, as the verbs do."""

    def error(self, message: str) -> NoReturn:
        _say(f"{self.prog}: {message}; see {self.prog} --help")
        self.exit(_MISUSE)


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code: 0 ok, 1 failed, 2 misuse, 130 interrupted, 75 stopped."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = _Parser(prog="hnet-seq", description="H-Net without a tokenizer")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", metavar="verb", required=True)
    for verb, description in VERBS.items():
        # Only the verb that is asked for is imported: torch takes seconds.
        asked = next((a for a in arguments if not a.startswith("-")), None) == verb
        task = importlib.import_module(f"hnet_seq.tasks.{verb}") if asked else None
        child = verbs.add_parser(
            verb,
            help=description,
            description=f"{task.__doc__ if task else description}",
            epilog=f"example: {task.EXAMPLE}" if task else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if task:
            task.add_arguments(child)
            child.set_defaults(_task=task.main)
    args = parser.parse_args(arguments)
    try:
        code = int(args._task(args))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read the output has gone, as `head` does. Python would complain at its exit too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except (ValueError, FloatingPointError, OSError) as error:
        _say(f"hnet-seq {args.verb}: {_one_line(error)}")
        return _MISUSE if isinstance(error, UsageError) else _FAILED
    except KeyboardInterrupt:
        _say(f"hnet-seq {args.verb}: interrupted")
        return _INTERRUPTED


def _say(message: str) -> None:
    if speaks(message):
        print(message, file=sys.stderr, flush=True)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return ": ".join(str(part) for part in (error.filename, error.strerror) if part is not None)
    return " ".join(str(error).split())


def run() -> NoReturn:
    """The command: :func:`main`, and the end of the process with its exit code."""
    for ends in (signal.SIGTERM, signal.SIGHUP):
        # Who starts a command with `nohup` wants it to go on.
        if signal.getsignal(ends) == signal.SIG_DFL:
            signal.signal(ends, _end)
    try:
        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:  # while a verb was imported
        _say("hnet-seq: interrupted")
        code = _INTERRUPTED
    distributed = sys.modules.get("torch.distributed")
    if distributed and distributed.is_available() and distributed.is_initialized():
        # An error left the group as it was (see hnet_seq.train.launch): its threads may abort a
        # process that ends in the usual way, and that would hide the exit code.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _end(signum: int, _frame: Any) -> NoReturn:
    """End as after an error: temporary files go, and what a run can go on from stays."""
    sys.exit(_ENDED_BY + signum)


if __name__ == "__main__":
    run()
