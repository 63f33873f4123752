"""The cache of downloads: whole files, within its bound, whatever the processes on it do."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modalities.errors import InputError, UsageError
from pipelines.storage import cache as shard_cache
from pipelines.storage.cache import FileCache
from tests.forked import LIMIT

FORK = multiprocessing.get_context("fork")


def content(number: int, size: int = 1000) -> bytes:
    return bytes([number]) * size


def name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def get(cache: FileCache, data: bytes, log: Path | None = None, pause: float = 0.0) -> bytes:
    def fetch(path: Path) -> None:
        if log is not None:
            with log.open("ab", buffering=0) as file:
                file.write(data[:1])
        half = len(data) // 2
        with path.open("wb") as file:
            file.write(data[:half])
            file.flush()
            time.sleep(pause)
            file.write(data[half:])

    with cache.open(name(data), len(data), fetch, what="url") as file:
        return file.read()


def held(cache: FileCache) -> set[str]:
    return {path.name for path in cache.folder.iterdir() if len(path.name) == 64}


def run(*targets: Callable[[], None]) -> list[int | None]:
    """Exit codes of processes that ran at once."""
    processes = [FORK.Process(target=target) for target in targets]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    return [process.exitcode for process in processes]


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 3000)
    for number in (1, 2, 3):
        get(cache, content(number))
    get(cache, content(1))
    get(cache, content(4))
    assert held(cache) == {name(content(number)) for number in (1, 3, 4)}


def test_an_open_file_outlives_its_removal(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1000)
    get(cache, content(1))
    with cache.open(name(content(1)), 1000, lambda path: None, what="url") as file:
        get(cache, content(2))
        assert held(cache) == {name(content(2))}
        assert file.read() == content(1)


def test_removed_files_leave_no_locks(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 2000)
    for number in range(20):
        get(cache, content(number))
    assert len(list(tmp_path.glob("*.lock"))) == 3


def test_what_is_not_the_caches_own_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_bytes(bytes(5000))
    cache = FileCache(tmp_path, 1000)
    get(cache, content(1))
    get(cache, content(2))
    assert (tmp_path / "thesis.txt").stat().st_size == 5000


def test_a_file_above_the_bound_names_the_option(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "cache", 999)
    with pytest.raises(
        UsageError, match=r"url: has 1,000 bytes, the cache holds 999; raise data\."
    ):
        get(cache, content(1))
    assert not (tmp_path / "cache").exists()


def test_a_file_of_a_wrong_size_is_fetched_again(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1000)
    get(cache, content(1))
    (tmp_path / name(content(1))).write_bytes(b"short")
    assert get(cache, content(1)) == content(1)


def test_a_failed_fetch_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise InputError("url", "gone")

    with pytest.raises(InputError, match="gone"):
        FileCache(tmp_path, 1000).open(name(b"x"), 1, fail, what="url")
    assert [path.name for path in tmp_path.iterdir()] == ["cache.lock"]


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/cache: the cache cannot be used \(Not a dir.*HNET"):
        get(FileCache(tmp_path / "file" / "cache", 10**6), content(1))


def test_processes_that_want_one_file_fetch_it_once(tmp_path: Path) -> None:
    cache, log = FileCache(tmp_path / "cache", 10**6), tmp_path / "log"

    def work() -> None:
        assert get(cache, content(7), log, pause=0.1) == content(7)

    assert run(*[work] * 6) == [0] * 6
    assert log.read_bytes() == b"\7"


def test_processes_on_a_small_cache_read_right_and_keep_its_bound(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "cache", 2500)
    seen = tmp_path / "seen"

    def work(first: int) -> Callable[[], None]:
        def read() -> None:
            for step in range(25):
                data = content((first + step * (first + 1)) % 6)
                assert get(cache, data, pause=0.001) == data
                # Nobody reserves or removes meanwhile; a part may become the file of that name.
                with shard_cache._locked(cache.folder / "cache.lock"):
                    files = {path.name[:64] for path in cache.folder.glob("?" * 64)}
                    parts = {path.name[:64] for path in cache.folder.glob("*.part")}
                    used = 1000 * len(files | parts)
                with seen.open("ab", buffering=0) as file:
                    file.write(f"{used}\n".encode())

        return read

    assert run(*(work(first) for first in range(4))) == [0] * 4
    sizes = [int(line) for line in seen.read_text().split()]
    assert len(sizes) == 100
    assert max(sizes) == 2000


def test_a_process_killed_in_a_download_harms_nobody(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1500)

    def die() -> None:
        get(cache, content(1), pause=LIMIT)

    process = FORK.Process(target=die)
    process.start()
    part = tmp_path / f"{name(content(1))}.1000.part"
    deadline = time.monotonic() + LIMIT
    while (not part.exists() or part.stat().st_size != 500) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert part.stat().st_size == 500
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    # What it left neither counts against the bound nor stays.
    assert get(cache, content(2)) == content(2)
    assert not part.exists()
    assert get(cache, content(1)) == content(1)
    assert held(cache) == {name(content(1))}


def test_what_is_being_fetched_is_not_removed(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 1500)

    def slow() -> None:
        assert get(cache, content(1), pause=0.5) == content(1)

    def late() -> None:
        while not (list(tmp_path.glob("*.part")) or held(cache)):
            time.sleep(0.01)
        assert get(cache, content(2)) == content(2)

    assert run(slow, late) == [0, 0]
    assert held(cache) == {name(content(2))}
