"""Which separator a table has, as its header line tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hnet_seq.tasks.classification.labelled_data import read_labelled
from hnet_seq.tasks.sequences.inputs import open_sequences
from modalities import dna
from modalities.errors import InputError

ROWS = 'name of it;id;sequence;label\n"a; b";s1;ACGT;0,5\nc;s2;GGG;1,5\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "t.csv"
    path.write_text(text)
    return path


def test_a_table_of_semicolons_is_a_table(tmp_path: Path) -> None:
    source = open_sequences(write(tmp_path, ROWS), label="label")
    found = [(each.name, dna.decode(each.tokens), each.label) for each in source.sequences()]
    assert found == [("s1", "ACGT", "0,5"), ("s2", "GGG", "1,5")]


def test_labelled_rows_of_semicolons_are_read(tmp_path: Path) -> None:
    rows = read_labelled(write(tmp_path, ROWS))
    assert [(row.id, dna.decode(row.tokens), row.label) for row in rows] == [
        ("s1", "ACGT", "0,5"),
        ("s2", "GGG", "1,5"),
    ]


def test_a_semicolon_inside_a_name_does_not_separate_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "id,sequence,from; to\ns1,ACGT,1; 2\n")
    assert [name for name, _ in open_sequences(path).names_and_tokens()] == ["s1"]


def test_a_table_of_semicolons_without_the_column_says_what_it_has(tmp_path: Path) -> None:
    path = write(tmp_path, "id;seq\ns1;ACGT\n")
    with pytest.raises(InputError, match="line 1: no column 'sequence', but id, seq"):
        next(open_sequences(path).names_and_tokens())
    with pytest.raises(InputError, match="line 1: no column 'sequence', but id, seq"):
        read_labelled(path)
