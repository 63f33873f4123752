"""The plan in words."""

from __future__ import annotations

from collections import defaultdict

from .design import Only
from .plan import PHASES, Plan


def listing(plan: Plan, only: Only) -> list[str]:
    """A line for each run, and what each phase costs."""
    done: dict[str, list[float]] = defaultdict(list)
    left: dict[str, list[float]] = defaultdict(list)
    said = []
    for phase, run in plan.all_runs(only):
        result = plan.result(run)
        begun = run.folder(plan.state).is_dir()
        state = f"{result.bits:.4f} bits" if result else "begun" if begun else "missing"
        (done if result else left)[phase].append(run.seconds)
        said.append(
            f"{phase:<6} {run.data.name:<8} {run.arm.name:<15} {run.steps:>6} steps  "
            f"rate x{run.rate:<4g} seed {run.seed}  {run.seconds:>6.0f} CPU s  {state}"
        )
    said += [
        f"{phase}: {len(done[phase])} runs done, {len(left[phase])} missing, "
        f"{sum(left[phase]):,.0f} CPU seconds of training"
        for phase in PHASES
        if done[phase] or left[phase]
    ]
    said.append(f"missing of all: {sum(map(sum, left.values())):,.0f} CPU seconds of training")
    if unmeasured := plan.unmeasured(only):
        each, budget = 1 + plan.study.short, plan.study.budget
        rates = len(plan.study.rates) - 1
        said.append(
            f"not measured yet, so that their runs are not listed: {len(unmeasured)} pairs of data "
            f"set and arm; time, short and rates of them take "
            f"{len(unmeasured) * budget * (each + rates):,.0f} CPU seconds"
        )
    said.append(
        f"further seeds of what is within {plan.study.close} bits follow once all rates of a data "
        f"set are there: {len(plan.study.seeds) - 1} runs of {plan.study.budget:g} CPU seconds each"
    )
    return said
