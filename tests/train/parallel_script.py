"""What the processes of a test do together.

Two processes write to FOLDER/STRATEGY, three
to FOLDER/three.
"""

from __future__ import annotations

import faulthandler
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq.config import ExperimentConfig
from hnet_seq.model.masked_lm import language_model
from hnet_seq.parallel_config import ParallelConfig
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.tasks.pretrain_data import training_batches, validation_sources
from hnet_seq.train.evaluation import evaluate
from hnet_seq.train.feed import Feed
from hnet_seq.train.interval import Interval
from hnet_seq.train.launch import process_group
from hnet_seq.train.objective import Objective
from hnet_seq.train.optimizer import build_optimizer
from hnet_seq.train.parallel import clip_gradients, parallelize
from hnet_seq.train.ranks import rank, world_size
from hnet_seq.train.ratio_control import RatioInForce
from hnet_seq.train.sharded_state import whole_gradients
from modalities.errors import UsageError
from pipelines.batches.token_batches import PackedBatch
from tests.train.runs import tiny, train_until_killed

STEPS = 4
GROWING = [
    "model.arch_layout=[m1,[T1m1],m1]",
    "model.d_model=[64,128]",
    "model.d_intermediate=[0,128]",
    "model.attn_cfg.num_heads=[4,4]",
    "model.attn_cfg.rotary_emb_dim=[8,8]",
    "model.attn_cfg.window_size=[-1,-1]",
    "model.ngram_memory={orders: [2, 5], rows: 300, width: 4, symbols: 4}",
    "data.micro_batch_tokens=128",
    f"train.steps={STEPS}",
    "train.validate_every=2",
    "train.checkpoint_every=2",
    "train.keep_every=2",
    "train.ratio_loss.hold=true",
    "train.average=0.9",
]
STRATEGIES = ("ddp", "fsdp2")
#: A step of three micro-batches, and three of them.
BY_THREE = ("data.batch_tokens=384", "train.steps=3")
#: Tokens of steps: a micro-batch for each of three processes, or none for the last of them.
STEP_TOKENS = (384, 256)


def config(folder: Path, strategy: str = "auto", *overrides: str) -> ExperimentConfig:
    parallel = f"train.parallel.strategy={strategy}"
    return tiny("ecoli_demo", folder / "shards", *GROWING, parallel, *overrides)


def batches(case: str) -> list[PackedBatch]:
    """One batch of each process."""
    rng = np.random.default_rng(0)

    def batch(lengths: list[int], scored: bool = True) -> PackedBatch:
        ids = rng.integers(0, 4, sum(lengths)).astype(np.uint8)
        targets = np.roll(ids, -1).astype(np.int16)
        return PackedBatch(
            ids,
            targets if scored else np.full_like(targets, -100),
            np.cumsum([0, *lengths]).astype(np.int32),
            None,
            sources=np.arange(len(lengths)) % 2,
        )

    return {
        "as many": [batch([40, 24]), batch([64])],
        "one chunk in the second": [batch([40, 24]), batch([1])],
        "nothing scored in the second": [batch([40, 24]), batch([64], scored=False)],
        "nothing scored": [batch([40], scored=False), batch([64], scored=False)],
        "more sequences": [batch([5] * 12), batch([17])],
    }[case]


CASES = (
    "as many",
    "one chunk in the second",
    "nothing scored in the second",
    "nothing scored",
    "more sequences",
)
STATISTICS = ("batch", "document", "ranks", "step", "source")


def gradients(
    folder: Path, strategy: str, case: str, statistics: str, own: list[PackedBatch]
) -> dict[str, torch.Tensor]:
    """Of a step, and its norm; whole, in the first process."""
    settings = config(folder, strategy)
    model = language_model(settings.model, seed=1)
    parallel = parallelize(
        model, ParallelConfig(strategy=strategy, activation_checkpointing="every:2")
    )
    objective = Objective(model, statistics, [0], "fp32", parallel, groups=2)
    of_groups = [[0.5, 2.0]] if statistics == "source" else None
    objective.step(own, RatioInForce([3.0], [1.0], of_groups), Interval.of_stages(1))
    norm = clip_gradients(model, 1e9)
    return whole_gradients(model) | {"norm": torch.tensor(norm)}


def validation(folder: Path, strategy: str) -> dict[str, Any]:
    """Of data that are one batch."""
    sources = f"data.sources=[{{path: '{folder}/few'}}]"
    settings = config(folder, strategy, sources)
    model = language_model(settings.model, seed=1)
    parallelize(model, ParallelConfig(strategy=strategy))
    held_out = validation_sources(settings, training_batches(settings))
    assert [source.batches.batches_per_epoch for source in held_out] == [1]
    return evaluate(model, held_out, settings.train.ratio_loss.targets)


@contextmanager
def double_precision() -> Iterator[None]:
    """What the model computes in fp32 is computed in fp64, if its weights are: no kernel is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        yield


def weights_in_double_precision(folder: Path, tokens: int) -> dict[str, torch.Tensor]:
    """After three steps, as a run takes them, in all processes that there are."""
    settings = config(folder, "auto", f"data.batch_tokens={tokens}")
    with double_precision():
        model = language_model(settings.model, seed=1).double()
        parallel = parallelize(model, settings.train.parallel)
        optimizer = build_optimizer(model, settings.train.optimizer, [3.0])
        objective = Objective(model, "batch", [0], "fp32", parallel)
        feed = Feed(training_batches(settings), 128, 0, rank(), world_size())
        for step in feed.steps(0, 3):
            objective.step(step, RatioInForce([3.0], [0.03]), Interval.of_stages(1))
            clip_gradients(model, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        return {name: value.detach() for name, value in model.named_parameters()}


def main(folder: Path, strategy: str) -> None:
    """Of each process, in a folder of data, under a strategy."""
    warnings.simplefilter("error")
    faulthandler.enable()
    with process_group("cpu"):
        if world_size() == 3:
            pretrain(config(folder, strategy, *BY_THREE), folder / "three", device="cpu")
            found = [weights_in_double_precision(folder, tokens) for tokens in STEP_TOKENS]
            torch.save(found, folder / f"three/double-{rank()}.pt")
        else:
            by_two(folder, strategy)


def by_two(folder: Path, strategy: str) -> None:
    out = folder / strategy
    validated = validation(folder, strategy)
    found = {}
    for case in CASES:
        for statistics in STATISTICS if case == "more sequences" else ("batch",):
            own = [batches(case)[rank()]]
            found[case, statistics] = gradients(folder, strategy, case, statistics, own)
    settings = config(folder, strategy)
    pretrain(settings, out / "two", device="cpu")
    beside = config(folder, strategy, "train.parallel.async_save=true")
    pretrain(beside, out / "beside", device="cpu")
    pretrain(settings, out / "one-then-two", resume=True, device="cpu")
    train_until_killed(settings, out / "two-then-one", 3)
    if strategy == "fsdp2":
        muon = config(folder, strategy, "train.optimizer.matrices=muon")
        with pytest.raises(UsageError, match="needs whole matrices, and fsdp2 gives each"):
            pretrain(muon, out / "muon", device="cpu")
    if strategy == "ddp":
        deterministic = config(folder, strategy, "train.deterministic=true")
        pretrain(deterministic, out / "deterministic", device="cpu")
    torch.save(validated, out / f"validated-{rank()}.pt")
    if rank() == 0:
        torch.save(found, out / "gradients.pt")
