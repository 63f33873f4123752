"""The training loop: one process, any layout, resumable bit for bit.

Batch k is a function of (shards, seed, k), so the position in the data is the step number alone.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from hnet_seq.config import ExperimentConfig
from hnet_seq.model.causal_lm import HNetForCausalLM, cross_entropy
from hnet_seq.model.ratio_loss import ratio_loss
from hnet_seq.train.evaluation import evaluate
from hnet_seq.train.feed import Feed
from hnet_seq.train.optimizer import build_optimizer
from hnet_seq.train.run_folder import RunFolder
from hnet_seq.train.schedule import learning_rate_factor
from hnet_seq.train.statistics import ratio_warnings
from modalities.errors import InputError


class Trainer:
    """State of a run between optimiser steps.

    Args:
        train: where training batches come from.
        validation: a finite source, or None.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        model: HNetForCausalLM,
        train: Feed,
        validation: Any,
        folder: RunFolder,
    ) -> None:
        self.config = config
        self.model = model
        self.train_feed = train
        self.validation = validation
        self.folder = folder
        self.device = model.embeddings.weight.device
        self.ratio = config.train.ratio_loss
        self.optimizer = build_optimizer(model, config.train.optimizer, self.ratio.targets)
        self.step = 0
        self.tokens = 0
        self._interval = self._new_interval()

    # Saving and resuming -----------------------------------------------------------------------

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        state = {
            "step": self.step,
            "tokens": self.tokens,
            "data_fingerprint": self.train_feed.fingerprint,
            "optimizer": self.optimizer.state_dict(),
            "interval": self._interval,
        }
        self.model.metadata["step"] = str(self.step)
        self.folder.save(self.model, state, self.step, self.config.train.keep_checkpoints)

    def restore(self) -> None:
        """Go on from the last complete checkpoint; its weights are in the model already.

        Raises:
            InputError: the shards or their order are not those the run began with.
        """
        checkpoint = self.folder.latest()
        state = self.folder.load_state(checkpoint)
        if state["data_fingerprint"] != self.train_feed.fingerprint:
            raise InputError(
                checkpoint, "the shards differ from those this run began with; resume needs them"
            )
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.tokens = state["step"], state["tokens"]
        self._interval = state["interval"]
        self.folder.rewind_metrics(self.step)

    # Training ----------------------------------------------------------------------------------

    def run(self) -> bool:
        """Train to the end; False when a signal stopped it (a checkpoint was written)."""
        train = self.config.train
        self.model.train()
        with _stop_requests() as stopped, self._progress() as bar:
            for batches in self.train_feed.steps(self.step, train.steps):
                self._train_step(batches)
                bar.update(sum(batch.input_ids.size for batch in batches))
                last = self.step == train.steps
                if last or self.step % train.log_every == 0:
                    bar.set_postfix_str(self._log_train())
                if last or _due(self.step, train.validate_every):
                    self._log_validation(bar)
                if last or stopped or _due(self.step, train.checkpoint_every):
                    self.save()
                if stopped and not last:
                    return False
        return True

    def _train_step(self, batches: list[Any]) -> None:
        started = time.perf_counter()
        config = self.config.train
        factor = learning_rate_factor(self.step, config.steps, config.schedule)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        scored = sum(int((batch.targets >= 0).sum()) for batch in batches)
        tokens = sum(batch.input_ids.size for batch in batches)
        for batch in batches:
            self._accumulate(batch, scored, batch.input_ids.size / tokens)
        norm = torch.nn.utils.clip_grad_norm_(
            self.model.parameters(), config.optimizer.clip_norm, error_if_nonfinite=False
        )
        if not torch.isfinite(norm):
            raise FloatingPointError(
                f"step {self.step + 1}: the gradient is not finite; lower "
                "train.optimizer.learning_rate or lengthen train.schedule.warmup"
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += tokens
        interval = self._interval
        interval["grad_norm"] = float(norm)
        interval["learning_rate"] = config.optimizer.learning_rate * factor
        interval["epoch"] = batches[-1].epoch
        interval["seconds"] += time.perf_counter() - started

    def _accumulate(self, batch: Any, scored: int, share: float) -> None:
        """Add one micro-batch's gradient; losses are means over the whole step."""
        ids, targets, cu_seqlens = (
            torch.from_numpy(array).to(self.device)
            for array in (batch.input_ids, batch.targets, batch.cu_seqlens)
        )
        weights = None if batch.weights is None else torch.from_numpy(batch.weights).to(self.device)
        out = self.model(ids, cu_seqlens)
        nats = cross_entropy(out.logits, targets, weights)
        loss = nats / max(1, scored)
        ratios: list[Tensor] = []
        for stage, target, weight in zip(
            out.boundaries, self.ratio.targets, self.ratio.weights, strict=True
        ):
            ratios.append(ratio_loss(stage.boundary_prob, stage.boundary_mask, target))
            loss = loss + weight * share * ratios[-1]
        loss.backward()
        interval = self._interval
        interval["nats"] += nats.item()
        interval["scored"] += int((batch.targets >= 0).sum())
        interval["tokens"] += batch.input_ids.size
        for s, ratio in enumerate(ratios):
            interval["ratio_loss"][s] += ratio.item() * batch.input_ids.size
        for s, stage in enumerate(out.boundaries):
            interval["positions"][s] += stage.boundary_mask.numel()
            interval["chunks"][s] += int(stage.boundary_mask.sum())
            interval["probability"][s] += float(stage.boundary_prob.detach().double().sum())

    # Logging -----------------------------------------------------------------------------------

    def _new_interval(self) -> dict[str, Any]:
        """Sums since the last line of ``metrics.jsonl``; plain values, saved with checkpoints."""
        stages = len(self.ratio.targets)
        return {
            "nats": 0.0,
            "scored": 0,
            "tokens": 0,
            "seconds": 0.0,
            "grad_norm": 0.0,
            "learning_rate": 0.0,
            "epoch": 0,
            "ratio_loss": [0.0] * stages,
            "positions": [0] * stages,
            "chunks": [0] * stages,
            "probability": [0.0] * stages,
        }

    def _log_train(self) -> str:
        i = self._interval
        cross = i["nats"] / max(1, i["scored"])
        ratio = [value / i["tokens"] for value in i["ratio_loss"]]
        stages = [
            {
                "target": target,
                "tokens_per_chunk": i["positions"][s] / i["chunks"][s],
                "bases_per_chunk": i["tokens"] / i["chunks"][s],
                "mean_boundary_prob": i["probability"][s] / i["positions"][s],
                "ratio_loss": ratio[s],
            }
            for s, target in enumerate(self.ratio.targets)
        ]
        weighted = sum(w * r for w, r in zip(self.ratio.weights, ratio, strict=True))
        record = {
            "event": "train",
            "step": self.step,
            "tokens": self.tokens,
            "epoch": i["epoch"],
            "loss": cross + weighted,
            "cross_entropy": cross,
            "bits_per_token": cross / math.log(2),
            "learning_rate": i["learning_rate"],
            "grad_norm": i["grad_norm"],
            "stages": stages,
            "seconds": round(i["seconds"], 3),
            "tokens_per_second": round(i["tokens"] / i["seconds"], 1),
        }
        self.folder.log(record)
        self._interval = self._new_interval()
        chunks = "/".join(f"{stage['tokens_per_chunk']:.2f}" for stage in stages)
        return f"{record['bits_per_token']:.3f} bits" + (f", {chunks} per chunk" if chunks else "")

    def _log_validation(self, bar: tqdm[Any]) -> None:
        if self.validation is None:
            return
        started = time.perf_counter()
        result = evaluate(self.model, self.validation, self.ratio.targets)
        result = {
            "event": "validation",
            "step": self.step,
            "tokens": self.tokens,
            **result,
            "seconds": round(time.perf_counter() - started, 3),
        }
        self.folder.log(result)
        bar.write(
            f"step {self.step}: validation {result['bits_per_token']:.4f} bits per token "
            f"over {result['scored_tokens']:,} tokens"
        )
        for warning in ratio_warnings(result["stages"]):
            bar.write(f"warning: {warning}")

    def _progress(self) -> tqdm[Any]:
        total = self.config.train.steps * self.config.data.batch_tokens
        return tqdm(
            total=total,
            initial=self.tokens,
            unit="tok",
            unit_scale=True,
            desc="pretrain",
            mininterval=1,
        )


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM, so that a step is finished and saved before the run stops."""
    received: list[int] = []

    def note(signum: int, _frame: Any) -> None:
        if received:  # asked twice: the user does not want to wait for the step
            raise KeyboardInterrupt
        received.append(signum)

    try:
        before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: the caller owns the signals
        before = {}
    try:
        yield received
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
