"""`hnet-seq generate`: records, streams of whole characters, chunks, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.model.generation import Token
from hnet_seq.tasks.generate import Writer
from modalities import dna, text
from pipelines.formats.fasta import read_fasta


def _saved(folder: Path, modality: str | None, vocab_size: int) -> Path:
    config = HNetConfig.from_dict(
        {
            "arch_layout": ["m1", ["m1"], "m1"],
            "d_model": [32, 32],
            "d_intermediate": [0, 0],
            "vocab_size": vocab_size,
            "ssm_cfg": {"d_state": 8},
        }
    )
    model = HNetForCausalLM(config, seed=1)
    if modality:
        model.metadata["modality"] = modality
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def genomic(tmp_path: Path) -> Path:
    return _saved(tmp_path / "dna", "dna", 8)


@pytest.fixture
def textual(tmp_path: Path) -> Path:
    return _saved(tmp_path / "text", "text", 256)


def run(*arguments: object) -> int:
    return main(["generate", *map(str, arguments), "--device", "cpu"])


def records(fasta: str) -> dict[str, str]:
    blocks = fasta.split(">")[1:]
    return {b.split("\n")[0]: "".join(b.split("\n")[1:]) for b in blocks}


def test_dna_comes_as_fasta_with_known_bases_only(
    genomic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(genomic, "--prompt", "acgtn", "--prompt", "G", "--max-new-tokens", 200) == 0
    found = records(capsys.readouterr().out)
    assert list(found) == ["prompt_1", "prompt_2"]
    assert found["prompt_1"].startswith("ACGTN")
    assert [len(letters) for letters in found.values()] == [205, 201]
    assert set(found["prompt_2"]) == set("ACGT")


def test_samples_differ_and_a_seed_repeats_them(
    genomic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "p.fa"
    prompts.write_text(">one\nACG\n>two\nTTTT\n")
    out = tmp_path / "out.fa"
    arguments = (genomic, "--prompts", prompts, "--samples", 2, "--max-new-tokens", 50)
    assert run(*arguments) == 0
    found = records(capsys.readouterr().out)
    assert list(found) == ["one_sample_0", "one_sample_1", "two_sample_0", "two_sample_1"]
    assert len(set(found.values())) == 4
    assert run(*arguments, "--out", out) == 0
    assert records(out.read_text()) == found
    assert [record.name for record in read_fasta(out)] == list(found)
    assert run(*arguments, "--seed", 7) == 0
    assert not set(records(capsys.readouterr().out).values()) & set(found.values())


def test_chunks_are_shown_without_changing_the_letters(
    genomic: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (genomic, "--prompt", "ACGGT", "--max-new-tokens", 60)
    run(*arguments)
    plain = records(capsys.readouterr().out)["prompt_1"]
    run(*arguments, "--show-chunks")
    shown = records(capsys.readouterr().out)["prompt_1"]
    assert shown.startswith("|A")
    assert shown.replace("|", "") == plain


def test_text_is_json_lines_for_many_prompts(
    textual: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = tmp_path / "p.txt"
    prompts.write_bytes("a b\r\n\u4f60\u597d\u2028\x0c.\n".encode())
    assert run(textual, "--prompts", prompts, "--max-new-tokens", 20) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.rstrip("\n").split("\n")]
    assert [row["name"] for row in rows] == ["prompt 1", "prompt 2"]
    assert rows[0]["text"].startswith("a b")
    assert "\r" not in rows[0]["text"][:4]
    assert rows[1]["text"].startswith("\u4f60\u597d\u2028\x0c.")
    prompts.write_bytes(b"")
    assert run(textual, "--prompts", prompts) == 1
    assert f"{prompts}: has no prompts" in capsys.readouterr().err


def test_a_stream_holds_back_a_character_until_it_is_whole() -> None:
    writer = Writer(text.TEXT, show_chunks=True)
    data = "a\u00e4\U0001f600b".encode()
    parts = [writer.letters(Token(0, byte, 1, prompt=False)) for byte in data]
    assert parts == ["|a", "|", "\u00e4", "|", "", "", "\U0001f600", "|b"]
    assert writer.close() == ""
    writer.letters(Token(0, 0xE4, 0, prompt=False))
    assert writer.close() == "\ufffd"


def test_markers_are_not_letters() -> None:
    writer = Writer(text.TEXT, show_chunks=True)
    assert writer.letters(Token(0, text.BEGIN, 2, prompt=True)) == ""
    assert Writer(dna.DNA, show_chunks=True).letters(Token(0, 2, 2, prompt=False)) == "||G"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "--prompt"),
        (("--prompt", ""), 2, "prompt 1 is empty"),
        (("--prompt", "A", "--prompt", "ACZ"), 2, "prompt 2, position 3: 'Z'"),
        (("--prompt", "A", "--top-p", 0), 2, "--top-p"),
        (("--prompt", "A", "--temperature", -1), 2, "--temperature"),
        (("--prompt", "A", "--samples", 0), 2, "--samples"),
        (("--prompt", "A", "--modality", "text"), 2, "trained on dna"),
        (("--prompt", "A", "--prompts", "x"), 2, "--prompt"),
        (("--prompts", "absent.fa"), 1, "absent.fa"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    genomic: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[object, ...],
    code: int,
    says: str,
) -> None:
    assert run(genomic, *arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.count("\n") == 1


def test_a_checkpoint_of_unknown_origin_needs_a_modality(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _saved(tmp_path / "unknown", None, 8)
    assert run(folder, "--prompt", "A") == 1
    assert "--modality" in capsys.readouterr().err
    assert run(folder, "--prompt", "A", "--modality", "dna", "--max-new-tokens", 3) == 0
    assert run(folder, "--prompt", "A", "--modality", "text") == 1
    assert "needs 256" in capsys.readouterr().err


def test_code_is_written_as_text_and_dna_of_a_byte_model_as_fasta(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = _saved(tmp_path / "code", "code", 256)
    assert run(code, "--prompt", "def f(", "--max-new-tokens", 5) == 0
    assert capsys.readouterr().out.startswith("def f(")
    letters = _saved(tmp_path / "letters", "dna_bytes", 256)
    prompts = tmp_path / "prompts.fa"
    prompts.write_text(">a\nacgun\n>b\nGG\n")
    assert run(letters, "--prompts", prompts, "--max-new-tokens", 50) == 0
    found = records(capsys.readouterr().out)
    assert [found["a"][:5], found["b"][:2]] == ["ACGTN", "GG"]
    assert {len(found["a"]), len(found["b"])} == {55, 52}
    assert set(found["a"][5:] + found["b"]) <= set("ACGT")
    assert run(letters, "--prompt", "acgt", "--max-new-tokens", 4) == 0
    assert records(capsys.readouterr().out)["prompt_1"].startswith("ACGT")
