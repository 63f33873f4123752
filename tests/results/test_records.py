"""Files of results as records: what the verbs wrote before there was a schema is read and shown."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq import read_result
from hnet_seq.report.page import build_page, build_results_page
from hnet_seq.report.run_data import is_run, read_run
from hnet_seq.results.analyses import Stability
from hnet_seq.results.boundaries import Boundaries, Region
from hnet_seq.results.classification import Classification
from hnet_seq.results.markov import Markov
from hnet_seq.results.read import KINDS
from hnet_seq.results.run import Log
from hnet_seq.tasks.report import summary
from modalities.errors import InputError

OLD = Path(__file__).parent / "old"  # by the build before records, and its pages
FILES = sorted(path for path in OLD.rglob("*.json*"))


def content_of(path: Path) -> Any:
    text = path.read_text()
    return (
        [json.loads(x) for x in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)
    )


def test_there_is_an_old_file_of_every_kind() -> None:
    found = {type(read_result(path)) for path in FILES}
    assert found == {*KINDS.values(), Log}


def test_a_line_of_a_log_is_what_its_record_reads_or_is_not_written() -> None:
    for path in (own for own in FILES if own.suffix == ".jsonl"):
        for values in content_of(path):
            assert json.loads(Log.line(values)) == values
            with pytest.raises(InputError, match=r"'(epoch|step)' is \"first\""):
                Log.line({**values, "epoch": "first", "step": "first"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(OLD).as_posix())
def test_a_record_that_is_written_is_read_again_and_has_all_of_the_old_file(
    path: Path, tmp_path: Path
) -> None:
    record = read_result(path)
    again = tmp_path / path.name
    record.write(again)
    assert read_result(again) == record
    assert type(record).read(again) == record
    assert not list(tmp_path.glob(".*"))
    before, now = content_of(path), content_of(again)
    if path.suffix == ".jsonl":
        assert len(before) == len(now)
        for old, new in zip(before, now, strict=True):
            assert old.items() <= new.items() if "stages" not in old else old.keys() <= new.keys()
        return
    assert now["schema"] == 1
    assert {key: now[key] for key in before} == before


PAGES = ("run", "bytes", "results", "lexicon", "audit", "explanation", "benchmark")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_of_old_files_is_the_same(name: str) -> None:
    folder = OLD / name
    page = (
        build_page(read_run(folder)) + summary(read_run(folder), None) + "\n"
        if is_run(folder)
        else (build_results_page(folder))
    )
    assert page == gzip.decompress((OLD / f"{name}.page.gz").read_bytes()).decode()


def test_a_written_file_says_what_it_is_under_any_name(tmp_path: Path) -> None:
    read_result(OLD / "results" / "stability.json").write(tmp_path / "other.json")
    assert isinstance(read_result(tmp_path / "other.json"), Stability)
    (tmp_path / "other.json").write_text((OLD / "results" / "stability.json").read_text())
    with pytest.raises(InputError, match=r"other\.json: kind is None; expected .*stability"):
        read_result(tmp_path / "other.json")
    assert isinstance(read_result(tmp_path / "other.json", Stability), Stability)


def test_a_later_schema_and_another_kind_are_told(tmp_path: Path) -> None:
    path = tmp_path / "markov.json"
    content = json.loads((OLD / "run" / "markov.json").read_text())
    path.write_text(json.dumps(content | {"schema": 2}))
    with pytest.raises(InputError, match=r"'schema' is 2, this version reads up to 1; install"):
        read_result(path)
    path.write_text(json.dumps(content | {"of a version to come": 1}))
    assert read_result(path, Markov).best_order == content["best_order"]
    with pytest.raises(InputError, match=r"kind is 'markov'; expected boundaries"):
        read_result(path, Boundaries)
    with pytest.raises(InputError, match="cannot be read"):
        read_result(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("run/region.json", {"end": 7}, "boundary probabilities for bases"),
        ("run/boundaries.json", {"bases": True}, "'bases' is true; expected a whole number"),
        ("run/markov.json", {"train_bases": None}, "no 'train_bases'"),
        ("run/run.json", {"command": "pretrain"}, "'command' is \"pretrain\"; expected a list"),
        ("bytes/text_boundaries.json", {"labels": [{}]}, "labels[0]: no 'documents'"),
        ("results/numbers.json", {"problem": "else"}, "problem 'else' is not known"),
        ("results/labels.json", {"rows": [{"name": 1}]}, "rows[0]: 'name' is 1; expected text"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, name: str, change: dict[str, Any], said: str
) -> None:
    path = tmp_path / Path(name).name
    path.write_text(json.dumps(json.loads((OLD / name).read_text()) | change))
    with pytest.raises(InputError) as caught:
        read_result(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert said in message
    assert "\n" not in message


def test_results_are_read_without_torch() -> None:
    words = (
        "import sys, hnet_seq; hnet_seq.read_result(sys.argv[1]); sys.exit('torch' in sys.modules)"
    )
    path = OLD / "run" / "region.json"
    assert subprocess.run([sys.executable, "-c", words, path], check=False).returncode == 0


def test_a_region_is_checked_where_it_is_made() -> None:
    with pytest.raises(ValueError, match="2 boundary probabilities for bases 0-1"):
        Region(
            sequence="c",
            start=0,
            end=1,
            bases="A",
            boundary_prob=[0.5, 0.5],
            boundaries=[],
            genes=[],
        )


def test_a_number_of_numpy_is_one(tmp_path: Path) -> None:
    content = json.loads((OLD / "run" / "classification.json").read_text())
    row = content["rows"][0]
    row["mcc"] = np.float64(row["mcc"])
    Classification.of(content).write(tmp_path / "classification.json")
    assert read_result(tmp_path / "classification.json", Classification).rows == content["rows"]
    row["mcc"] = True
    with pytest.raises(InputError, match=r"rows\[0\]: 'mcc' is true; expected a number"):
        Classification.of(content)
