"""A model over processes: activation checkpointing, then ``torch.compile``, then FSDP2 or DDP.

All of it is applied from outside; the model knows of no ranks. Gradients are means over processes,
see :mod:`hnet_seq.train.objective`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from hnet_seq.heads.base import HNetWithHead
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.stack import Layer
from hnet_seq.parallel_config import ParallelConfig
from hnet_seq.train.ranks import world_size
from hnet_seq.train.tables import tables
from modalities.errors import UsageError

Trained: TypeAlias = HNetLanguageModel | HNetWithHead

_STATE_BYTES = 16  # a parameter: weight, gradient and two moments of AdamW, in fp32
_SHARE = 1 / 3  # of a GPU's memory that they may take, before they are split


class Parallel:
    """A model whose forward and backward passes the processes of a run share.

    Attributes:
        model: as it was; under FSDP2 its parameters are this process's parts.
        strategy: ``none``, ``ddp`` or ``fsdp2``.
    """

    def __init__(
        self, model: Trained, strategy: str = "none", held: Sequence[bool] | None = None
    ) -> None:
        self.model = model
        self.strategy = strategy
        computed: nn.Module = model
        prefix = ""
        if isinstance(model, HNetWithHead):
            computed, prefix = _Learned(model, held or [True] * model.num_stages), "model."
        # Every sequence has a chunk, so all parameters take part in every process. Boundaries by
        # rule leave the router without gradients, everywhere alike: it is found, and stays.
        stages = range(model.num_stages)
        unused = any(model.config.boundary_policy(s).policy != "learned" for s in stages)
        # Tables exchange the rows that were touched, see hnet_seq.train.tables; counts are the same
        # in all processes.
        ignore = DistributedDataParallel._set_params_and_buffers_to_ignore_for_model
        apart = [*tables(model), *(name for name, _ in model.named_buffers())]
        ignore(computed, [f"{prefix}{name}" for name in apart])
        self._ddp = (
            DistributedDataParallel(
                computed,
                find_unused_parameters=unused or computed is not model,
                gradient_as_bucket_view=True,
            )
            if strategy == "ddp"
            else None
        )

    def __call__(self, input_ids: Tensor, cu_seqlens: Tensor) -> Any:
        """(T,) ids and (S + 1,) bounds to the model's output: logits, boundaries and others."""
        return (self._ddp or self.model)(input_ids, cu_seqlens)

    def gradients(self, last: bool) -> AbstractContextManager[Any]:
        """Around a forward pass and its backward pass.

        Args:
            last: of this process in this step: gradients are exchanged. Before, DDP only adds them
                up. FSDP2 exchanges them each time: nobody has room for all.
        """
        return nullcontext() if last or self._ddp is None else self._ddp.no_sync()


class _Learned(nn.Module):
    """A model with a head, whose outputs lead to what learns and to nothing else.

    DDP waits for the gradient of every parameter that an output leads to. A head may pool chunks,
    and leave the decoder alone.
    """

    def __init__(self, model: HNetWithHead, held: Sequence[bool]) -> None:
        super().__init__()
        self.model = model
        self.held = held

    def forward(self, input_ids: Tensor, cu_seqlens: Tensor) -> Any:
        out = self.model(input_ids, cu_seqlens)
        boundaries = [
            stage if held else replace(stage, boundary_prob=stage.boundary_prob.detach())
            for stage, held in zip(out.boundaries, self.held, strict=True)
        ]
        return replace(out, boundaries=boundaries, chunks=[], hidden=out.hidden.detach())


def parallelize(
    model: Trained,
    config: ParallelConfig,
    max_chunks: bool = False,
    held: Sequence[bool] | None = None,
) -> Parallel:
    """Prepare a model, in place, for the processes that there are.

    Args:
        max_chunks: whether micro-batches may be computed in pieces.
        held: under a head, whether each stage has a ratio loss; None: all have.

    Raises:
        UsageError: there are several processes, and the configuration refuses them or cannot be
            had in them.
    """
    strategy = _strategy(model, config)
    if strategy == "fsdp2" and max_chunks:
        raise UsageError(
            "train.max_chunks",
            "cuts micro-batches into as many pieces as each process needs, and fsdp2 wants every "
            "process to compute as often; take train.parallel.strategy=ddp, or smaller "
            "data.micro_batch_tokens",
        )
    layers = [module for module in model.modules() if isinstance(module, Layer)]
    if config.checkpoint_every:
        for layer in layers[:: config.checkpoint_every]:
            _compute_again(layer)
    if config.compile:
        for layer in layers:
            layer.compile(dynamic=True)
    if strategy == "fsdp2":
        _shard(model, layers)
    return Parallel(model, strategy, held)


def _strategy(model: Trained, config: ParallelConfig) -> str:
    if world_size() == 1:
        return "none"
    if config.strategy == "none":
        raise UsageError(
            "train.parallel.strategy",
            f"is none, and {world_size()} processes were started; take auto, ddp or fsdp2",
        )
    if config.strategy != "auto":
        return config.strategy
    device = model.embeddings.weight.device
    if device.type != "cuda":
        return "ddp"
    apart = sum(table.numel() for table in tables(model).values())  # which nobody splits
    needed = _STATE_BYTES * (sum(p.numel() for p in model.parameters()) - apart)
    room = torch.cuda.get_device_properties(device).total_memory
    return "fsdp2" if needed > _SHARE * room else "ddp"


def _compute_again(layer: Layer) -> None:
    """Keep only the input of a layer for its backward pass; names of parameters stay."""
    forward: Callable[..., Tensor] = layer.forward

    # The router is outside: where it cuts is decided once.
    def checkpointed(*arguments: Any) -> Tensor:
        if not torch.is_grad_enabled():
            return forward(*arguments)
        compute = partial(checkpoint, forward, use_reentrant=False, preserve_rng_state=False)
        result: Tensor = compute(*arguments)
        return result

    layer.forward = checkpointed  # type: ignore[method-assign,assignment]


def _shard(model: Trained, layers: list[Layer]) -> None:
    """Split the parameters of each layer, and those that are left, over all processes.

    All stay fp32, in the parts and when they are gathered: state-space parameters, norms and
    residual projections need it, and matrices are cast where ``torch.autocast`` says.
    """
    device = model.embeddings.weight.device.type
    mesh = init_device_mesh(device, (world_size(),))
    precision = MixedPrecisionPolicy(cast_forward_inputs=False)
    for layer in layers:
        fully_shard(layer, mesh=mesh, mp_policy=precision)
    # Tables stay whole in each process: a step touches few of their rows.
    # By default the outermost keeps what it gathered until a backward pass. Validation has none,
    # and whoever saves then would not see the parts.
    fully_shard(
        model,
        mesh=mesh,
        mp_policy=precision,
        reshard_after_forward=True,
        ignored_params=set(tables(model).values()),
    )
    for module in model.modules():
        if isinstance(module, FSDPModule):
            # Gloo has no mean; the sum is divided.
            module.set_force_sum_reduction_for_comms(device == "cpu")
    # The hidden states are a view where a stage is narrower than the next. Nobody writes to them.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module", category=UserWarning)


def clip_gradients(model: nn.Module, limit: float) -> float:
    """Scale the gradient down to a norm; returns its norm before, over all parts but tables."""
    apart = tables(model)
    dense = [p for name, p in model.named_parameters() if name not in apart]
    whole = torch.nn.utils.clip_grad_norm_(dense, limit, error_if_nonfinite=False)
    norm = float(whole.full_tensor() if isinstance(whole, DTensor) else whole)
    if norm > limit:  # or a spike would slow the rows that it touched for good
        for table in apart.values():
            if table.grad is not None:
                table.grad.mul_(limit / norm)
    return norm
