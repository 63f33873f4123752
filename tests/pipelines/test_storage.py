"""Shard folders anywhere: what comes over a bad network is whole, or an error that says so."""

from __future__ import annotations

import hashlib
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest

from modalities.errors import InputError, UsageError
from pipelines.storage import remote_files
from pipelines.storage.folders import ShardStore
from tests.forked import LIMIT

DATA = bytes(range(256)) * 2000


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Server:
    """Files over HTTP, answered as ``plan`` says, one word a GET; then well."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.plan: list[str] = []
        self.requests: list[str] = []
        self.released = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                owner.answer(self, head=True)

            def do_GET(self) -> None:
                owner.answer(self, head=False)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/shards"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def answer(self, request: BaseHTTPRequestHandler, *, head: bool) -> None:
        name = request.path.removeprefix("/shards/")
        self.requests.append(name)
        word = self.plan.pop(0) if self.plan else "well"
        if word.isdigit():
            status, body = int(word), b"sorry"
        elif name in self.files:
            status, body = 200, self.files[name]
        else:
            status, body = 404, b""
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True
        if head:
            return
        if word == "truncate":
            body = body[: len(body) // 2]
        elif word == "corrupt":
            body = body[:-1] + bytes([body[-1] ^ 1])
        elif word == "hang":
            request.wfile.write(body[:1000])
            request.wfile.flush()
            self.released.wait(LIMIT)
            return
        request.wfile.write(body)

    def close(self) -> None:
        self.released.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(remote_files, "_FIRST_PAUSE", 0.01)
    server = Server()
    server.files["train-000000.tar"] = DATA
    yield server
    server.close()


@pytest.fixture
def store(server: Server, tmp_path: Path) -> ShardStore:
    return ShardStore(server.url, cache_dir=tmp_path / "cache")


def fetch(store: ShardStore, name: str = "train-000000.tar", data: bytes = DATA) -> bytes:
    return store.local_path(name, size=len(data), sha256=sha(data)).read_bytes()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(params=["path", "file://", "memory://", "http://"])
def folder(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[str, Callable[[str, bytes], None]]]:
    """A location of every kind, and how a file is put there."""
    local = tmp_path / "shards"
    local.mkdir()
    if request.param in ("path", "file://"):
        yield (
            f"{'file://' if request.param == 'file://' else ''}{local}/",
            lambda name, data: void((local / name).write_bytes(data)),
        )
    elif request.param == "memory://":
        memory = fsspec.filesystem("memory")
        yield (
            "memory://bucket/shards",
            lambda name, data: memory.pipe_file(f"/bucket/shards/{name}", data),
        )
        memory.store.clear()
    else:
        server = request.getfixturevalue("server")
        yield server.url, server.files.__setitem__


def void(_: object) -> None:
    pass


def test_every_location_reads_the_same(
    folder: tuple[str, Callable[[str, bytes], None]], tmp_path: Path
) -> None:
    location, put = folder
    put("manifest.json", b"{}")
    put("train-000000.tar", DATA)
    store = pickle.loads(pickle.dumps(ShardStore(location, cache_dir=tmp_path / "cache")))
    assert store.read_bytes("manifest.json") == b"{}"
    assert store.size("train-000000.tar") == len(DATA)
    assert fetch(store) == DATA
    with store.open("train-000000.tar", size=len(DATA), sha256=sha(DATA)) as file:
        assert file.read() == DATA


def test_what_is_absent_is_named_with_its_address(
    folder: tuple[str, Callable[[str, bytes], None]], tmp_path: Path
) -> None:
    location, _ = folder
    store = ShardStore(location, cache_dir=tmp_path / "cache")
    assert store.size("none.tar") is None
    with pytest.raises(InputError, match=r"shards/manifest.json: no such file; check"):
        store.read_bytes("manifest.json")
    with pytest.raises(InputError, match=r"shards/none.tar: no such file; check"):
        store.open("none.tar", size=1, sha256=sha(b"1"))


def test_a_local_shard_is_itself_and_not_hashed(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(DATA)
    store = ShardStore(tmp_path, cache_dir=tmp_path / "cache")
    assert store.is_local
    assert store.local_path("a.tar", size=1, sha256="of another") == tmp_path / "a.tar"
    assert not (tmp_path / "cache").exists()


def test_a_shard_is_fetched_once(server: Server, store: ShardStore) -> None:
    assert fetch(store) == fetch(store) == DATA
    assert server.requests == ["train-000000.tar"]
    assert not store.is_local


def test_equal_shards_of_two_folders_share_a_file(server: Server, store: ShardStore) -> None:
    server.files["copy.tar"] = DATA
    assert fetch(store) == fetch(store, "copy.tar") == DATA
    assert server.requests == ["train-000000.tar"]


@pytest.mark.parametrize("trouble", ["503", "500", "429", "408", "truncate", "corrupt"])
def test_what_passes_is_tried_again(server: Server, store: ShardStore, trouble: str) -> None:
    server.plan = [trouble] * 3
    assert fetch(store) == DATA
    assert len(server.requests) == 4


@pytest.mark.parametrize("trouble", ["503", "truncate"])
def test_the_manifest_is_tried_again_too(server: Server, store: ShardStore, trouble: str) -> None:
    server.files["manifest.json"] = b"{}" * 100
    server.plan = [trouble] * 2
    assert store.read_bytes("manifest.json") == b"{}" * 100


def test_a_size_is_asked_again_after_a_failure(server: Server, store: ShardStore) -> None:
    server.plan = ["503"] * 4  # each time by HEAD, then by GET
    assert store.size("train-000000.tar") == len(DATA)


def test_a_server_that_hangs_is_left(server: Server, tmp_path: Path) -> None:
    server.plan = ["hang"]
    store = ShardStore(server.url, cache_dir=tmp_path / "cache", timeout=2)
    assert fetch(store) == DATA


@pytest.mark.parametrize(
    ("trouble", "attempts", "message"),
    [
        ("503", 3, r"the server answered 503 .*\(3 attempts\); check the address and the network"),
        ("corrupt", 3, r"has sha256 [0-9a-f]{12}\.\.\., the manifest says .*\(3 attempts\); copy"),
        ("403", 1, r"the server answered 403 Forbidden; check the credentials"),
        ("404", 1, r"no such file; check the address"),
        ("410", 1, r"no such file; check the address"),
    ],
)
def test_the_last_failure_says_where_what_and_what_to_do(
    server: Server, tmp_path: Path, trouble: str, attempts: int, message: str
) -> None:
    server.plan = [trouble] * 9
    store = ShardStore(server.url, cache_dir=tmp_path / "cache", retries=2)
    with pytest.raises(InputError, match=f"{server.url}/train-000000.tar: {message}"):
        fetch(store)
    assert len(server.requests) == attempts
    assert names(tmp_path / "cache") == {"cache.lock"}


def test_a_file_of_another_size_is_refused_before_it_fills_the_disk(
    server: Server, tmp_path: Path
) -> None:
    store = ShardStore(server.url, cache_dir=tmp_path / "cache", retries=0)
    with pytest.raises(InputError, match=r"more than 10 bytes came, .*; copy it there again"):
        store.open("train-000000.tar", size=10, sha256=sha(DATA))
    with pytest.raises(InputError, match=r"512000 bytes came, the manifest says 512001; copy"):
        store.open("train-000000.tar", size=len(DATA) + 1, sha256=sha(DATA))


def test_nobody_there_is_an_error_after_the_retries(server: Server, tmp_path: Path) -> None:
    store = ShardStore(server.url, cache_dir=tmp_path / "cache", retries=1)
    server.close()
    for read in (lambda: fetch(store), lambda: store.size("a"), lambda: store.read_bytes("a")):
        with pytest.raises(InputError, match=r"cannot be read .*\(2 attempts\); check the address"):
            read()


def test_a_password_is_not_shown(server: Server, tmp_path: Path) -> None:
    server.plan = ["503"] * 9
    location = server.url.replace("http://", "http://me:secret@")
    store = ShardStore(location, cache_dir=tmp_path / "cache", retries=1)
    with pytest.raises(InputError) as caught:
        fetch(store)
    assert "secret" not in str(caught.value) + repr(store)


def test_a_protocol_without_its_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(protocol: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "get_filesystem_class", missing)
    with pytest.raises(UsageError, match=r"s3://bucket/shards: s3:// needs .* `pip install s3fs`"):
        ShardStore("s3://bucket/shards/")


def test_misuse_is_named(server: Server, store: ShardStore) -> None:
    with pytest.raises(UsageError, match=r"s33://bucket: Protocol not known: s33; give a path, or"):
        ShardStore("s33://bucket")
    with pytest.raises(UsageError, match=r"data\.cache_gb: is 0; give more than 0"):
        ShardStore("x", cache_bytes=0)
    with pytest.raises(UsageError, match=r"retries: is -1"):
        ShardStore("x", retries=-1)
    with pytest.raises(InputError, match=r"its sha256 is '\.\./a', expected 64 hexadecimal"):
        store.open("train-000000.tar", size=1, sha256="../a")


def test_the_cache_lies_where_the_platform_has_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen() -> Path:
        return ShardStore("memory://x")._cache.folder

    monkeypatch.setenv("HNET_SEQ_CACHE", "/scratch/shards")
    assert chosen() == Path("/scratch/shards")
    monkeypatch.delenv("HNET_SEQ_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    assert chosen() == Path("/var/cache/me/hnet-seq/shards")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/me")
    assert chosen() == Path("/home/me/.cache/hnet-seq/shards")


def test_a_process_forked_after_a_request_makes_its_own_connection(
    server: Server, store: ShardStore
) -> None:
    fetch(store)
    server.files["other.tar"] = DATA[1:]
    child = os.fork()
    if child == 0:
        os._exit(0 if fetch(store, "other.tar", DATA[1:]) == DATA[1:] else 1)
    deadline = time.monotonic() + LIMIT
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
    if done == (0, 0):
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert done == (child, 0)
