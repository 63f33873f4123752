"""Training of embedding tables at the cost of the rows that a step touched.

Their gradients are sparse: the rows that were looked up. The first sighting of an n-gram moves its
row by the full rate, later ones by less and less, as an average over sightings would.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from hnet_seq.model.ngram_memory import NgramMemory
from hnet_seq.train import muon
from hnet_seq.train.ranks import world_size

_TINY = 1e-12


class AdamWWithTables(torch.optim.AdamW):
    """AdamW, and for tables Adagrad (Duchi, Hazan, Singer 2011) with one sum of squares a row.

    Args:
        groups: of AdamW; of matrices that Muon changes where ``muon`` is set in one.
        tables: (R, W) each, with sparse gradients over rows.
        table_rate: their rate before the schedule, ``peak`` of their group.
        betas: of AdamW.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        tables: list[nn.Parameter],
        table_rate: float,
        betas: tuple[float, float],
    ) -> None:
        super().__init__(groups, betas=betas, fused=True)
        self.tables = tables
        if tables:
            rate = {"lr": table_rate, "peak": table_rate}
            self.add_param_group({"params": tables, "weight_decay": 0.0, **rate})
        for table in tables:
            self.state[table] = {"step": torch.zeros(()), "sum": table.new_zeros(len(table))}

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take a step with all; of a table, move the rows that have a gradient."""
        matrices = [group for group in self.param_groups if group.get("muon")]
        apart = [p for group in [*matrices, {"params": self.tables}] for p in group["params"]]
        gradients = {id(parameter): parameter.grad for parameter in apart}
        for parameter in apart:
            parameter.grad = None  # AdamW then leaves it alone
        super().step(closure)
        for table in self.tables:
            if (gradient := gradients[id(table)]) is not None:
                self._move(table, gradient.coalesce(), self.param_groups[-1]["lr"])
        for group in matrices:
            for matrix in group["params"]:
                if (gradient := gradients[id(matrix)]) is not None:
                    state = self.state[matrix]
                    muon.move(matrix, gradient, state, group["lr"], group["weight_decay"])

    def _move(self, table: Tensor, gradient: Tensor, rate: float) -> None:
        rows, values = gradient.indices()[0], gradient.values()
        state = self.state[table]
        state["step"] += 1
        total = state["sum"].index_select(0, rows) + values.square().mean(1)
        state["sum"].index_copy_(0, rows, total)
        table.index_add_(0, rows, values / (total.sqrt() + _TINY).unsqueeze(1), alpha=-rate)


def tables(model: nn.Module) -> dict[str, nn.Parameter]:
    """The tables of a model, by name; they may be many times larger than the rest of it."""
    return {
        f"{name}.tables": module.tables
        for name, module in model.named_modules()
        if isinstance(module, NgramMemory)
    }


def add_up(found: Iterable[Tensor]) -> None:
    """Add up the rows of tables' gradients that came more than once.

    A backward pass lays the rows of all its tokens behind those of the passes before it: without
    this, a step's gradient has as many rows as the step has tokens, however few rows the table has.
    """
    for table in found:
        if table.grad is not None:
            table.grad = table.grad.coalesce()


def average_gradients(model: nn.Module) -> None:
    """Replace the tables' gradients by their means over all processes; all take part."""
    if world_size() == 1:
        return
    for table in tables(model).values():
        if not table.requires_grad:
            continue
        assert table.grad is not None
        own = table.grad.coalesce()
        parts = [_gathered(part) for part in (own.indices()[0], own.values())]
        rows, values = (torch.cat(part) for part in parts)
        table.grad = torch.sparse_coo_tensor(
            rows.unsqueeze(0), values / world_size(), table.shape, check_invariants=False
        )


def _gathered(part: Tensor) -> list[Tensor]:
    """The first dimension of all processes' tensors may differ."""
    length = torch.tensor([len(part)], device=part.device)
    lengths = [torch.empty_like(length) for _ in range(world_size())]
    dist.all_gather(lengths, length)
    longest = int(torch.cat(lengths).max())
    padded = part.new_zeros(longest, *part.shape[1:])
    padded[: len(part)] = part
    everyone = [torch.empty_like(padded) for _ in range(world_size())]
    dist.all_gather(everyone, padded)
    return [each[: int(own)] for each, own in zip(everyone, lengths, strict=True)]
