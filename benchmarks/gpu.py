"""Check and time everything that runs on a GPU, in one go, writing results as they come.

    benchmarks/gpu.sh WHEELS          # a bare machine: install what was carried there, then this
    python benchmarks/gpu.py          # where everything is installed
    python benchmarks/gpu.py --smoke  # tiny, on a CPU: does the script run?

Each part is a process with its own time limit: one that fails leaves the others alone. FLOPs are
analytic (hnet_seq/model/flops.py), routers are held at their target, tokens are random.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gpu_steps import Step, model_shape, peak, plain_modules, seconds
from isotropic import isotropic

import torch  # isort: skip

ROOT = Path(__file__).parents[1]
MODELS = ("hnet512", "hnet_1stage_L", "dna_small")
RESERVE = 10.0  # seconds for the summary
GB = 1e9

Record = dict[str, Any]


def environment(smoke: bool) -> Iterator[Record]:
    """Versions, the device, and which backend each operation uses and why."""
    from hnet_seq.ops import choices

    yield {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
    }
    for dtype in (torch.bfloat16, torch.float32):
        for operation, (used, why) in choices(_device(), dtype).items():
            yield {"operation": operation, "dtype": str(dtype), "used": used, "why": why}


def tests(smoke: bool) -> Iterator[Record]:
    """The tests that need a GPU: values and gradients of every backend."""
    chosen = (
        ["tests/ops/test_objections.py"] if smoke else ["-m", "gpu", "tests/ops", "tests/model"]
    )
    # Warnings of other packages are errors in this project's own tests, but no finding here.
    command = [sys.executable, "-m", "pytest", "-q", "-W", "default", "-p", "no:cacheprovider"]
    if find_spec("xdist") and not smoke:
        command += ["-n", "4"]  # most of the time goes into compiling kernels
    ran = subprocess.run([*command, *chosen], cwd=ROOT, capture_output=True, text=True)
    lines = ran.stdout.strip().splitlines()
    yield {"passed": ran.returncode == 0, "summary": lines[-1] if lines else ran.stderr[-300:]}
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            yield {"failed": line}
    if ran.returncode:
        print(ran.stdout[-20000:], ran.stderr[-3000:], file=sys.stderr)


def steps(smoke: bool) -> Iterator[Record]:
    """Tokens per second of a training step, and its share of the measured bf16 peak."""
    ceiling = _ceiling(smoke)
    yield {"what": "bf16 matrix product", "TFLOP/s": round(ceiling / 1e12, 3)}
    for name in MODELS[-1:] if smoke else MODELS:
        for precision in ("bf16",) if name != "hnet512" else ("bf16", "fp32"):
            yield _timed(name, partial(_step, name, smoke, precision), ceiling, precision)


def plain(smoke: bool) -> Iterator[Record]:
    """The same models as plain modules around the same kernels, after ours in one process."""
    ceiling = _ceiling(smoke)
    for name in MODELS[-1:] if smoke else MODELS[:2]:
        ours = _timed(name, partial(_step, name, smoke, "bf16"), ceiling, "ours")
        yield ours
        with plain_modules():
            theirs = _timed(name, partial(_step, name, smoke, "bf16"), ceiling, "plain modules")
        yield theirs
        yield _ratio(name, ours, theirs, "ours / plain modules")


def flat(smoke: bool) -> Iterator[Record]:
    """Isotropic models of as many FLOPs per token, with the same kernels."""
    ceiling = _ceiling(smoke)
    for name in MODELS[-1:] if smoke else MODELS[:2]:
        of = model_shape(name, smoke)
        ours = _timed(name, partial(_step, name, smoke, "bf16"), ceiling, "H-Net")
        yield ours
        for letter in ("m",) if smoke else ("m", "T"):
            one = isotropic(of, letter)
            theirs = _timed(one.name, partial(Step, one, _device(), "bf16"), ceiling, "isotropic")
            yield theirs
            yield _ratio(name, ours, theirs, f"H-Net / {one.name}")


def operations(smoke: bool) -> Iterator[Record]:
    """Forward and backward of each operation by each backend, at the inner widths of a model."""
    from gpu_operations import cases

    from hnet_seq.ops.registry import IMPLEMENTATIONS

    for operation, inputs, extra in cases(_device(), smoke):
        for name, implementation in IMPLEMENTATIONS[operation].items():
            if name == "naive" or implementation.objection(_device(), inputs[0].dtype):
                continue

            run = partial(_both_ways, implementation.function, inputs, extra)
            try:
                took = seconds(run, _device(), rounds=2 if smoke else 10, warm_up=1)
                yield {"operation": operation, "backend": name, "ms": round(1e3 * took, 3)}
            except Exception as error:
                yield {"operation": operation, "backend": name, "error": _first_line(error)}


def _both_ways(
    function: Callable[..., torch.Tensor], inputs: list[torch.Tensor], extra: list[object]
) -> None:
    leaves = [x.detach().requires_grad_() for x in inputs]
    out = function(*leaves, *extra)
    torch.autograd.grad(out, leaves, torch.ones_like(out))


def profile(smoke: bool) -> Iterator[Record]:
    """Where the time of a step goes: the kernels that take most of it."""
    step = _step(MODELS[-1] if smoke else MODELS[0], smoke, "bf16")
    for _ in range(1 if smoke else 5):
        step()
    cuda = torch.cuda.is_available()
    activities = [torch.profiler.ProfilerActivity.CPU]
    activities += [torch.profiler.ProfilerActivity.CUDA] if cuda else []
    with torch.profiler.profile(activities=activities) as found:
        step()
    key = "self_device_time_total" if cuda else "self_cpu_time_total"
    events = sorted(found.key_averages(), key=lambda event: -getattr(event, key))
    total = sum(getattr(event, key) for event in events)
    for event in events[:25]:
        share = getattr(event, key) / max(1, total)
        yield {"kernel": event.key[:90], "calls": event.count, "share": round(share, 4)}


# In the order of their worth, each with its time limit in seconds.
PARTS: dict[str, tuple[Callable[[bool], Iterator[Record]], float]] = {
    "environment": (environment, 60),
    "tests": (tests, 200),
    "steps": (steps, 120),
    "plain": (plain, 90),
    "flat": (flat, 90),
    "operations": (operations, 60),
    "profile": (profile, 40),
}


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _ceiling(smoke: bool) -> float:
    return peak(_device(), 256 if smoke else 8192, torch.bfloat16)


def _step(name: str, smoke: bool, precision: str) -> Step:
    return Step(model_shape(name, smoke), _device(), precision)


def _timed(name: str, make: Callable[[], Step], ceiling: float, what: str) -> Record:
    """Build, warm up, time; what goes wrong is a record too."""
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        step = make()
        small = step.shape.tokens < 1000
        took = seconds(step, step.device, rounds=2 if small else 8, warm_up=1 if small else 4)
    except Exception as error:
        return {"model": name, "what": what, "error": _first_line(error)}
    return {
        "model": name,
        "what": what,
        "parameters": sum(parameter.numel() for parameter in step.model.parameters()),
        "tokens": step.shape.tokens,
        "tokens/s": round(step.shape.tokens / took, 1),
        "TFLOP/s": round(step.flops / took / 1e12, 4),
        "share of the bf16 peak": round(step.flops / took / ceiling, 4),
        "GB": round(torch.cuda.max_memory_allocated() / GB, 2) if cuda else None,
    }


def _ratio(name: str, ours: Record, theirs: Record, what: str) -> Record:
    if "error" in ours or "error" in theirs:
        return {"model": name, "ratio": what, "error": "one of them did not run"}
    return {
        "model": name,
        "ratio": what,
        "tokens/s": round(ours["tokens/s"] / theirs["tokens/s"], 3),
        "share of the bf16 peak": round(
            ours["share of the bf16 peak"] / max(1e-9, theirs["share of the bf16 peak"]), 3
        ),
    }


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"


def run_part(name: str, smoke: bool, out: Path) -> None:
    """In this process; each record goes to the file and the terminal at once."""
    function, _ = PARTS[name]
    with (out / "results.jsonl").open("a") as file:
        for record in function(smoke):
            line = json.dumps({"part": name, **record})
            print(line, file=file, flush=True)
            print(line, flush=True)


def main() -> int:
    """Every part, or those named; 0 where all ran."""
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all if absent")
    made.add_argument("--smoke", action="store_true", help="tiny sizes, any device")
    made.add_argument("--out", type=Path, default=Path("runs/gpu"), help="folder (%(default)s)")
    made.add_argument("--seconds", type=float, default=520, help="for all parts (%(default)s)")
    made.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    args = made.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    names = args.parts or list(PARTS)
    if args.in_process:
        run_part(names[0], args.smoke, args.out)
        return 0
    if not args.smoke and not torch.cuda.is_available():
        print("gpu.py: no CUDA device; --smoke runs the script on a CPU", file=sys.stderr)
        return 2
    ends = time.monotonic() + args.seconds - RESERVE
    went = {}
    for name in names:
        began = time.monotonic()
        # Tiny sizes run anywhere, beside anything: no limit of theirs but that of all.
        limit = math.inf if args.smoke else PARTS[name][1]
        went[name] = _run_apart(name, args, min(limit, ends - began))
        print(f"{name}: {went[name]}, {time.monotonic() - began:.0f} s", flush=True)
    with (args.out / "results.jsonl").open("a") as file:
        print(json.dumps({"part": "summary", **went}), file=file)
    return 0 if set(went.values()) == {"done"} else 1


def _run_apart(name: str, args: argparse.Namespace, limit: float) -> str:
    if limit < 5:
        return "no time left"
    command = [sys.executable, __file__, name, "--in-process", "--out", str(args.out)]
    command += ["--smoke"] if args.smoke else []
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    }
    with (args.out / f"{name}.log").open("w") as log:
        started = subprocess.Popen(command, env=environment, stderr=log, start_new_session=True)
        try:
            code = started.wait(limit)
        except subprocess.TimeoutExpired:
            # What it started too, or that would share the GPU with the next part.
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()
            return f"stopped after {limit:.0f} s"
    return "done" if code == 0 else f"failed, see {name}.log"


if __name__ == "__main__":
    sys.exit(main())
