"""Suites as files: a YAML each, of those that come with the package or of a user."""

from __future__ import annotations

from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from hnet_seq.tasks.benchmarking.per_base_task import PerBase
from hnet_seq.tasks.benchmarking.suites import Suite, SuiteTask, Windows
from hnet_seq.tasks.benchmarking.untaught_task import Measured, Untaught
from hnet_seq.tasks.classification.labelled_rows import GroupRule
from modalities.errors import InputError, UsageError
from pipelines.formats.table_rows import RowFilter
from pipelines.storage.json_records import parse_record

SUITES = Path(__file__).parents[2] / "suites"
_YAML = ".yaml"


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: of two values one would be left out without a word."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        met: set[str] = set()
        for key, _ in node.value:  # before `<<` brings in those that may be replaced
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in met:
                raise yaml.composer.ComposerError(
                    None, None, f"the key {key.value!r} is there twice", key.start_mark
                )
            met.add(key.value)
        return node


def shipped_suites() -> list[str]:
    """Names of the suites that come with the package."""
    return sorted(file.stem for file in SUITES.glob(f"*{_YAML}"))


def read_suite(name: str) -> Suite:
    """A suite by its name, or of a YAML file.

    Raises:
        UsageError: there is none of this name.
        InputError: the file is no suite; names the place in it.
    """
    path = Path(name)
    if path.suffix not in (_YAML, ".yml"):
        if name not in shipped_suites():
            raise UsageError(
                "SUITE", f"{name!r} is none of {', '.join(shipped_suites())}; or give a .yaml"
            )
        path = SUITES / f"{name}{_YAML}"
    try:
        content: Any = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(f"{error}".split())
        raise InputError(path, f"is no YAML: {said}") from None
    if content is None:
        raise InputError(
            path, f"is empty; expected {', '.join(each.name for each in fields(Suite))}"
        )
    _check_keys(path, "", content, Suite)
    tasks = _inside(content, "tasks")
    for index, task in enumerate(tasks if isinstance(tasks, list) else ()):
        _check_keys(path, f"tasks[{index}]", task, SuiteTask)
        for key, kind in (("windows", Windows), ("per_base", PerBase)):
            _check_keys(path, f"tasks[{index}].{key}", _inside(task, key), kind)
        untaught = _inside(task, "zero_shot")
        _check_keys(path, f"tasks[{index}].zero_shot", untaught, Untaught)
        own = f"tasks[{index}].zero_shot.measured"
        _check_keys(path, own, _inside(untaught, "measured"), Measured)
    found: Suite = parse_record(
        path, "", content, Suite, strict=False, remedy="mend it in the suite"
    )
    for index, task in enumerate(found.tasks):
        _check_rows(path, f"tasks[{index}]", task)
        if task.zero_shot is not None and task.zero_shot.measured is not None:
            _check_rows(path, f"tasks[{index}].zero_shot.measured", task.zero_shot.measured)
    return found


def _check_rows(path: Path, where: str, task: SuiteTask | Measured) -> None:
    """Raise InputError for rules of rows that cannot be read."""
    try:
        RowFilter.parse(task.where)
        if task.group_by:
            GroupRule.parse(task.group_by)
    except UsageError as error:
        raise InputError(path, f"{error}", where=where) from None


def _inside(content: Any, key: str) -> Any:
    return (content.get(key) if isinstance(content, dict) else None) or ()


def _check_keys(path: Path, where: str, content: Any, kind: type) -> None:
    """Raise InputError for a key that means nothing: it would be left out without a word."""
    known = [each.name for each in fields(kind)]
    if content != () and not isinstance(content, dict):
        said = " ".join(f"{content}".split())
        raise InputError(
            path,
            f"is {said if len(said) < 40 else f'{said[:37]}...'}; expected keys with values, such "
            f"as {known[0]}: ...",
            where=where or None,
        )
    for key in content or ():
        if key not in known:
            near = get_close_matches(f"{key}", known, n=1)
            said = f"did you mean {near[0]}?" if near else f"expected {', '.join(known)}"
            raise InputError(path, f"no key {key!r} is known; {said}", where=where or None)
