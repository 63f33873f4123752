"""What docs/explore.md says is what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from hnet_seq import read_result
from hnet_seq.cli import main, verb_parser
from hnet_seq.report.part_of_region import AROUND
from hnet_seq.results.explored import Explored
from hnet_seq.tasks.choices import LEFT_CONTEXT, WINDOW
from hnet_seq.tasks.explore import FIRST
from hnet_seq.tasks.exploring.explorer import MOST_MAP
from hnet_seq.tasks.exploring.sources import WHOLE
from hnet_seq.tasks.segmentation.genes import MOST
from pipelines.formats.genome import _WORTH
from tests.tasks.explore_pages import explorer_of, of_dna, write_genome

GUIDE = (Path(__file__).parents[2] / "docs/explore.md").read_text()


def test_its_export_opens_with_the_gene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_genome(tmp_path).rename(tmp_path / "genome.fna.gz")
    (tmp_path / "genes.gff").rename(tmp_path / "genes.gff.gz")
    of_dna().save_pretrained(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    line = re.search(r"^hnet-seq (explore .+ --export .+)$", GUIDE, re.M)
    assert line
    assert main(shlex.split(line[1])) == 0
    assert '"record":"chr1","length":13500,"start":11850' in (tmp_path / "page.html").read_text()


def test_its_python_reads_what_the_page_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = explorer_of(write_genome(tmp_path), of_dna())
    shown = explorer.whole(explorer.file, ("odd", 10, 60))
    shown.write(tmp_path / "explored.json")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    known: dict[str, object] = {}
    exec(code, known)
    found = read_result("explored.json", Explored)
    assert known["found"] == found == shown
    assert np.all(np.diff(found.lanes[0].stages[0].boundaries) > 0)


def test_its_options_and_numbers_are_those_of_the_code() -> None:
    options = {o for a in verb_parser("explore")._actions for o in a.option_strings}
    listed = set(re.findall(r"^\| `(--[a-z]+)", GUIDE, re.M))
    assert listed == options - {"-h", "--help", "--device"}
    for number in (FIRST, MOST, AROUND, MOST_MAP, WINDOW, LEFT_CONTEXT, WHOLE):
        assert f"{number:,} b" in " ".join(GUIDE.split()), number
    assert f"up to {_WORTH // 10**6} MB of file" in " ".join(GUIDE.split())
