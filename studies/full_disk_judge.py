"""What is wrong with what a trial of studies/full_disk.py has left."""

from __future__ import annotations

import io
import json
import pickle
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml
from full_disk_commands import Command
from full_disk_turns import Ended

_TEMPORARY = re.compile(r"\.tmp(/|$)")
_PROCESS = re.compile(r"-\d+\.tmp|\.\d+\.(old|done)")
_STOPPED = (128 + signal.SIGTERM, 75)  # by the signal; by it, where a run can go on


def nameless(name: str) -> str:
    """A path without the number of the process that wrote it."""
    return _PROCESS.sub("", name)


def is_readable(name: str, content: bytes, undisturbed: bytes) -> bool:
    """Whether a file that holds times, or torch's number of a save, is whole, beside that of an
    undisturbed command.
    """
    if undisturbed.strip() and not content.strip():
        return False
    try:
        if name.endswith(".yaml"):
            own, other = yaml.safe_load(content), yaml.safe_load(undisturbed)
            return type(own) is type(other) and list(own or ()) == list(other or ())
        if name.endswith((".json", ".jsonl")):
            lines = content.splitlines() if name.endswith("l") else [content]
            return all(json.loads(line) is not None for line in lines)
        if name.endswith(".metadata"):
            own, other = pickle.loads(content), pickle.loads(undisturbed)
            return (own.state_dict_metadata, own.storage_data) == (
                other.state_dict_metadata,
                other.storage_data,
            )
        if name.endswith(".sha256"):
            own, other = (
                [line for line in text.splitlines() if not line.endswith(b"/.metadata")]
                for text in (content, undisturbed)
            )
            return bool(own) and own == other
        if name.endswith(".npz"):
            with np.load(io.BytesIO(content)) as arrays:
                return all(arrays[key] is not None for key in arrays.files)
    except Exception:  # whatever the reader says of it
        return False
    return content.rstrip().endswith(b"</html>")


def differing(command: Command, whole: dict[str, bytes], found: dict[str, bytes]) -> Iterator[str]:
    """What is there and is not what it should be, or should not be there."""
    for name, content in found.items():
        timed = any(Path(name).match(pattern) for pattern in command.timed)
        if name not in whole:
            yield f"{name} is left"
        elif not (is_readable(name, content, whole[name]) if timed else content == whole[name]):
            yield f"{name} is not what it should be"


def judge(
    command: Command,
    whole: dict[str, bytes],
    found: dict[str, bytes],
    ended: Ended,
    *,
    killed: bool,
) -> Iterator[str]:
    """What is wrong after a trial.

    Args:
        whole: what an undisturbed command leaves.
        found: what this one has left.
        killed: no disk was full.
    """
    swept = ended.code in (-signal.SIGKILL, -signal.SIGTERM)  # what is left, by the next command
    if ended.code == -signal.SIGTERM and command.ranks == 1:
        yield "SIGTERM is not heard"
    yield from _of_words(ended, killed=killed, swept=swept)
    if ended.code == 0:
        yield from (f"exit 0 and {name} is missing" for name in whole.keys() - found.keys())
    elif not swept:
        yield from (f"{nameless(n)} is left" for n in found if _TEMPORARY.search(n))
    finals = {
        name: content
        for name, content in found.items()
        if ended.code == 0 or name in whole or not _waits(command, name, swept=swept)
    }
    if ended.code:  # a log that grows is whole up to some line, or ends in half of one
        finals.pop("run/metrics.jsonl", None)
    yield from differing(command, whole, finals)


def _of_words(ended: Ended, *, killed: bool, swept: bool) -> Iterator[str]:
    """What is wrong with the exit code and what was said."""
    lines = [line for line in ended.said.splitlines() if line.startswith("hnet-seq")]
    said = "".join(lines)
    if "Traceback" in ended.said:
        yield "a traceback"
    elif ended.code and not killed and len(lines) > 3:
        yield f"{len(lines)} lines"
    no_room = ended.code == 2 and "make room" in said  # known before the work
    stopped = killed and (swept or ended.code in _STOPPED)
    if ended.code not in (0, 1) and not no_room and not stopped:
        yield f"exit {ended.code}"
    told = killed or no_room or "too large" in said or "No space" in said
    if ended.code and not told:
        yield f"the cause is not told: {lines[-1:]}"


def _waits(command: Command, name: str, *, swept: bool) -> bool:
    """Whether a command that failed may leave this for the next one."""
    parts = Path(name).parts
    known = parts[0].endswith(".partial") or parts[0] in command.kept or "s.ranks" in parts[0]
    unswept = name in command.folders or any(part.startswith(".") for part in parts)
    return known or ".ranks/" in name or bool(_TEMPORARY.search(name)) or (swept and unswept)
