"""Which build of torch `make` installs: asked for in seconds, told in a line, never in the way."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
install_torch: Any = importlib.import_module("studies.install_torch")
OWN = f"cp{sys.version_info[0]}{sys.version_info[1]}"
WHEEL = f"torch-2.13.0%2Bcpu-{OWN}-{OWN}-manylinux_2_28_x86_64.whl"
NO_PROXY: dict[str, str] = {}
PATIENCE = 300.0  # seconds, where an answer comes: a busy machine is no fault of the index


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither pip nor proxies of this machine are told anything."""
    for name in list(os.environ):
        if name.upper().startswith("PIP_") or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server on this machine; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def page(*names: str, status: int = 200) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.end_headers()
        lines = (f'<a href="/whl/cpu/{name}#sha256=0">{name}</a><br>\n' for name in names)
        request.wfile.write("".join(lines).encode())

    return answer


def probed(index: str, **changed: Any) -> Any:
    known: dict[str, Any] = {
        "system": "linux",
        "machine": "x86_64",
        "driver": lambda: False,
        "settings": lambda: NO_PROXY,
        "index": index,
        "seconds": PATIENCE,
    }
    return install_torch.choose("2.13.0", **(known | changed))


def unasked() -> Any:
    raise AssertionError("it was asked")


def test_without_a_driver_the_cpu_build_is_taken_where_there_is_one() -> None:
    others = [f"torch-2.{minor}.0%2Bcpu-{OWN}-{OWN}-linux_x86_64.whl" for minor in range(3000)]
    with serving(page(*others, WHEEL, *others)) as index:
        found = probed(index)
    assert (found.index, found.alone) == (index, True)
    assert found.reason.startswith("the CPU build, as no NVIDIA driver is here")


@pytest.mark.parametrize(
    "name",
    [
        WHEEL.replace("2.13.0", "2.12.1"),
        WHEEL.replace("%2Bcpu", "%2Bcu128"),
        WHEEL.replace("%2Bcpu", ""),
        WHEEL.replace("x86_64", "aarch64"),
        WHEEL.replace(f"{OWN}-{OWN}", f"{OWN}-{OWN}t"),
        WHEEL.replace("2.13.0", "2x13.0"),
        WHEEL.replace("torch-", "pytorch-"),
        WHEEL.replace("torch-", "my-torch-"),
    ],
)
def test_a_wheel_for_others_is_none(name: str) -> None:
    with serving(page(name)) as index:
        found = probed(index)
    assert found == install_torch.Choice(
        None, f"no NVIDIA driver is here, but {index} has no wheel for this Python"
    )


def test_an_index_that_fails_is_left_aside() -> None:
    with serving(page(WHEEL, status=403)) as index:
        assert probed(index).index is None
    assert "does not answer" in probed(index).reason  # nobody listens there now
    for wrong in ("http://127.0.0.1:1", "no address", "http://[", "https://127.0.0.1:x"):
        found = probed(wrong)
        assert found.index is None
        assert len(found.reason.splitlines()) == 1


@pytest.mark.parametrize("drops", [False, True])
def test_an_index_that_hangs_or_answers_in_drops_is_not_waited_for(drops: bool) -> None:
    """The server goes on until the answer is there: without an end of ours there would be none."""
    answered = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        if drops:
            request.send_response(200)
            request.end_headers()
        while not answered.wait(0.02):
            if drops:
                with suppress(OSError):
                    request.wfile.write(b"<br>")

    with serving(answer) as index:
        found = probed(index, seconds=0.3)
        answered.set()
    assert found.index is None
    assert re.search("no answer in 0.3 seconds|timed out", found.reason)


def test_pips_proxy_is_used() -> None:
    asked: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        page(WHEEL)(request)

    with serving(answer) as proxy:
        settings = {"proxy": proxy.removeprefix("http://")}
        pattern = install_torch.wheel_pattern("2.13.0", "x86_64")
        there = "http://index.invalid/whl/cpu/torch/"
        assert install_torch.page_has(there, pattern, settings, PATIENCE)
    assert asked == [there]


def test_nothing_is_asked_where_it_would_change_nothing() -> None:
    never: dict[str, Any] = {"driver": unasked, "settings": unasked}
    assert probed("", given="https://own/simple", **never).index == "https://own/simple"
    assert probed("", installed="2.13.0+cpu", **never).index is None
    assert probed("", system="darwin", machine="arm64", **never).index is None
    assert probed("", machine="ppc64le", **never).index is None
    assert install_torch.choose(None, **never).index is None
    assert probed("", driver=lambda: True, settings=unasked).reason == "an NVIDIA driver is here"
    assert "no index" in probed("", settings=lambda: {"no-index": "true"}).reason
    with serving(page(WHEEL)) as index:
        assert probed(index, installed="2.12.0").index == index  # of another version


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://user:secret@mirror.example:8443/simple", "mirror.example"),
        ("http://localhost/pypi.org/simple", "localhost"),
        ("/srv/wheels", "/srv/wheels"),
        ("http://[", "another index"),
    ],
)
def test_a_mirror_that_pip_is_told_to_use_is_used(url: str, said: str) -> None:
    found = probed("http://unasked.invalid", settings=lambda: {"index-url": url})
    assert found.index is None
    assert not found.alone
    expected = f"no NVIDIA driver is here, and pip is told to use {said}; for PyTorch's CPU build"
    assert found.reason == f"{expected} make TORCH_INDEX=http://unasked.invalid"


def test_pips_own_index_is_no_mirror() -> None:
    with serving(page(WHEEL)) as index:
        for url in ("", "https://pypi.org/simple", "https://PyPI.org/simple/"):
            assert probed(index, settings=lambda url=url: {"index-url": url}).index == index


def test_a_mirror_in_pips_settings_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://one/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", f"{tmp_path / 'pip.conf'}")
    settings = install_torch.pip_settings
    assert "pip is told to use one;" in probed("http://unasked.invalid", settings=settings).reason
    monkeypatch.setenv("PIP_INDEX_URL", "https://two/simple")
    assert "pip is told to use two;" in probed("http://unasked.invalid", settings=settings).reason


@pytest.mark.parametrize("place", install_torch.DRIVER)
def test_a_driver_is_found(place: str, tmp_path: Path) -> None:
    assert not install_torch.has_driver(tmp_path, path=f"{tmp_path}")
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).touch()
    assert install_torch.has_driver(tmp_path, path=f"{tmp_path}")


def test_where_one_may_not_look_there_is_no_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any, **settings: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", refuse)
    assert not install_torch.has_driver(tmp_path, path="")


def test_its_tool_on_the_path_is_a_driver(tmp_path: Path) -> None:
    (tmp_path / "nvidia-smi").touch(mode=0o755)
    assert install_torch.has_driver(tmp_path / "root", path=f"{tmp_path}")


def test_what_pip_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = "[global]\nproxy = two:1\n[install]\nproxy = one:1\nno-index = true\n"
    (tmp_path / "pip.conf").write_text(settings)
    monkeypatch.setenv("PIP_CONFIG_FILE", f"{tmp_path / 'pip.conf'}")
    monkeypatch.setenv("PIP_CERT", "/a file.pem")
    found = install_torch.pip_settings()
    assert (found["proxy"], found["no-index"], found["cert"]) == ("one:1", "true", "/a file.pem")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert install_torch.pip_settings() == {}


def test_the_commands_of_pip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    constraints = tmp_path / "c.txt"
    calls: list[list[str]] = []

    def run(command: list[str]) -> int:
        assert command[:4] == [sys.executable, "-m", "pip", "install"]
        calls.append(command[8:])
        return 1 if "--no-deps" in command else 0

    assert (
        install_torch.install(install_torch.Choice("https://cpu", "", alone=True), constraints, run)
        == 0
    )
    assert [("--index-url" in call, call[-1]) for call in calls] == [
        (True, "torch"),
        (False, "torch"),
    ]
    assert "did not install; from pip's own index" in capsys.readouterr().out
    calls.clear()
    assert install_torch.install(install_torch.Choice("https://own", ""), constraints, run) == 0
    assert install_torch.install(install_torch.Choice(None, ""), constraints, run) == 0
    assert calls == [["--index-url", "https://own", "torch"], ["torch"]]
    assert (
        install_torch.install(install_torch.Choice(None, ""), constraints, lambda command: 3) == 3
    )


def test_the_version_is_that_of_the_constraints() -> None:
    version = install_torch.pinned(ROOT / "constraints.txt")
    assert version is not None
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert install_torch.wheel_pattern("2.13.0", "x86_64").search(WHEEL.replace("%2B", "+"))


def test_make_installs_by_it(tmp_path: Path) -> None:
    """In an empty environment; what make would run is shown, and nothing is run."""
    for variables, said in (([], '--index ""'), (["TORCH_INDEX=https://a/b"], '"https://a/b"')):
        venv = tmp_path / "venv"
        shown = subprocess.run(
            ["make", "-n", f"VENV={venv}", *variables, f"{venv}/.installed"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        (line,) = (line for line in shown.splitlines() if "install_torch.py" in line)
        assert said in line
        assert "constraints.txt" in line


def test_one_line_says_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.txt").write_text("numpy==2.0\ntorch==9.9.9\n")
    done: list[Any] = []

    def take(*given: Any) -> int:
        done.append(given)
        return 7

    monkeypatch.setattr(install_torch, "install", take)
    assert install_torch.main([f"{tmp_path / 'c.txt'}", "--index", " https://own "]) == 7
    assert capsys.readouterr().out == "torch 9.9.9 from https://own: as TORCH_INDEX says\n"
    (tmp_path / "c.txt").write_text("")
    assert install_torch.main([f"{tmp_path / 'c.txt'}", "--index", ""]) == 7
    said = f"torch from pip's own index: {metadata.version('torch')} is installed\n"
    assert capsys.readouterr().out == said
    assert [choice.index for choice, *_ in done] == ["https://own", None]


def test_it_needs_the_standard_library_alone() -> None:
    script = f"{ROOT / 'studies/install_torch.py'}"
    command = [sys.executable, "-I", "-S", script, "--help"]
    assert b"constraints" in subprocess.run(command, env={}, capture_output=True, check=True).stdout


def test_uv_takes_the_same_index_for_its_extra_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    uv, extras = project["tool"]["uv"], project["project"]["optional-dependencies"]
    (index,) = uv["index"]
    assert index == {"name": "pytorch-cpu", "url": install_torch.CPU_INDEX, "explicit": True}
    assert uv["sources"] == {"torch": [{"index": "pytorch-cpu", "extra": "cpu"}]}
    # What the package needs itself has to be told apart, or uv resolves all of it on that index.
    assert uv["conflicts"] == [[{"extra": "cpu"}, {"extra": "cuda"}]]
    (torch,) = extras["cpu"]
    assert torch in project["project"]["dependencies"]
    assert {"cpu", "cuda"} <= extras.keys()
