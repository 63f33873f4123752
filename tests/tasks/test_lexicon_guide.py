"""What docs/lexicon.md says is what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.analysis.lexicon.ways import PIECE
from hnet_seq.analysis.shuffle import SHUFFLE_BLOCK
from hnet_seq.analysis.statistics import BLOCK
from hnet_seq.cli import main
from hnet_seq.results.lexicon import Lexicon
from hnet_seq.tasks.choices import LEXICON_MOST_WORDS, LEXICON_SHUFFLED, LEXICON_WORDS
from hnet_seq.tasks.lexicons.features import MOST_KINDS
from hnet_seq.tasks.lexicons.tell import told

GUIDE = (Path(__file__).parents[2] / "docs/lexicon.md").read_text()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the guide's first command leaves, of a small genome."""
    pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("guide")
    letters = "".join(np.random.default_rng(0).choice(list("ACGT"), 4000))
    (folder / "genome.fna.gz").write_text(f">chr1\n{letters}\n")
    (folder / "genes.gff.gz").write_text("chr1\tx\tCDS\t101\t2500\t.\t+\t0\tID=a\n")
    (line,) = re.findall(r"^\$ hnet-seq (lexicon .+)$", GUIDE, re.M)
    assert f"\nhnet-seq {line}\nhnet-seq report words\n" in GUIDE
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*shlex.split(line), "--device", "cpu"]) == 0
        assert main(["report", "words"]) == 0
    return folder / "words"


def test_its_command_writes_the_files_that_it_lists(run: Path) -> None:
    listed = set(re.findall(r"^\| `([a-z0-9.]+)` \|", GUIDE, re.M))
    written = {path.name for path in run.iterdir()} - {"report.html"}
    assert written == {own for own in listed if "." in own}


def test_its_table_has_every_column(run: Path) -> None:
    section = GUIDE.split("## Columns of words.tsv")[1].split("## Controls")[0]
    named = set(re.findall(r"`([a-z_]+(?:_[+-]\d)?)`", section))
    columns = (run / "words.tsv").read_text().split("\n")[0].split("\t")
    shown = {own for own in columns if not own.startswith(("codon_", "in_"))}
    assert shown | {"kind", "in_coding"} <= named
    assert {own for own in columns if own.startswith("codon_")} == {
        f"codon_{strand}{place}" for strand in "+-" for place in (1, 2, 3)
    }


def test_what_it_shows_is_laid_out_as_the_verb_prints_it(run: Path) -> None:
    printed = told(Lexicon.read(run / "lexicon.json"))
    shown = GUIDE.split("```console\n")[1].split("```")[0].splitlines()[1:]

    words, ways = "  word  ", "  cut by  "
    for head in (words, ways):
        (line,) = (own for own in shown if own.startswith(head))
        assert line in printed.splitlines()
    assert re.fullmatch(r"stage 0: [\d,]+ chunks of [\d.]+ bases, .* chunks left out", shown[0])
    after = shown[[own.startswith(ways) for own in shown].index(True) + 1 :]
    found = Lexicon.read(run / "lexicon.json").stages[0].ways
    assert {own[2:28].strip() for own in after if "mers" not in own} == {
        way.way for way in found if "mers" not in way.way
    }


def test_its_numbers_are_those_of_the_code() -> None:
    assert f"`--vocabulary N` ({LEXICON_WORDS:,})" in GUIDE
    assert f"`--shuffled-bases` ({LEXICON_SHUFFLED:,})" in GUIDE
    assert f"(at most {LEXICON_MOST_WORDS:,})" in GUIDE
    assert f"in blocks of {SHUFFLE_BLOCK} bases that keep" in GUIDE
    assert f"pieces of {PIECE:,} letters" in GUIDE
    assert f"each block of {BLOCK // 1000} kb" in GUIDE
    assert f"up\nto {MOST_KINDS} further types" in GUIDE


def test_its_python_runs(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.parent)
    (block,) = re.findall(r"```python\n(.+?)```", GUIDE, re.S)
    *lines, last = block.strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join([*lines, f"found = {last}"]), names)
    tokens = names["found"]
    assert isinstance(tokens, list)
    assert "".join(tokens) == "ATGAAACGCATTAGC"
