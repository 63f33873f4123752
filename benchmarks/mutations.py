"""Random damage to shards and manifests: found, or read exactly; never silently different.

    python benchmarks/mutations.py [--count 10000] [--seed 0]

tests/pipelines/test_mutations.py runs some hundreds of them.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hnet_seq.tasks.shard import shard
from modalities.errors import InputError
from pipelines.batches import TokenBatches
from pipelines.shard_documents import read_documents

Mutation = Callable[[bytearray, np.random.Generator], None]


def _flip_bit(data: bytearray, draw: np.random.Generator) -> None:
    data[draw.integers(len(data))] ^= 1 << int(draw.integers(8))


def _change_bytes(data: bytearray, draw: np.random.Generator) -> None:
    start, count = int(draw.integers(len(data))), int(draw.integers(1, 600))
    stop = min(len(data), start + count)
    data[start:stop] = draw.bytes(stop - start)


def _truncate(data: bytearray, draw: np.random.Generator) -> None:
    del data[int(draw.integers(len(data))) :]


def _insert(data: bytearray, draw: np.random.Generator) -> None:
    place = int(draw.integers(len(data)))
    data[place:place] = draw.bytes(int(draw.integers(1, 600)))


def _delete(data: bytearray, draw: np.random.Generator) -> None:
    place = int(draw.integers(len(data)))
    del data[place : place + int(draw.integers(1, 600))]


def _swap(data: bytearray, draw: np.random.Generator) -> None:
    size = int(draw.integers(1, 600))
    a, b = sorted(draw.integers(0, len(data) - size, 2).tolist())
    first, second = data[a : a + size], data[b : b + size]
    if a + size <= b:
        data[a : a + size], data[b : b + size] = second, first


def _change_digit(data: bytearray, draw: np.random.Generator) -> None:
    digits = [i for i, byte in enumerate(data[:200_000]) if 48 <= byte < 58]
    data[digits[int(draw.integers(len(digits)))]] = 48 + int(draw.integers(10))


MUTATIONS: tuple[Mutation, ...] = (
    _flip_bit,
    _change_bytes,
    _truncate,
    _insert,
    _delete,
    _swap,
    _change_digit,
)


class Damage:
    """A small folder of shards, what it reads as, and what becomes of it when it is damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shards"
        draw = np.random.default_rng(0)
        records = [
            f">r{number}\n{''.join(draw.choice(list('ACGTacgtN'), length))}\n"
            for number, length in enumerate((9000, 40, 700, 2500, 33, 1200))
        ]
        genome = folder / "genome.fa"
        genome.write_text("".join(records))
        shard(
            [genome],
            self.folder,
            validation="records:r2",
            keep_soft_mask=True,
            block_size=1000,
            shard_size=4000,
            progress=False,
        )
        self._before = {path: path.read_bytes() for path in self.folder.iterdir()}
        self._whole = self._read()

    def try_one(self, draw: np.random.Generator) -> str:
        """Damage a file, read everything, mend the file.

        Returns:
            "detected" or "read exactly".

        Raises:
            AssertionError: what was read differs, or the error does not name the file.
        """
        paths = sorted(self._before)
        path = paths[int(draw.integers(len(paths)))]
        mutation = MUTATIONS[int(draw.integers(len(MUTATIONS)))]
        data = bytearray(self._before[path])
        mutation(data, draw)
        path.write_bytes(data)
        found, said = None, ""
        try:
            found = self._read()
        except InputError as error:
            said = str(error)
        finally:
            path.write_bytes(self._before[path])
        if found is None:
            assert path.name in said, f"{mutation.__name__}: {said}"
            return "detected"
        assert found == self._whole, f"{mutation.__name__} of {path.name} changed what is read"
        return "read exactly"

    def _read(self) -> list[bytes]:
        parts = []
        for split in ("train", "validation"):
            source = TokenBatches(self.folder, split, context=256, batch_tokens=1024)
            for k in range(source.batches_per_epoch):
                batch = source[k]
                parts += [batch.input_ids.tobytes(), batch.targets.tobytes()]
            for document in read_documents(self.folder, split):
                parts += [document.name.encode(), document.tokens.tobytes()]
                parts.append(f"{document.start} {document.label}".encode())
        return parts


def main() -> None:
    """Print what became of each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    draw = np.random.default_rng(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        damage = Damage(Path(folder))
        outcomes = Counter(damage.try_one(draw) for _ in range(args.count))
        shutil.rmtree(damage.folder)
    for outcome, count in outcomes.most_common():
        print(f"{outcome:14s} {count:,}")


if __name__ == "__main__":
    main()
