"""A run's life: micro-batches, given weights, more steps."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.cases.case import Case


def _lines(run: Path, event: str) -> list[dict[str, Any]]:
    records = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [record for record in records if record["event"] == event]


def _shards(case: Case) -> Path:
    shards = case.out / "shards"
    split = ["--validation", "last:0.2", "--guard", "0"]
    case.right("shard", case["genome.fa"], *split, "--out", shards)
    return shards


def micro_batch_changes_windows(case: Case) -> None:
    shards, found = _shards(case), []
    for tokens in (2048, 512, 256):
        run = case.out / f"m{tokens}"
        key = f"data.micro_batch_tokens={tokens}"
        case.right("pretrain", case["tiny.yaml"], key, "--data", shards, "--out", run)
        training, validation = _lines(run, "train")[0], _lines(run, "validation")[0]
        assert training["step"] == validation["step"] == 1
        figures = [training["loss"], training["bits_per_token"], validation["bits_per_token"]]
        found.append(figures)
    assert found[1] == pytest.approx(found[0], rel=1e-6)
    assert found[2] == pytest.approx(found[0], rel=1e-6)


def more_steps_for_a_finished_run(case: Case) -> None:
    shards, run, tiny = _shards(case), case.out / "run", case["tiny.yaml"]
    case.right("pretrain", tiny, "--data", shards, "--out", run)
    first = _lines(run, "train")
    edited = case.out / "edited"
    case.right("pretrain", "--resume", run, "--out", edited)
    answer = case.right("pretrain", "--resume", run, "train.steps=8")
    assert "train.steps is 8, was 4" in answer.err
    assert "back to 0.003 at step 5" in answer.err
    training = _lines(run, "train")
    assert training[:4] == first
    assert [line["step"] for line in training] == list(range(1, 9))
    # An edited configuration is the same request.
    config = edited / "config.yaml"
    config.write_text(config.read_text().replace("steps: 4", "steps: 8"))
    assert "train.steps is 8, was 4" in case.right("pretrain", "--resume", edited).err
    rates = [line["learning_rate"] for line in training]
    assert [line["learning_rate"] for line in _lines(edited, "train")] == rates
    # And the branch before the fall is the run that had eight steps from its beginning.
    case.right("pretrain", tiny, "train.steps=8", "--data", shards, "--out", case.out / "eight")
    stable = run / "checkpoints/step-000002"
    branch = case.out / "branch"
    case.right("pretrain", "--resume", stable, "train.steps=8", "--out", branch)
    losses = [[line["loss"] for line in _lines(r, "train")] for r in (branch, case.out / "eight")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def pretrain_from_given_weights(case: Case) -> None:
    shards, run = _shards(case), case.out / "run"
    command: list[str | Path] = [
        "pretrain",
        case["tiny.yaml"],
        "--data",
        shards,
        "--init",
        case.model,
        "--out",
        run,
    ]
    case.right(*command)
    source = sorted(case.model.glob("checkpoints/step-*/model.safetensors"))[-1]
    first = run / "checkpoints/step-000000"
    given, begun = load_file(source), load_file(first / "model.safetensors")
    assert given.keys() == begun.keys()
    assert all(torch.equal(given[name], begun[name]) for name in given)
    state = torch.load(first / "trainer.pt", weights_only=True)
    assert (state["step"], state["optimizer"]["state"]) == (0, {})
    assert _lines(run, "train")[0]["step"] == 1
    recorded = json.loads((run / "run.json").read_text())["init"]
    assert recorded["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    other = [*command[:-1], case.out / "other"]
    case.refused(*other, "model.d_model=[64,64]", naming="model.d_model")
    case.refused(*other, "model.vocab_size=9", naming="model.vocab_size")
