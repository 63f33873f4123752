"""Damaged files are refused in one line that names file, place and remedy."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from hnet_seq.report.run_data import read_run
from modalities.errors import InputError


def refusal(run: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_run(run)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"event": "train", "step": 1', "not a JSON object"),
        ("[1, 2]", "expected a JSON object, found [1, 2]"),
        ("{}", "no 'event'"),
        ('{"event": "train", "step": 1, "bits_per_token": 2.0, "stages": []}', "no 'tokens'"),
        (
            '{"event": "train", "step": 1, "tokens": "many", "bits_per_token": 2, "stages": []}',
            "'tokens' is \"many\"; expected a whole number",
        ),
        (
            '{"event": "train", "step": 1, "tokens": 9, "bits_per_token": 2, "stages": [7]}',
            "expected a JSON object, found 7",
        ),
        ("\xff\xfe", "not a JSON object"),
    ],
)
def test_a_malformed_metrics_line_is_named(make_run, line: str, said: str) -> None:
    run = make_run()
    log = run / "metrics.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:6], line.encode("latin-1") + b"\n", *lines[7:]]))
    message = refusal(run)
    assert message.startswith(f"{log}: line 7")
    assert said in message


def test_a_chunk_length_must_be_a_length(make_run) -> None:
    run = make_run()
    log = run / "metrics.jsonl"
    log.write_text(log.read_text().replace('{"1": ', '{"one": '))
    assert "line 6, stages[0]: chunk_length_histogram: 'one' is not a length" in refusal(run)


@pytest.mark.parametrize("name", ["markov", "boundaries", "region", "classification", "run"])
def test_files_that_are_not_json_are_named(make_run, name: str) -> None:
    run = make_run()
    (run / f"{name}.json").write_text('{"orders": [')
    message = refusal(run)
    assert message.startswith(str(run / f"{name}.json"))
    assert "not JSON" in message


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("markov.json", {"orders": 5}, "'orders' is 5; expected a list"),
        ("markov.json", {"best_order": 99}, "best_order 99 is not among the orders"),
        ("markov.json", {"orders": [{"order": 0}]}, "orders[0]: no 'bits_per_base'"),
        ("boundaries.json", {"regions": [{"name": "x"}]}, "regions[0]: no 'rate'"),
        ("boundaries.json", {"codon_position": [3]}, "codon_position[0]: expected a JSON object"),
        ("boundaries.json", {"bases": None}, "'bases' is null"),
        ("boundaries.json", {"bases": math.inf}, "'bases' is inf; expected a whole number"),
        ("markov.json", {"best_order": 1.5}, "'best_order' is 1.5; expected a whole number"),
        ("region.json", {"boundary_prob": [0.5]}, "1 boundary probabilities for bases 336000-"),
        ("region.json", {"genes": [{"name": "a"}]}, "genes[0]: no 'start'"),
        ("classification.json", {"rows": [{"name": "a"}]}, "rows[0]: no 'kind'"),
        ("classification.json", {"audit": []}, "audit: expected a JSON object, found []"),
    ],
)
def test_wrong_content_is_named(make_run, name: str, change: dict[str, Any], said: str) -> None:
    run = make_run()
    content = json.loads((run / name).read_text()) | change
    (run / name).write_text(json.dumps(content))
    message = refusal(run)
    assert message.startswith(str(run / name))
    assert said in message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"event": "train", "step": 1, "tokens": 1e999}', "'tokens' is inf; expected a whole"),
        ('{"event": "train", "step": NaN, "tokens": 1}', "'step' is nan; expected a whole"),
        (
            '{"event": "train", "step": 1, "tokens": 1, "bits_per_token": 2, '
            '"stages": [{"target": 0, "tokens_per_chunk": 1, "mean_boundary_prob": 1}]}',
            "stages[0]: 'target' is 0; expected more than 0",
        ),
        ("[" * 100_000, "not a JSON object"),
    ],
)
def test_a_log_that_cannot_be_drawn_is_named_with_its_line(make_run, line: str, said: str) -> None:
    run = make_run()
    (run / "metrics.jsonl").write_text(f"\n{line}\n")
    message = refusal(run)
    assert message.startswith(f"{run / 'metrics.jsonl'}: line 2")
    assert said in message


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    assert "not a run folder" in refusal(tmp_path)
    assert "no such folder" in refusal(tmp_path / "nowhere")


def test_events_of_other_writers_are_passed_over(make_run) -> None:
    run = make_run()
    before = read_run(run).metrics
    with (run / "metrics.jsonl").open("a") as stream:
        stream.write('{"event": "note", "text": "resumed"}\n')
    assert read_run(run).metrics == before


def test_boundaries_without_the_optional_tables_are_read(make_run) -> None:
    run = make_run()
    content = json.loads((run / "boundaries.json").read_text())
    del content["homopolymer_place"]
    for section in ("codon_position", "regions", "homopolymer", "features"):
        for row in content[section]:
            del row["context_control"]
    (run / "boundaries.json").write_text(json.dumps(content))
    found = read_run(run).boundaries
    assert found is not None
    assert not found.homopolymer_place
    assert found.regions[0].context_control is None
