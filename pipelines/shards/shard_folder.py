"""A folder of shards while it is made: complete units stay when the process is killed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modalities.errors import InputError, UsageError
from pipelines.shards.manifest import MANIFEST, SPLITS, Shard
from pipelines.shards.manifest_entry import add_weights
from pipelines.shards.writer import ShardWriter
from pipelines.storage.files import check_folder, named_errors, replaced_file, take_place
from pipelines.storage.json_records import as_json, parse_record

_WRITTEN_HERE = re.compile(rf"({'|'.join(SPLITS)})-[\d-]+\.tar|{re.escape(MANIFEST)}")
_PLAN = "plan.json"
_LOCK = "lock"


@dataclass(frozen=True)
class UnitResult:
    """What one unit of input became.

    Attributes:
        statistics: counts by name, which add up over units.
    """

    shards: list[Shard]
    statistics: dict[str, int]

    @classmethod
    def of(cls, writers: Mapping[str, ShardWriter], statistics: Mapping[str, int]) -> UnitResult:
        """Of writers that have closed, and of what else was counted."""
        shards = [shard for writer in writers.values() for shard in writer.shards]
        return cls(shards, dict(sorted(statistics.items())))


class Staging:
    """The folder beside ``out`` that takes its name when everything is there.

    Attributes:
        folder: where tars are written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, unit: int, result: UnitResult) -> None:
        """Note that a unit is complete; its tars are on disk already."""
        with replaced_file(self._path(unit)) as file:
            json.dump(as_json(result), file)

    def load(self, unit: int) -> UnitResult | None:
        """A unit that was complete before, or None."""
        path = self._path(unit)
        try:
            data = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        add_weights(data.get("shards") if isinstance(data, dict) else None)
        result: UnitResult = parse_record(path, "", data, UnitResult)
        whole = all(
            (tar := self.folder / shard.name).is_file() and tar.stat().st_size == shard.bytes
            for shard in result.shards
        )
        return result if whole else None

    def _path(self, unit: int) -> Path:
        return self.folder / f"unit-{unit:05d}.json"

    @property
    def units(self) -> list[Path]:
        """The notes on complete units."""
        return sorted(self.folder.glob("unit-*.json"))

    def tidy(self) -> None:
        """Leave tars and manifest only."""
        for path in self.folder.iterdir():
            if not _WRITTEN_HERE.fullmatch(path.name):
                path.unlink()


@contextmanager
def staged_folder(
    out: str | Path, plan: dict[str, Any], *, overwrite: bool = False
) -> Iterator[Staging]:
    """A place to make ``out`` in; it takes that name when the block ends well.

    Bad input leaves nothing new. After a kill or an interrupt the units that were complete stay,
    for the next call with the same ``plan``. An old ``out`` is as it was until the end.

    Args:
        plan: all that the shards depend on, as JSON.

    Raises:
        UsageError: ``out`` exists without ``overwrite``, is no folder, holds other things than
            shards, or is being made by another process.
    """
    out = check_folder(out)
    # A link stays one, and what it points to is replaced.
    out = out.resolve() if out.is_symlink() else out
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = out.with_name(f".{out.name}.partial")
    folder.mkdir(exist_ok=True)
    with _lock(folder, out):
        staging = Staging(folder)
        try:
            # Under the lock: another process may just have finished.
            check_free(out, overwrite)
        except UsageError:
            if not staging.units:
                shutil.rmtree(folder)
            raise
        _begin(folder, plan)
        try:
            with named_errors(out, folder):
                yield staging
        except BaseException as error:
            if isinstance(error, InputError) or not staging.units:
                shutil.rmtree(folder)
            raise
        staging.tidy()
        take_place(folder, out)


def check_free(out: Path, overwrite: bool) -> None:
    """Raise UsageError where a folder is there, and is not to be replaced or holds other files."""
    if not out.exists():
        return
    if not overwrite:
        raise UsageError(out, "exists already; choose another --out, or give --overwrite")
    foreign = sorted(path.name for path in out.iterdir() if not _WRITTEN_HERE.fullmatch(path.name))
    if foreign:
        raise UsageError(out, f"holds {foreign[0]}: not only shards, so not overwritten")


@contextmanager
def _lock(folder: Path, out: Path) -> Iterator[None]:
    with open(folder / _LOCK, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(out, "is being made by another process; wait for it") from None
        yield


def _begin(folder: Path, plan: dict[str, Any]) -> None:
    """Empty the folder unless it was begun with the same plan."""
    digest = hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()
    path = folder / _PLAN
    if not path.is_file() or path.read_text().strip() != digest:
        for old in folder.iterdir():
            if old.name != _LOCK:
                old.unlink()
        with replaced_file(path) as file:
            file.write(f"{digest}\n")
