"""The models that the benchmarks train, and one training step of any of them.

Weights and tokens are random, so a router would cut wherever it likes. A held router computes all
that it computes, and its probabilities are turned so that every N-th position begins a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hnet_seq import HNetConfig, HNetForCausalLM, ratio_loss
from hnet_seq.config import OptimizerConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.model.causal_lm import cross_entropy
from hnet_seq.model.config import AttentionConfig, SSMConfig
from hnet_seq.model.flops import TRAINING_FACTOR, flops_per_token
from hnet_seq.model.router import Router
from hnet_seq.ops.packing import Packing
from hnet_seq.train.optimizer import build_optimizer
from hnet_seq.train.parallel import clip_gradients

import torch  # isort: skip


@dataclass(frozen=True)
class Shape:
    """A model and how it is fed.

    Attributes:
        context: tokens of a sequence.
        tokens: of a step.
        targets: tokens per chunk of each stage.
    """

    name: str
    config: HNetConfig
    context: int
    tokens: int
    targets: list[int] = field(default_factory=list)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def smoke(self) -> Shape:
        """The same model, fed with little."""
        context = min(self.context, 256)
        return replace(self, context=context, tokens=2 * context)


def hnet_512() -> HNetConfig:
    """M3T1 + T8 + M4 at width 512: the published HG38 layout with a shorter inner network."""
    return HNetConfig(
        arch_layout=["m3t1", ["T8"], "m4"],
        d_model=[512, 512],
        d_intermediate=[0, 1408],
        vocab_size=8,
        ssm_cfg=SSMConfig(d_state=128),
        attn_cfg=AttentionConfig(num_heads=[8, 8], rotary_emb_dim=[32, 32], window_size=[1023, -1]),
    )


def shape(name: str, overrides: Sequence[str] = ()) -> Shape:
    """``hnet512``, or a shipped experiment with overrides."""
    if name == "hnet512":
        return Shape(name, hnet_512(), 2048, 8192, [3])
    found = load_experiment(name, list(overrides))
    return Shape(
        name,
        found.model,
        found.data.context,
        found.data.micro_batch_tokens or found.data.batch_tokens,
        [round(target) for target in found.train.ratio_loss.targets],
        found.train.optimizer,
    )


class TrainingStep:
    """Forward pass, losses, backward pass and optimiser on one batch of random bases.

    Args:
        lengths: tokens of each sequence; as the shape says if None.
        held: whether routers are held at their targets; else the ratio loss draws them there.
        seed: of weights and tokens.
    """

    def __init__(
        self, of: Shape, *, lengths: list[int] | None = None, held: bool = True, seed: int = 0
    ) -> None:
        self.shape = of
        self.model = HNetForCausalLM(of.config, seed=seed, residual_proj="identity")
        targets = [float(target) for target in of.targets]
        self.optimizer = build_optimizer(self.model, of.optimizer, targets)
        self.tokens_per_chunk = targets
        if held:
            hold_ratio(self.model, of.targets)
        self.feed(lengths or [of.context] * (of.tokens // of.context), seed)

    def feed(self, lengths: list[int], seed: int = 0) -> None:
        """Take sequences of these lengths from now on."""
        self.lengths = lengths
        self.tokens = sum(lengths)
        generator = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(0, 4, (self.tokens,), generator=generator)
        self.cu_seqlens = Packing.from_lengths(lengths).cu_seqlens

    def __call__(self) -> None:
        out = self.model(self.ids, self.cu_seqlens)
        loss = cross_entropy(out.logits, self.ids.roll(-1)) / self.tokens
        for stage, target in zip(out.boundaries, self.shape.targets, strict=True):
            loss = loss + ratio_loss(stage.boundary_prob, stage.boundary_mask, float(target))
        loss.backward()
        clip_gradients(self.model, self.shape.optimizer.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.tokens_per_chunk = [
            stage.boundary_mask.numel() / int(stage.boundary_mask.sum()) for stage in out.boundaries
        ]

    @property
    def flops(self) -> float:
        """Of a step as the last was: what the definition needs (hnet_seq/model/flops.py)."""
        config, achieved = self.shape.config, self.tokens_per_chunk
        forward = sum(n * flops_per_token(config, n, achieved) for n in self.lengths)
        return TRAINING_FACTOR * forward

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())


def hold_ratio(model: torch.nn.Module, targets: Sequence[int]) -> None:
    """Let every N-th position of each stage begin a chunk, from the outside in."""
    routers = [module for module in model.modules() if isinstance(module, Router)]
    for router, every in zip(routers, targets, strict=True):
        router.register_forward_hook(_held(every))


def _held(every: int) -> Any:
    def turn(
        _: torch.nn.Module, inputs: tuple[Any, ...], output: tuple[torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        packing: Packing = inputs[1]
        probability, _mask = output
        mask = packing.position % every == 0
        # A probability on the wrong side of one half is mirrored: gradients stay.
        wrong = mask != (probability > 0.5)
        return torch.where(wrong, 1 - probability, probability), mask

    return turn
