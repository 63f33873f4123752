"""Install torch, without CUDA's libraries where they would lie idle; `make` calls it.

    python studies/install_torch.py constraints.txt [--index URL]

On Linux the wheel of PyPI carries CUDA: 5.5 GB in the environment, beside 0.7 GB of PyTorch's CPU
build. That one is taken where no NVIDIA driver is found and PyTorch's index has a wheel for this
Python, which is asked in seconds; in any other case, and if it does not install, torch comes from
where pip takes everything else, as it does where pip's settings name a mirror. An index that is
given wins. Nothing but the installation itself can fail, and one line says what was chosen and why.

It runs in a new environment: it needs the standard library and pip.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PYPI = ("", "pypi.org", "pypi.python.org")  # where pip looks unless it is told otherwise
SECONDS = 8.0  # for the answer of the index, from the name's resolution to the last byte
_PIECE = 1 << 16  # bytes

#: What a driver for NVIDIA GPUs leaves: on Linux, in containers, under WSL, on Jetson boards.
DRIVER = (
    "proc/driver/nvidia/version",
    "dev/nvidiactl",
    "dev/nvidia0",
    "dev/nvhost-gpu",
    "etc/nv_tegra_release",
    "usr/lib/wsl/lib/libcuda.so.1",
    "usr/lib/x86_64-linux-gnu/libcuda.so.1",
    "usr/lib/aarch64-linux-gnu/libcuda.so.1",
    "usr/lib64/libcuda.so.1",
)


@dataclass(frozen=True)
class Choice:
    """Where torch comes from.

    Attributes:
        index: None is wherever pip looks.
        reason: for the one line.
        alone: without what torch needs, which then comes from wherever pip looks: PyTorch's index
            has old versions of that.
    """

    index: str | None
    reason: str
    alone: bool = False


def pinned(constraints: Path) -> str | None:
    """The version of torch in a file of constraints; None where it is free."""
    found = re.search(r"^torch==([\w.]+)", constraints.read_text(encoding="utf-8"), re.M)
    return found[1] if found else None


def has_driver(root: Path = Path("/"), path: str | None = None) -> bool:
    """Whether there is an NVIDIA driver, or its tools on the search path."""
    # Of a Path it raises where it may not look, before Python 3.12.
    if any(os.path.exists(root / place) for place in DRIVER):
        return True
    return shutil.which("nvidia-smi", path=path) is not None


def wheel_pattern(version: str, machine: str, python: str | None = None) -> re.Pattern[str]:
    """Of the CPU wheel for this Python and processor, in the page of an index."""
    major, minor = sys.version_info[:2]
    free = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    own = python or f"cp{major}{minor}-cp{major}{minor}{free}"
    name = rf"torch-{re.escape(version)}\+cpu-{own}-[\w.]*{re.escape(machine)}\.whl"
    return re.compile(rf"(?<![\w.-]){name}")


def pip_settings() -> dict[str, str]:
    """What the user told pip, by option: ``proxy``, ``cert`` ...; nothing where it does not say."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, str] = {}
    for place in ("global", "install", ":env:"):  # the later ones hold
        found |= re.findall(rf"^{place}\.([\w-]+)='(.*)'$", said.stdout, re.M)
    return found


def page_has(
    url: str, pattern: re.Pattern[str], settings: Mapping[str, str], seconds: float = SECONDS
) -> bool:
    """Whether the page of an index names such a wheel.

    Raises:
        OSError: no answer in time, or none at all.
    """
    outcome: list[bool | OSError] = []

    def ask() -> None:
        try:
            outcome.append(_ask(url, pattern, settings, seconds))
        except Exception as error:  # whatever it is, torch is to be had elsewhere
            outcome.append(error if isinstance(error, OSError) else OSError(f"{error!r}"))
            if isinstance(error, urllib.error.HTTPError):
                error.close()

    # In a thread, since no timeout bounds the resolution of a name, or an answer in drops.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    answer = outcome[0] if outcome else TimeoutError(f"no answer in {seconds:g} seconds")
    if isinstance(answer, OSError):
        raise answer
    return answer


def _ask(url: str, pattern: re.Pattern[str], settings: Mapping[str, str], seconds: float) -> bool:
    handlers: list[urllib.request.BaseHandler] = []
    if url.startswith("https:"):
        context = ssl.create_default_context(cafile=settings.get("cert"))
        handlers.append(urllib.request.HTTPSHandler(context=context))
    if proxy := settings.get("proxy"):
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    opener = urllib.request.build_opener(*handlers)  # with the environment's proxies
    seen, end = "", time.monotonic() + seconds
    with opener.open(url, timeout=seconds) as page:
        while piece := page.read1(_PIECE):
            if time.monotonic() > end:
                raise TimeoutError(f"no answer in {seconds:g} seconds")
            seen += urllib.parse.unquote(piece.decode("utf-8", "replace"))
            if pattern.search(seen):
                return True
    # A name that a piece has cut is whole in the next, but not where its %2B was cut.
    return pattern.search(urllib.parse.unquote(seen)) is not None


def _host(url: str) -> str:
    """Of an index, without what may be a password; the whole of what is no address."""
    try:
        return urllib.parse.urlsplit(url).hostname or url
    except ValueError:
        return "another index"


def choose(
    version: str | None,
    *,
    given: str | None = None,
    installed: str | None = None,
    system: str = sys.platform,
    machine: str | None = None,
    driver: Callable[[], bool] = has_driver,
    settings: Callable[[], Mapping[str, str]] = pip_settings,
    index: str = CPU_INDEX,
    seconds: float = SECONDS,
) -> Choice:
    """Where to take torch from; nothing is asked of the network where it would change nothing."""
    machine = machine or platform.machine()
    if given:
        return Choice(given, "as TORCH_INDEX says")
    if installed is not None and version in (None, installed.partition("+")[0]):
        return Choice(None, f"{installed} is installed")
    if version is None:
        return Choice(None, "no version is pinned")
    if system != "linux" or machine not in ("x86_64", "aarch64"):
        return Choice(None, f"{machine} {system} has one build")
    if driver():
        return Choice(None, "an NVIDIA driver is here")
    without = "no NVIDIA driver is here"
    own = settings()
    if own.get("no-index", "false").lower() not in ("", "0", "false", "no", "off"):
        return Choice(None, f"{without}, and pip is told to use no index")
    if (mirror := _host(own.get("index-url", ""))) not in PYPI:
        cpu = f"for PyTorch's CPU build make TORCH_INDEX={index}"
        return Choice(None, f"{without}, and pip is told to use {mirror}; {cpu}")
    try:
        there = page_has(f"{index}/torch/", wheel_pattern(version, machine), own, seconds)
    except OSError as error:
        said = f"{getattr(error, 'reason', None) or error}".splitlines()
        return Choice(None, f"{without}, but {index} does not answer: {(said or ['?'])[0]}")
    if not there:
        return Choice(None, f"{without}, but {index} has no wheel for this Python")
    reason = f"the CPU build, as {without}; for CUDA make TORCH_INDEX=https://pypi.org/simple"
    return Choice(index, reason, alone=True)


def install(choice: Choice, constraints: Path, run: Callable[[list[str]], int]) -> int:
    """Install; pip's exit status. A CPU build that does not install is no end."""
    base = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    base += ["-c", f"{constraints}"]
    if not choice.alone:
        return run([*base, *(["--index-url", choice.index] if choice.index else []), "torch"])
    few = ["--no-deps", "--retries", "2", "--timeout", "30", "--index-url", f"{choice.index}"]
    if run([*base, *few, "torch"]) == 0:
        return 0
    print("torch: the CPU build did not install; from pip's own index instead", flush=True)
    return run([*base, "torch"])


def installed_version() -> str | None:
    """Of torch in this environment."""
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return None


def main(words: list[str] | None = None) -> int:
    """Choose, say so, install."""
    parser = argparse.ArgumentParser(description="Install torch, of the build that fits here.")
    parser.add_argument("constraints", type=Path)
    parser.add_argument("--index", default="", help="take torch from there; nothing is probed")
    args = parser.parse_args(words)
    version = pinned(args.constraints)
    choice = choose(version, given=args.index.strip(), installed=installed_version())
    where = choice.index or "pip's own index"
    print(f"torch {version or ''}".rstrip() + f" from {where}: {choice.reason}", flush=True)
    return install(choice, args.constraints, subprocess.call)


if __name__ == "__main__":
    status = main()
    # The thread of an index that hangs is not waited for.
    sys.stdout.flush()
    os._exit(status)
