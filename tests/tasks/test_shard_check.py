"""``shard check`` reads everything and names what is damaged; ``shard peek`` shows documents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.tasks.shard import shard
from modalities import text
from pipelines.shards.manifest import MANIFEST, Manifest
from tests.pipelines.made_shards import Written, flip, random_documents, write_shards

SAID = {
    "de": "Alle Menschen werden Brüder.",
    "en": "The quick brown fox jumps over the lazy dog.",
    "": "\x1b[2Jno label\x07",
}


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Three documents of each label and split, the third a long one."""
    documents = []
    for split in ("train", "validation"):
        for label, said in SAID.items():
            for i, times in enumerate((1, 2, 20)):
                tokens = text.with_markers((said * times).encode())
                documents.append(Written(f"{split} {label}{i}", tokens, label, split))
    return write_shards(tmp_path / "texts", documents, modality="text")


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    return write_shards(tmp_path / "genome", random_documents((3000, 40, 700, 2)))


def test_a_whole_folder_is_counted(texts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shard", "check", str(texts)]) == 0
    manifest = Manifest.load(texts)
    said = capsys.readouterr()
    rows = [line.split() for line in said.out.splitlines()]
    assert ["train:", "tokens", f"{manifest.tokens('train'):,}"] in [row[:3] for row in rows]
    counts = manifest.label_tokens("train")
    assert rows.count(["de", f"{counts['de']:,}"]) == 2
    assert rows.count(["no", "label", f"{counts['']:,}"]) == 2
    total = sum(path.stat().st_size for path in texts.glob("*.tar"))
    assert said.out.splitlines()[-1].startswith(
        f"whole: {len(manifest.shards)} shards, {total:,} bytes, "
    )


@pytest.mark.parametrize("place", ["first", "middle", "last", "short", "missing", "manifest"])
def test_whatever_is_damaged_is_named(
    genome: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    tars = sorted(genome.glob("*.tar"))
    assert len(tars) >= 5
    path, says = tars[-1], "has sha256"
    if place == "first":
        path = tars[0]
        flip(path, 0)
    elif place == "middle":
        path = tars[2]
        flip(path, path.stat().st_size // 2)
    elif place == "last":
        flip(path, path.stat().st_size - 1)
    elif place == "short":
        path.write_bytes(path.read_bytes()[:-1])
        says = "bytes, the manifest says"
    elif place == "missing":
        path.unlink()
        says = "is in the manifest but not in the folder"
    else:
        path, says = genome / MANIFEST, "was changed since it was written"
        path.write_text(path.read_text().replace('"first": 0', '"first": 1', 1))
    assert main(["shard", "check", str(genome)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"hnet-seq shard: {path}: ")
    assert says in said.err
    assert said.err.count("\n") == 1


def test_blocks_that_are_not_what_their_hashed_shard_holds_are_named(
    genome: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A manifest whose shards are right but whose blocks are not."""
    manifest = Manifest.load(genome)
    manifest.shards[0].blocks.crc32[1] ^= 1
    manifest.save(genome)
    assert main(["shard", "check", str(genome)]) == 1
    name = manifest.shards[0].name
    key = manifest.shards[0].block_key(1)
    assert f"{genome / name}: {key}.bin: is damaged" in capsys.readouterr().err


def test_peek_shows_how_documents_of_each_split_and_label_begin(
    texts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shard", "peek", str(texts), "--count", "1"]) == 0
    shown = capsys.readouterr().out
    for split in ("train", "validation"):
        for label in ("de", "en"):
            assert shown.count(f"{split}, {label}: ") == 1
        assert shown.count(f"{split}: {split} ") == 1
    assert SAID["de"] in shown
    # What would move the cursor or ring a bell is not sent to a terminal.
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert main(["shard", "peek", str(texts)]) == 0
    assert capsys.readouterr().out.count("train, de: ") == 3


def test_peek_tells_where_a_document_is_from_and_cuts_long_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = "".join(np.random.default_rng(0).choice(list("ACGT"), 3000))
    (tmp_path / "g.fa").write_text(f">chr1 x\n{letters[:1200]}{'N' * 1000}{letters[1200:]}\n")
    shard([tmp_path / "g.fa"], tmp_path / "s", progress=False)
    assert main(["shard", "peek", str(tmp_path / "s")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "train: chr1 from 0, 1,200 tokens"
    assert lines[1] == f"{letters[:200]} ..."
    assert lines[3] == "train: chr1 from 2,200, 1,800 tokens"
    assert lines[4] == f"{letters[1200:1400]} ..."


@pytest.mark.parametrize("verb", ["check", "peek"])
def test_the_folder_may_be_a_url(
    genome: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shard", verb, f"file://{genome}"]) == 0
    assert "train" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["check", "peek"])
def test_files_called_like_a_verb_can_be_sharded(
    tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(verb).write_text(">a\nACGT\n")
    assert main(["shard", verb, "--out", "s"]) == 0
    assert Manifest.load("s").tokens("train") == 4
