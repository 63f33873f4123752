"""The verb markov on shards of text and code: counted together, scored by folder and label."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.evidence.baselines.byte_markov import ByteDocument, score_byte_orders
from hnet_seq.tasks import markov_bytes as task
from hnet_seq.tasks.byte_documents import from_shards, is_byte_modality

WORDS = ["the", "cat", "sat", "on", "a", "mat", "山", "水"]
RNG = np.random.default_rng(0)


def shards_of(folder: Path, modality: str, documents: list[dict[str, str]]) -> Path:
    """Shards of JSON lines, a third of the documents for validation."""
    lines, out = folder / f"{modality}.jsonl", folder / modality
    lines.write_text("".join(json.dumps(document) + "\n" for document in documents))
    command = ["shard", f"{lines}", "--modality", modality, "--out", f"{out}", "--workers", "1"]
    command += ["--validation", "fraction:0.33", "--duplicates", "keep"]
    assert main(command) == 0
    return out


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("shards")
    text = [{"text": " ".join(RNG.choice(WORDS, 40)) + "\n"} for _ in range(20)]
    code = [
        {
            "path": f"a{number}.{ending}",
            "lang": language,
            "text": f"{start}{RNG.integers(999)};\n" * 9,
        }
        for number in range(20)
        for language, ending, start in (("python", "py", "x = "), ("c", "c", "int y = "))
    ]
    return shards_of(folder, "text", text), shards_of(folder, "code", code)


def documents(folder: Path, split: str) -> list[ByteDocument[str]]:
    return [ByteDocument(d.label, d.tokens, np.ones(256, bool)) for d in from_shards(folder, split)]


def test_one_folder_is_scored_on_its_own_splits(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, _ = folders
    out = tmp_path / "markov.json"
    assert main(["markov", f"{text}", "--out", f"{out}", "--max-order", "4"]) == 0
    found = json.loads(out.read_text())
    train, validation = documents(text, "train"), documents(text, "validation")
    expected = score_byte_orders(train, validation, max_order=4)
    bits = [row["bits_per_byte"] for row in found["orders"]]
    assert bits == pytest.approx(expected.total.bits_per_byte)
    assert [row["order"] for row in found["orders"]] == [0, 1, 2, 3, 4]
    assert found["best_order"] == int(np.argmin(bits))
    # Every stored byte but the begin marker.
    assert found["scored_bytes"] == sum(len(d.tokens) - 1 for d in validation) > 0
    assert found["train_bytes"] == sum(len(d.tokens) - 1 for d in train)
    (folder,) = found["folders"]
    assert folder["orders"] == found["orders"]
    assert [label["label"] for label in folder["labels"]] == [""]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "order  bits/byte"
    assert [int(line.split()[0]) for line in lines if line.endswith("best")] == [
        found["best_order"]
    ]
    assert lines[-1].endswith("Witten-Bell back-off")  # nothing to tell apart, so no more lines


def test_folders_are_counted_together_and_scored_apart_by_label(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    text, code = folders
    found = task.markov_bytes([text, code])
    train = documents(text, "train") + documents(code, "train")
    validation = {
        (str(folder), label): [d for d in documents(folder, "validation") if d.group == label]
        for folder, label in ((text, ""), (code, "c"), (code, "python"))
    }
    of_label = {
        (folder["folder"], label["label"]): label
        for folder in found["folders"]
        for label in folder["labels"]
    }
    assert list(of_label) == list(validation)
    for key, row in of_label.items():
        expected = score_byte_orders(train, validation[key]).total
        assert row["scored_bytes"] == expected.scored
        bits = [order["bits_per_byte"] for order in row["orders"]]
        assert bits == pytest.approx(expected.bits_per_byte)
    of_code = found["folders"][1]
    assert of_code["scored_bytes"] == sum(label["scored_bytes"] for label in of_code["labels"])
    assert found["scored_bytes"] == sum(folder["scored_bytes"] for folder in found["folders"])
    assert main(["markov", f"{text}", f"{code}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-5].split() == ["scored", *"0123456", "best"]
    names = [str(text), str(code), "c", "python"]
    assert [line.split()[0] for line in lines[-4:]] == names


def test_the_default_is_order_6(folders: tuple[Path, Path]) -> None:
    assert len(task.markov_bytes(folders)["orders"]) == 7


def test_dna_as_letters_is_scored_on_its_letters(tmp_path: Path) -> None:
    letters = "".join(RNG.choice(list("ACGT"), 4000))
    fasta, out = tmp_path / "g.fa", tmp_path / "shards"
    fasta.write_text(f">a\n{letters}\n>b\n{letters[:50]}NNN{letters[:50]}\n")
    command = ["shard", f"{fasta}", "--out", f"{out}", "--modality", "dna_bytes"]
    assert main([*command, "--workers", "1", "--validation", "records:b"]) == 0
    found = task.markov_bytes([out], max_order=2)
    assert found["scored_bytes"] == 100
    assert found["train_bytes"] == 4000
    assert 1.9 < found["orders"][0]["bits_per_byte"] < 2.1


def test_what_cannot_be_meant_is_one_line(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, code = map(str, folders)
    fasta, dna, whole = tmp_path / "g.fa", tmp_path / "dna", tmp_path / "whole"
    fasta.write_text(f">a\n{'ACGGT' * 500}\n")
    assert main(["shard", f"{fasta}", "--out", f"{dna}", "--workers", "1"]) == 0
    plain = tmp_path / "plain.txt"
    plain.write_text("a\n" * 100)
    command = ["shard", f"{plain}", "--modality", "text", "--out", f"{whole}", "--workers", "1"]
    assert main(command) == 0
    for arguments, code_, says in (
        ([text, "--max-order", "8"], 2, "the orders are 0..7"),
        ([text, text], 2, "is given twice"),
        ([text, "--one-strand"], 2, "--one-strand: is for shards of DNA; these hold text"),
        ([text, f"{dna}"], 2, "hold text, dna; only shards of bytes are counted together"),
        ([f"{dna}", f"{dna}"], 2, "only shards of bytes"),
        ([code, f"{whole}"], 1, f"{whole}: no validation bytes to score"),
    ):
        capsys.readouterr()
        assert main(["markov", *arguments]) == code_
        said = capsys.readouterr().err
        assert says in said
        assert said.count("\n") == 1
    with pytest.raises(ValueError, match="holds dna, not bytes"):
        task.markov_bytes([dna])


def test_byte_modalities_are_those_of_the_vocabulary_of_text() -> None:
    assert [name for name in ("dna", "text", "code", "protein", "") if is_byte_modality(name)] == [
        "text",
        "code",
    ]
    assert not is_byte_modality(None)
