"""A learning rate per stage, and decay only where it belongs; tables, and maybe matrices, apart."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection

from torch import nn
from torch.distributed.tensor import DTensor

from hnet_seq.model.hnet import HNet
from hnet_seq.optimizer_config import OptimizerConfig
from hnet_seq.train.muon import layer_matrices
from hnet_seq.train.parallel import Trained
from hnet_seq.train.tables import AdamWWithTables, tables
from modalities.errors import UsageError

HEAD = "head."  # what names of a head's parameters begin with
_N_GPT = 4.6  # tokens (bytes) of one GPT-2 token, the paper's reference


def stage_multipliers(d_model: list[int], targets: list[float]) -> list[float]:
    """lambda_s = sqrt(N_GPT prod_{i >= s} N_i / prod_i N_i * D_S / D_s), with N_S = 1.

    Hwang, Wang, Gu 2025, section 3.3: outer stages see more tokens, hence larger rates.

    Args:
        d_model: widths D_0 .. D_S.
        targets: tokens per chunk N_0 .. N_{S-1}.
    """
    total = math.prod(targets)
    return [
        math.sqrt(_N_GPT * math.prod(targets[stage:]) / total * d_model[-1] / width)
        for stage, width in enumerate(d_model)
    ]


def parameter_groups(model: nn.Module) -> dict[tuple[int, bool], list[str]]:
    """Parameter names by (stage, decayed), of any module with ``embeddings`` and an H-Net.

    Matrices of linear maps decay. Norms, biases, embeddings, convolutions, ``pad_dimension`` and
    the state-space A_log, D and dt_bias do not. Embedding and output head belong to stage 0. Tables
    of an n-gram memory are not among them, see :mod:`hnet_seq.train.tables`.
    """
    stages = {
        f"{name}.": module.stage for name, module in model.named_modules() if type(module) is HNet
    }
    decayed = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)} - {
        id(model.get_parameter("embeddings.weight"))
    }
    groups: dict[tuple[int, bool], list[str]] = defaultdict(list)
    apart = tables(model)
    for name, parameter in model.named_parameters():
        if name in apart:
            continue
        stage = max((s for prefix, s in stages.items() if name.startswith(prefix)), default=0)
        groups[stage, id(parameter) in decayed].append(name)
    return dict(sorted(groups.items()))


def build_optimizer(
    model: Trained,
    config: OptimizerConfig,
    targets: list[float],
    names: Collection[str] | None = None,
    head_rate: float = 0.0,
) -> AdamWWithTables:
    """The optimiser; each group's ``peak`` is its rate before the schedule.

    Args:
        targets: tokens per chunk of each stage, for the paper's rule of the stages' rates.
        names: of the parameters that learn; None: all.
        head_rate: of a head, whatever the stages' rates are.

    Raises:
        UsageError: Muon, and processes have parts of the matrices.
    """
    matrices = layer_matrices(model) if config.matrices == "muon" else set()
    if matrices and any(isinstance(parameter, DTensor) for parameter in model.parameters()):
        raise UsageError(
            "train.optimizer.matrices",
            "is muon, which needs whole matrices, and fsdp2 gives each process a part; take "
            "train.parallel.strategy=ddp, or adamw",
        )
    multipliers = config.stage_multipliers or stage_multipliers(model.config.d_model, targets)
    parameters = dict(model.named_parameters())
    groups = []
    for (stage, decayed), members in parameter_groups(model).items():
        learning = [name for name in members if names is None or name in names]
        head = [name for name in learning if name.startswith(HEAD)]
        by_muon = [name for name in learning if name in matrices]
        body = [name for name in learning if name not in head and name not in matrices]
        rate = config.learning_rate * multipliers[stage]
        for peak, chosen in ((rate, body), (rate, by_muon), (head_rate, head)):
            if chosen:
                groups.append(
                    {
                        "params": [parameters[name] for name in chosen],
                        "lr": peak,
                        "peak": peak,
                        "weight_decay": config.weight_decay if decayed else 0.0,
                        **({"muon": True} if chosen is by_muon else {}),
                    }
                )
    learned = [table for name, table in tables(model).items() if names is None or name in names]
    betas = (config.betas[0], config.betas[1])
    return AdamWWithTables(groups, learned, config.table_rate, betas=betas)
