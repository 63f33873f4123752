"""Megabytes per second of one core: genomes to shards, shards to batches, beside plain WebDataset.

    python benchmarks/data_throughput.py [--megabases 160] [--rounds 5]

All on one core, each round after the other, so that ratios hold on a busy machine. A token is a
byte. The alternative is what people write with WebDataset: a sample for each window of 8 kb,
decoded and collected to batches of as many tokens, with targets.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import webdataset

from hnet_seq.tasks.shard import shard
from pipelines.batches import MixedSource, TokenBatches
from pipelines.documents import DocumentOptions

CONTEXT, BATCH = 8192, 16384
BATCHES = 1500


def write_genome(path: Path, megabases: int) -> None:
    """Records of 20 Mb in lines of 80, half lower case, with runs of N."""
    generator = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGTacgt", np.uint8)
    with path.open("wb") as file:
        for number in range(megabases // 20):
            bases = letters[generator.integers(0, 8, 20_000_000)]
            for start in generator.integers(0, len(bases) - 5000, 20):
                bases[start : start + 5000] = ord("N")
            lines = np.full((len(bases) // 80, 81), ord("\n"), np.uint8)
            lines[:, :80] = bases.reshape(-1, 80)
            file.write(b">chr%d\n" % number + lines.tobytes())


def write_code(path: Path) -> None:
    """Documents of 1 to 30 kB."""
    generator = np.random.default_rng(1)
    path.mkdir()
    for number in range(3000):
        size = int(generator.integers(1000, 30_000))
        text = generator.integers(32, 127, size, dtype=np.uint8)
        text[::60] = ord("\n")
        (path / f"{number:04d}.py").write_bytes(text.tobytes())


def write_windows(path: Path, source: TokenBatches) -> None:
    """Windows of 8 kb as people store them: a sample each."""
    with webdataset.TarWriter(f"{path}") as sink:
        for k in range(BATCHES // 5):
            for part, ids in enumerate(np.split(source[k].input_ids, BATCH // CONTEXT)):
                sink.write({"__key__": f"{k:06d}_{part}", "bin": ids.tobytes()})


def plain_webdataset(path: Path) -> int:
    """Read all windows once; returns tokens."""
    total = 0
    held: list[np.ndarray] = []
    for sample in webdataset.WebDataset(f"{path}", shardshuffle=False, empty_check=False):
        held.append(np.frombuffer(sample["bin"], np.uint8))
        if len(held) == BATCH // CONTEXT:
            ids = np.concatenate(held)
            targets = np.full(len(ids), -100, np.int16)
            targets[:-1] = ids[1:]
            targets[CONTEXT - 1 :: CONTEXT] = -100
            total += len(ids)
            held = []
    return total


def batches(source: TokenBatches) -> int:
    """Make batches once; returns tokens."""
    return sum(source[k].input_ids.size for k in range(BATCHES))


def main() -> None:
    """Print medians and ranges."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabases", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    warnings.simplefilter("ignore", ResourceWarning)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        genome = folder / "genome.fa"
        write_genome(genome, args.megabases)
        write_code(folder / "code")
        options = DocumentOptions(modality="code", duplicates="keep")
        dna, code = folder / "dna", folder / "code_shards"
        shard([folder / "code"], code, modality="code", progress=False, documents=options)

        def make_shards() -> int:
            shutil.rmtree(dna, ignore_errors=True)
            shard([genome], dna, progress=False)
            return genome.stat().st_size

        make_shards()
        plain = TokenBatches(dna, "train", CONTEXT, BATCH)
        write_windows(folder / "windows.tar", plain)
        cases: dict[str, Callable[[], int]] = {
            "FASTA to shards": make_shards,
            "webdataset, a window a sample": lambda: plain_webdataset(folder / "windows.tar"),
            "batches of DNA": lambda: batches(TokenBatches(dna, "train", CONTEXT, BATCH)),
            "batches of DNA, both strands": lambda: batches(
                TokenBatches(dna, "train", CONTEXT, BATCH, reverse_complement=True)
            ),
            "batches of short documents": lambda: batches(
                TokenBatches(code, "train", CONTEXT, BATCH)
            ),
            "batches of a mixture": lambda: batches(
                TokenBatches(
                    [MixedSource(code, "a", 2.0), MixedSource(code, "b", 1.0)],
                    "train",
                    CONTEXT,
                    BATCH,
                    step_tokens=8 * BATCH,
                )
            ),
        }
        rates: dict[str, list[float]] = {case: [] for case in cases}
        for _ in range(args.rounds):
            for case, run in cases.items():
                began = time.perf_counter()
                size = run()
                rates[case].append(size / (time.perf_counter() - began) / 1e6)
    beside = rates["webdataset, a window a sample"]
    for case, found in rates.items():
        ratio = statistics.median(a / b for a, b in zip(found, beside, strict=True))
        against = f"  {ratio:5.1f} x webdataset" if case.startswith("batches") else ""
        print(
            f"{case:30s} {statistics.median(found):6.0f} MB/s "
            f"({min(found):.0f} to {max(found):.0f}){against}"
        )


if __name__ == "__main__":
    main()
