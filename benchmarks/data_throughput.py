"""Megabytes per second of one core: genomes to shards, shards to batches, beside plain WebDataset.

    OMP_NUM_THREADS=1 python benchmarks/data_throughput.py [--megabases 160] [--rounds 5]

All on one core, each round after the other. Seconds are those that the process was running, in
user and kernel mode: on a busy machine the clock would count its neighbours. A token is a byte.
The alternative is what people write with WebDataset: a sample for each window of 8 kb, decoded and
collected to batches of as many tokens, with targets and the bounds of the sequences; it computes
no checksums. Ours permute everything; WebDataset's are as they lie, or from a buffer of 1,000.
In the first epoch each block is compared with its crc32; a batch of later ones costs less.
Beside each of ours stand two ratios: to WebDataset that reads windows as they are, and to it at the
same work: turning half of them round, or mixing two tars and scoring A, C, G and T alone.
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
from functools import partial
from pathlib import Path

import numpy as np
import webdataset

from hnet_seq.tasks.shard import shard
from modalities.dna import DNA
from pipelines.batches.token_batches import MixedSource, PackedBatch, TokenBatches
from pipelines.documents import DocumentOptions

CONTEXT, BATCH = 8192, 16384
BATCHES = 3000
BESIDE = "webdataset, a window a sample"


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
        for k in range(600):
            for part, ids in enumerate(np.split(source[k].input_ids, BATCH // CONTEXT)):
                sink.write({"__key__": f"{k:06d}_{part}", "bin": ids.tobytes()})


def plain_webdataset(path: Path, *, shuffle: int = 0, both_strands: bool = False) -> int:
    """Read all windows once; returns tokens.

    Args:
        shuffle: windows that wait in a buffer.
        both_strands: turn half of them round.
    """
    total = 0
    held: list[np.ndarray] = []
    coins = np.random.default_rng(0)
    samples = _samples(path)
    for sample in samples.shuffle(shuffle) if shuffle else samples:
        tokens = np.frombuffer(sample["bin"], np.uint8)
        held.append(
            DNA.complement()[tokens[::-1]] if both_strands and coins.random() < 0.5 else tokens
        )
        if len(held) == BATCH // CONTEXT:
            ids = np.concatenate(held)
            targets = np.full(len(ids), -100, np.int16)
            targets[:-1] = ids[1:]
            bounds = np.append(0, np.cumsum([len(window) for window in held])).astype(np.int32)
            targets[bounds[1:] - 1] = -100
            total += len(PackedBatch(ids, targets, bounds, None).input_ids)
            held = []
    return total


def mixed_webdataset(dna: Path, code: Path) -> int:
    """Read windows of two tars, two of the first for each of the second; returns tokens.

    Of the first only A, C, G and T are targets.
    """
    base = np.zeros(256, bool)
    base[list(b"ACGT")] = True
    total = 0
    held: list[np.ndarray] = []
    scored: list[np.ndarray] = []
    streams = [iter(_samples(path)) for path in (dna, code)]
    while True:
        for number in (0, 0, 1):
            sample = next(streams[number], None)
            if sample is None:
                return total
            held.append(np.frombuffer(sample["bin"], np.uint8))
            targets = np.append(held[-1][1:].astype(np.int16), np.int16(-100))
            if number == 0:
                targets[:-1][~base[held[-1][1:]]] = -100
            scored.append(targets)
            if len(held) == BATCH // CONTEXT:
                bounds = np.append(0, np.cumsum([len(window) for window in held])).astype(np.int32)
                batch = PackedBatch(np.concatenate(held), np.concatenate(scored), bounds, None)
                total += len(batch.input_ids)
                held, scored = [], []


def _samples(path: Path) -> webdataset.WebDataset:
    return webdataset.WebDataset(f"{path}", shardshuffle=False, empty_check=False)


def batches(source: TokenBatches) -> int:
    """Make batches of an epoch, as far as that is enough to tell; returns tokens."""
    count = min(BATCHES, source.streams[0].tokens_per_epoch // BATCH)
    return sum(source[k].input_ids.size for k in range(count))


def same_work(case: str) -> str:
    """The way with WebDataset that does as much as one of ours."""
    if "both strands" in case:
        return "webdataset, both strands"
    return "webdataset, a mixture" if "mixture" in case else BESIDE


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
        windows = folder / "windows.tar"
        write_windows(windows, TokenBatches(dna, "train", CONTEXT, BATCH))
        letters = folder / "letters"
        mixed = [MixedSource(letters, "dna", 2.0), MixedSource(code, "code", 1.0)]
        shard([genome], letters, modality="dna_bytes", progress=False)
        letter_windows, code_windows = folder / "letter_windows.tar", folder / "code_windows.tar"
        write_windows(letter_windows, TokenBatches(letters, "train", CONTEXT, BATCH))
        write_windows(code_windows, TokenBatches(code, "train", CONTEXT, BATCH))
        made: dict[str, Callable[[], TokenBatches]] = {
            "DNA": lambda: TokenBatches(dna, "train", CONTEXT, BATCH),
            "DNA, both strands": lambda: TokenBatches(
                dna, "train", CONTEXT, BATCH, reverse_complement=True
            ),
            "short documents": lambda: TokenBatches(code, "train", CONTEXT, BATCH),
            "a mixture of both": lambda: TokenBatches(mixed, "train", CONTEXT, BATCH),
        }
        rates: dict[str, list[float]] = {}

        def time_it(case: str, run: Callable[[], int]) -> None:
            began = time.process_time()
            size = run()
            rates.setdefault(case, []).append(size / (time.process_time() - began) / 1e6)

        for _ in range(args.rounds):
            time_it("FASTA to shards", make_shards)
            time_it(BESIDE, lambda: plain_webdataset(windows))
            time_it("webdataset, shuffled", lambda: plain_webdataset(windows, shuffle=1000))
            time_it(
                "webdataset, both strands", lambda: plain_webdataset(windows, both_strands=True)
            )
            time_it("webdataset, a mixture", lambda: mixed_webdataset(letter_windows, code_windows))
            for name, make in made.items():
                source = make()  # reading a manifest is no part of it
                time_it(f"batches, {name}", partial(batches, source))
                time_it(f"batches, {name}, again", partial(batches, source))
    for case, found in rates.items():
        against = ""
        if case.startswith("batches"):
            plain, same = (
                statistics.median(a / b for a, b in zip(found, rates[other], strict=True))
                for other in (BESIDE, same_work(case))
            )
            against = f"  {plain:5.1f} x webdataset, {same:5.1f} x at the same work"
        print(
            f"{case:34s} {statistics.median(found):6.0f} MB/s "
            f"({min(found):.0f} to {max(found):.0f}){against}"
        )


if __name__ == "__main__":
    main()
