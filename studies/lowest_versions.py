"""Constraints that install the lowest versions that pyproject.toml declares.

    python studies/lowest_versions.py > lowest.txt

torch and the tools of the developers stay at what constraints.txt says, what those need is free.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
_DECLARED = re.compile(r"([\w.-]+)(?:\[[^]]*\])?>=([\w.]+)")
#: Extras that tests do not install.
_ELSEWHERE = (
    "cuda",
    "bench",
    "dev",
    "transformers",
    "peft",
    "tensorboard",
    "wandb",
    "trackio",
)


def lowest() -> list[str]:
    """A constraint for each package that is used or extra, and for each tool that is pinned."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.M))
    used = [*project["dependencies"]]
    used += [line for name, lines in extras.items() if name not in _ELSEWHERE for line in lines]
    found = {name: version for line in used for name, version in _DECLARED.findall(line)}
    tools = [name for line in extras["dev"] for name, _ in _DECLARED.findall(line)]
    found |= {name: pinned[name] for name in ["torch", *tools] if name in pinned}
    return [f"{name}=={version}" for name, version in sorted(found.items())]


if __name__ == "__main__":
    print("\n".join(lowest()))
