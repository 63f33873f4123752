"""docs/scores.md: its commands and examples run as written, and its tables leave nothing out."""

from __future__ import annotations

import gzip
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.tasks.scoring import gene_verb, outputs, variant_files
from hnet_seq.tasks.scoring.measured_effects import measured_effects
from hnet_seq.tasks.scoring.variant_windows import WINDOW
from tests.conftest import make_model

GUIDE = (Path(__file__).parents[2] / "docs/scores.md").read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the guide names."""
    monkeypatch.chdir(tmp_path)
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained("run")
    generator = np.random.default_rng(0)
    record = "".join(generator.choice(list("ACGT"), 260))
    with gzip.open("genome.fna.gz", "wt") as file:
        file.write(f">chr1\n{record}\n")
    with gzip.open("windows.fa.gz", "wt") as file:
        file.write(f">a\n{record[:50]}\n>b\n{record[50:99]}\n")
    with gzip.open("variants.vcf.gz", "wt") as file:
        file.write(
            "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
            f"chr1\t90\t.\t{record[89]}\t{record[89]}A\t.\t.\tDP=3\n"
        )
    Path("calls.vcf").write_text(
        '##fileformat=VCFv4.3\n##contig=<ID=chr1>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA1\n"
        f"chr1\t95\t.\t{record[94]}\t{record[94]}C\t.\t.\t.\tGT\t0|1\n"
    )
    Path("genes.gff").write_text("##gff-version 3\nchr1\tx\tCDS\t31\t60\t.\t+\t0\tID=a\n")
    Path("variants.csv").write_text(f"chrom,pos,ref,alt\nchr1,90,{record[89]},{record[89]}A\n")
    rows = [
        f"{''.join(generator.choice(list('ACGT'), 9))},{generator.random():.3f},{side}"
        for side in ("train", "test") * 10
    ]
    Path("promoters.csv").write_text("sequence,expression,set\n" + "\n".join(rows) + "\n")
    return tmp_path


def test_its_commands_and_examples_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = "".join(re.findall(r"```console\n(.+?)```", GUIDE, re.S)).splitlines()
    assert len(commands) == 8
    for command in commands:
        if "--haplotypes" in command and find_spec("pysam") is None:
            continue
        program, *arguments = shlex.split(command)
        assert program == "hnet-seq"
        assert main(arguments) == 0, f"{command}: {capsys.readouterr().err}"
        out = folder / arguments[-1]
        assert out.is_file(), command
        name = out.name.removesuffix(".gz")
        assert (folder / name).with_suffix(".json").is_file(), command
    drawn = {"mutagenesis.svg", "mutagenesis.html", "bits.bw", "beyond.bw"}
    assert drawn <= {path.name for path in folder.iterdir()}
    capsys.readouterr()
    examples = [x for x in re.findall(r"```python\n(.+?)```", GUIDE, re.S) if "mavenn" not in x]
    variants, haplotypes, mutagenesis, genes = (
        compile(own, "docs/scores.md", "exec") for own in examples
    )
    exec(variants, {})
    assert capsys.readouterr().out.startswith("chr1 90 insertion ")
    if find_spec("pysam") is not None:
        exec(haplotypes, {})
        first, second = capsys.readouterr().out.splitlines()
        assert first.startswith("90 NA1 1 False ")
        assert second.startswith("90 NA1 2 False ")
    names: dict[str, Any] = {}
    exec(mutagenesis, names)
    assert names["effects"].shape == (4, 4)
    exec(genes, names)
    assert list(names["table"]["gene"]) == ["a"]


def test_its_tables_name_every_column_and_row() -> None:
    described = GUIDE.split("| column | what |")[1].split("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|[^|]*\|", described, re.M))))
    assert named == {*variant_files.NUMBERS, "kind", "skipped"}
    described = GUIDE.split("| column on haplotypes | what |")[1].split("\n\n")[0]
    columns = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|[^|]*\|", described, re.M)))
    assert tuple(columns) == variant_files.ON_HAPLOTYPES
    described = GUIDE.split("| column of a gene | what |")[1].split("\n\n")[0]
    columns = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|[^|]*\|", described, re.M)))
    assert tuple(columns) == gene_verb.HEADER
    assert f"`--window` bases ({WINDOW:,})" in GUIDE
    for suffix in outputs.VARIANTS:
        assert f"`{suffix}`" in GUIDE
    rows = GUIDE.split("| row | sees |")[1].split("\n\n")[0]
    assert "log-likelihood" in f"{measured_effects.__doc__}"
    assert len(re.findall(r"^\|", rows, re.M)) == 1 + 7
