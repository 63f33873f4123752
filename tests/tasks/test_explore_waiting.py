"""The explorer's thread and those who wait for it: what is dropped, and that the rest goes on."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hnet_seq.cli import run
from hnet_seq.tasks.exploring.explorer import Explorer
from hnet_seq.tasks.exploring.worker import BITS, CUTS, Superseded, Worker
from tests.forked import Forked
from tests.tasks.explore_pages import (
    TOKEN,
    Running,
    explorer_of,
    of_dna,
    running,
    wanted,
    write_genome,
)

pytest.importorskip("starlette", reason="the extra explore is not installed")
PATIENCE = 180  # seconds, after which something hangs, however busy the machine is
REGION = wanted(record="chr1", start=100, end=200)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    path = write_genome(tmp_path_factory.mktemp("genome"))
    with running(explorer_of(path, of_dna()), ["chr1:12001-12900"]) as own:
        yield own


def test_a_later_question_takes_the_place_of_an_earlier_one() -> None:
    worker, begun, go = Worker(), threading.Event(), threading.Event()
    done: list[str] = []

    def blocks(tell: Any) -> Any:
        begun.set()
        yield 0, 1
        go.wait()
        tell(1)
        return "too late"

    def short(name: str) -> Any:
        def steps(_tell: Any) -> Any:
            yield 0, 1
            done.append(name)
            return name

        return steps

    running_one = worker.ask("a", BITS, blocks)
    assert begun.wait(60)
    waiting = worker.ask("b", CUTS, short("dropped"))
    later, of_bits, urgent = (
        worker.ask("b", CUTS, short("later")),
        worker.ask("c", BITS, short("bits")),
        worker.ask("d", CUTS, short("urgent")),
    )
    again = worker.ask("a", BITS, short("again"))
    go.set()
    assert (later.answer.result(60), of_bits.answer.result(60)) == ("later", "bits")
    assert (urgent.answer.result(60), again.answer.result(60)) == ("urgent", "again")
    for dropped in (running_one, waiting):
        with pytest.raises(Superseded):
            dropped.answer.result(60)
    assert done.index("later") < done.index("urgent") < done.index("bits")
    assert "dropped" not in done
    worker.close()


def test_superseded_questions_are_told_so(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    go, answers = threading.Event(), []

    def slow(_self: Any, *given: Any) -> Any:
        go.wait(60)
        given[-1](1)
        raise AssertionError("the first question was not dropped")

    with monkeypatch.context() as patch:
        patch.setattr("hnet_seq.tasks.exploring.explorer.Explorer.lane", slow)
        first = threading.Thread(target=lambda: answers.append(server.ask("/api/lane", REGION)))
        first.start()
        time.sleep(0.2)  # only what it shows depends on it: the first one waits or runs
    second = threading.Thread(target=lambda: answers.append(server.ask("/api/lane", REGION)))
    second.start()
    time.sleep(0.2)
    go.set()
    first.join()
    second.join()
    assert sorted(answer.status for answer in answers) == [200, 409]
    assert "another request" in next(own for own in answers if own.status == 409).values["error"]


def test_an_answer_that_is_called_off_leaves_the_thread_to_the_next() -> None:
    worker, begun, go = Worker(), threading.Event(), threading.Event()

    def steps(_tell: Any) -> Any:
        begun.set()
        go.wait(60)
        yield 0, 1
        return "done"

    first = worker.ask("a", CUTS, steps)
    assert begun.wait(60)
    waiting = worker.ask("b", CUTS, steps)
    assert not first.answer.cancel()  # it is being given
    assert waiting.answer.cancel()
    go.set()
    assert first.answer.result(60) == "done"
    assert worker.ask("c", CUTS, steps).answer.result(60) == "done"
    worker.close()


def leave(server: Running, path: str, slot: str, begun: threading.Event) -> None:
    """Ask, and go away once the server is at it."""
    body = json.dumps({**REGION, "slot": slot})
    head = [
        f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {TOKEN}",
        "Content-Type: application/json", f"Content-Length: {len(body)}", "", body,
    ]  # fmt: skip
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall("\r\n".join(head).encode())
        assert begun.wait(PATIENCE)


@pytest.mark.parametrize("kind", ["lane", "bits"])
def test_a_reading_that_nobody_waits_for_ends(
    server: Running, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(_self: Any, *given: Any) -> Any:
        begun.set()
        try:
            while not ended.wait(0.01):
                given[-1](1)
        finally:
            ended.set()

    monkeypatch.setattr(f"hnet_seq.tasks.exploring.explorer.Explorer.{kind}", endless)
    leave(server, f"/api/{kind}", "gone", begun)
    has_ended = ended.wait(PATIENCE)
    ended.set()
    assert has_ended


@pytest.mark.parametrize("first", [0, 1])
def test_a_map_that_nobody_waits_for_ends(
    server: Running, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """Before its first line, and after it."""
    begun, stop = threading.Event(), threading.Event()

    def endless(_self: Any, *_given: Any) -> Any:
        while not stop.wait(0.01):
            begun.set()
            yield first, 2
        raise AssertionError("it was not dropped")

    with monkeypatch.context() as patch:
        patch.setattr("hnet_seq.tasks.exploring.explorer.Explorer.dependencies", endless)
        leave(server, "/api/map", "gone", begun)
    # Of another slot: it has its turn once the first one is dropped.
    threading.Timer(PATIENCE, stop.set).start()
    again = server.ask("/api/map", {**REGION, "slot": "other", "end": 110})
    assert json.loads(again.body.splitlines()[-1])["map"]
    assert not stop.is_set()
    stop.set()


def test_an_error_in_the_middle_of_a_map_is_a_line(
    server: Running, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def breaks(_self: Any, *_given: Any) -> Any:
        yield 1, 3
        time.sleep(0.3)  # only what it shows depends on it: whether lines were sent before
        raise RuntimeError("secret of the program")

    monkeypatch.setattr("hnet_seq.tasks.exploring.explorer.Explorer.dependencies", breaks)
    answer = server.ask("/api/map", REGION)
    said = json.loads(answer.body.splitlines()[-1])
    assert "its terminal says how" in said["error"]
    assert b"secret" not in answer.body
    assert "secret of the program" in capfd.readouterr().err


def serve(model: str, genome: str, begun: str) -> None:
    """The command, of which one question takes until it is dropped."""

    def endless(_self: Any, *given: Any) -> Any:
        Path(begun).touch()
        while True:
            time.sleep(0.01)
            given[-1](1)

    regions = Explorer.lane
    Explorer.lane = lambda *given: (endless if given[2].path is None else regions)(*given)  # type: ignore[method-assign]
    sys.argv = ["hnet-seq", "explore", model, genome, "--region", "odd:1-20"]
    run()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_the_middle_of_a_reading(tmp_path: Path, sent: signal.Signals) -> None:
    path, begun = write_genome(tmp_path), tmp_path / "begun"
    of_dna().save_pretrained(tmp_path / "model")
    own = Forked(serve, f"{tmp_path / 'model'}", f"{path}", f"{begun}", folder=tmp_path)
    while not (url := own.out.read_text().strip() if own.out.exists() else ""):
        assert own.process.is_alive()
        time.sleep(0.05)
    server, token = Running(int(url.split(":")[2].partition("/")[0])), url.partition("=")[2]
    answers: list[Any] = []
    asking = threading.Thread(
        target=lambda: answers.append(server.ask("/api/lane", wanted(pasted="ACGT"), token=token))
    )
    asking.start()
    while not begun.exists():
        assert own.process.is_alive()
        time.sleep(0.05)
    os.kill(own.process.pid or 0, sent)
    ended = own.end()
    asking.join()
    assert "Traceback" not in ended.err
    assert ended.code == (0 if sent == signal.SIGINT else 128 + sent)
    assert answers[0].status == 503
    assert answers[0].values == {"error": "the server was stopped"}
