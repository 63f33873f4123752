"""Where units wait and ranks meet: a folder beside the output, with a lock and a folder a unit.

``OUT.ranks/identity.json`` says what is computed from what, and a rank that would compute anything
else is refused. ``unit-00012`` appears, renamed, when it is complete, so a killed rank leaves no
half of one; what is complete is not computed again. A rank locks the byte of a unit in the file
``lock`` while it works on it. The system lets go of a dead process's locks, so what it had begun
is free for the others at once, and nobody waits for it.

Whoever finds all units complete writes the output, holding a lock of its own (byte 0); a rank that
dies at that leaves it to the next. Where there were several, ``OUT.ranks.json`` then says what each
did. It is also what a rank that starts late, or a job that is queued again, finds instead of work;
one process makes its output anew.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from hnet_seq.jobs.locks import is_at, lock, unlock
from hnet_seq.jobs.ranks import Ranks
from hnet_seq.jobs.record import asked_of, is_complete, keep_identity, record_path, write_record
from hnet_seq.jobs.units import Unit, deal
from modalities.errors import InputError, UsageError
from pipelines.storage.files import named_errors, sync
from pipelines.storage.leftovers import remove, sweep, temporary_name

_LOCK, _IDENTITY, _ABOUT = "lock", "identity.json", "unit.json"
_TURN = 0  # the byte of the lock file for what one rank does at a time; unit i has byte i + 1
_NAMED = 5  # missing units that a message names


def shared_folder(output: Path) -> Path:
    """Where ranks meet for an output."""
    return output.with_name(f"{output.name}.ranks")


class SharedRun:
    """One rank's view of the folder; see :func:`open_shared`.

    Attributes:
        units: all of them.
        dealt: indices of those that are this rank's own.
        done: units that this rank computed.
    """

    def __init__(
        self,
        output: Path,
        lock: IO[bytes],
        identity: dict[str, Any],
        asked: dict[str, Any],
        units: list[Unit],
        at: Ranks,
    ) -> None:
        self.output = output
        self.folder = shared_folder(output)
        self.units = units
        self.ranks = at
        owners = deal([unit.cost for unit in units], at.world)
        self.dealt = {unit.index for unit in units if owners[unit.index] == at.rank}
        self.done: list[Unit] = []
        self.seconds = self.seconds_of_all = 0.0
        self._file = lock
        self._identity = identity
        self._asked = asked

    def is_finished(self, unit: Unit) -> bool:
        """Whether the unit is complete."""
        return (self.folder / unit.name).is_dir()

    def missing(self) -> list[Unit]:
        """Units that are not complete."""
        try:
            there = {entry.name for entry in os.scandir(self.folder)}
        except FileNotFoundError:  # another rank has made the output
            return []
        return [unit for unit in self.units if unit.name not in there]

    def claim(self, unit: Unit, *, wait: bool = False) -> bool:
        """Take a unit, unless it is complete or another rank's at the moment.

        Args:
            wait: until that one has completed it, or ended.
        """
        if self.is_finished(unit) or not self._lock(unit.index + 1, wait=wait):
            return False
        if self.is_finished(unit) or not is_at(self._file, self.folder / _LOCK):
            self.release(unit)
            return False
        return True

    def _lock(self, byte: int, *, wait: bool) -> bool:
        return lock(self._file, byte, wait=wait, needed=self.ranks.world > 1)

    def release(self, unit: Unit) -> None:
        """Let go of a unit that was claimed."""
        unlock(self._file, unit.index + 1)

    def has_free_units(self) -> bool:
        """Whether there is a unit that is not complete and nobody works on."""
        for unit in self.units:
            if self.claim(unit):
                self.release(unit)
                return True
        return False

    def partial(self, unit: Unit) -> Path:
        """The folder of a unit that is not complete."""
        return self.folder / f".{unit.name}"

    def remove(self) -> None:
        """Take the folder away, unless another process works there."""
        if all(self.claim(unit) for unit in self.missing()):
            _remove(self.folder)

    @contextmanager
    def working(self, unit: Unit) -> Iterator[Path]:
        """The folder that becomes the claimed unit's; it may hold what a killed rank left."""
        partial = self.partial(unit)
        partial.mkdir(exist_ok=True)
        began = time.perf_counter()
        try:
            with named_errors(self.folder / unit.name):
                yield partial
                seconds = time.perf_counter() - began
                made = [path for path in sorted(partial.iterdir()) if path.name != _ABOUT]
                sizes = {path.name: path.stat().st_size for path in made}
                about = {
                    "rank": self.ranks.label,
                    "tokens": unit.tokens,
                    "seconds": round(seconds, 3),
                    "sizes": sizes,
                }
                (partial / _ABOUT).write_text(json.dumps(about))
                sync(partial)
                partial.rename(self.folder / unit.name)
        finally:
            self.release(unit)
        self.done.append(unit)
        self.seconds += seconds

    @contextmanager
    def merging(self, outputs: Sequence[Path]) -> Iterator[list[Path] | None]:
        """The units' folders in order, for whoever is to write the outputs from them; else None.

        None means that units are missing, which is said on standard error, or that another rank
        has written the outputs. When the block ends well the folder goes.

        Args:
            outputs: what the block writes; the record keeps the sizes of those that are there.

        Raises:
            InputError: a file of a unit is not as long as it was written.
        """
        self._lock(_TURN, wait=True)
        try:
            if not is_at(self._file, self.folder / _LOCK):
                yield None
                return
            missing = self.missing()
            if missing:
                print(missing_message(self.folder, missing, len(self.units)), file=sys.stderr)
                yield None
                return
            folders = [self.folder / unit.name for unit in self.units]
            abouts = [check_unit(folder) for folder in folders]
            self.seconds_of_all = sum(about["seconds"] for about in abouts)
            yield folders
            if self.ranks.world > 1 or any(about["rank"] for about in abouts):
                write_record(self.output, self._identity, self._asked, outputs, abouts)
            _remove(self.folder)
        finally:
            unlock(self._file, _TURN)

    def told(self) -> str:
        """What this rank did, for people."""
        tokens = sum(unit.tokens for unit in self.done)
        return (
            f"rank {self.ranks.rank} of {self.ranks.world}: {len(self.done)} of "
            f"{len(self.units)} units, {tokens:,} tokens, {self.seconds:.1f} s"
        )


@contextmanager
def open_shared(
    output: Path,
    identity: Mapping[str, Any],
    units: list[Unit],
    ranks: Ranks,
    outputs: Sequence[Path] = (),
    made_with: Mapping[str, Any] | None = None,
) -> Iterator[SharedRun | None]:
    """Go to where the ranks meet; None where the outputs are there, made by such a run.

    Args:
        output: what the folder is named after.
        identity: what the units are made from, JSON values.
        outputs: all that is to be written; of none, ``output``.
        made_with: what goes into the outputs beside the units, JSON values.

    Raises:
        UsageError: the folder is of something else, and the message says what differs; it is no
            unfinished run; or the file system has no locks, and there are several ranks.
    """
    known = json.loads(json.dumps({**identity, "units": len(units)}))
    asked = json.loads(json.dumps(asked_of(outputs or [output], made_with or {})))
    folder = shared_folder(output)

    def is_made() -> bool:
        return ranks.world > 1 and is_complete(output, known, asked)

    while True:
        if is_made():
            _remove(folder)  # what a rank left that died just before it did, or meanwhile
            sweep(output.parent)
            print(
                f"{output} is complete; delete it to compute it again "
                f"({record_path(output).name} says how it was made)",
                file=sys.stderr,
            )
            yield None
            return
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = (folder / _LOCK).open("ab")
        except FileNotFoundError:  # another rank has finished meanwhile and taken it away
            continue
        with file:
            lock(file, _TURN, wait=True, needed=ranks.world > 1)
            if not is_at(file, folder / _LOCK) or is_made():
                continue
            try:
                _refuse_strangers(folder)
                keep_identity(folder / _IDENTITY, known)
                record_path(output).unlink(missing_ok=True)
                sweep(output.parent)
            finally:
                unlock(file, _TURN)
            yield SharedRun(output, file, known, asked, units, ranks)
            return


def _refuse_strangers(folder: Path) -> None:
    # What was killed before it wrote its identity left at most the file's temporary name.
    others = [own.name for own in folder.iterdir() if own.name != _LOCK]
    if _IDENTITY not in others and any(not name.startswith(".") for name in others):
        raise UsageError(folder, "is in the way and no unfinished run; move it")


def missing_message(folder: Path, missing: Sequence[Unit], count: int) -> str:
    """Which units others have, and what becomes of them, in a line."""
    names = ", ".join(unit.name for unit in missing[:_NAMED])
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return (
        f"{folder}: done here; other ranks are at {names}{more} of {count}, and the last one to "
        "finish writes the output (the same command computes what is missing, should one be killed)"
    )


def check_unit(folder: Path) -> dict[str, Any]:
    """What a unit says of itself; InputError where its files are not as it says."""
    try:
        about: dict[str, Any] = json.loads((folder / _ABOUT).read_bytes())
        sizes: dict[str, int] = about["sizes"]
    except (OSError, ValueError, KeyError):
        raise InputError(folder, f"has no readable {_ABOUT}; {_REMEDY}") from None
    for name, size in sizes.items():
        path = folder / name
        found = path.stat().st_size if path.exists() else None
        if found != size:
            has = "is missing" if found is None else f"has {found:,} bytes, expected {size:,}"
            raise InputError(path, f"{has}; {_REMEDY}")
    return about


_REMEDY = "delete the unit's folder and start the same command again: it computes only that unit"


def _remove(folder: Path) -> None:
    """Take a folder away, at once for the others."""
    aside = temporary_name(folder)
    remove(aside)  # of an earlier process of the same number
    try:
        with suppress(FileNotFoundError):
            folder.rename(aside)
    finally:
        remove(aside)
