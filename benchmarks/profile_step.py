"""Where a training step's time goes: its operations, each counted to a part of the model.

    python benchmarks/profile_step.py            # the model of width 512; or any experiment

Parts are marked in the forward pass; an operation of the backward pass belongs to the part whose
operation it undoes, which torch's profiler knows by a sequence number. The share that the profiler
itself costs is spread over short operations, so beside the profiled step stands one without it.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from common import clock_of, parser, row, seconds, table
from steps import TrainingStep, shape

import hnet_seq.model.hnet
import hnet_seq.model.mamba2
import hnet_seq.ops
from hnet_seq.model.attention import SelfAttention
from hnet_seq.model.mamba2 import Mamba2
from hnet_seq.model.mlp import SwiGLU
from hnet_seq.train.memory import keep_freed_memory

import torch  # isort: skip
from torch.autograd.profiler_util import FunctionEvent  # isort: skip
from torch.profiler import ProfilerActivity, profile, record_function  # isort: skip

MARK = "part: "
OPERATIONS = {  # of hnet_seq.ops
    "ssd": "scan",
    "causal_conv": "convolution",
    "attention": "attention, products",
    "rms_norm": "norms",
    "gated_rms_norm": "gated norms",
    "smooth": "chunker",
    "swiglu": "SwiGLU gates",
}
AT_ONCE = "a norm and a whole Mamba-2 mixer"
REST = "loss, embedding, output, clipping"
UNMARKED_BACKWARD = "sums of gradients"  # into parameters, and where paths join


def mark(model: torch.nn.Module) -> None:
    """Let the modules of a model, and the operations of all, say which part they are."""
    run = hnet_seq.ops.run

    def marked(operation: str, *args: Any) -> Any:
        with record_function(MARK + OPERATIONS.get(operation, operation)):
            return run(operation, *args)

    hnet_seq.ops.run = marked
    for name in ("mamba2_mix", "mamba2_layer"):
        setattr(hnet_seq.model.mamba2, name, _within(AT_ONCE, getattr(hnet_seq.model.mamba2, name)))
    mixers = [m for m in model.modules() if isinstance(m, Mamba2) and not m.bidirectional]
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            # Those of a mixer are in its kernel, which stands back from a linear map that is more.
            if not any(module in (m.in_proj, m.out_proj) for m in mixers):
                _mark_module(module, "linear maps")
        elif isinstance(module, Mamba2) and module.bidirectional:
            _mark_module(module, "Mamba-2, the rest: step sizes, splits")
        elif isinstance(module, SelfAttention):
            _mark_module(module, "attention, the rest: rotary positions, copies")
        elif isinstance(module, SwiGLU):
            _mark_module(module, "SwiGLU gates")
        elif hasattr(module, "routing_module"):
            _mark_module(module.routing_module, "chunker")
            _mark_module(module.residual_proj, "chunker, residual projection")
    chunks = hnet_seq.model.hnet.Chunks
    for name in ("__init__", "downsample", "smooth", "upsample"):
        setattr(chunks, name, _within("chunker", getattr(chunks, name)))
    hnet_seq.model.hnet.confidence = _within("chunker", hnet_seq.model.hnet.confidence)


def _within(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def marked(*args: Any, **kwargs: Any) -> Any:
        with record_function(MARK + part):
            return function(*args, **kwargs)

    return marked


def _mark_module(module: Any, part: str) -> None:
    module.forward = _within(part, module.forward)


def part_of(event: FunctionEvent) -> str | None:
    """The innermost mark around an event; the chunker keeps what it calls."""
    marks = []
    above: Any = event
    while above is not None:
        if above.name.startswith(MARK):
            marks.append(above.name.removeprefix(MARK))
        above = above.cpu_parent
    outer = [name for name in marks if name.startswith("chunker")]
    return outer[-1] if outer else marks[0] if marks else None


def by_part(events: list[FunctionEvent]) -> dict[tuple[str, str], float]:
    """Microseconds by (part, forward or backward)."""
    part_by_number: dict[int, str] = {}
    for event in events:
        if event.sequence_nr >= 0 and not _backward(event):
            found = part_of(event)
            # The outer of several events with a number comes first; the inner knows better.
            if found is not None:
                part_by_number[event.sequence_nr] = found
    taken: dict[tuple[str, str], float] = defaultdict(float)
    for event in events:
        node = _backward(event)
        if node is not None:
            part = part_by_number.get(node.sequence_nr)
            if part is None:
                accumulates = "AccumulateGrad" in node.name
                part = UNMARKED_BACKWARD if accumulates else REST
            taken[part, "backward"] += event.self_cpu_time_total
        elif _optimizer(event):
            taken["optimizer", ""] += event.self_cpu_time_total
        else:
            taken[part_of(event) or REST, "forward"] += event.self_cpu_time_total
    return taken


def _backward(event: FunctionEvent) -> FunctionEvent | None:
    """The node of the backward pass that an event belongs to."""
    above: Any = event
    while above is not None:
        if above.name.startswith("autograd::engine::evaluate_function"):
            return above
        above = above.cpu_parent
    return None


def _optimizer(event: FunctionEvent) -> bool:
    above: Any = event
    while above is not None:
        if above.name.startswith("Optimizer."):
            return True
        above = above.cpu_parent
    return False


def main() -> None:
    """Print a row for each part, the largest first."""
    made = parser(__doc__, rounds=3)
    made.add_argument("experiment", nargs="?", default="hnet512")
    made.add_argument("overrides", nargs="*", metavar="key=value")
    made.add_argument("--operations", type=int, default=0, help="list as many of torch's too")
    args = made.parse_args()
    clock = clock_of(args)
    keep_freed_memory()
    of = shape(args.experiment, args.overrides)
    step = TrainingStep(of.smoke() if args.smoke else of)
    step()
    bare = statistics.median(seconds(step, clock) for _ in range(args.rounds))
    mark(step.model)
    step()
    rounds = []
    for _ in range(args.rounds):
        with profile(activities=[ProfilerActivity.CPU]) as found:
            step()
        rounds.append(by_part(list(found.events())))
    keys = set().union(*rounds)
    middle = {key: statistics.median(one.get(key, 0.0) for one in rounds) for key in keys}
    whole = sum(middle.values())
    parts = sorted({part for part, _ in middle}, key=lambda part: -_sum(middle, part))
    print(table("part", "forward", "backward", "share of the step"))
    for part in parts:
        forward, backward = middle.get((part, "forward")), middle.get((part, "backward"))
        cells = [f"{took / whole:.1%}" if took else "" for took in (forward, backward)]
        print(row(part, *cells, f"{_sum(middle, part) / whole:.1%}"))
    print(f"\n`{of.name}`: {bare:.2f} s a step, {whole / 1e6:.2f} s with the profiler")
    if args.operations:
        print(found.key_averages().table("self_cpu_time_total", row_limit=args.operations))


def _sum(middle: dict[tuple[str, str], float], part: str) -> float:
    return sum(took for (name, _), took in middle.items() if name == part)


if __name__ == "__main__":
    main()
