"""Megabytes of text per second out of each format, on one core, and the peak memory of each.

    python benchmarks/document_reading.py FILE.jsonl[.gz] ... [--megabytes 300] [--rounds 3]

The texts of the files are repeated to that size and written in every format. Each is then read in a
process of its own; the share is that of reading plain lines and parsing them, with nothing else.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.documents import Document, DocumentOptions, plan_units, read_unit, signatures

# Signatures are slow, so that one file in this many is enough to time them.
SIGNED_SHARE = 10


def write_formats(texts: list[str], folder: Path) -> dict[str, Path]:
    """The texts in each format."""
    lines = b"".join(json.dumps({"text": text}).encode() + b"\n" for text in texts)
    paths = {name: folder / name for name in ("a.jsonl", "a.jsonl.gz", "a.jsonl.zst")}
    paths["a.jsonl"].write_bytes(lines)
    paths["a.jsonl.gz"].write_bytes(gzip.compress(lines, 1))
    with pa.output_stream(str(paths["a.jsonl.zst"]), compression="zstd") as stream:
        stream.write(lines)
    paths["a.parquet"] = folder / "a.parquet"
    pq.write_table(pa.table({"text": texts}), paths["a.parquet"], row_group_size=1000)
    paths["a.tar"] = folder / "a.tar"
    with tarfile.open(paths["a.tar"], "w") as tar:
        for number, text in enumerate(texts):
            info = tarfile.TarInfo(f"{number}.txt")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    paths["files"] = folder / "files"
    paths["files"].mkdir()
    for number, text in enumerate(texts):
        (paths["files"] / f"{number}.txt").write_bytes(text.encode())
    few = texts[: len(texts) // SIGNED_SHARE]
    paths["few.jsonl"] = folder / "few.jsonl"
    paths["few.jsonl"].write_text("".join(json.dumps({"text": text}) + "\n" for text in few))
    return paths


def measure(path: str, task: str) -> tuple[float, float]:
    """MB of text a second, and peak MiB, of one task in this process."""
    start, total = time.perf_counter(), 0
    if task == "json":
        with open(path, "rb") as file:
            for line in file:
                total += len(json.loads(line.decode())["text"].encode())
    else:
        modality = "code" if task == "code" else "text"
        near: Literal["near", "keep"] = "near" if task == "near" else "keep"
        options = DocumentOptions(modality=modality, duplicates=near, invalid_utf8="replace")
        units = plan_units([path])
        if task == "near":
            signatures(units[0], options)  # the library is loaded, and the size known below
            with open(path, "rb") as file:
                total = sum(len(json.loads(line)["text"].encode()) for line in file)
            start = time.perf_counter()
            for unit in units:
                signatures(unit, options)
        else:
            for unit in units:
                for item in read_unit(unit, options):
                    total += len(item.data) if isinstance(item, Document) else 0
    seconds = time.perf_counter() - start
    return total / 1e6 / seconds, peak_mib()


def peak_mib() -> float:
    """Peak resident memory of this process; Linux. `getrusage` has the parent's in it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Print a row for each format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.task:
        print(*measure(str(args.files[0]), args.task))
        return
    once = [
        json.loads(line)["text"]
        for path in args.files
        for line in (gzip.open if path.suffix == ".gz" else open)(path, "rb")
    ]
    size = sum(len(text.encode()) for text in once)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_formats(once * max(1, args.megabytes * 10**6 // size), Path(folder))
        tasks = [("a.jsonl", "json"), *((name, "text") for name in paths if name != "few.jsonl")]
        tasks += [("a.jsonl", "code"), ("few.jsonl", "near")]
        speeds, peaks = dict.fromkeys(tasks, 0.0), dict.fromkeys(tasks, 0.0)
        # In turns, and the best of each: a busy neighbour slows whichever is running.
        for name, task in tasks * args.rounds:
            command = [sys.executable, __file__, str(paths[name]), "--task", task]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            speed, peak = map(float, output.split())
            speeds[name, task] = max(speed, speeds[name, task])
            peaks[name, task] = max(peak, peaks[name, task])
        for (name, task), speed in speeds.items():
            share = speed / speeds[tasks[0]]
            print(f"| {name} | {task} | {speed:.0f} | {share:.0%} | {peaks[name, task]:.0f} |")


if __name__ == "__main__":
    main()
