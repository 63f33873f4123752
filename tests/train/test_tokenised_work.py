"""What the page, the experiments and info say of equal work of tokenised models holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hnet_seq.cli import main
from hnet_seq.experiments import load_experiment
from hnet_seq.model.matched import flops_per_letter

GUIDE = Path(__file__).parents[2] / "docs/tokenised.md"


def test_the_experiments_have_the_work_of_those_that_the_page_puts_beside_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [line for line in GUIDE.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) == 4
    for row in rows:
        name, beside = row.replace("`", "").split(" | ")[:2]
        name = name.removeprefix("| ")
        letters = ["--letters-per-token", "3.3" if "text" in name else "4.6"]
        command = ["info", name, "--as-flops-of", beside, "--context", "1024", "--json"]
        assert main([*command, *([] if "6mer" in name else letters)]) == 0
        about = json.loads(capsys.readouterr().out)
        wanted = about["other"]["flops_per_letter"]
        assert about["model"]["flops_per_letter"] == pytest.approx(wanted, rel=0.05)
        experiment = load_experiment(name)
        layout = experiment.model.arch_layout[0]
        assert f"{layout} of width {experiment.model.d_model[0]}" in row


def test_what_info_says_of_equal_work_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["info", "dna_6mer_mamba2", "--as-flops-of", "code_text", "--json"]
    assert main([*command, "--context", "1024"]) == 0
    about = json.loads(capsys.readouterr().out)
    for way in ("layers", "width"):
        found = about[way]
        keys = [f"{key}={value}" for key, value in found["keys"].items()]
        shape = load_experiment("dna_6mer_mamba2", keys).model
        assert flops_per_letter(shape, 1024, [], 6) == found["flops_per_letter"]
        assert found["flops_per_letter"] == pytest.approx(
            about["other"]["flops_per_letter"], rel=0.06
        )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ecoli_demo", "--as-flops-of", "code_text"], "isotropic layouts of one kind"),
        (["text_bpe_mamba2", "--as-flops-of", "code_text"], "--letters-per-token"),
        (["ecoli_isotropic", "--as-flops-of", "text_bpe_mamba2"], "give a run of it"),
    ],
)
def test_work_that_cannot_be_matched_is_refused(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", *arguments]) == 2
    assert says in capsys.readouterr().err
