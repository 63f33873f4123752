"""Another project's package of our names is told in one line, not found out by what then fails."""

from __future__ import annotations

import importlib
import os
import py_compile
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hnet_seq import own_packages

ROOT = Path(__file__).parents[1]


def start(*words: str, folder: Path, path: list[Path]) -> subprocess.CompletedProcess[str]:
    """Python in a folder, with packages from these places before others."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(f"{place}" for place in path)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True
    )


def other(folder: Path, name: str = "modalities", text: str = "raise RuntimeError('run')") -> Path:
    """A package of another project."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(text)
    return folder


@pytest.mark.parametrize("name", own_packages.NAMES)
def test_the_command_says_it_in_one_line(name: str, tmp_path: Path) -> None:
    """A folder where it is started hides ours; nothing of it is run."""
    other(tmp_path / "here", name)
    ended = start("-m", "hnet_seq.cli", "info", folder=tmp_path / "here", path=[ROOT])
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"hnet-seq: the package '{name}' at {tmp_path / 'here' / name} is not")
    assert line.endswith("start in another folder, without it on PYTHONPATH")


def test_what_pip_installed_is_named(tmp_path: Path) -> None:
    """As the installed command finds it, whose name is the script's."""
    place = other(tmp_path / "site")
    about = place / "modalities-0.5.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: modalities\nVersion: 0.5.0\n")
    (about / "top_level.txt").write_text("modalities\n")
    script = tmp_path / "hnet-seq"
    script.write_text("from hnet_seq.cli import run\nrun()\n")
    ended = start(f"{script}", "--help", folder=tmp_path, path=[place, ROOT])
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "pip installed modalities beside it" in line
    assert line.endswith("install hnet-seq in one of its own (python -m venv)")


def test_python_is_given_an_import_error(tmp_path: Path) -> None:
    place = other(tmp_path / "site", text="registry = None")
    code = "try:\n import hnet_seq.transformers\nexcept ImportError as error: print(error)"
    ended = start("-c", code, folder=tmp_path, path=[place, ROOT])
    assert "is not that of hnet-seq" in ended.stdout
    assert ended.stderr == ""


def test_a_folder_of_theirs_among_our_files_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours installed last: `registry/` of theirs is still taken before `registry.py` of ours."""
    place = other(tmp_path, text=f'"""{own_packages.MARK}"""')
    (place / "modalities/registry.py").touch()
    monkeypatch.setattr(sys, "path", [f"{place}"])
    monkeypatch.delitem(sys.modules, "modalities")
    assert own_packages.not_ours("modalities") is None
    (place / "modalities/registry/__pycache__").mkdir(parents=True)  # git leaves such: no package
    assert own_packages.not_ours("modalities") is None
    (place / "modalities/registry/__init__.py").touch()
    assert f"{place / 'modalities/registry'} in its package" in str(
        own_packages.not_ours("modalities")
    )


def test_an_uninstallation_that_took_ours_along_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [f"{tmp_path}"])
    monkeypatch.delitem(sys.modules, "modalities")
    assert "is missing" in str(own_packages.not_ours("modalities"))
    (tmp_path / "modalities").mkdir()  # a folder that is left, without files of Python
    assert "is missing" in str(own_packages.not_ours("modalities"))
    importlib.invalidate_caches()
    importlib.import_module("modalities")  # which Python does not mind
    assert "is missing" in str(own_packages.not_ours("modalities"))


def test_ours_in_an_archive_are_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel on Python's path; and with compiled files alone, which have no text to look at."""
    with zipfile.ZipFile(tmp_path / "ours.whl", "w") as archive:
        archive.write(ROOT / "modalities/__init__.py", "modalities/__init__.py")
    monkeypatch.setattr(sys, "path", [f"{tmp_path / 'ours.whl'}"])
    monkeypatch.delitem(sys.modules, "modalities")
    assert own_packages.not_ours("modalities") is None
    with zipfile.ZipFile(tmp_path / "theirs.whl", "w") as archive:
        archive.writestr("modalities/__init__.py", "registry = None")
    monkeypatch.setattr(sys, "path", [f"{tmp_path / 'theirs.whl'}"])
    assert "is not that of hnet-seq" in str(own_packages.not_ours("modalities"))
    other(tmp_path, text="")
    compiled = py_compile.compile(f"{tmp_path / 'modalities/__init__.py'}")
    Path(str(compiled)).rename(tmp_path / "modalities/__init__.pyc")
    (tmp_path / "modalities/__init__.py").unlink()
    monkeypatch.setattr(sys, "path", [f"{tmp_path}"])
    assert own_packages.not_ours("modalities") is None


def test_ours_are_ours() -> None:
    own_packages.require()
    assert [own_packages.not_ours(name) for name in own_packages.NAMES] == [None, None]
