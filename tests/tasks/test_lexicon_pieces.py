"""``hnet-seq lexicon`` writes the same bytes whatever the pieces in which records are held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hnet_seq.analysis.cutting import CutPiece, Stretch, cut, cut_pieces
from hnet_seq.analysis.lexicon import cut_text
from hnet_seq.model.auto import load_pretrained
from hnet_seq.tasks.lexicons import sources
from modalities.base import Tokens
from tests.tasks.lexicon_runs import cut_after_t, lexicon, rows_of, ruled

SLICE = 1_000  # in place of a million


def letters_of(*lengths: int) -> list[str]:
    random = np.random.default_rng(5)
    return ["".join(random.choice(list("ACGT"), length)) for length in lengths]


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records whose chunks, unknown bases and ends lie at ends of slices."""
    long, short, last = letters_of(4_321, 600, 2_002)
    long = f"{long[:990]}{'ACG' * 7}{long[1011:1998]}NNNNN{long[2003:]}"
    long = f"{long[:2999]}T{'GAC' * 400}A{long[4200:]}"  # a chunk that is longer than a slice
    folder = tmp_path_factory.mktemp("genome")
    (folder / "g.fa").write_text(f">a\n{long}\n>b\n{short}\n>c\n{last}\n")
    rows = [("a", 31, 1230, "+"), ("a", 1301, 2500, "-"), ("c", 901, 1200, "+")]
    lines = [f"{name}\tx\tCDS\t{a}\t{b}\t.\t{s}\t0\tID=i{a}\n" for name, a, b, s in rows]
    (folder / "g.gff").write_text("##gff-version 3\n" + "".join(lines))
    return folder


def test_files_are_the_same_from_pieces_of_several_sizes(
    genome: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = {"policy": "stride", "every": 3}
    model = ruled(tmp_path / "model", "dna", {"policy": "delimiters", "tokens": [3]}, inner)
    monkeypatch.setattr(cut_text, "SLICE", SLICE)
    words = [model, genome / "g.fa", "--features", genome / "g.gff"]
    for region in ([], ["--region", "a:998-4310"]):
        found = []
        for slices in (1000, 1, 3):
            monkeypatch.setattr(sources, "PIECE", slices * SLICE)
            out = tmp_path / f"out{len(region)}-{slices}"
            lexicon(*words, *region, "--out", out)
            found.append({path.name: path.read_bytes() for path in out.iterdir()})
        assert set(found[0]) > {"words.tsv", "features.tsv", "lexicon.json"}
        for other in found[1:]:
            assert other == found[0]
        # The chunk that is longer than a slice is a word.
        rows = rows_of(tmp_path / f"out{len(region)}-1" / "words.tsv")
        assert max(int(row["length"]) for row in rows if row["stage"] == "0") > SLICE


@pytest.mark.parametrize("batch_tokens", [7, 1000])
def test_a_stretch_is_read_and_cut_piece_by_piece(tmp_path: Path, batch_tokens: int) -> None:
    model = load_pretrained(cut_after_t(tmp_path / "model"), "cpu")
    tokens = np.random.default_rng(1).integers(0, 4, 60).astype(np.uint8)
    read: list[int] = []

    def read_part(first: int, last: int) -> Tokens:
        read.append(last - first)
        return tokens[first:last].copy()

    def read_all() -> Tokens:
        raise AssertionError("all was read")

    own = Stretch(
        "r", 15, 5, 40, read_all, behind=5, read_part=lambda a, b: read_part(a + 5, b + 5)
    )
    done: list[int] = []
    pieces: list[CutPiece] = list(cut_pieces(model, [own], batch_tokens, 10**9, done.append))
    assert max(read) == min(batch_tokens, 40)
    assert sum(done) == 25  # what lies before and behind is context
    assert [piece.is_last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    found = np.concatenate([piece.depth for piece in pieces])
    starts = np.cumsum([15, *(len(piece.depth) for piece in pieces)])[:-1]
    assert [piece.start for piece in pieces] == starts.tolist()
    before = tokens[14:39]
    assert found.tolist() == ((before == 3) & (tokens[15:40] != 3)).tolist()
    (record,) = cut(model, [own], batch_tokens, 10**9, lambda _: None)
    assert record.depth.tolist() == found.tolist()
    assert record.tokens.tolist() == tokens[15:40].tolist()
    assert np.array_equal(record.probs, np.concatenate([piece.probs for piece in pieces], axis=1))
