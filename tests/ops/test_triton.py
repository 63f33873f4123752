"""Our Triton kernels without a GPU: interpreted on the CPU, and compiled for an H100."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import pytest

from tests.forked import Forked


def _main(script: str) -> None:
    """Triton reads in which way it works as it is imported, here and not by those who fork."""
    importlib.import_module(f"tests.ops.{script}").main()


def _run(script: str, folder: Path, **variables: str) -> str:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("Triton is not installed; it comes with torch for CUDA")
    environment = variables | {"TRITON_CACHE_DIR": str(folder)}
    ran = Forked(_main, script, folder=folder, environment=environment).end()
    assert ran.code == 0, ran.err[-3000:]
    return ran.out


@pytest.mark.slow
def test_the_kernels_give_values_and_gradients_of_the_definitions(tmp_path: Path) -> None:
    said = _run("triton_interpreted", tmp_path, TRITON_INTERPRET="1")
    # Value and gradients of every operation in two types.
    assert len(said.splitlines()) == 2 * (4 + 3 + 4 + 3)


@pytest.mark.slow
def test_the_kernels_compile_for_an_h100(tmp_path: Path) -> None:
    said = _run("triton_compiled", tmp_path, TRITON_INTERPRET="0")
    assert len(said.splitlines()) == 9
