"""Measured effects: every ranking on the same test rows, and a split without copies across it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.tasks.score import score
from hnet_seq.tasks.scoring.measured_effects import measured_effects, one_hot
from hnet_seq.tasks.scoring.measured_table import read_measured
from hnet_seq.tasks.scoring.position_vectors import COMPONENTS, position_vectors
from modalities import dna
from modalities.errors import InputError, UsageError


def table(path: Path, *, count: int = 120, split: bool = True, seed: int = 0) -> Path:
    """Mutants of one sequence whose number is the share of G at its even places."""
    generator = np.random.default_rng(seed)
    wild = generator.choice(list("ACGT"), 16)
    rows = ["x,y,set,origin"]
    for index in range(count):
        changed = generator.random(16) < 0.7
        letters = np.where(changed, generator.choice(list("ACGT"), 16), wild)
        value = sum(letters[::2] == "G") + 0.1 * generator.normal()
        side = ("training", "validation", "test")[index % 3] if split else ""
        rows.append(f"{''.join(letters)},{value:.4f},{side},{index // 10}")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_columns_are_read_by_their_names_with_rna_and_case(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv.gz"
    path.write_bytes(
        gzip.compress(b"set\ty\tx\ntraining\t1\tacgu\ntest\t-2e3\tACGT\nval\t0\tAC\ntest\t1\tGG\n")
    )
    found = read_measured(path, "y", sequence="x", split="set")
    assert [dna.decode(tokens) for tokens in found.sequences] == ["ACGT", "ACGT", "AC", "GG"]
    assert found.values.tolist() == [1, -2000, 0, 1]
    assert found.is_test.tolist() == [False, True, False, True]
    assert found.lines.tolist() == [2, 3, 4, 5]
    assert found.shared == 1
    rows = [{"y": 1.0, "x": "ACGU"}, {"y": 2.0, "x": "AC"}, {"y": 3.0, "x": "A"}] * 3
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    again = read_measured(tmp_path / "t.parquet", "y", sequence="x", test_fraction=0.4)
    assert again.values.tolist() == [1, 2, 3] * 3


@pytest.mark.parametrize("seed", range(5))
def test_a_random_split_keeps_copies_and_groups_on_one_side(tmp_path: Path, seed: int) -> None:
    path = table(tmp_path / "t.csv", split=False)
    rows = path.read_text().splitlines()
    path.write_text("\n".join([*rows, *rows[1:40]]) + "\n")
    found = read_measured(path, "y", sequence="x", group="origin", seed=seed)
    assert found.shared == 0
    sides: dict[str, set[bool]] = {}
    for tokens, side in zip(found.sequences, found.is_test.tolist(), strict=True):
        sides.setdefault(dna.decode(tokens), set()).add(side)
    assert all(len(side) == 1 for side in sides.values())
    origins: dict[str, set[bool]] = {}
    for line, side in zip(found.lines, found.is_test.tolist(), strict=True):
        origin = path.read_text().splitlines()[line - 1].split(",")[3]
        origins.setdefault(origin, set()).add(side)
    assert all(len(side) == 1 for side in origins.values())
    assert 0.13 < found.is_test.mean() < 0.27  # half of the largest group of 20 rows more or less
    again = read_measured(path, "y", sequence="x", group="origin", seed=seed)
    assert (again.is_test == found.is_test).all()


def test_a_choice_of_rows_is_of_each_side_and_by_seed(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv")
    found = read_measured(path, "y", sequence="x", split="set", max_rows=15, seed=1)
    assert (found.is_test.sum(), (~found.is_test).sum()) == (15, 15)
    other = read_measured(path, "y", sequence="x", split="set", max_rows=15, seed=2)
    assert found.lines.tolist() != other.lines.tolist()
    assert (np.diff(found.lines) > 0).all()


def test_every_ranking_is_of_the_same_rows(hnet: HNetForCausalLM, tmp_path: Path) -> None:
    found = read_measured(table(tmp_path / "t.csv"), "y", sequence="x", split="set")
    flanks = dna.encode("ACCA"), dna.encode("GGT")
    effects = measured_effects(hnet, found, flanks=flanks)
    by_name = {row["name"]: row for row in effects.rows}
    assert list(by_name) == [
        "log-likelihood",
        "ridge on embeddings, mean over chunks",
        "ridge on embeddings, mean over bases",
        "ridge on embeddings of each position",
        "minus edits from the consensus",
        "share of G and C",
        "ridge on one letter at each position",
        "ridge on 1- to 5-mer frequencies",
    ]
    assert {row["spearman"]["n"] for row in effects.rows} == {40}
    assert all(len(said) == 40 for said in effects.predictions.values())
    # What was measured adds up over positions.
    rho = by_name["ridge on one letter at each position"]["spearman"]["rho"]
    assert rho is not None
    assert rho > 0.8
    assert not by_name["log-likelihood"]["fitted"]
    own = [x for x, side in zip(found.sequences, found.is_test, strict=True) if side]
    whole = [("", np.concatenate([flanks[0], tokens, flanks[1]])) for tokens in own]
    expected = [row.log_likelihood for row in score(hnet, whole, strands="average")]
    np.testing.assert_allclose(effects.predictions["log-likelihood"], expected, atol=1e-4)


def test_the_same_seed_gives_the_same_table(hnet: HNetForCausalLM, tmp_path: Path) -> None:
    found = read_measured(table(tmp_path / "t.csv", count=30), "y", sequence="x", split="set")
    one, two = (measured_effects(hnet, found, seed=2, strands="none") for _ in range(2))
    assert one.rows == two.rows


def test_lengths_that_differ_have_rows_of_their_own(hnet: HNetForCausalLM, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{'ACGTACG'[: 3 + i % 5]},{i % 7}" for i in range(40)]
    path.write_text("sequence,y\n" + "\n".join(rows) + "\n")
    names = [row["name"] for row in measured_effects(hnet, read_measured(path, "y")).rows]
    assert {"length", "log-likelihood per base"} <= set(names)
    assert "minus edits from the most common sequence" in names
    assert not [name for name in names if name.endswith("each position")]


def test_vectors_of_positions_are_the_states_of_the_bases_between_the_flanks(
    hnet: HNetForCausalLM,
) -> None:
    sequences = list(np.random.default_rng(0).integers(0, 4, (6, 20)).astype(np.uint8))
    train = np.array([True] * 5 + [False])
    whole = position_vectors(hnet, sequences, train, inside=slice(3, 15), strands="none")
    assert whole.shape == (6, 12 * COMPONENTS)
    pieces = position_vectors(
        hnet, sequences, train, inside=slice(3, 15), strands="none", batch_tokens=16
    )
    # Components have no sign of their own; distances do not see it.
    np.testing.assert_allclose(_distances(pieces), _distances(whole), rtol=1e-3)
    with torch.no_grad():
        states = [hnet(torch.from_numpy(x).long()).hidden[3:15].numpy() for x in sequences]
    every = position_vectors(
        hnet, sequences, train, inside=slice(3, 15), strands="none", components=64
    )
    np.testing.assert_allclose(
        _distances(every), _distances(np.stack(states).reshape(6, -1)), rtol=1e-3
    )
    turned = [dna.reverse_complement(x) for x in sequences]
    one, two = (position_vectors(hnet, x, train, inside=slice(4, 16)) for x in (sequences, turned))
    np.testing.assert_allclose(_distances(one), _distances(two), rtol=1e-3)


def _distances(vectors: np.ndarray) -> np.ndarray:
    return np.array([np.linalg.norm(one - vectors[0]) for one in vectors[1:]])


def test_one_letter_at_each_position() -> None:
    hot = one_hot([dna.encode("AN"), dna.encode("TC")])
    assert hot.tolist() == [[1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 1, 0, 0]]


def test_the_verb_prints_the_table_and_writes_what_each_ranking_says(
    hnet: HNetForCausalLM, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hnet.save_pretrained(tmp_path / "run")
    path, out = table(tmp_path / "t.csv", count=60), tmp_path / "m.tsv"
    command = ["score", f"{tmp_path / 'run'}", f"{path}", "--measured", "y", "--split", "set"]
    command += ["--sequence-column", "x", "--device", "cpu", "--flanks", "ACGT", "", "--seed", "3"]
    assert main([*command, "--out", f"{out}"]) == 0
    captured = capsys.readouterr()
    assert "n 20 test rows, intervals over groups of rows, seed 3" in captured.out
    assert "40 training and 20 test rows (by column set)" in captured.err
    found = json.loads((tmp_path / "m.json").read_text())
    assert (found["kind"], found["n_train"], found["n_test"]) == ("measured", 40, 20)
    assert found["flanks"] == [4, 0]
    assert (found["split"], found["split_made"]) == ("set", "by column set")
    head, *lines = [line.split("\t") for line in out.read_text().splitlines()]
    assert head[2:] == [row["name"] for row in found["rows"]]
    assert len(lines) == 20
    source = path.read_text().splitlines()
    assert all(float(source[int(x[0]) - 1].split(",")[1]) == float(x[1]) for x in lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: no column 'y', but nothing"),
        ("x,z\nA,1\n", "line 1: no column 'y', but x, z"),
        ("y\n1\n", "line 1: no column 'x', but y"),
        ("x,y\n", "holds a header and no rows"),
        ("x,y\nA,\n", "line 2: y is '', not a number; remove the row"),
        ("x,y\nA,high\n", "line 2: y is 'high', not a number"),
        ("x,y\nA,1\nC,nan\n", "line 3: y is nan; remove the row"),
        ("x,y\nA,inf\n", "line 2: y is inf; remove"),
        ("x,y\n,1\n", "line 2: the sequence is empty"),
        ("x,y\nAC-T,1\n", "line 2: sequence, position 3: '-' is a gap"),
        ("x,y\nA,1,2\n", "line 2: 3 fields, but the header names 2"),
        ("x,y\nA,1\n", "rows; expected 2 or more on each side"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"t\.csv") as error:
        read_measured(path, "y", sequence="x")
    assert message in str(error.value)


def test_a_bad_split_or_option_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sequence,y,s\nA,1,train\nC,1,held out\n")
    with pytest.raises(InputError, match=r"line 3: s is 'held out'; expected train, validation"):
        read_measured(path, "y", split="s")
    with pytest.raises(UsageError, match="test_fraction"):
        read_measured(path, "y", test_fraction=1)
    with pytest.raises(UsageError, match="max_rows"):
        read_measured(path, "y", max_rows=1)
    path.write_bytes(gzip.compress(path.read_bytes() * 500)[:-12])
    with pytest.raises(InputError, match="truncated; fetch it again"):
        read_measured(path, "y")


@pytest.mark.parametrize("seed", range(5))
def test_reverse_complements_and_near_copies_stay_on_one_side(tmp_path: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(30):
        letters = generator.integers(0, 4, 40).astype(np.uint8)
        near = letters.copy()
        near[5] = (near[5] + 1) % 4
        rows += [(dna.decode(x), number) for x in (letters, dna.reverse_complement(letters), near)]
    path = tmp_path / "t.csv"
    lines = [f"{letters};{number},5" for letters, number in rows]
    path.write_text("\n".join(["Sequence;Y", *lines]) + "\n")
    found = read_measured(path, "y", seed=seed, split="random" if seed else None)
    sides: dict[float, set[bool]] = {}
    for value, side in zip(found.values.tolist(), found.is_test.tolist(), strict=True):
        sides.setdefault(value, set()).add(side)
    assert all(len(side) == 1 for side in sides.values())
    assert 0.1 < found.is_test.mean() < 0.3
    assert "near copies of a sequence on one side" in found.about


def test_mutants_of_one_sequence_are_still_split_and_that_is_told(tmp_path: Path) -> None:
    wild = np.random.default_rng(0).integers(0, 4, 60).astype(np.uint8)
    rows = []
    for place in range(60):
        mutant = wild.copy()
        mutant[place] = (mutant[place] + 1) % 4
        rows.append(f"{dna.decode(mutant)},{place}")
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["sequence,y", *rows]) + "\n")
    found = read_measured(path, "y")
    assert found.is_test.sum() == 12
    assert "near copies, which connect 60 of 60 rows, are on both" in found.about
    with pytest.raises(InputError, match="near copies connect 60 of 60 rows, too many to hold out"):
        read_measured(path, "y", split="similarity")
