"""Every key is explained, in one place: the docstring of its dataclass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hnet_seq.cli import main
from hnet_seq.config import ExperimentConfig
from hnet_seq.configuration_keys import as_override, keys_of, page
from hnet_seq.experiment_files import shipped
from hnet_seq.experiments import load_experiment
from modalities.errors import UsageError

PAGE = Path(__file__).parents[1] / "docs/configuration.md"
Capture = pytest.CaptureFixture[str]


def test_every_key_is_explained() -> None:
    keys = keys_of(ExperimentConfig())
    assert {"seed", "data.context", "train.schedule.decay", "data.sources[].weight"} <= {
        key.name for key in keys
    }
    assert [key.name for key in keys if not key.text] == []
    assert [key.name for key in keys if not 2 < len(key.sentence) < 260] == []


def test_the_page_of_keys_is_made_of_the_dataclasses() -> None:
    assert PAGE.read_text() == page(), "python -m hnet_seq.configuration_keys > the page"


@pytest.mark.parametrize("name", shipped())
def test_info_of_every_experiment_explains_its_keys(name: str, capsys: Capture) -> None:
    assert main(["info", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    config = load_experiment(name)
    keys = keys_of(config)
    assert [line.partition("=")[0].split()[0] for line in lines] == [key.name for key in keys]
    assert all(line.endswith(key.sentence) for line, key in zip(lines, keys, strict=True))
    assert f"train.steps={config.train.steps} " in "\n".join(lines)


def test_info_of_an_experiment_shows_every_key(capsys: Capture) -> None:
    assert main(["info", "ecoli_demo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (context,) = [line for line in lines if line.startswith("data.context=")]
    assert context.split(maxsplit=1) == ["data.context=1024", "tokens of a training sequence"]
    assert main(["info", "ecoli_demo", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    found = {key["name"]: key["value"] for key in about["keys"]}
    assert found["train.ratio_loss.targets"] == [3.0]
    assert len(found) == len(lines)


# One of bases, one of several sources, one with a mask; what is read is the same for all.
@pytest.mark.parametrize("name", ["ecoli_demo", "dna_text", "ecoli_masked"])
def test_what_info_shows_is_what_the_command_line_takes(name: str) -> None:
    config = load_experiment(name)
    given = [f"{key.name}={as_override(key.value)}" for key in keys_of(config) if key.shown]
    assert load_experiment(name, given) == config


def test_an_included_file_is_looked_for_beside_the_one_that_includes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "part.yaml").write_text("include: [ecoli_demo]\ntrain: {steps: 7}\n")
    (tmp_path / "whole.yaml").write_text("include: part.yaml\nseed: 3\n")
    monkeypatch.chdir("/")
    config = load_experiment(tmp_path / "whole.yaml")
    assert (config.seed, config.train.steps, config.data.context) == (3, 7, 1024)
    assert main(["info", str(tmp_path / "whole.yaml")]) == 0
    assert "train.steps=7 " in capsys.readouterr().out
    (tmp_path / "part.yaml").write_text("include: [whole.yaml]\n")
    with pytest.raises(UsageError, match=r"part.yaml: includes .*whole.yaml, which includes it"):
        load_experiment(tmp_path / "whole.yaml")
