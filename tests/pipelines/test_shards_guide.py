"""What docs/shards.md says is what the code does."""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.commands.shard_options import add_arguments
from hnet_seq.experiments import load_experiment
from hnet_seq.tasks.shard import shard
from pipelines.batches.token_batches import PackedBatch
from pipelines.documents.units import UNIT_BYTES
from pipelines.shards import dna_shards
from pipelines.shards import writer as shards
from pipelines.shards.spans import Spans

GUIDE = (Path(__file__).parents[2] / "docs/shards.md").read_text()


@pytest.mark.parametrize(
    ("said", "option"),
    [
        (r"`--guard` bases \(([\d,]+)\)", "guard"),
        (r"`--unknown-run` \(([\d,]+)\)", "unknown_run"),
        (r"`--block-size`\s+\(([\d,]+)\)", "block_size"),
        (r"`--count` \(([\d,]+)\)", "count"),
    ],
)
def test_its_defaults_are_those_of_the_command(said: str, option: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    (number,) = re.findall(said, GUIDE)
    assert int(number.replace(",", "")) == parser.get_default(option)


def test_its_numbers_and_names_are_those_of_the_code() -> None:
    assert f"units* of about {UNIT_BYTES >> 20} MB" in GUIDE
    assert dna_shards.UNIT_BYTES == UNIT_BYTES
    assert f"At most {shards._WAITING_BLOCKS} blocks" in GUIDE
    keys = ", ".join(f'"{field.name}"' for field in dataclasses.fields(Spans))
    assert f"`{{{keys}}}`" in GUIDE
    (fields,) = re.findall(r"batch = train\[1000\]  # (.+)", GUIDE)
    names = [field.name for field in dataclasses.fields(PackedBatch)]
    assert [word.split()[0] for word in fields.split(", ")] == names


def test_its_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    letters = "".join(np.random.default_rng(0).choice(list("ACGT"), 30_000))
    Path("g.fa").write_text(f">r\n{letters}\n")
    shard(["g.fa"], "shards", progress=False)
    python, yaml = (re.findall(rf"```{kind}\n(.+?)```", GUIDE, re.S) for kind in ("python", "yaml"))
    exec(compile("\n".join(python), "docs/shards.md", "exec"), {})
    Path("mixture.yaml").write_text(f"include: [ecoli_demo]\n{yaml[0]}")
    sources = load_experiment("mixture.yaml").data.sources
    assert [(source.name, source.weight) for source in sources] == [("code", 2.0), ("english", 1.0)]
    assert sources[0].labels == ["Python", "C"]
