"""``hnet-seq benchmark list``."""

from __future__ import annotations

from hnet_seq.tasks.benchmarking.suite_files import read_suite, shipped_suites
from hnet_seq.tasks.benchmarking.suites import Suite


def list_suites(name: str | None) -> int:
    """Print all suites, a line each; or everything about one."""
    if name is not None:
        print(described(read_suite(name)))
        return 0
    for each in shipped_suites():
        suite = read_suite(each)
        met = "" if suite.met else "; its layout was read about, and not met"
        print(f"{each}: {suite.title}, {_counted(suite)}{met}")
    return 0


def _counted(suite: Suite) -> str:
    untaught = sum(task.zero_shot is not None for task in suite.tasks)
    counts = ((len(suite.tasks) - untaught, "labelled"), (untaught, "zero-shot"))
    return ", ".join(f"{n} {kind} task{'s' * (n > 1)}" for n, kind in counts if n)


def described(suite: Suite) -> str:
    """What it is, where its data are from, and a line a task."""
    lines = [f"{suite.name}: {suite.title}", suite.about, f"from: {suite.source}"]
    if not suite.met:
        lines.append("its layout was read about; none of its files was met")
    lines += _of_data(suite.licence, suite.citation)
    for task in suite.tasks:
        where = task.path or ", ".join(task.files)
        checked = "sha256 known" if task.sha256 else "sha256 not known"
        asked = f"{task.problem}, {task.metric}"
        if task.zero_shot is not None:
            asked = f"zero-shot: {', '.join(task.zero_shot.tests) or 'all that the data allow'}"
        lines.append(f"  {task.name}  {where}  {asked}; {checked}")
        if task.about:
            lines.append(f"    {task.about}")
        lines += [f"    {line}" for line in _of_data(task.licence, task.citation)]
    return "\n".join(lines)


def _of_data(licence: str, citation: str) -> list[str]:
    named = (("licence", licence), ("citation", citation))
    return [f"{name}: {own}" for name, own in named if own]
