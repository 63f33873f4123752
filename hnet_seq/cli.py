"""``hnet-seq <verb>``: parses, calls the task, turns bad input into one line."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from hnet_seq import __version__
from hnet_seq.commands.meaning import check_given, check_meant, note_written, options_written
from hnet_seq.commands.uses import Uses, arguments_at, described, leave_out
from hnet_seq.one_voice import speaks
from modalities.errors import InputError, UsageError

VERBS = {
    "shard": "FASTA, GenBank, 2bit, text or code to WebDataset shards",
    "pretrain": "train an H-Net on shards",
    "markov": "order-k Markov models on the same shards, the baseline to beat",
    "audit": "what makes a score on labelled sequences mean less than it says, and cleaner splits",
    "embed": "vectors of sequences, chunks or bases",
    "classify": "train, apply and evaluate a classifier, beside audit and baselines",
    "benchmark": "rows of a model on suites of labelled and zero-shot tasks, beside baselines",
    "segment": "learned chunk boundaries of a genome as BED, bigWig and tables",
    "boundaries": "what boundaries follow: annotated sites, single edits, motifs, beside controls",
    "lexicon": "the chunks of a genome or of text as words, beside controls and byte pairs",
    "explore": "a local page on which to look at chunks, or one file of it that opens offline",
    "explain": "which bases of a region depend on which, and what each adds, beside controls",
    "score": "log-likelihood of sequences, effects of variants, saturation mutagenesis",
    "generate": "continue sequences, with the chunks that the model sees",
    "report": "one HTML page about a run, or about results",
    "info": "versions, device, operations, experiments; or a checkpoint",
}

#: Where a wheel has the guides; a checkout has them in ``docs/``.
IN_WHEEL = Path(__file__).parent / "docs"

_OK, _FAILED, _MISUSE, _INTERRUPTED = 0, 1, 2, 130
_ENDED_BY = 128  # and the number of the signal, as a shell reports it
_DASHED_KEY = re.compile(r"unrecognized arguments: --\w+\.[\w.]+=")
_heard: list[int] = []  # signals that end the process


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, as the verbs do."""

    def error(self, message: str) -> NoReturn:
        if _DASHED_KEY.match(message):
            message += "; key=value goes without dashes"
        _say(f"{self.prog}: {message}; see {self.prog} --help")
        self.exit(_MISUSE)


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code: 0 ok, 1 failed, 2 misuse, 130 interrupted, 75 stopped."""
    arguments = sys.argv[1:] if argv is None else argv
    verb = next((word for word in arguments if not word.startswith("-")), None)
    if verb not in VERBS and arguments and arguments[0].startswith("-"):
        # What it follows may be the value of an option.
        verb = next((word for word in arguments if word in VERBS), verb)
    if verb not in VERBS:
        parser = _parser_of_verbs()
        parser.parse_args(arguments)  # which ends the process, with help, a version or an error
        parser.error("the following arguments are required: verb")
    words = [*arguments]
    words.remove(verb)
    parser, args = parsed(verb, words)
    try:
        check_given(args, parser)
        check_meant(args)
        with _workers(args, verb, words):
            code = int(args._task(args))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read the output has gone, as `head` does. Python would complain at its exit too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except (ValueError, FloatingPointError, OSError) as error:
        _say(f"hnet-seq {verb}: {_one_line(error, options_of(parser))}")
        return _MISUSE if isinstance(error, UsageError) else _FAILED
    except KeyboardInterrupt:
        _say(f"hnet-seq {verb}: interrupted")
        return _INTERRUPTED


@contextmanager
def _workers(args: argparse.Namespace, verb: str, words: list[str]) -> Iterator[None]:
    """Those that compute the units of the verb, with ``--dask``."""
    if getattr(args, "dask", None) is None:
        yield
        return
    # By the name that workers import it by: this module may be __main__.
    from hnet_seq.cli import run_again as there
    from hnet_seq.jobs.dask_client import on_dask

    with on_dask(args.dask, partial(there, verb, words), verb):
        yield


def run_again(verb: str, words: list[str]) -> None:
    """A verb in a worker, where errors are raised, and nobody is told anything."""
    _, args = parsed(verb, words)
    args._task(args)


def parsed(verb: str, words: list[str]) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """The parser of a verb or its action, and what the words say; ends the process for wrong ones.

    What the options among them need is for :func:`hnet_seq.commands.meaning.check_meant`.
    """
    parser, words = _of_action(verb_parser(verb), words)
    args = parser.parse_intermixed_args(words)
    written = options_written(parser, words)
    note_written(args, written, args._meant[getattr(args, "action", "")])
    return parser, args


def verb_parser(verb: str) -> argparse.ArgumentParser:
    """The parser of one verb; nothing that computes is imported for it."""
    task = importlib.import_module(f"hnet_seq.commands.{verb}")
    uses = uses_of(verb)
    listed = f"\nUses, each with its own --help:\n{described(uses)}" if uses else ""
    parser = _Parser(
        prog=f"hnet-seq {verb}",
        description=with_docs(f"{task.__doc__}{listed}"),
        epilog=f"example: {task.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    task.add_arguments(parser)
    parser.set_defaults(_task=task.main, _meant=task.MEANT, verb=verb)
    return parser


def uses_of(verb: str) -> Uses:
    """Uses of a verb that are commands of their own."""
    uses: Uses = getattr(importlib.import_module(f"hnet_seq.commands.{verb}"), "USES", {})
    return uses


def use_parser(verb: str, name: str) -> argparse.ArgumentParser:
    """The parser of one use of a verb, such as ``score variants``."""
    task = importlib.import_module(f"hnet_seq.commands.{verb}")
    use = task.USES[name]
    parser = _Parser(
        prog=f"hnet-seq {verb} {name}", description=use.text, epilog=f"example: {use.example}"
    )
    task.add_arguments(parser, name)
    leave_out(parser, task.MEANT[""], use.fact)
    parser.set_defaults(_task=task.main, _meant=task.MEANT, verb=verb)
    return parser


def options_of(parser: argparse.ArgumentParser) -> dict[str, str]:
    """From the names of parameters to the options of a command: ``pooling`` to ``--pooling``."""
    found = {}
    for action in parser._actions:
        option = next((text for text in action.option_strings if text.startswith("--")), None)
        if option is not None:
            found[action.dest] = found[option[2:].replace("-", "_")] = option
    if "attention_window" in found:
        found.setdefault("window", found["attention_window"])
    return found


def with_docs(text: str) -> str:
    """A text with the places of guides as they are here: in the wheel, inside the package."""
    if not IN_WHEEL.is_dir():
        return text
    return re.sub(r"docs/(\w+\.md)", lambda found: str(IN_WHEEL / found[1]), text)


def _parser_of_verbs() -> argparse.ArgumentParser:
    parser = _Parser(prog="hnet-seq", description="H-Net without a tokenizer")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", metavar="verb", required=True)
    for verb, description in VERBS.items():
        verbs.add_parser(verb, help=description)
    return parser


def _of_action(
    parser: argparse.ArgumentParser, words: list[str]
) -> tuple[argparse.ArgumentParser, list[str]]:
    """The parser of ``classify train`` and the like, and the words that are left for it.

    Options and arguments may stand in any order, which argparse has for a parser without others
    below it only.
    """
    verb = parser.get_default("verb")
    arguments = arguments_at(parser, words)
    if arguments and words[arguments[0]] in uses_of(verb):
        first = arguments[0]
        use = use_parser(verb, words[first])
        needed = sum(not action.option_strings for action in use._actions)
        # Or else it is the name of an input, as before uses had names.
        if len(arguments) > needed or not Path(words[first]).exists():
            return use, [*words[:first], *words[first + 1 :]]
    below = next((a for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)
    if below is None:
        return parser, words
    # The value of an option may be called like an action: what follows no option comes first.
    named = [place for place, word in enumerate(words) if word in below.choices]
    named.sort(key=lambda place: place > 0 and words[place - 1].startswith("--"))
    place = named[0] if named else None
    name = None if place is None else words[place]
    if name is None:
        parser.parse_args(words)  # which ends the process, with help or an error
        parser.error(f"the following arguments are required: {below.metavar}")
    child: argparse.ArgumentParser = below.choices[name]
    shared = {key: parser.get_default(key) for key in ("_task", "_meant", "verb")}
    child.set_defaults(**shared, **{below.dest: name})
    assert place is not None
    return child, [*words[:place], *words[place + 1 :]]


def _say(message: str) -> None:
    if speaks(message):
        print(message, file=sys.stderr, flush=True)


def _one_line(error: Exception, options: dict[str, str]) -> str:
    if isinstance(error, InputError):
        return " ".join(error.for_command_line(options).split())
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
    except Exception:
        # What was to be tidied up on the way out, of argparse for one, may have failed in turn.
        if not _heard:
            raise
        code = _ENDED_BY + _heard[0]
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
    _heard.append(signum)
    sys.exit(_ENDED_BY + signum)


if __name__ == "__main__":
    run()
