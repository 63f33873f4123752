"""What docs/explain.md says is what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from hnet_seq import read_result
from hnet_seq.analysis.dependency_controls import BLOCK as UNIT
from hnet_seq.analysis.dependency_controls import FEWEST_UNITS, QUANTILE
from hnet_seq.analysis.paired_arms import DRAWS, MARGIN
from hnet_seq.analysis.shuffle import SHUFFLE_BLOCK
from hnet_seq.cli import main
from hnet_seq.results.explanation import Explanation
from hnet_seq.tasks.choices import (
    EXPLAIN_BASELINES,
    EXPLAIN_MOST_BASES,
    EXPLAIN_SHUFFLES,
    EXPLAIN_STEPS,
    WINDOW,
)
from hnet_seq.tasks.explaining.substituted import BLOCK
from tests.conftest import make_model

GUIDE = (Path(__file__).parents[2] / "docs/explain.md").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the guide's commands were run, on a small genome and model."""
    folder = tmp_path_factory.mktemp("guide")
    letters = "".join(np.random.default_rng(0).choice(list("ACGT"), 1100))
    (folder / "genome.fna.gz").write_text(f">chr1\n{letters}\n")
    (folder / "stems.bedpe").write_text("chr1\t1010\t1014\tchr1\t1020\t1024\ts\t.\t+\t-\n")
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained(folder / "run")
    lines = re.search(r"```\n(hnet-seq explain .+)\n(hnet-seq report .+)\n```", GUIDE)
    assert lines
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = shlex.split(lines[1])[1:]
        assert main([*words, "--window", "120", "--steps", "2", "--device", "cpu"]) == 0
        assert main(shlex.split(lines[2])[1:]) == 0
    return folder


def test_its_command_writes_the_files_that_it_lists(folder: Path) -> None:
    listed = {
        name
        for row in re.findall(r"^\| (`[a-z]+\..+?) \|", GUIDE, re.M)
        for name in re.findall(r"`([a-z]+\.[a-z]+)`", row)
    }
    assert {path.name for path in (folder / "map").iterdir()} - {"report.html"} == listed


def test_its_tables_name_every_column_and_control(folder: Path) -> None:
    named = set(re.findall(r"^\| `([a-z_]+)` \|", GUIDE, re.M))
    found = read_result(folder / "map/explanation.json", Explanation)
    assert found.bases is not None
    assert named == {*found.bases.names, *(own.of for own in found.controls)}
    header = (folder / "map/dependencies.tsv").read_text().split("\n")[0].split("\t")
    assert set(header) - {"name"} <= set(re.findall(r"`([a-z]+)`", GUIDE))


def test_its_numbers_are_those_of_the_code() -> None:
    assert f"at most {EXPLAIN_MOST_BASES:,} bases" in GUIDE
    assert f"`--window` bases ({WINDOW:,})" in GUIDE
    assert f"`--shuffles` ({EXPLAIN_SHUFFLES})" in GUIDE
    assert f"`--baselines` ({EXPLAIN_BASELINES})" in GUIDE
    assert f"`--steps` ({EXPLAIN_STEPS})" in GUIDE
    assert f"a block of {BLOCK} bases" in GUIDE
    assert f"blocks of {SHUFFLE_BLOCK} bases" in GUIDE
    assert f"{DRAWS:,} draws" in GUIDE
    words = {10: "ten"}
    assert f"lie within {words[MARGIN]} bases of the element" in GUIDE
    said = " ".join(GUIDE.split())
    assert f"a jackknife over blocks of {words[UNIT]} bases" in said
    assert f"regions under {UNIT * (FEWEST_UNITS - 1) + 1} bases have none" in said
    assert {0.999: "all but one in a thousand"}[QUANTILE] in GUIDE


def test_its_python_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib").use("Agg")
    monkeypatch.chdir(folder)
    (block,) = re.findall(r"```python\n(.+?)```", GUIDE, re.S)
    names: dict[str, object] = {}
    exec(block, names)
    assert (folder / "dependencies.json").exists()
    assert len(names["table"]) == 16  # type: ignore[arg-type]
