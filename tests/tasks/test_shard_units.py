"""Shards made in units: the same by any number of processes, and after any interruption."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import modalities
from hnet_seq.cli import main
from hnet_seq.tasks import shard as task
from hnet_seq.tasks.shard import shard
from modalities.errors import InputError
from pipelines.batches.shard_documents import read_documents
from pipelines.documents import DocumentOptions, plan_units
from pipelines.shards import dna_shards
from pipelines.shards.manifest import Manifest
from pipelines.shards.sharding import worker_pool
from tests.forked import LIMIT
from tests.pipelines.made_shards import as_json_lines
from tests.tasks.slow_units import small_units

REPOSITORY = Path(__file__).parents[2]
LENGTHS = (10, 9000, 40, 700, 700, 700, 700, 2500, 1500, 1500, 800, 1300, 60, 30, 1999)
OPTIONS: dict[str, Any] = {
    "validation": "last:0.1",
    "guard": 100,
    "block_size": 300,
    "shard_size": 700,
}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def letters(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGTacgt"), length))


@pytest.fixture
def genome(tmp_path: Path) -> list[Path]:
    """Records from a few bases to several units, in plain and compressed files."""
    records = [f">r{i}\n{letters(length, i)}\n" for i, length in enumerate(LENGTHS)]
    plain, packed, small = tmp_path / "a.fa", tmp_path / "b.fa.gz", tmp_path / "c.fa"
    plain.write_text("".join(records[:12]))
    packed.write_bytes(gzip.compress("".join(records[12:14]).encode()))
    small.write_text(records[14])
    return [plain, packed, small]


@pytest.fixture
def texts(tmp_path: Path) -> list[Path]:
    """Lines of two languages, some of them twice, and files."""
    lines = [(letters(20 + 37 * (i % 11), i % 50), ["de", "en"][i % 2]) for i in range(120)]
    folder = tmp_path / "books"
    folder.mkdir()
    for i in range(6):
        (folder / f"{i}.txt").write_text(letters(700, 100 + i))
    return [as_json_lines(tmp_path / "lines.jsonl", lines), folder]


@pytest.fixture(autouse=True)
def _small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "dna_jobs", small_units)
    monkeypatch.setattr(task, "plan_units", partial(plan_units, unit_bytes=2000))


def units(folder: Path) -> set[str]:
    return {shard.name.split("-")[1] for shard in Manifest.load(folder).shards}


@pytest.mark.parametrize("modality", ["dna", "dna_bytes"])
def test_genomes_give_the_same_bytes_with_one_and_two_processes(
    tmp_path: Path, genome: list[Path], modality: str
) -> None:
    options = OPTIONS | {"modality": modality, "keep_soft_mask": modality == "dna"}
    for workers in (1, 2):
        shard(genome, tmp_path / f"{workers}", workers=workers, progress=False, **options)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert len(units(tmp_path / "1")) == 6
    decode = modalities.get(modality).decode
    found = [(d.name, decode(d.tokens)) for d in read_documents(tmp_path / "1", "train")]
    wanted = [(f"r{i}", letters(length, i).upper()) for i, length in enumerate(LENGTHS)]
    held_out = round(0.1 * sum(LENGTHS))
    wanted[1] = ("r1", wanted[1][1][: -held_out - 100])
    assert sorted(found) == sorted(wanted)


@pytest.mark.parametrize(
    ("duplicates", "validation"),
    [(own, "fraction:0.2") for own in ("keep", "near")]
    + [(own, "last:0.01") for own in ("keep", "exact")],
)
def test_texts_give_the_same_bytes_with_one_and_two_processes(
    tmp_path: Path, texts: list[Path], duplicates: Any, validation: str
) -> None:
    options = OPTIONS | {
        "modality": "text",
        "validation": validation,
        "documents": DocumentOptions(modality="text", duplicates=duplicates),
    }
    for workers in (1, 2):
        shard(texts, tmp_path / f"{workers}", workers=workers, progress=False, **options)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert len(units(tmp_path / "1")) >= 8
    manifest = Manifest.load(tmp_path / "1")
    assert manifest.statistics["records"] == 126
    assert set(manifest.label_tokens("train")) == {"", "de", "en"}


def test_the_units_leave_their_marks_in_names_alone(tmp_path: Path, genome: list[Path]) -> None:
    """The documents are those of one unit."""
    shard(genome, tmp_path / "units", progress=False, **OPTIONS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "dna_jobs", dna_shards.dna_jobs)
        shard(genome, tmp_path / "one", progress=False, **OPTIONS)
    assert len(units(tmp_path / "one")) == 1 < len(units(tmp_path / "units"))
    for split in ("train", "validation"):
        found = [
            sorted((d.name, d.start, d.tokens.tobytes()) for d in read_documents(folder, split))
            for folder in (tmp_path / "units", tmp_path / "one")
        ]
        assert found[0] == found[1]
    statistics = [Manifest.load(tmp_path / name).statistics for name in ("units", "one")]
    assert statistics[0] == statistics[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_error_is_that_of_the_first_bad_unit(
    tmp_path: Path, genome: list[Path], workers: int
) -> None:
    text = genome[0].read_text()
    lines = text.splitlines(keepends=True)
    for record in (3, 9, 13):
        lines[record] = f"!{lines[record][1:]}"
    genome[0].write_text("".join(lines))
    with pytest.raises(InputError, match=r"a\.fa: record r1, line 4: '!' is not a nucleotide"):
        shard(genome, tmp_path / "s", workers=workers, progress=False, **OPTIONS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.fa", "b.fa.gz", "c.fa"]


@contextmanager
def running(
    tmp_path: Path, genome: list[Path], endless_from: int, workers: int
) -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of ``s``: units below ``endless_from`` are complete."""
    options = ["--out", f"{tmp_path / 's'}", "--workers", f"{workers}"]
    for name, value in OPTIONS.items():
        options += [f"--{name.replace('_', '-')}", f"{value}"]
    command = [sys.executable, "-m", "tests.tasks.slow_units", f"{endless_from}", "shard"]
    partial_folder = tmp_path / ".s.partial"
    with subprocess.Popen(
        [*command, *map(str, genome), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=REPOSITORY,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            wanted = ["waiting", *(f"unit-{number:05d}.json" for number in range(endless_from))]
            while not all((partial_folder / name).exists() for name in wanted):
                assert process.poll() is None, process.communicate()
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


def count_made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the units that are made from now on."""
    made: list[int] = []
    write = dna_shards._write

    def counted(*arguments: Any) -> Any:
        made.append(arguments[-2])
        return write(*arguments)

    monkeypatch.setattr(dna_shards, "_write", counted)
    return made


@pytest.mark.parametrize(("complete", "workers"), [(0, 1), (3, 1), (3, 2)])
def test_a_killed_call_is_gone_on_with(
    tmp_path: Path,
    genome: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    complete: int,
    workers: int,
) -> None:
    shard(genome, tmp_path / "whole", progress=False, **OPTIONS)
    with running(tmp_path, genome, complete, workers) as process:
        os.kill(process.pid, signal.SIGKILL)
        # Its workers hold the pipe too: this ends when they have noticed, and ended themselves.
        process.communicate(timeout=LIMIT)
    assert not (tmp_path / "s").exists()
    made = count_made(monkeypatch)
    shard(genome, tmp_path / "s", progress=False, **OPTIONS)
    assert made == list(range(complete, 6))
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")
    assert not (tmp_path / ".s.partial").exists()


def test_a_worker_ends_whose_parent_was_gone_before_it_looked() -> None:
    script = (
        "import sys, time; from pipelines.orphans import watch_parent; "
        "watch_parent(int(sys.argv[1])); time.sleep(600)"
    )
    # This process is the parent of that one, and told it of another.
    command = [sys.executable, "-c", script, str(os.getpid() + 1)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=LIMIT)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("change", ["content", "time", "option", "order"])
def test_after_a_kill_changed_inputs_or_options_start_anew(
    tmp_path: Path, genome: list[Path], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    with running(tmp_path, genome, 2, 1) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=LIMIT)
    options = dict(OPTIONS)
    if change == "content":
        genome[2].write_text(">r14\n" + letters(LENGTHS[14], 77) + "\n")
    elif change == "time":
        os.utime(genome[0], ns=(1, 1))
    elif change == "option":
        options["guard"] = 101
    else:
        genome.reverse()
    made = count_made(monkeypatch)
    shard(genome, tmp_path / "s", progress=False, **options)
    assert made == [0, 1, 2, 3, 4, 5]
    shard(genome, tmp_path / "fresh", progress=False, **options)
    assert contents(tmp_path / "s") == contents(tmp_path / "fresh")


@pytest.mark.parametrize(("complete", "workers"), [(0, 1), (0, 2), (2, 1), (2, 2)])
def test_an_interrupt_is_one_line_and_keeps_complete_units_only(
    tmp_path: Path, genome: list[Path], complete: int, workers: int
) -> None:
    with running(tmp_path, genome, complete, workers) as process:
        # A terminal sends it to all processes of the command.
        os.killpg(process.pid, signal.SIGINT)
        out, log = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert (out, log) == ("", "hnet-seq shard: interrupted\n")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [*[".s.partial"] * (complete > 0), "a.fa", "b.fa.gz", "c.fa"]
    shard(genome, tmp_path / "s", progress=False, **OPTIONS)
    shard(genome, tmp_path / "whole", progress=False, **OPTIONS)
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_workers_never_see_an_interrupt_not_even_while_they_start(
    tmp_path: Path, seconds: float
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, os, signal, sys, time\n"
        "from pipelines.shards.sharding import worker_pool\n"
        "if __name__ != '__main__':\n"
        "    time.sleep(1)\n"  # the workers import this too, and need a while
        "if __name__ == '__main__':\n"
        "    with worker_pool(2) as pool:\n"
        "        powers = [pool.submit(pow, 2, k) for k in range(4)]\n"
        "        time.sleep(float(sys.argv[1]))\n"
        "        children = multiprocessing.active_children()\n"
        "        for child in children:\n"
        "            os.kill(child.pid, signal.SIGINT)\n"
        "        print(len(children), [power.result() for power in powers])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), f"{seconds}"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 [1, 2, 4, 8]\n", "")


def test_a_second_process_on_the_same_folder_is_told(
    tmp_path: Path, genome: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, genome, 1, 1):
        before = sorted((tmp_path / ".s.partial").iterdir())
        command = ["shard", *map(str, genome), "--out", f"{tmp_path / 's'}"]
        assert main(command) == 2
        said = capsys.readouterr().err
        assert said == (
            f"hnet-seq shard: {tmp_path / 's'}: is being made by another process; wait for it\n"
        )
        assert sorted((tmp_path / ".s.partial").iterdir()) == before


def test_a_worker_that_is_killed_is_told_and_what_is_complete_stays(
    tmp_path: Path, genome: list[Path]
) -> None:
    with running(tmp_path, genome, 2, 2) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if not children.exists():
            pytest.skip("processes cannot be looked up here")
        workers = [int(pid) for pid in children.read_text().split()]
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in workers}
        os.kill(next(p for p, c in commands.items() if b"spawn_main" in c), signal.SIGKILL)
        _, log = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert "a worker process was killed" in log
    assert log.count("\n") == 1
    assert (tmp_path / ".s.partial" / "unit-00001.json").exists()


def test_whoever_waits_for_a_worker_that_is_killed_is_told() -> None:
    with (
        pytest.raises(OSError, match="a worker process was killed"),
        worker_pool(1) as pool,
    ):
        list(pool.map(os._exit, [1]))
