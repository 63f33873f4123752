"""The peak memory that verbs print is their own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hnet_seq.tasks.peak_memory import peak_memory_mb

CHILD = "from hnet_seq.tasks.peak_memory import peak_memory_mb; print(peak_memory_mb())"
PARENT = f"""
import subprocess, sys
held = b"x" * 700_000_000
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
"""


def test_it_counts_what_is_held_and_does_not_forget() -> None:
    before = peak_memory_mb()
    held = bytearray(b"x" * 200_000_000)
    assert peak_memory_mb() > 200
    peak = peak_memory_mb()
    del held
    assert peak_memory_mb() >= peak >= before


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_it_is_not_that_of_whoever_started_the_process() -> None:
    said = subprocess.run(
        [sys.executable, "-c", PARENT], check=True, capture_output=True, text=True
    ).stdout
    assert 5 < float(said) < 600
