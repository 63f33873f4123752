"""Bits of each base as bigWig, beside the scores: whose they are, and what stands beside them."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.evidence.baselines.context_mixing import ContextMixing
from hnet_seq.evidence.baselines.markov import MarkovModel, order_for
from hnet_seq.jobs.spool import Spool
from hnet_seq.tasks.scoring.likelihoods import base_log_likelihoods
from modalities import dna
from tests.tasks.test_score_resume import Calls

library = pytest.importorskip("pyBigWig")
#: In no order of names; unknown bases at both ends, within, alone, and a record of one base.
RECORDS = {
    "chr2": "ACGTTGCANNTACG" * 9,
    "chr10": "N" + "ACGGT" * 30 + "NN",
    "one": "A",
    "none": "NNN",
}


@pytest.fixture(scope="module")
def inputs(hnet: HNetForCausalLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    hnet.save_pretrained(folder / "run")
    text = "".join(f">{name} of a test\n{own}\n" for name, own in RECORDS.items())
    (folder / "g.fa").write_text(text)
    with gzip.open(folder / "g.fa.gz", "wt") as file:
        file.write(text)
    (folder / "places.bed").write_text("chr2\t3\t30\n")
    (folder / "table.csv").write_text("id,sequence\na,ACGT\n")
    return folder


def run(inputs: Path, *words: str, source: str = "g.fa") -> int:
    return main(["score", f"{inputs / 'run'}", f"{inputs / source}", "--device", "cpu", *words])


def track(path: Path) -> dict[str, np.ndarray]:
    with library.open(f"{path}") as file:
        assert file.chroms() == {name: len(own) for name, own in RECORDS.items()}
        return {name: file.values(name, 0, len(own), numpy=True) for name, own in RECORDS.items()}


def expected(hnet: HNetForCausalLM) -> dict[str, np.ndarray]:
    """(L,) bits of each record, NaN where there are none."""
    found = {}
    for name, letters in RECORDS.items():
        tokens = dna.encode(letters)
        (values,) = base_log_likelihoods(hnet, [tokens], batch_tokens=4096)
        known = (tokens < 4) & (np.arange(len(tokens)) > 0)
        found[name] = np.where(known, -values / math.log(2), np.nan)
    return found


def test_bits_are_those_of_the_score_and_its_rows_stay(
    inputs: Path, tmp_path: Path, hnet: HNetForCausalLM
) -> None:
    assert run(inputs, "--out", f"{tmp_path / 'plain.tsv'}") == 0
    for batch in ("8192", "40"):  # a record in one call, and in pieces
        words = ["--batch-tokens", batch, "--per-base", f"{tmp_path / 'b.bw'}"]
        assert run(inputs, *words, "--out", f"{tmp_path / 's.tsv'}", source="g.fa.gz") == 0
        found = track(tmp_path / "b.bw")
        for name, bits in expected(hnet).items():
            np.testing.assert_allclose(found[name], bits, atol=2e-5, rtol=0)
        if batch == "8192":
            same = (tmp_path / "s.tsv").read_bytes()
            assert same == (tmp_path / "plain.tsv").read_bytes()
    rows = [line.split("\t") for line in (tmp_path / "s.tsv").read_text().splitlines()[1:]]
    for name, _, scored, _, per_base, _ in rows:
        bits = found[name][~np.isnan(found[name])]
        assert len(bits) == int(scored)
        if len(bits):
            assert float(per_base) == pytest.approx(float(bits.mean()), abs=1e-5)


def test_of_two_strands_the_mean_of_those_that_have_a_base(
    inputs: Path, tmp_path: Path, hnet: HNetForCausalLM
) -> None:
    assert run(inputs, "--strands", "average", "--per-base", f"{tmp_path / 'b.bw'}") == 0
    found, forward = track(tmp_path / "b.bw"), expected(hnet)
    for name, letters in RECORDS.items():
        tokens = dna.reverse_complement(dna.encode(letters))
        (values,) = base_log_likelihoods(hnet, [tokens], batch_tokens=4096)
        known = (tokens < 4) & (np.arange(len(tokens)) > 0)
        reverse = np.where(known, -values / math.log(2), np.nan)[::-1]
        pairs = np.stack([forward[name], reverse])
        count = (~np.isnan(pairs)).sum(0)
        mean = np.where(count, np.nansum(pairs, 0) / np.maximum(count, 1), np.nan)
        np.testing.assert_allclose(found[name], mean, atol=2e-5, rtol=0)


def by_counting(letters: str, order: int) -> np.ndarray:
    """Bits of each base by words of both strands of all records, its own occurrence left out."""
    strands = [
        own
        for record in RECORDS.values()
        for own in (record, dna.decode(dna.reverse_complement(dna.encode(record))))
    ]

    def count(word: str) -> int:
        return sum(
            own[i : i + len(word)] == word for own in strands for i in range(len(own))
        )  # with overlaps

    bits = np.full(len(letters), np.nan)
    for place, base in enumerate(letters):
        run = letters[:place].rsplit("N", 1)[-1][-order:] if order else ""
        if base == "N" or not place:
            continue
        # The same place on the other strand, where that reads as the same word, or context.
        other = dna.decode(dna.reverse_complement(dna.encode(run + base)))
        own = count(run + base) - 1 - (other == run + base) + 0.5
        context = sum(count(run + x) for x in "ACGT") - 1 - (other[:-1] == run)
        bits[place] = -math.log2(own / (context + 4 * 0.5))
    return bits


@pytest.mark.parametrize("baseline", ["markov", "mixing"])
def test_the_difference_is_to_a_baseline_of_the_same_records(
    inputs: Path,
    tmp_path: Path,
    hnet: HNetForCausalLM,
    baseline: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("hnet_seq.tasks.scoring.per_base.order_for", lambda bases: 3)
    words = ["--difference", f"{tmp_path / 'd.bw'}", "--baseline", baseline]
    assert run(inputs, *words) == 0
    mixing = ContextMixing()
    total, bases = np.zeros(2), 0
    for name, bits in expected(hnet).items():
        letters = RECORDS[name]
        other = (
            mixing.read(dna.encode(letters)) if baseline == "mixing" else by_counting(letters, 3)
        )
        np.testing.assert_allclose(track(tmp_path / "d.bw")[name], bits - other, atol=1e-4, rtol=0)
        known = ~np.isnan(bits)
        total += (bits[known].sum(), other[known].sum())
        bases += int(known.sum())
    said = capsys.readouterr().err
    name = "context mixing" if baseline == "mixing" else "Markov order 3"
    model, other = total / bases
    assert f"{bases} bases: {model:.4f} bits per base, {name} {other:.4f}" in said


def test_leaving_a_words_own_sighting_out_is_not_counting_it() -> None:
    """A word that stands once says nothing for itself."""
    tokens = dna.encode("ACGTTGCA" * 3 + "GGGATTACC")
    markov = MarkovModel([tokens], order_for(40))
    left = markov.log_likelihoods(tokens, leave_own_out=True)
    assert (left <= markov.log_likelihoods(tokens)).all()
    assert np.isfinite(left).all()
    (single,) = [MarkovModel([dna.encode("ACCCC")], 1)]
    assert single.log_likelihoods(dna.encode("AC"), leave_own_out=True)[1] == pytest.approx(
        math.log(0.5 / 2)
    )


def test_a_run_that_was_stopped_goes_on_with_its_tracks(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def words(folder: str) -> list[str]:
        names = (("--out", "s.tsv"), ("--per-base", "b.bw"), ("--difference", "d.bw"))
        files = [word for option, name in names for word in (option, f"{tmp_path / folder / name}")]
        return [*files, "--batch-tokens", "60", "--strands", "average"]

    with monkeypatch.context() as patch:
        calls = Calls(patch)
        assert run(inputs, *words("whole")) == 0
    with monkeypatch.context() as patch:
        Calls(patch, calls.count - 1)
        assert run(inputs, *words("stopped")) == 130
    assert [path.name for path in (tmp_path / "stopped").iterdir()] == ["s.tsv.ranks"]
    capsys.readouterr()
    assert run(inputs, *words("stopped")) == 0
    assert "are kept from the run that was stopped" in capsys.readouterr().err
    files = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert files.keys() == {"s.tsv", "s.json", "b.bw", "d.bw"}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "stopped").iterdir()}


def test_what_was_written_of_a_call_of_several_records_is_not_written_twice(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--batch-tokens", "200", "--per-base"]
    assert run(inputs, *words, f"{tmp_path / 'whole.bw'}") == 0
    append = Spool.append
    for last in (1, 2, 3):
        count = 0

        def appending(self: Spool, columns: Any, last: int = last) -> None:
            nonlocal count
            count += 1
            if count > last:
                raise KeyboardInterrupt
            append(self, columns)

        with monkeypatch.context() as patch:
            patch.setattr(Spool, "append", appending)
            ended = run(inputs, *words, f"{tmp_path / f'{last}.bw'}")
        assert ended == (130 if count > last else 0)
        assert run(inputs, *words, f"{tmp_path / f'{last}.bw'}") == 0
        assert (tmp_path / f"{last}.bw").read_bytes() == (tmp_path / "whole.bw").read_bytes()


@pytest.mark.parametrize(
    ("words", "source", "said"),
    [
        (["--per-base", "{}/b.bw"], "table.csv", "--per-base: is a track of a genome's records"),
        (["--difference", "{}/b.bw"], "-", "--difference: is of a genome's records"),
        (["--per-base", "{}/b.tsv"], "g.fa", "b.tsv is to be a bigWig; end it in .bw"),
        (["--per-base", "{}/b.bw", "--difference", "{}/b.bw"], "g.fa", "is the file of"),
        (["--baseline", "mixing"], "g.fa", "--baseline: goes with --difference"),
        (
            ["--per-base", "{}/b.bw", "--genome", "{in}/g.fa"],
            "places.bed",
            "give the genome as INPUT",
        ),
        (["--mutagenesis", "chr2:3-9", "--per-base", "{}/b.bw"], "", "is for sequences"),
    ],
)
def test_what_cannot_be_a_track_is_said_first(
    inputs: Path, tmp_path: Path, words: list[str], source: str, said: str, capsys: Any
) -> None:
    filled = [word.replace("{in}", f"{inputs}").replace("{}", f"{tmp_path}") for word in words]
    given = [source if source == "-" else f"{inputs / source}"] if source else []
    genome = ["--genome", f"{inputs / 'g.fa'}"] if not source else []
    assert main(["score", f"{inputs / 'run'}", *given, *filled, *genome]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_records_of_one_name_have_no_track(inputs: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "twice.fa").write_text(">a 1\nACGT\n>a 2\nACGT\n")
    words = ["score", f"{inputs / 'run'}", f"{tmp_path / 'twice.fa'}"]
    assert main([*words, "--per-base", f"{tmp_path / 'b.bw'}"]) == 1
    assert "each record needs its own name" in capsys.readouterr().err
    assert main([*words, "--out", f"{tmp_path / 's.tsv'}"]) == 0


@pytest.mark.parametrize("baseline", ["markov", "mixing"])
def test_of_two_strands_the_difference_has_the_bases_that_the_baseline_has(
    inputs: Path, tmp_path: Path, baseline: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--per-base", f"{tmp_path / 'b.bw'}", "--difference", f"{tmp_path / 'd.bw'}"]
    assert run(inputs, *words, "--strands", "average", "--baseline", baseline) == 0
    own, other = track(tmp_path / "b.bw"), track(tmp_path / "d.bw")
    assert not np.isnan(own["chr2"][0])
    bases = 0
    for name, letters in RECORDS.items():
        # Read forward, a record's first base has none before it.
        known = (dna.encode(letters) < 4) & (np.arange(len(letters)) > 0)
        assert np.array_equal(~np.isnan(other[name]), known)
        bases += int(known.sum())
    assert f"{bases:,} bases: " in capsys.readouterr().err


def test_a_clean_record_beside_one_with_gaps_has_its_track(inputs: Path, tmp_path: Path) -> None:
    for name, letters in (("clean", "ACGTTGCA" * 4), ("both", "ACGTTGCA" * 4 + "\n>n\nACNNGT")):
        (tmp_path / f"{name}.fa").write_text(f">a\n{letters}\n")
        words = ["score", f"{inputs / 'run'}", f"{tmp_path / f'{name}.fa'}", "--device", "cpu"]
        bw = tmp_path / f"{name}.bw"
        assert main([*words, "--strands", "average", "--per-base", f"{bw}"]) == 0
        with library.open(f"{bw}") as file:
            assert not np.isnan(file.values("a", 0, 32, numpy=True)).any()
            if name == "both":
                nothing = np.isnan(file.values("n", 0, 6, numpy=True))
                assert nothing.tolist() == [False] * 2 + [True] * 2 + [False] * 2


@pytest.mark.parametrize(
    ("letters", "words", "ended"),
    [
        ("NNNN\n>b\nA", [], 1),
        ("AN", [], 1),
        ("AN", ["--strands", "average"], 0),
        ("AN", ["--strands", "average", "--difference", "{}/d.bw"], 1),
    ],
)
def test_a_genome_without_a_value_is_told_before_anything_is_computed(
    inputs: Path, tmp_path: Path, letters: str, words: list[str], ended: int, capsys: Any
) -> None:
    (tmp_path / "g.fa").write_text(f">a\n{letters}\n")
    filled = [word.replace("{}", f"{tmp_path}") for word in words]
    command = ["score", f"{inputs / 'run'}", f"{tmp_path / 'g.fa'}", "--device", "cpu", *filled]
    assert main([*command, "--per-base", f"{tmp_path / 'b.bw'}"]) == ended
    said = "g.fa: has no base for a track" in capsys.readouterr().err
    assert said == bool(ended)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == ({"g.fa"} if ended else {"g.fa", "b.bw"})
