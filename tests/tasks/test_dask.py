"""Commands on a Dask cluster end with the bytes of one process, whatever dies meanwhile."""

from __future__ import annotations

import json
import pickle
import runpy
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hnet_seq.cli import main
from hnet_seq.jobs import dask_client
from hnet_seq.jobs.dask_worker import Command, call_there, versions_here
from hnet_seq.jobs.units import PartsOfUnits, Unit
from hnet_seq.tasks.embedding.space import Space
from hnet_seq.tasks.shard import shard
from modalities.errors import InputError, UsageError
from tests.forked import Forked
from tests.tasks import test_shard_units
from tests.tasks.test_ranked_runs import commands, contents
from tests.tasks.test_ranked_runs import inputs as inputs  # fixtures
from tests.tasks.test_ranked_runs import small_units as small_units
from tests.tasks.test_shard_units import genome as genome
from tests.tasks.test_shard_units import texts as texts

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A scheduler and a worker in this process."""
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as found:
        yield found


@pytest.fixture
def scheduler() -> Iterator[Any]:
    """A scheduler without workers, that other processes reach."""
    with distributed.LocalCluster(
        n_workers=0, host="127.0.0.1", protocol="tcp://", dashboard_address=":0"
    ) as found:
        yield found


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")
def test_workers_find_the_command_that_python_m_has_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[Any] = []

    def refused(where: str, begin: Any, label: str) -> Any:
        begun.append(pickle.dumps(begin))
        raise UsageError("dask", "seen")

    monkeypatch.setattr(dask_client, "on_dask", refused)
    words = ["embed", "run", "x.fa", "--out", "x.npy", "--dask", "local:1"]
    monkeypatch.setattr(sys, "argv", ["hnet-seq", *words])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_module("hnet_seq.cli", run_name="__main__")
    assert b"hnet_seq.cli" in begun[0]
    assert b"__main__" not in begun[0]


@pytest.mark.parametrize("which", [0, 2, 4, 6])
def test_a_command_on_workers_ends_with_the_bytes_of_one_process(
    inputs: Path, tmp_path: Path, cluster: Any, which: int
) -> None:
    on_workers, alone = tmp_path / "workers", tmp_path / "alone"
    dask = ["--dask", cluster.scheduler_address]
    assert main([*commands(inputs, on_workers)[which], *dask]) == 0
    assert main(commands(inputs, alone)[which]) == 0
    assert contents(on_workers, which) == contents(alone, which)
    assert not list(on_workers.glob("*.ranks"))
    (record,) = on_workers.glob("*.ranks.json")
    (found,) = json.loads(record.read_text())["ranks"]
    assert found["rank"] == "0"  # the worker's name
    assert found["units"] > 2


def test_a_worker_is_killed_and_another_added(inputs: Path, tmp_path: Path, scheduler: Any) -> None:
    out, address = tmp_path / "out", scheduler.scheduler_address
    first = Forked(work, address, "first", 2, folder=tmp_path, name="first")
    others = []

    def replace() -> None:
        first.process.join()
        others.append(Forked(work, address, "second", folder=tmp_path, name="second"))

    replacing = threading.Thread(target=replace)
    replacing.start()
    assert main([*commands(inputs, out)[0], "--dask", address]) == 0
    replacing.join()
    assert first.end().code == -signal.SIGKILL
    assert main(commands(inputs, tmp_path / "alone")[0]) == 0
    assert contents(out, 0) == contents(tmp_path / "alone", 0)
    record = json.loads((out / "v.parquet.ranks.json").read_text())
    units = {own["rank"]: own["units"] for own in record["ranks"]}
    assert units.keys() == {"first", "second"}
    assert units["first"] == 2
    scheduler.close()
    others[0].end()


def work(*arguments: Any) -> None:
    from tests.tasks.dask_worker_script import work  # after distributed is known to be there

    work(*arguments)


def test_workers_that_die_at_a_unit_are_told_in_a_line_and_the_rest_is_kept(
    inputs: Path, tmp_path: Path, scheduler: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    import dask

    address, command = scheduler.scheduler_address, commands(inputs, tmp_path / "out")[0]
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        scheduler.scheduler.allowed_failures = 0
        worker = Forked(work, address, "first", 1, folder=tmp_path)
        assert main([*command, "--dask", address]) == 1
    worker.end()
    said = capsys.readouterr().err.splitlines()[-1]
    assert "1 workers ended at it" in said
    assert said.endswith("what is complete is kept: the same command goes on from it")
    assert main(command) == 0
    assert "are kept from the run that was stopped" in capsys.readouterr().err
    assert main(commands(inputs, tmp_path / "alone")[0]) == 0
    assert contents(tmp_path / "out", 0) == contents(tmp_path / "alone", 0)


def test_what_is_wrong_with_an_input_is_said_once_and_not_tried_again(
    inputs: Path,
    tmp_path: Path,
    cluster: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried = []

    def check(self: Space) -> None:
        tried.append(self)
        raise InputError("in.fa", "is not what it should be; give another")

    monkeypatch.setattr(Space, "check", check)
    command = [*commands(inputs, tmp_path)[0], "--dask", cluster.scheduler_address]
    assert main(command) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == (
        "hnet-seq embed: in.fa: is not what it should be; give another (on the Dask worker 0)"
    )
    monkeypatch.undo()
    assert not list(tmp_path.glob("*.ranks"))  # as nothing was computed


def test_workers_with_other_versions_are_refused(
    inputs: Path,
    tmp_path: Path,
    cluster: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    others = (("Python", "3.0.0"), *versions_here()[1:])
    monkeypatch.setattr(dask_client, "versions_here", lambda: others)
    command = [*commands(inputs, tmp_path)[0], "--dask", cluster.scheduler_address]
    assert main(command) == 2
    assert "--dask: the worker 0 has other versions" in capsys.readouterr().err


def test_a_folder_that_a_worker_does_not_see_is_named(cluster: Any, tmp_path: Path) -> None:
    command = Command(int, "token", f"{tmp_path}", versions_here())
    with distributed.Client(cluster) as client:
        with pytest.raises(UsageError, match=r"gone: is not seen by the Dask worker 0"):
            client.submit(call_there, command, f"{tmp_path / 'gone'}", int).result()
        assert client.submit(call_there, command, f"{tmp_path}", Path.cwd).result() == tmp_path


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("tcp://127.0.0.1:9", "--dask: tcp://127.0.0.1:9: no scheduler answers there"),
        ("nowhere://x", "--dask: nowhere://x: no scheduler answers there"),
        ("gone.json", "--dask: gone.json is not there"),
        ("local:0", "--dask: local:0 has no workers"),
    ],
)
def test_a_cluster_that_is_none_is_told_in_a_line(
    inputs: Path,
    tmp_path: Path,
    where: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(dask_client, "_ANSWER", 0.5)
    assert main([*commands(inputs, tmp_path)[0], "--dask", where]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert not list(tmp_path.glob("*.ranks"))
    assert said in line


def test_what_units_cannot_be_computed_of_is_refused(
    inputs: Path, cluster: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    model, fasta = f"{inputs / 'model'}", f"{inputs / 'in.fa'}"
    assert main(["score", model, fasta, "--dask", cluster.scheduler_address]) == 2
    assert (
        "--dask: has workers, which meet beside the output: give --out"
        in (capsys.readouterr().err.splitlines()[-1])
    )


@pytest.mark.parametrize("modality", ["dna", "text"])
def test_shards_of_workers_are_those_of_one_process(
    genome: list[Path],
    texts: list[Path],
    modality: str,
    tmp_path: Path,
    cluster: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(test_shard_units.task, "dna_jobs", test_shard_units.small_units)
    plan = test_shard_units.partial(test_shard_units.plan_units, unit_bytes=2000)
    monkeypatch.setattr(test_shard_units.task, "plan_units", plan)
    paths = genome if modality == "dna" else texts
    words = ["shard", *map(str, paths), "--modality", modality, "--out"]
    shard(paths, tmp_path / "alone", modality=modality, progress=False)
    assert main([*words, f"{tmp_path / 'out'}", "--dask", cluster.scheduler_address]) == 0
    found, expected = (test_shard_units.contents(tmp_path / name) for name in ("out", "alone"))
    assert len(expected) > 2
    assert found == expected


def test_parts_are_those_of_the_unit_in_any_order() -> None:
    parts = [[i] for i in range(7)]
    reads = []

    def read() -> Iterator[list[int]]:
        reads.append(1)
        return iter(parts)

    units = [Unit(i, count, count, count, 1.0) for i, count in enumerate([2, 2, 2, 1])]
    of_units = PartsOfUnits(read, units)
    found = {}
    for index in (1, 3, 0, 2):
        found[index] = [own for (own,) in of_units.of(units[index])]
    assert found == {0: [0, 1], 1: [2, 3], 2: [4, 5], 3: [6]}
    assert len(reads) == 2
    of_units.of(units[0])  # nothing of it is taken
    assert next(of_units.of(units[1])) == [2]
