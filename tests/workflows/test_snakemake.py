"""The Snakemake workflow on small genomes: from nothing, killed and started again, and linted."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hnet_seq.cli import main
from hnet_seq.results.boundaries import Boundaries
from hnet_seq.results.read import read_result
from hnet_seq.results.run import Log, ValidationEvent
from tests.workflows.project import EXAMPLES, OVERRIDES, SHEET, make_project, snakemake_config, tool
from tests.workflows.served import Served
from tests.workflows.snakemake_runs import SNAKEMAKE, SnakemakeRuns

FOLDER = EXAMPLES / "workflows/snakemake"
needs_snakemake = pytest.mark.skipif(
    SNAKEMAKE is None, reason="Snakemake is not installed: examples/workflows/requirements.txt"
)


@pytest.fixture(scope="module")
def snakemake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnakemakeRuns]:
    runs = SnakemakeRuns(tmp_path_factory.mktemp("home"))
    yield runs
    runs.close()


@needs_snakemake
def test_a_workflow_that_is_killed_in_a_training_ends_with_the_same_bytes(
    snakemake: SnakemakeRuns, tmp_path: Path
) -> None:
    make_project(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(snakemake_config()))
    full, bare = tmp_path / "results/full", tmp_path / "results/bare"
    with Served(tmp_path) as served:
        served.kill_next_training = True
        code, said = snakemake(
            tmp_path, "--cores", "1", "results/full/pretrained.sha256", first=served.bin
        )
        assert code == -signal.SIGKILL, said
        first = full / "run/checkpoints/step-000002/model.safetensors"
        saved = first.stat().st_mtime_ns
        assert not (full / "pretrained.sha256").exists()

        code, said = snakemake(tmp_path, "--cores", "2", "--nolock", first=served.bin)
        assert code == 0, said
    assert first.stat().st_mtime_ns == saved  # not begun anew

    alone = tmp_path / "alone"
    words = ["ecoli_demo", *OVERRIDES, "--data", f"{full / 'shards'}", "--out", f"{alone}"]
    assert main(["pretrain", *words, "--device", "cpu"]) == 0
    last = "checkpoints/step-000004/model.safetensors"
    assert (full / "run" / last).read_bytes() == (alone / last).read_bytes()
    bits = [
        event.bits_per_token
        for run in (full / "run", alone)
        for event in read_result(run / "metrics.jsonl", Log).events
        if isinstance(event, ValidationEvent)
    ]
    assert len(bits) == 2
    assert bits[0] == bits[1]

    assert (full / "pretrained.sha256").read_text() == (
        full / "run/checkpoints/step-000004/checkpoint.sha256"
    ).read_text()
    found = read_result(full / "run/boundaries.json", Boundaries)
    assert found.bases == 3000  # of held_out
    page = (full / "run/report.html").read_text()
    assert "start codon" in page
    assert "MCC" in page
    assert {path.name for path in (full / "labelled/sites").iterdir()} >= {
        *("vectors.parquet", "vectors.json", "classification.json", "probe.npz", "report.html"),
    }
    assert sorted(path.name for path in (bare / "run").glob("*.*")) == [
        *("chunks.bed", "config.yaml", "markov.json", "metrics.jsonl", "report.html", "run.json"),
    ]
    assert (tmp_path / "results/versions.txt").read_text().startswith("snakemake 9.")


@needs_snakemake
@pytest.mark.parametrize(
    ("sheet", "said"),
    [
        (SHEET + "a\tgenome.fa\nb\t\t\t\t\t\n", "line 3: genome: '' should be non-empty\n"),
        (SHEET + "a\tgenome.fa\na \tb.fa\n", "line 3: a stands above, too; rename it\n"),
        (SHEET + "a\ta.fa\t\t\t\t\tb.csv\n", "line 2: has more cells than the header\n"),
        (SHEET + "logs\ta.fa\n", "line 2: name: 'logs' does not match"),
        (SHEET + 'a\t"genome.fa\n', "save it as UTF-8 with tabs between cells\n"),
        (SHEET + "\udce9\ta.fa\n", "save it as UTF-8 with tabs between cells\n"),
        ("name\tgenome\tannotations\na\ta.fa\n", "('annotations' was unexpected)\n"),
        (SHEET + "a\tgenome.fa\t\t\t\tx/s.csv,y/s.tsv\n", "labelled; rename one\n"),
    ],
)
def test_a_sheet_that_cannot_be_meant_is_told_in_a_line(
    snakemake: SnakemakeRuns, tmp_path: Path, sheet: str, said: str
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(snakemake_config()))
    (tmp_path / "samples.tsv").write_text(sheet, "utf-8", "surrogateescape")
    code, told = snakemake(tmp_path, "--configfile", f"{config}", "--dry-run")
    assert code == 1
    assert "\nsamples.tsv" in told
    assert said in told


@needs_snakemake
def test_it_is_linted_as_it_comes(snakemake: SnakemakeRuns) -> None:
    lint = ["--configfile", f"{FOLDER / 'config/config.yaml'}", "--lint"]
    code, told = snakemake(EXAMPLES.parent, *lint)
    assert code == 0, told


@pytest.mark.skipif(tool("snakefmt") is None, reason="snakefmt is not installed")
def test_it_is_laid_out_as_snakefmt_does() -> None:
    ended = subprocess.run([f"{tool('snakefmt')}", "--check", FOLDER], capture_output=True)
    assert ended.returncode == 0, ended.stderr


def test_its_configuration_has_what_the_schema_asks_for() -> None:
    """Also where Snakemake is not installed."""
    config = yaml.safe_load((FOLDER / "config/config.yaml").read_text())
    schema = yaml.safe_load((FOLDER / "workflow/schemas/config.schema.yaml").read_text())
    assert config.keys() == set(schema["required"]) == snakemake_config().keys()
    row = yaml.safe_load((FOLDER / "workflow/schemas/samples.schema.yaml").read_text())
    assert SHEET.split() == list(row["properties"])
    assert (FOLDER / "config/samples.tsv").read_text().startswith(SHEET)
