"""The explorer's server answers its own page, and nothing else; errors are a line of JSON."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hnet_seq.results.explored import Explored
from tests.tasks.explore_pages import (
    BASES,
    TOKEN,
    Running,
    explorer_of,
    of_dna,
    running,
    wanted,
    write_genome,
)

pytest.importorskip("starlette", reason="the extra explore is not installed")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    path = write_genome(tmp_path_factory.mktemp("genome"))
    with running(explorer_of(path, of_dna()), ["chr1:12001-12900"]) as own:
        yield own


REGION = wanted(record="chr1", start=100, end=200)


def check_refused(answer: Any, status: int | tuple[int, ...], said: str = "") -> None:
    """A status and one line of JSON that tells no more than what is wrong."""
    statuses = (status,) if isinstance(status, int) else status
    assert answer.status in statuses, answer
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.values) == {"error"}
    assert answer.body.count(b"\n") == 1
    assert said in answer.values["error"]
    for word in ("Traceback", 'File "', ".py"):
        assert word not in answer.body.decode()


def test_its_page_comes_with_the_token_and_keeps_it(server: Running) -> None:
    page = server.ask(f"/?token={TOKEN}", token=None)
    assert page.status == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    kept = page.headers["set-cookie"]
    assert "HttpOnly" in kept
    assert "samesite=strict" in kept.lower()
    cookie = {"Cookie": kept.partition(";")[0]}
    again = server.ask("/", token=None, headers=cookie)
    assert again.status == 200
    assert TOKEN not in page.body.decode()
    assert server.ask("/page/main.js", token=None, headers=cookie).status == 200
    lane = server.ask("/api/lane", REGION, token=None, headers=cookie)
    assert Explored.of(lane.values).start == 100


@pytest.mark.parametrize(
    "before", ['pref={"a":1}', "x=a b c", "alone", "n\u00e4me=\u00e4", 'q="a', "=;;=", "a=b"]
)
def test_cookies_of_other_ports_may_stand_around_its_own(server: Running, before: str) -> None:
    own = f"hnet-seq-explore-{server.port}={TOKEN}"
    for cookie in (f"{before}; {own}", f"{own}; {before}", f"{before};{own};{before}"):
        found = server.ask("/page/main.js", token=None, headers={"Cookie": cookie})
        assert found.status == 200
    other = f"{before}; x-{own}; hnet-seq-explore-1={TOKEN}"
    check_refused(server.ask("/page/main.js", token=None, headers={"Cookie": other}), 403)


@pytest.mark.parametrize("token", [None, "", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\u00e9"])
@pytest.mark.parametrize("path", ["/", "/page/main.js", "/api/lane", "/api/map", "/nowhere"])
def test_without_the_token_there_is_nothing(server: Running, path: str, token: str | None) -> None:
    body = REGION if path.startswith("/api") else None
    check_refused(server.ask(path, body, token=token), 403, "no token")


def test_a_token_opens_the_page_only(server: Running) -> None:
    for path in (f"/api/lane?token={TOKEN}", f"/page/main.js?token={TOKEN}"):
        body = REGION if path.startswith("/api") else None
        check_refused(server.ask(path, body, token=None), 403, "no token")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://localhost:{port}"},  # of another host than the request's
        {"Origin": "http://127.0.0.1:1"},
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1.evil.example:{port}"},
        {"Host": ""},
        {"Host": "[::1"},
        {"Host": "192.168.0.7:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/lane"])
def test_other_pages_and_other_names_are_refused(
    server: Running, path: str, headers: dict[str, str]
) -> None:
    own = {name: value.format(port=server.port) for name, value in headers.items()}
    check_refused(server.ask(path, REGION if path != "/" else None, headers=own), 403)


def test_its_own_page_is_let_in_under_each_name_of_this_machine(server: Running) -> None:
    for host in (f"127.0.0.1:{server.port}", f"localhost:{server.port}", "localhost", "[::1]:9"):
        own = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        assert server.ask("/api/lane", REGION, headers=own).status == 200
    # A link in another page may open this one.
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert server.ask(f"/?token={TOKEN}", token=None, headers=link).status == 200


MALFORMED: list[tuple[str, Any]] = [
    ("/api/lane", b""),
    ("/api/lane", b"{"),
    ("/api/lane", b"null"),
    ("/api/lane", b"[]"),
    ("/api/lane", b"\xff\xfe"),
    ("/api/lane", b"[" * 100_000),
    ("/api/lane", b'{"slot": 1' + b"0" * 10_000 + b"}"),
    ("/api/lane", b"NaN"),
    ("/api/lane", {}),
    ("/api/lane", {**REGION, "more": 1}),
    ("/api/lane", {**REGION, "model": 1}),
    ("/api/lane", {**REGION, "model": -1}),
    ("/api/lane", {**REGION, "model": "0"}),
    ("/api/lane", {**REGION, "model": True}),
    ("/api/lane", {**REGION, "strand": "."}),
    ("/api/lane", {**REGION, "strand": None}),
    ("/api/lane", {**REGION, "record": "chr2"}),
    ("/api/lane", {**REGION, "record": "../../etc/passwd"}),
    ("/api/lane", {**REGION, "record": "\ud800"}),
    ("/api/lane", {**REGION, "record": None}),
    ("/api/lane", {**REGION, "start": -5}),
    ("/api/lane", {**REGION, "start": 200}),
    ("/api/lane", {**REGION, "start": 1.5}),
    ("/api/lane", {**REGION, "end": 10**30}),
    ("/api/lane", {**REGION, "start": 0, "end": 12_001}),
    ("/api/lane", {**REGION, "end": BASES + 1}),
    ("/api/lane", wanted(pasted="")),
    ("/api/lane", wanted(pasted="hello world!")),
    ("/api/lane", wanted(pasted="\ud800")),
    ("/api/lane", wanted(pasted="A" * 12_001)),
    ("/api/lane", wanted(pasted=">a\nAC\n>b\nGT")),
    ("/api/lane", wanted(pasted="ACGT", record="chr1", start=0, end=4)),
    ("/api/bits", {**REGION, "end": 0}),
    ("/api/map", {**REGION, "end": 401}),
    ("/api/map", wanted(record="chr1", start=9000, end=9004)),  # all unknown
    ("/api/find", {"asked": 5}),
    ("/api/find", {"asked": ""}),
    ("/api/find", {"asked": "chr1:9-1"}),
    ("/api/find", {"asked": "x" * 10_000}),
    ("/api/find", {"asked": "\u0000"}),
    ("/api/save", {"regions": []}),
    ("/api/save", {"regions": [1]}),
    ("/api/save", {"regions": [{"kind": "explored"}]}),
    ("/api/save", {"regions": {"a": 1}}),
    ("/api/save", b"7"),
]


@pytest.mark.parametrize(("path", "body"), MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_malformed_is_a_line(server: Running, path: str, body: Any) -> None:
    assert len(MALFORMED) >= 30
    check_refused(server.ask(path, body), 400)
    assert server.ask("/api/lane", REGION).status == 200  # and the server goes on


def test_methods_paths_kinds_and_sizes(server: Running) -> None:
    check_refused(server.ask("/nowhere"), 404)
    check_refused(server.ask("/page/..%2fserver.py"), 404)
    check_refused(server.ask("/page/explore.html"), 404)
    check_refused(server.ask("/api/lane"), 405)
    check_refused(server.ask("/", {}), 405)
    check_refused(server.ask("/api/lane", "{}", method="PUT"), 405)
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        check_refused(server.ask("/api/lane", "{}", headers={"Content-Type": kind}), 415)
    check_refused(server.ask("/api/lane", b"x" * ((1 << 18) + 1)), 413)
    check_refused(server.ask("/api/lane", "{}", headers={"Content-Length": str(1 << 60)}), 413)


def test_a_body_without_a_length_is_counted(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        head = [
            "POST /api/lane HTTP/1.1", "Host: localhost", f"Authorization: Bearer {TOKEN}",
            "Content-Type: application/json", "Transfer-Encoding: chunked", "", "",
        ]  # fmt: skip
        line.sendall("\r\n".join(head).encode())
        piece = b"x" * 65_536
        for _ in range(5):
            line.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        said = line.recv(4096)
    assert b" 413 " in said.splitlines()[0]


def test_an_error_of_the_program_is_told_on_the_terminal_alone(
    server: Running, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_given: Any) -> None:
        raise RuntimeError("secret of the program")

    monkeypatch.setattr("hnet_seq.tasks.exploring.explorer.Explorer.lane", fail)
    answer = server.ask("/api/lane", REGION)
    check_refused(answer, 500, "its terminal says how")
    assert b"secret" not in answer.body
    assert "secret of the program" in capfd.readouterr().err


def test_bits_and_maps_come_for_a_region(server: Running) -> None:
    bits = server.ask("/api/bits", {**REGION, "strand": "-"}).values["bits"]
    assert len(bits) == 100
    assert all(value > 0 for value in bits)
    lines = server.ask("/api/map", {**REGION, "end": 108}).body.decode().splitlines()
    *told, last = map(json.loads, lines)
    assert all(set(own) == {"done", "of"} for own in told)
    assert last["map"]["kind"] == "dependencies"
    assert last["map"]["start"] == 101


def test_the_page_can_be_saved_with_what_it_shows(server: Running) -> None:
    region = server.ask("/api/lane", REGION).values
    without = server.ask("/api/save", {"regions": [region | {"lanes": []}]})
    check_refused(without, 400, "nothing has read it")
    page = server.ask("/api/save", {"regions": [region]})
    assert page.status == 200
    assert b'"live":false' in page.body
    assert region["letters"] in page.body.decode()


def test_the_port_is_told_where_it_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hnet_seq.cli import main

    path = write_genome(tmp_path)
    of_dna().save_pretrained(tmp_path / "model")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = [
            "explore",
            f"{tmp_path / 'model'}",
            f"{path}",
            "--port",
            f"{port}",
            "--region",
            "odd",
        ]
        assert main(line) == 2
    assert f"--port: {port} cannot be had" in capsys.readouterr().err
