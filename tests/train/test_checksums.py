"""A bit that is flipped, or a file that is cut or gone, is found and named before a run goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hnet_seq.train.checksums import check_checksums, write_checksums
from modalities.errors import InputError

NAMES = ("model.safetensors", "trainer.pt", "optimizer/__1_0.distcp")
CONTENT = np.random.default_rng(0).bytes(1_000)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    (tmp_path / "optimizer").mkdir()
    for name in NAMES:
        (tmp_path / name).write_bytes(CONTENT)
    write_checksums(tmp_path, "checkpoint", [tmp_path / name for name in NAMES[:2]])
    write_checksums(tmp_path, "optimizer-00001", [tmp_path / NAMES[2]])
    check_checksums(tmp_path)
    return tmp_path


def assert_named(checkpoint: Path, name: str) -> None:
    with pytest.raises(InputError, match=name) as caught:
        check_checksums(checkpoint)
    assert "`resume` goes on from the one before" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_40_flipped_bits_are_40_errors(checkpoint: Path, name: str) -> None:
    for place in np.random.default_rng(1).integers(0, 8 * len(CONTENT), 40):
        bits = np.unpackbits(np.frombuffer(CONTENT, np.uint8))
        bits[place] ^= 1
        (checkpoint / name).write_bytes(np.packbits(bits).tobytes())
        assert_named(checkpoint, name)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_cut_or_gone_is_named(checkpoint: Path, name: str) -> None:
    (checkpoint / name).write_bytes(CONTENT[:-1])
    assert_named(checkpoint, name)
    (checkpoint / name).unlink()
    assert_named(checkpoint, name)


def test_a_damaged_list_of_checksums_is_named(checkpoint: Path) -> None:
    (checkpoint / "checkpoint.sha256").write_bytes(b"\xff\xfe")
    assert_named(checkpoint, "checkpoint.sha256")


def test_the_list_is_one_that_sha256sum_reads(checkpoint: Path) -> None:
    lines = (checkpoint / "optimizer-00001.sha256").read_text().splitlines()
    (digest, name), *others = [line.split("  ") for line in lines]
    assert (len(digest), name, others) == (64, NAMES[2], [])


def test_a_checkpoint_without_checksums_is_taken_as_it_is(tmp_path: Path) -> None:
    check_checksums(tmp_path)
