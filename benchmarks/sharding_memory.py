"""Peak memory of sharding 1 GB of FASTA: one record, or many; in one process, or several.

    python benchmarks/sharding_memory.py [--gigabytes 1]

The resident memory of ``hnet-seq shard`` and its workers together, looked at 20 times a second.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

_LINE = 80


def write_fasta(path: Path, size: int, records: int) -> None:
    """Random bases, a tenth of the records' lines in lower case."""
    draw = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", np.uint8)
    lines = np.full((100_000, _LINE + 1), ord("\n"), np.uint8)
    chunk = lines.size
    with path.open("wb") as file:
        for record in range(records):
            file.write(b">record%d\n" % record)
            for _ in range(max(1, size // records // chunk)):
                lines[:, :_LINE] = letters[draw.integers(0, 4, (len(lines), _LINE))]
                lines[::10, :_LINE] |= 0x20
                file.write(lines.tobytes())


def resident_mb(pid: int) -> float:
    """Of a process and all below it."""
    total, waiting = 0.0, [pid]
    while waiting:
        process = Path(f"/proc/{waiting.pop()}")
        try:
            status = (process / "status").read_text()
            for task in (process / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it has ended
        for line in status.splitlines():
            if line.startswith("VmRSS:"):
                total += int(line.split()[1]) / 1024
    return total


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    args = parser.parse_args()
    for records in (1, 25):
        with tempfile.TemporaryDirectory() as name:
            fasta, out = Path(name) / "genome.fa", Path(name) / "shards"
            write_fasta(fasta, int(args.gigabytes * 1e9), records)
            size = fasta.stat().st_size
            for workers in (1, 2):
                command = [sys.executable, "-m", "hnet_seq.cli", "shard", str(fasta)]
                command += ["--out", str(out), "--workers", str(workers)]
                command += ["--validation", "last:0.02"]
                began, peak = time.perf_counter(), 0.0
                with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
                    while process.poll() is None:
                        peak = max(peak, resident_mb(process.pid))
                        time.sleep(0.05)
                seconds = time.perf_counter() - began
                assert process.returncode == 0
                shutil.rmtree(out)
                print(
                    f"{size / 1e9:.2f} GB, {records:2d} records, {workers} processes: peak "
                    f"{peak:,.0f} MB, {seconds:.1f} s, {size / seconds / 1e6:.0f} MB/s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
