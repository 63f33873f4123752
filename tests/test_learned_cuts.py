"""The study of learned chunks: its plan, the halves of what is held out, its page, a toy of it."""

from __future__ import annotations

import importlib
import json
import random
import re
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from modalities.errors import InputError
from pipelines.batches.token_batches import TokenBatches

PAGE = Path(__file__).parents[1] / "docs/learned_cuts.md"
STUDY = Path(__file__).parents[1] / "studies/learned_cuts/study.yaml"
BASE = """
include: [train/wsd]
model:
  {arch_layout: [m1, [m1], m1], d_model: [64, 64], d_intermediate: [0, 0], ssm_cfg: {d_state: 16}}
data: {context: 64, batch_tokens: 128, validation_tokens: 128}
train:
  residual_proj: identity
  ratio_loss: {targets: [3.0], weights: [1.0]}
  validate_every: 0
  checkpoint_every: 0
  log_every: 1
"""
TOY = """
base: base.yaml
budget: 1.0e-3
reference: learned
short: 0.25
rates: [1.0, 2.0]
seeds: [0, 1]
close: 10.0
data:
  text: {title: words, modality: text, inputs: [text.txt], held_out: 0.2}
arms:
  learned: {title: learned, kind: learned}
  pairs:
    title: pairs
    kind: tokenised
    keys:
      data.tokenizer: bpe
      model.vocab_size: 280
      model.arch_layout: [m1]
      model.d_model: [64]
      model.d_intermediate: [0]
      train.ratio_loss.targets: []
      train.ratio_loss.weights: []
"""


def part(name: str) -> Any:
    """A module of the study; it is no part of the package."""
    return importlib.import_module(f"studies.learned_cuts.{name}")


def call(*words: object) -> int:
    code: int = part("__main__").main([f"{word}" for word in words])
    return code


@pytest.fixture
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def toy(tmp_path: Path) -> SimpleNamespace:
    """A study of two arms, and what its commands are called with."""
    words = random.Random(0).choices(["the", "cat", "sat", "über", "a", "mat"], k=1200)
    (tmp_path / "text.txt").write_text(" ".join(words))
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "study.yaml").write_text(TOY)
    state = tmp_path / "state"
    ledger = tmp_path / "ledger.jsonl"
    given = ["--study", tmp_path / "study.yaml", "--ledger", ledger]
    given += ["--folder", state, "--data", tmp_path]
    return SimpleNamespace(given=given, state=state, ledger=ledger, folder=tmp_path)


@pytest.mark.usefixtures("one_thread")
def test_a_toy_from_the_plan_to_the_page(
    toy: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert call("plan", *toy.given) == 0
    assert "not measured yet" in capsys.readouterr().out
    training = part("training")
    train, taken = training.hnet_seq, []

    def killed_at_the_third(words: list[str]) -> int:
        taken.append(words)
        return 130 if len(taken) == 3 else train(words)

    monkeypatch.setattr(training, "hnet_seq", killed_at_the_third)
    with pytest.raises(SystemExit, match="130"):
        call("run", *toy.given)
    capsys.readouterr()
    page = toy.folder / "page.md"
    page.write_text(
        "".join(f"<!-- {n} -->\n<!-- end -->\n" for n in ("verdict", "tables", "missing"))
    )
    assert call("table", *toy.given, "--page", page) == 0
    assert "| closed |" in page.read_text()  # its test half, while runs are missing
    assert call("run", *toy.given) == 0
    # Two arms with two rates and two seeds, and the one that was killed: nothing was run twice.
    assert len(taken) == 2 * 3 + 1
    assert len({words[words.index("--out") + 1] for words in taken}) == 2 * 3
    assert call("plan", *toy.given) == 0
    assert "missing of all: 0 CPU seconds" in capsys.readouterr().out
    # Folders of runs may go: the ledger has what was found, and nothing is run or measured again.
    shutil.rmtree(toy.state)
    assert call("run", *toy.given) == 0
    assert len(taken) == 2 * 3 + 1
    found = [json.loads(line) for line in toy.ledger.read_text().splitlines()]
    assert sum("cost" in one for one in found) == 2
    runs = [one for one in found if "run" in one]
    assert len(runs) == 2 * 3
    assert len({one["test"] for one in runs}) == len({one["bits"] for one in runs}) == 2 * 3
    assert call("table", *toy.given, "--page", page) == 0
    written = page.read_text()
    assert "| learned | " in written
    assert "- words: nothing" in written
    assert "closed" not in written
    assert page.with_suffix(".svg").read_text().count("<polyline") == 4
    assert call("table", *toy.given, "--page", page) == 0
    assert page.read_text() == written


def test_the_halves_of_what_is_held_out(tmp_path: Path) -> None:
    bases = "".join(random.Random(1).choices("ACGT", k=20_000))
    (tmp_path / "a.fa").write_text(f">short\n{bases[:3000]}\n>long\n{bases[3000:]}\n")
    text = "".join(random.Random(2).choices("abcdeüß語 ", k=3000))
    (tmp_path / "b.txt").write_text(text)
    records = [{"path": f"{k}.py", "lang": "python", "text": f"x = {k}\n" * 9} for k in range(300)]
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    tokens = {}
    for modality, name in (("dna", "a.fa"), ("text", "b.txt"), ("code", "c.jsonl")):
        data = part("design").DataSet(modality, modality, modality, [name], 0.2)
        found = part("held_out").shards(data, tmp_path, tmp_path)
        for kind, split in (("learn", "train"), ("learn", "validation"), ("test", "train")):
            batches = TokenBatches(found[kind], split, context=512, batch_tokens=512, shuffle=False)
            stream = batches.streams[0]
            tokens[modality, kind, split] = stream.read(0, stream.tokens_per_epoch).input_ids
    for modality, whole in (("dna", 20_000), ("text", len(text.encode()))):
        half = len(tokens[modality, "test", "train"])
        assert half == pytest.approx(0.1 * whole, abs=4)
        assert len(tokens[modality, "learn", "validation"]) == pytest.approx(half, abs=4)
    # The test half is the end of the text, and of the genome of its longest record.
    assert bytes(tokens["text", "test", "train"][1:-1]).decode() in text[-700:]
    codes = {letter: code for code, letter in enumerate("ACGT")}
    end = [codes[base] for base in bases[-len(tokens["dna", "test", "train"]) :]]
    assert tokens["dna", "test", "train"][:-1].tolist() == end[:-1]
    # No document is on two sides.
    documents = {
        key: set(bytes(own[own < 128]).decode().replace("x = ", "").split())
        for key, own in tokens.items()
        if key[0] == "code"
    }
    learn, choose, test = documents.values()
    assert not learn & choose
    assert not learn & test
    assert not choose & test
    assert len(choose) == pytest.approx(30, abs=15)
    assert len(test) == pytest.approx(30, abs=15)


def test_every_arm_of_the_study_is_an_experiment() -> None:
    study, seen = part("design").read_study(STUDY), set()
    for data in study.data.values():
        for arm in study.arms_of(data):
            keys = f"{arm.keys_for(data)}"
            if keys in seen:
                continue
            seen.add(keys)
            config = study.config(data, arm, {})
            assert config.data.strands == ("augment" if data.modality == "dna" else "none")
            rules = {config.model.boundary_policy(s).policy for s in range(config.model.num_stages)}
            assert ("learned" in rules) == arm.name.startswith("learned")
    kinds = {arm.kind for arm in study.arms_of(study.data["english"])}
    assert kinds == {"learned", "fixed", "isotropic", "tokenised", "memory"}


def found(plan: Any, run: Any, bits: float) -> None:
    """Write down that a run has found these bits."""
    result = part("results").Result(bits, run.steps * 2048, [], 1.0, run.seconds, [])
    plan.ledger.keep_result(run.name, run.data, run.arm, result)


@pytest.fixture
def english(tmp_path: Path) -> SimpleNamespace:
    """The shipped study with made-up costs of one data set."""
    study = part("design").read_study(STUDY, 64.0)
    costs = part("costs")
    plan = part("plan").Plan(study, tmp_path, tmp_path / "ledger.jsonl")
    data = study.data["english"]
    for k, arm in enumerate(study.arms_of(data)):
        plan.ledger.keep_cost(
            data, arm, costs.Cost(0.16 + 0.16 * (k % 2), 1e6 + 1e6 * (k % 3), [], 1.0, 2048)
        )
    return SimpleNamespace(study=study, plan=plan, data=data)


def test_steps_follow_from_time_and_from_work(english: SimpleNamespace) -> None:
    plan, data, arms = english.plan, english.data, english.study.arms
    assert plan.at_time(data, arms["learned_1"]).steps == 400
    assert plan.at_time(data, arms["stride_3"]).steps == 200  # dearer by two
    assert plan.at_work(data, arms["stride_3"]).steps == 200  # with twice the operations
    assert plan.at_time(data, arms["mamba2"]).steps == 400
    assert plan.at_work(data, arms["mamba2"]).steps == 135  # three times, rounded to fives
    assert plan.at_time(data, arms["learned_1"], share=0.25).steps == 100


def test_seeds_follow_where_rows_are_close(english: SimpleNamespace) -> None:
    plan, data, study = english.plan, english.data, english.study
    arms = study.arms_of(data)
    for k, arm in enumerate(arms):
        assert not plan.close_arms(data)
        for rate in study.rates:
            # The second rate is the best of the first arm; the last two arms are close.
            bits = 3.0 + 0.1 * min(k, len(arms) - 2) + 0.015 * (k == len(arms) - 1)
            bits -= 0.01 * (k == 0 and rate == 0.5)
            found(plan, plan.at_time(data, arm, rate=rate), bits)
    assert plan.best_rate(data, arms[0]) == 0.5
    assert [arm.name for arm in plan.close_arms(data)] == [arm.name for arm in arms[-2:]]
    only = part("design").Only(frozenset(["english"]), frozenset(["seeds", "short"]))
    left = list(plan.missing(only))
    assert [run.seed for phase, run in left if phase == "seeds"] == [1, 2, 1, 2]
    assert {run.rate for phase, run in left if phase == "short" and run.arm is arms[0]} == {0.5}


def test_the_verdict_and_the_crossing_follow_from_the_runs(english: SimpleNamespace) -> None:
    plan, data, study = english.plan, english.data, english.study
    bits = {"learned": 3.0, "fixed": 3.1, "isotropic": 2.9, "tokenised": 3.2, "memory": 2.8}
    verdict, findings = part("verdict"), part("findings")
    assert "nothing is said here" in verdict.verdict(study, {data: findings.rows(plan, data)})
    for arm in study.arms_of(data):
        found(plan, plan.at_time(data, arm), bits[arm.kind])
        # Two doublings before, learned chunks were 0.3 behind and an isotropic model 0.1.
        before = bits[arm.kind] + {"learned": 0.2, "isotropic": 0.1}.get(arm.kind, 0.0)
        found(plan, plan.at_time(data, arm, share=0.25), before)
    own = findings.rows(plan, data)
    fought = findings.duels(own)
    assert fought["mamba2"].gap == pytest.approx(0.1)
    assert fought["mamba2"].closing == pytest.approx(0.05)
    assert fought["mamba2"].crossing == pytest.approx(4.0)
    assert fought["fixed"].crossing == 1.0
    said = verdict.verdict(study, {data: own})
    assert said.startswith("**Learned chunks do not pay yet**")
    assert "below the best cut by rule on 1 of 1 data sets" in said
    assert "would cross at 256 CPU s" in said
    # Without one of the tokenised arms nothing is said of them, nor of the data set.
    lines = plan.ledger.path.read_text().splitlines(keepends=True)
    run = plan.at_time(data, study.arms["byte_pairs"])
    plan.ledger.path.write_text("".join(line for line in lines if run.name not in line))
    plan = part("plan").Plan(study, plan.state, plan.ledger.path)
    own = findings.rows(plan, data)
    assert "tokenised" not in findings.duels(own)
    assert "nothing is said here" in verdict.verdict(study, {data: own})
    assert "missing" in part("page").tables(plan, {data: own})


@pytest.mark.usefixtures("one_thread")
def test_a_wrong_name_or_a_missing_input_is_told(
    toy: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("plan", *toy.given, "--only", "french") == 2
    assert "no data set and no arm" in capsys.readouterr().err
    assert call("plan", *toy.given, "--phases", "later") == 2
    assert call("run", *toy.given, "--again") == 2
    assert call("table", *toy.given, "--page", toy.folder / "none.md") == 1
    assert "none.md: No such file" in capsys.readouterr().err
    assert call("plan", *toy.given, "--budget", "0") == 2
    (toy.folder / "text.txt").unlink()
    assert call("measure", *toy.given) == 1
    assert "text.txt" in capsys.readouterr().err


def test_what_was_found_with_other_keys_or_is_damaged_is_told(
    english: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, data, arm = english.plan, english.data, english.study.arms["mamba2"]
    monkeypatch.setitem(arm.keys, "model.d_model", [256])
    with pytest.raises(InputError, match="english/mamba2 was found with other keys"):
        plan.at_time(data, arm)
    with plan.ledger.path.open("a") as file:
        file.write("{'run':\n")
    with pytest.raises(InputError, match=r"ledger\.jsonl:\d+: is no line of a ledger"):
        part("plan").Plan(english.study, plan.state, plan.ledger.path)


def test_the_curve_is_a_mean_without_the_first_tenth(tmp_path: Path) -> None:
    part("results").last_checkpoint(tmp_path, 100).mkdir(parents=True)
    lines = [
        {"event": "train", "step": k, "tokens": 10 * k, "bits_per_token": 8.0 - 0.01 * k}
        for k in range(1, 101)
    ]
    last = {"event": "validation", "step": 100, "tokens": 1000, "bits_per_token": 7.0, "stages": []}
    text = "".join(json.dumps(line) + "\n" for line in [*lines, last])
    (tmp_path / "metrics.jsonl").write_text(text)
    curve = part("results").result_of(tmp_path, 100).curve
    assert curve[0] == (120, pytest.approx(8.0 - 0.01 * 6.5))  # the mean of 1 to 12
    assert curve[-1] == (1000, pytest.approx(8.0 - 0.01 * 94.5))
    assert len(curve) == 89


def test_the_page_has_its_places_and_commands_that_can_be_parsed() -> None:
    text = PAGE.read_text()
    for name in ("verdict", "tables", "missing"):
        assert len(re.findall(rf"<!-- {name} -->\n.*?<!-- end -->", text, re.DOTALL)) == 1
    blocks = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).replace("\\\n", "")
    asked = re.findall(r"python -m studies\.learned_cuts (.*)", blocks)
    uses = {part("__main__").parser().parse_args(shlex.split(words)).use for words in asked}
    assert uses == set(part("__main__").USES)
    arms = part("design").read_study(STUDY).arms
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(arms)
