"""Our Triton kernels without a GPU: interpreted on the CPU, and compiled for an H100."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def _run(script: str, folder: Path, **variables: str) -> str:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed; it comes with torch for CUDA")
    environment = os.environ | variables | {"TRITON_CACHE_DIR": str(folder)}
    paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    ran = subprocess.run(
        [sys.executable, str(HERE / script)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


@pytest.mark.slow
def test_the_kernels_give_values_and_gradients_of_the_definitions(tmp_path: Path) -> None:
    said = _run("triton_interpreted.py", tmp_path, TRITON_INTERPRET="1")
    # Value and gradients of every operation in two types.
    assert len(said.splitlines()) == 2 * (4 + 3 + 4 + 3)


@pytest.mark.slow
def test_the_kernels_compile_for_an_h100(tmp_path: Path) -> None:
    said = _run("triton_compiled.py", tmp_path, TRITON_INTERPRET="0")
    assert len(said.splitlines()) == 9
