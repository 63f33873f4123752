"""docs/policies.md: its experiments can be run, its Python runs, and it leaves no policy out."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import torch

from hnet_seq.experiments import load_experiment
from hnet_seq.model.boundary_policy import POLICIES
from tests.conftest import make_model

GUIDE = (Path(__file__).parents[2] / "docs/policies.md").read_text()


def test_every_policy_has_a_row_and_an_experiment_that_loads() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)
    assert sorted(rows) == sorted(POLICIES)
    lines = re.findall(r"^hnet-seq pretrain (.+)$", GUIDE, re.MULTILINE)
    tried = set()
    for line in lines:
        name, *words = shlex.split(line)
        overrides = [word for word in words if "=" in word]
        config = load_experiment(name, overrides)
        rule = config.model.boundary_policy(0)
        tried.add(rule.policy)
        if rule.policy == "stride":
            assert config.train.ratio_loss.targets == [float(rule.every)]
    assert tried == set(POLICIES)


def test_its_python_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    names: dict[str, Any] = {
        "model": make_model("one stage").eval(),
        "ids": torch.zeros(7, dtype=torch.int64),
    }
    exec(compile(block, "docs/policies.md", "exec"), names)
    mask = names["out"].boundaries[0].boundary_mask
    assert mask.nonzero().squeeze(1).tolist() == [0, 3, 6]
