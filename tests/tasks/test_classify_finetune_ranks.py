"""classify finetune by several processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch.distributed as dist

from hnet_seq.cli import main
from tests.forked import end_all, ranks
from tests.refusals import assert_each_tells, refused
from tests.tasks.conftest import half_of, of_few_layers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (dist.is_available() and dist.is_gloo_available()), reason="torch has no gloo"
    ),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return of_few_layers(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def table(table: Path) -> Path:
    return half_of(table)


@pytest.mark.parametrize(
    ("module", "path"),
    [
        ("hnet_seq.tasks.classification.finetune", "unfinished_folder"),
        ("hnet_seq.tasks.classification.seeds", "append_line"),
        ("hnet_seq.results.classification", "Classification.write"),
    ],
)
def test_what_the_first_process_cannot_write_is_a_line_of_each(
    checkpoint: Path, table: Path, tmp_path: Path, module: str, path: str
) -> None:
    command = ["classify", "finetune", f"{checkpoint}", "--data", f"{table}", "--device", "cpu"]
    command += ["--epochs", "1", "--no-twin", "--out", f"{tmp_path / 'out'}"]
    assert_each_tells(ranks(2, refused, 0, module, path, command, folder=tmp_path))


def test_two_processes_leave_what_one_leaves(checkpoint: Path, table: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    command = ["classify", "finetune", f"{checkpoint}", "--data", f"{table}", "--device", "cpu"]
    command += ["--epochs", "1", "--seeds", "2", "--no-twin", "--out"]
    ended = end_all(ranks(2, main, [*command, f"{two}"], folder=tmp_path))
    assert [own.code for own in ended] == [0, 0], ended[0].err + ended[1].err
    assert main([*command, f"{one}"]) == 0
    assert "H-Net, fine-tuned" in ended[0].out
    assert not ended[1].out
    names = [sorted(path.name for path in folder.rglob("*")) for folder in (one, two)]
    assert names[0] == names[1]
    found, expected = (json.loads((f / "classification.json").read_text()) for f in (two, one))
    assert [row["name"] for row in found["rows"]] == [row["name"] for row in expected["rows"]]
    assert found["fine_tuned"] == expected["fine_tuned"]
    lines = [(folder / "finetune.jsonl").read_text().splitlines() for folder in (two, one)]
    for line, wanted in zip(*lines, strict=True):
        record, other = json.loads(line), json.loads(wanted)
        assert record["loss"] == pytest.approx(other["loss"], abs=1e-3)
        assert record["validation_loss"] == pytest.approx(other["validation_loss"], abs=0.01)
