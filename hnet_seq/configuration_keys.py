"""Every key of an experiment with its meaning, read from the dataclasses that it is made of.

The meaning is what their docstrings say under ``Attributes``. ``hnet-seq info EXPERIMENT`` shows
it, and docs/configuration.md is what ``python -m hnet_seq.configuration_keys`` prints.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import textwrap
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hnet_seq.config import ExperimentConfig
from hnet_seq.experiment_files import CONFIG_FOLDER, shipped

_REFERENCE = re.compile(r":\w+:`([^`]+)`")
_ATTRIBUTE = re.compile(r"^ {4}(\w+(?:, \w+)*): ")


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        name: dotted; ``[]`` stands for a number, that of an entry of a list.
        value: in a configuration, or its default; None for those of entries.
        text: what it means, several sentences in one line.
    """

    name: str
    value: Any
    text: str

    @property
    def shown(self) -> str:
        """The value as it may be given on the command line; empty for those of entries."""
        if "[]" in self.name:
            return ""
        return as_override(self.value)

    @property
    def sentence(self) -> str:
        """The beginning of the text."""
        return re.split(r"(?<=[^.]{3})\.(?: |$)", self.text.replace("``", ""), maxsplit=1)[0]


def as_override(value: Any) -> str:
    """A value as a command line gives it."""
    return value if isinstance(value, str) and value else json.dumps(value, separators=(",", ":"))


def keys_of(config: ExperimentConfig) -> list[Key]:
    """All keys, in the order of the dataclasses, with the values of a configuration."""
    return list(_keys(ExperimentConfig, dataclasses.asdict(config), ""))


def meanings(kind: type) -> dict[str, str]:
    """What the docstring of a dataclass says of each of its fields, in one line.

    A field that holds a dataclass has none of its own: that one's docstring tells of it.
    """
    found: dict[str, str] = {}
    names: list[str] = []
    _, _, listed = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    for line in listed.splitlines():
        if head := _ATTRIBUTE.match(line):
            names, line = head[1].split(", "), line[head.end() :]
        elif not line.startswith(" " * 8):
            names = []
        for name in names:
            found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return {name: _REFERENCE.sub(r"``\1``", text) for name, text in found.items()}


def _keys(kind: type, values: dict[str, Any] | None, prefix: str) -> Iterator[Key]:
    texts, types = meanings(kind), typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        name, value = f"{prefix}{field.name}", (values or {}).get(field.name)
        inner = types[field.name]
        if dataclasses.is_dataclass(inner):
            yield from _keys(typing.cast(type, inner), value, f"{name}.")
            continue
        yield Key(name, value, texts.get(field.name, ""))
        entry = next(iter(typing.get_args(inner)), None)
        if dataclasses.is_dataclass(entry):
            yield from _keys(typing.cast(type, entry), None, f"{name}[].")


def explained(config: ExperimentConfig) -> list[str]:
    """A line for each key: the key, its value, and what it means."""
    rows = [
        (f"{key.name}={key.shown}" if key.shown else key.name, key.sentence)
        for key in keys_of(config)
    ]
    width = min(44, max(len(left) for left, _ in rows))
    return [f"{left:<{width}}  {right}".rstrip() for left, right in rows]


_MADE_BY = "python -m hnet_seq.configuration_keys > docs/configuration.md"
_COMMANDS = """```bash
hnet-seq info ecoli_demo        # every key of an experiment, with its value and meaning
hnet-seq pretrain ecoli_demo train.steps=40 data.context=2048 --data shards --out run
hnet-seq pretrain my_experiment.yaml --data shards --out run
```"""
_INCLUDING = """```yaml
include: [model/hnet_dna_tiny, train/wsd]   # of the package, or .yaml files
data: {context: 1024, batch_tokens: 8192}
train: {steps: 500, ratio_loss: {targets: [3.0], weights: [1.0]}}
```"""


def page() -> str:
    """docs/configuration.md."""
    from hnet_seq.train.continuation import MAY_CHANGE

    groups: dict[str, list[str]] = {}
    for key in keys_of(ExperimentConfig()):
        parts = key.name.split("[]")[0].split(".")
        group = ".".join(parts[:-1][:2]) or "all"
        text = key.text.replace("``", "`").replace("|", "\\|")
        row = f"| `{key.name}` | {f'`{key.shown}`' if key.shown else ''} | {text} |"
        groups.setdefault(group, []).append(row)
    tables = [
        f"## {group}\n\n| key | default | meaning |\n|---|---|---|\n" + "\n".join(rows)
        for group, rows in groups.items()
    ]
    inside = [f"{path.parent.name}/{path.stem}" for path in sorted(CONFIG_FOLDER.glob("*/*.yaml"))]
    changing = [f"{key}*" if key[-1] in "._" else key for key in MAY_CHANGE if "changes" not in key]
    head = [
        "# Keys of a configuration",
        f"<!-- Made by `{_MADE_BY}`; change the docstrings. -->",
        _COMMANDS,
        _paragraph(
            f"An experiment is a name that comes with the package ({_names(shipped())}) or a YAML "
            "file. What it does not say has the defaults below; `key=value` on the command line "
            "comes last. A key that does not exist is refused, with the nearest one that does. "
            "`config.yaml` in the run folder has all values of a run."
        ),
        "A file may begin with others:",
        _INCLUDING,
        _paragraph(
            "They are merged in their order, and the file itself after them: a later value "
            "replaces an earlier one, a list is replaced whole. A `.yaml` is looked for beside the "
            "file that includes it, then in the working directory. The package has "
            f"{_names(inside)}, and any experiment may be included too."
        ),
        _paragraph(
            "`a[].b` below is key `b` of the entries of list `a`, as in `a: [{b: value}]`. When a "
            "run goes on (`--resume`, `--continue`), these may be others than it began with: "
            f"{_names(changing)}."
        ),
    ]
    return "\n\n".join([*head, *tables]) + "\n"


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    print(page(), end="")
