"""Fine-tuning takes the trainer's steps: memory, precision, processes, bad steps and kills."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.problems import head_loss
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.model.ratio_loss import ratio_loss
from hnet_seq.optimizer_config import OptimizerConfig
from hnet_seq.parallel_config import GuardConfig
from hnet_seq.train import step
from hnet_seq.train.labelled_batches import cut, epoch_order, pack
from hnet_seq.train.optimizer import build_optimizer
from hnet_seq.train.step import OptimizerStep
from modalities.errors import InputError, UsageError
from tests.conftest import make_model
from tests.forked import end_all, ranks
from tests.train.finetune_script import CASES, CONFIG, LABELS, TWO_STAGES, main, sequences, tuned


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0, msg=name)


def assert_same_gradients(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """To the rounding of sums in another order."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = max(1e-3, float(value.abs().max()))
        torch.testing.assert_close(found[name], value, rtol=0, atol=2e-5 * scale, msg=name)


@pytest.mark.parametrize(
    "settings",
    [{"micro_batch_tokens": 60}, {"max_chunks": [30]}, {"max_chunks": [60, 25]}],
    ids=str,
)
def test_what_bounds_memory_changes_no_gradient(settings: dict[str, Any]) -> None:
    short: dict[str, Any] = {"epochs": 1, "validation_fraction": 0.0}
    _, _, expected = tuned(TWO_STAGES, **short)
    passes: list[int] = []
    backward = torch.Tensor.backward

    def counted(self: Tensor, *arguments: Any) -> None:
        passes.append(1)
        backward(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "backward", counted)
        history, _, gradients = tuned(TWO_STAGES, **short, **settings)
    assert len(passes) > 2 * history[-1]["step"]
    assert_same_gradients(gradients, expected)


def test_bf16_rounds_and_keeps_weights_in_fp32() -> None:
    (wanted, *_), (found, weights, gradients) = tuned(), tuned(precision="bf16")
    assert all(value.dtype == torch.float32 for value in [*weights.values(), *gradients.values()])
    assert found[0]["loss"] != wanted[0]["loss"]
    assert found[0]["loss"] == pytest.approx(wanted[0]["loss"], abs=0.02)
    with pytest.raises(UsageError, match="expected fp32 or bf16"):
        tuned(precision="fp16")


@pytest.fixture
def bad_steps(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Steps, from 1, at which the gradient shall not be finite."""
    steps: set[int] = set()
    clip, now = step.clip_gradients, [0]

    def spoilt(model: torch.nn.Module, limit: float) -> float:
        now[0] += 1
        norm = clip(model, limit)
        return math.nan if now[0] in steps else norm

    monkeypatch.setattr(step, "clip_gradients", spoilt)
    return steps


def test_bad_steps_are_left_out_and_too_many_in_a_row_end_it(bad_steps: set[int]) -> None:
    bad_steps |= {2, 4, 5}
    guard = GuardConfig(stop_after=3)
    history, weights, _ = tuned(guard=guard)
    assert history[-1]["step"] >= 5
    assert sum(record.get("skipped_steps", 0) for record in history) == 3
    assert all(torch.isfinite(value).all() for value in weights.values())
    bad_steps |= {100 + k for k in range(100)}
    bad_steps |= set(range(history[-1]["step"] + 3, 20))
    with pytest.raises(FloatingPointError, match=r"step 5: .* 3 steps in a row; lower the learn"):
        tuned(guard=guard)


class Killed(BaseException):
    pass


def kill_before(number: int, patch: pytest.MonkeyPatch) -> None:
    take = OptimizerStep.take

    def killing(self: OptimizerStep, at: int, *arguments: Any, **options: Any) -> Any:
        if at == number:
            raise Killed
        return take(self, at, *arguments, **options)

    patch.setattr(OptimizerStep, "take", killing)


@pytest.mark.parametrize("save_every", [1, 2])
def test_a_run_killed_at_any_step_goes_on_exactly(tmp_path: Path, save_every: int) -> None:
    history, weights, _ = tuned(save_every=save_every)
    state = tmp_path / "state"
    for number in range(history[-1]["step"]):
        with pytest.MonkeyPatch.context() as patch:
            kill_before(number, patch)
            with pytest.raises(Killed):
                tuned(resume=state, save_every=save_every)
    assert state.is_file()
    for _ in range(2):  # what has ended gives the same again
        found, again, _ = tuned(resume=state, save_every=save_every)
        assert found == history
        assert_same(again, weights)


def test_a_run_that_has_ended_saves_its_model_again(tmp_path: Path) -> None:
    state, folder = tmp_path / "state", tmp_path / "model"
    tuned(resume=state, folder=folder, epochs=1)
    saved = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()
    tuned(resume=state, folder=folder, epochs=1)
    assert (folder / "model.safetensors").read_bytes() == saved


def test_settings_are_those_that_may_change_a_weight() -> None:
    bounds: dict[str, Any] = {"micro_batch_tokens": 9, "save_every": 9, "max_chunks": [9]}
    same = dataclasses.replace(CONFIG, guard=GuardConfig(stop_after=9), **bounds)
    assert same.settings() == CONFIG.settings()
    for spike in (2.0, 3.0):
        other = dataclasses.replace(CONFIG, guard=GuardConfig(spike=spike)).settings()
        assert other.pop("guard_spike") == spike
        assert other == CONFIG.settings()


def test_a_run_does_not_go_on_with_anything_else(tmp_path: Path) -> None:
    state = tmp_path / "state"
    history, _, _ = tuned(resume=state, epochs=1)
    for other in ({"seed": 1}, {"epochs": 2}, {"pooling": "last"}, {"layout": TWO_STAGES}):
        with pytest.raises(UsageError, match="holds a run with other sequences"):
            tuned(resume=state, **{"epochs": 1} | other)
    # What changes no step may change.
    assert tuned(resume=state, epochs=1, micro_batch_tokens=50, save_every=7)[0] == history
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(InputError, match="state: not a readable state"):
        tuned(resume=state, epochs=1)


@pytest.mark.parametrize(
    "setting",
    [
        {"micro_batch_tokens": -1},
        {"max_chunks": [1, 2]},
        {"max_chunks": [-1]},
        {"save_every": 0},
        {"guard": GuardConfig(spike=0.5)},
        {"guard": GuardConfig(stop_after=0)},
        {"optimizer": OptimizerConfig(matrices="sgd")},
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        tuned(**setting)


@pytest.mark.slow
@pytest.mark.skipif(
    not (dist.is_available() and dist.is_gloo_available()), reason="torch has no gloo"
)
def test_two_processes_train_what_one_trains(tmp_path: Path) -> None:
    ended = end_all(ranks(2, main, tmp_path, folder=tmp_path))
    assert [own.code for own in ended] == [0, 0], ended[0].err + ended[1].err
    one, two = (torch.load(tmp_path / f"tuned-{number}.pt") for number in (0, 1))
    for name, (layout, pooling, settings) in CASES.items():
        history, weights, gradients = tuned(layout, pooling, **settings)
        assert_same_gradients(one[name][2], gradients)
        assert [record["step"] for record in one[name][0]] == [r["step"] for r in history]
        assert one[name][0][0]["loss"] == pytest.approx(history[0]["loss"], abs=1e-3)
        # Both end with one model, of which what does not learn is what it was.
        assert one[name][0] == two[name][0]
        assert_same(two[name][1], one[name][1])
        fixed = weights.keys() - gradients.keys()
        assert_same({n: one[name][1][n] for n in fixed}, {n: weights[n] for n in fixed})


def test_without_any_of_it_a_step_is_the_plain_one() -> None:
    config = dataclasses.replace(CONFIG, epochs=1, strands="none", validation_fraction=0.0)
    history, weights, _ = tuned(
        epochs=1, strands="none", validation_fraction=0.0, ratio_targets=[3.0], ratio_weights=[0.5]
    )
    head = HeadConfig("single_label", ["first", "second"], "bases")
    model = HNetForSequenceClassification.from_causal_lm(make_model("one stage"), head).train()
    everything = {name for name, _ in model.named_parameters()}
    optimizer = build_optimizer(model, config.optimizer, [3.0], everything, config.head_rate)
    given = sequences()
    order, _ = epoch_order(len(given), config.seed, 1)
    lengths = np.array([len(sequence) for sequence in given])
    batches = cut(order.tolist(), lengths, config.batch_tokens)
    nats = 0.0
    for number, batch in enumerate(batches):
        rise = round(config.warmup * len(batches))
        assert rise == 0
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * (1 + math.cos(math.pi * number / len(batches))) / 2
        packed = pack([given[index] for index in batch], torch.device("cpu"))
        out = model(packed.input_ids, packed.cu_seqlens)
        targets = torch.tensor([head.names.index(LABELS[index]) for index in batch])
        own = head_loss(head, out.logits, targets)
        (stage,) = out.boundaries
        held = ratio_loss(stage.boundary_prob, stage.boundary_mask, 3.0)
        (own + 0.5 * held).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        nats += own.item() * len(batch)
    assert history[0]["loss"] == pytest.approx(nats / len(given), abs=1e-6)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=0, atol=1e-5, msg=name)
