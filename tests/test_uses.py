"""Uses of a verb are commands of their own, and old spellings say the same."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from hnet_seq import cli
from hnet_seq.cli import VERBS, main, parsed, use_parser, uses_of, verb_parser
from hnet_seq.commands.meaning import excluded
from tests.conftest import make_model

USES = [(verb, name) for verb in VERBS for name in uses_of(verb)]


def names(parser: argparse.ArgumentParser) -> set[str]:
    """Of all options but --help."""
    return {a.dest for a in parser._actions if a.option_strings} - {"help"}


@pytest.mark.parametrize(("verb", "name"), USES)
def test_a_use_has_the_options_that_mean_something_in_it(verb: str, name: str) -> None:
    parser = verb_parser(verb)
    table = parser.get_default("_meant")[""]
    vain = excluded(table, *uses_of(verb)[name].fact)
    found = use_parser(verb, name)
    assert names(found) == names(parser) - vain - {"measured", "mutagenesis", "genes"}
    shown = found.format_help()
    for action in parser._actions:
        if action.dest in vain and action.option_strings:
            assert f"{action.option_strings[0]} " not in shown
            assert found.get_default(action.dest) == action.default


@pytest.mark.parametrize(("verb", "name"), USES)
def test_its_example_can_be_parsed(verb: str, name: str) -> None:
    words = uses_of(verb)[name].example.split()
    assert words[:2] == ["hnet-seq", verb]
    assert parsed(verb, words[2:])[1].verb == verb


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model and an input of each kind."""
    monkeypatch.chdir(tmp_path)
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained("run")
    Path("g.fa").write_text(f">c\n{'ACGTTGCA' * 16}\n")
    Path("v.csv").write_text("chrom,pos,ref,alt\nc,5,T,C\n")
    Path("g.gff").write_text("##gff-version 3\nc\tx\tCDS\t21\t35\t.\t+\t0\tID=a\n")
    rows = "".join(f"{'ACGT'[i % 4] * 3}{'GATC'[i // 4 % 4] * 2}C,{i}.5\n" for i in range(16))
    Path("m.csv").write_text(f"sequence,y\n{rows}")
    return tmp_path


SPELLINGS = {
    "sequences": ("score run g.fa --out a.tsv", "score sequences run g.fa --out b.tsv"),
    "variants": (
        "score run v.csv --genome g.fa --window 32 --out a.tsv",
        "score --window 32 variants run v.csv --genome g.fa --out b.tsv",
    ),
    "mutagenesis": (
        "score run --mutagenesis c:20-22 --genome g.fa --window 32 --out a.tsv",
        "score mutagenesis run c:20-22 --genome g.fa --window 32 --out b.tsv",
    ),
    "genes": (
        "score run --genes g.gff --genome g.fa --window 32 --stops 1 --out a.tsv",
        "score genes run g.gff --genome g.fa --window 32 --stops 1 --out b.tsv",
    ),
    "measured": (
        "score run m.csv --measured y --test-fraction 0.4 --out a.tsv",
        "score measured run m.csv y --test-fraction 0.4 --out b.tsv",
    ),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_both_spellings_of_score_give_the_same_bytes(name: str, here: Path) -> None:
    for line in SPELLINGS[name]:
        assert main([*line.split(), "--device", "cpu"]) == 0
    assert Path("a.tsv").read_bytes() == Path("b.tsv").read_bytes()
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()


def test_both_spellings_of_shard(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for line in ("shard g.fa --out a", "shard make g.fa --out b", "shard check b", "shard peek a"):
        assert main(line.split()) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "whole: 1 shards" in said[2]
    assert said[3].startswith("train: c from 0, 128 tokens")
    (tar,) = (path.name for path in Path("a").glob("*.tar"))
    assert (Path("a") / tar).read_bytes() == (Path("b") / tar).read_bytes()


def test_what_is_called_like_a_use_is_still_an_input(here: Path) -> None:
    """As long as the rest of the line is no input of the use."""
    for name in ("check", "make"):
        Path(name).write_text(Path("g.fa").read_text())
        assert main(["shard", name, "--out", f"{name}_shards"]) == 0
    assert main(["shard", "check", "check_shards"]) == 0
    Path("run").rename("variants")
    assert main(["score", "variants", "v.csv", "--genome", "g.fa", "--out", "a.tsv"]) == 0
    assert main(["score", "variants", "variants", "v.csv", "--genome", "g.fa"]) == 0


WRONG = {
    "score sequences run v.csv": "INPUT: v.csv holds variants; ask for hnet-seq score variants",
    "score variants run g.fa --genome g.fa": "g.fa is read as sequences: no header of VCF, no colum"
    "ns chrom, pos, ref, alt; ask for hnet-seq score sequences",
    "score variants run v.csv": "--genome: variants need the genome",
    "score variants run v.csv --seed 1": "unrecognized arguments: --seed 1; see hnet-seq score var",
    "score mutagenesis run": "arguments are required: REGION; see hnet-seq score mutagenesis",
    "score measured run m.csv": "arguments are required: COLUMN",
    "shard check a --guard 1": "unrecognized arguments: --guard 1; see hnet-seq shard check --help",
    "shard peek": "arguments are required: DIR",
    "shard make g.fa": "--out: is missing",
}


@pytest.mark.parametrize("line", WRONG)
def test_what_a_use_does_not_take(
    line: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code: str | int | None
    try:
        code = main(line.split())
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert WRONG[line] in capsys.readouterr().err


def test_help_of_the_verb_names_its_uses() -> None:
    for verb, name in USES:
        assert f"\n  {name} " in f"{cli.verb_parser(verb).description}"
