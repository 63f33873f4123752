"""Random damage to shards and manifests: found, or read exactly; never silently different.

Half of the mutations damage the bytes of a file. The others edit a value of the manifest and make
its checksum fit, as a program with a defect would: what the file says must still hold together.

    python benchmarks/mutations.py [--count 10000] [--seed 0]

tests/pipelines/test_mutations.py runs some hundreds of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.tasks.shard import shard
from modalities.errors import InputError
from pipelines.batches.shard_documents import read_documents
from pipelines.batches.token_batches import TokenBatches
from pipelines.shards.manifest import _CHECKSUM, MANIFEST, _checksum

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


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a JSON value, as keys and indices."""
    if at:
        yield at
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(child, (*at, key))


def _edited(value: Any, draw: np.random.Generator) -> Any:
    """Something else of its kind, or of another kind."""
    others: list[Any] = [None, -1, 1 << 40, 1 << 63, 0.5, "", "../x", "\0", "\ud800", [], {}, True]
    if type(value) is int:
        others += 4 * [value + 1, value - 1, 2 * value, -value]
    elif isinstance(value, str):
        others += 4 * [value[:-1], value.upper(), value + "x"]
    elif isinstance(value, list):
        others += 4 * [value[:-1], value[1:], value[::-1], value + value[-1:], [*value, None]]
    elif isinstance(value, dict):
        keys = sorted(value)
        others += 4 * [{key: value[key] for key in keys[1:]}, value | {"more": 1}]
    return others[int(draw.integers(len(others)))]


_BELIEVED = {("soft_mask",), ("shards",)}


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
        manifest = json.loads((self.folder / MANIFEST).read_text())
        self._manifest = {key: manifest[key] for key in manifest if key != _CHECKSUM}
        # Nothing else tells what bit 7 of a token means, or that there were more shards.
        self._editable = [at for at in _places(self._manifest) if at not in _BELIEVED]
        self._before = {path: path.read_bytes() for path in self.folder.iterdir()}
        self._whole = self._read()

    def try_edit(self, draw: np.random.Generator) -> str:
        """Edit a value of the manifest, read everything, mend the file.

        Returns, Raises:
            as :meth:`try_one`.
        """
        manifest = json.loads(json.dumps(self._manifest))
        *path, last = self._editable[int(draw.integers(len(self._editable)))]
        owner = manifest
        for key in path:
            owner = owner[key]
        owner[last] = _edited(owner[last], draw)
        text = json.dumps(manifest | {_CHECKSUM: _checksum(manifest)})
        return self._try(self.folder / MANIFEST, text.encode(), f"{(*path, last)}")

    def try_one(self, draw: np.random.Generator) -> str:
        """Damage the bytes of a file, read everything, mend the file.

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
        return self._try(path, bytes(data), mutation.__name__)

    def _try(self, path: Path, data: bytes, what: str) -> str:
        found, said = None, ""
        path.write_bytes(data)
        try:
            found = self._read()
        except InputError as error:
            said = str(error)
        finally:
            path.write_bytes(self._before[path])
        if found is None:
            # A manifest may name a shard that is not there.
            named = self.folder if path.name == MANIFEST else path
            assert str(named) in said, f"{what}: {said}"
            return "detected"
        assert found == self._whole, f"{what} of {path.name} changed what is read"
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
        outcomes = Counter(
            f"{kind}: {attempt(draw)}"
            for _ in range(args.count // 2)
            for kind, attempt in (("bytes", damage.try_one), ("values", damage.try_edit))
        )
        shutil.rmtree(damage.folder)
    for outcome, count in outcomes.most_common():
        print(f"{outcome:22s} {count:,}")


if __name__ == "__main__":
    main()
