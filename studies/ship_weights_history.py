"""What a run and those before it have read: the training part of a card of studies/ship_weights.py.

A run that began with given weights (``--init``) has its own steps and tokens in its log; what the
weights had learned before is in that of the run they are of.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hnet_seq.experiments import load_experiment
from hnet_seq.train.continuation import find_run
from hnet_seq.train.run_folder import RunFolder, step_of
from modalities.errors import InputError


def trained(run: Path, checkpoint: Path) -> dict[str, Any]:
    """Steps, tokens, passes over each source and commands, from random weights to a checkpoint.

    Raises:
        InputError: the run of the weights that one began with is gone, or its log lacks the step.
    """
    config = load_experiment(run / "config.yaml")
    provenance = RunFolder(run).provenance()
    reached = step_of(checkpoint)
    own = record(run, reached, "train")  # a run that was stopped may have none of its last step
    steps = max([config.train.steps, *(change.of for change in config.train.schedule.changes)])
    found: dict[str, Any] = {
        "commands": _commands(provenance, config.train.steps),
        "seeds": [config.seed],
        "objective": config.train.objective,
        "steps": reached,
        "tokens": reached * config.data.batch_tokens,
        "planned_tokens": steps * config.data.batch_tokens,
        "passes": own.get("epochs", {}),
        "versions": provenance["versions"],
    }
    if not config.train.init:
        return found
    given = Path(config.train.init)
    if not given.exists():
        raise InputError(
            given, f"is gone, with whose weights {run} began; put the run where it was"
        )
    folder, first = find_run(given)
    before = trained(folder.path, first or folder.latest())
    for key in ("commands", "seeds", "steps", "tokens"):
        found[key] = before[key] + found[key]
    found["planned_tokens"] = max(before["planned_tokens"], found["planned_tokens"])
    sources = {**before["passes"], **found["passes"]}
    found["passes"] = {
        name: before["passes"].get(name, 0) + found["passes"].get(name, 0) for name in sources
    }
    return found


def record(run: Path, step: int, event: str) -> dict[str, Any]:
    """The last line of a run's log at a step or, of training, before it.

    Raises:
        InputError: there is none.
    """
    log = run / "metrics.jsonl"
    for line in reversed(log.read_text().splitlines()):
        found: dict[str, Any] = json.loads(line)
        there = found["step"] <= step if event == "train" else found["step"] == step
        if there and found["event"] == event:
            return found
    raise InputError(log, f"has no {event} record of step {step}, which the weights are of")


def without_places(word: str) -> str:
    """``yeast=/data/shards/yeast`` as ``yeast=yeast``: where things lay is nobody's business."""
    key, equals, value = word.rpartition("=")
    if "/checkpoints/" in value:
        run, _, step = value.rpartition("/checkpoints/")
        value = f"{Path(run).name}/checkpoints/{step}"
    elif "/" in value:
        value = Path(value).name
    return f"{key}{equals}{value}"


def _commands(provenance: dict[str, Any], steps: int) -> list[str]:
    commands = [" ".join(map(without_places, provenance["command"]))]
    if "branch_of" in provenance:
        at = f"checkpoints/step-{provenance['at_step']:06d}"
        branch = f"{without_places(provenance['branch_of'])}/{at}"
        commands.append(f"hnet-seq pretrain --resume {branch} train.steps={steps} --out NEW")
    return commands
