"""Suites of tasks: what a YAML file of one says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any, Literal

from hnet_seq.tasks.benchmarking.per_base_task import PerBase
from hnet_seq.tasks.benchmarking.untaught_task import Untaught
from hnet_seq.tasks.choices import SplitRule
from hnet_seq.tasks.classification.labelled_rows import GroupRule
from modalities.errors import UsageError
from pipelines.formats.table_rows import RowFilter

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_OF_ALL = ("name", "path", "windows", "zero_shot", "about", "licence", "citation", "sha256")
Metric = Literal["mcc", "accuracy", "f1", "auroc", "auprc", "spearman"]


@dataclass(frozen=True)
class Windows:
    """Coding against intergenic windows of a genome, as ``classify train --genome`` draws them.

    Attributes:
        genome, annotation: files below the data folder.
        test_region: what is tested on, such as ``last:0.2``.
        length: bases; max_train, max_test: windows of a class at most.
    """

    genome: str
    annotation: str
    test_region: str
    length: int = 150
    max_train: int = 300
    max_test: int = 200


def _check_name(name: str) -> None:
    """Names become those of folders, of arrays and cells of tables."""
    if not name or name[0] == "." or not name.isprintable() or set(name) & set("/\\|"):
        raise ValueError(
            f"name: {name!r} is empty, begins with a dot, or has /, \\, |, tab or newline in it"
        )


@dataclass(frozen=True)
class SuiteTask:
    """One data set, and what is asked of it.

    Attributes:
        name: unique in the suite.
        path: file or folder below the data folder, in any layout of ``classify --data``; "" where
            there are ``windows``, ``per_base`` or ``zero_shot``.
        problem: ``classes`` or ``regression``.
        metric: that the project reports, which leads the table. What is beyond what is judged by
            MCC, and for numbers by Spearman's rho.
        sequence, label, split_column: names of columns.
        counts: columns of a sorted library, whose mean bin is the number that is learned.
        split: ``given``, ``random`` or ``similarity``; null takes what is given, else draws one.
        test_fraction, group_by, where, limit_train: as the options of ``classify train``.
        windows, per_base, zero_shot: in place of a path.
        about, licence, citation: for people; where they differ from the suite's.
        sha256: of files, by their way below the data folder; files that are not named are not
            checked, and the output says so.
    """

    name: str
    path: str = ""
    problem: Literal["classes", "regression"] = "classes"
    metric: Metric = "mcc"
    sequence: str = "sequence"
    label: str = "label"
    split_column: str = "split"
    counts: list[str] = field(default_factory=list)
    split: SplitRule | None = None
    test_fraction: float = 0.2
    group_by: str | None = None
    where: list[str] = field(default_factory=list)
    limit_train: int | None = None
    windows: Windows | None = None
    per_base: PerBase | None = None
    zero_shot: Untaught | None = None
    about: str = ""
    licence: str = ""
    citation: str = ""
    sha256: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.zero_shot is not None:
            self._check_untaught()
        if not 0 < self.test_fraction < 1:
            raise ValueError(f"task {self.name}: test_fraction is not between 0 and 1")
        if self.limit_train is not None and self.limit_train < 1:
            raise ValueError(f"task {self.name}: limit_train is below 1")
        others = (self.windows, self.per_base, self.zero_shot)
        if bool(self.path) + sum(each is not None for each in others) != 1:
            raise ValueError(
                f"task {self.name}: give a path, or windows of a genome, or per_base, or zero_shot"
            )
        if (self.metric == "spearman") != (self.problem == "regression"):
            raise ValueError(f"task {self.name}: metric {self.metric} is none of {self.problem}")
        self._check_files()

    def _check_files(self) -> None:
        """All lie below the data folder: a suite of somebody else reads nothing beside it."""
        for name in (*self.files, *self.sha256):
            way = PurePosixPath(name)
            if not name or way.is_absolute() or ".." in way.parts:
                said = "is empty; give its way below the data folder"
                if name:
                    said = (
                        "does not lie below the data folder; give --data a folder that holds it "
                        "or a link to it, and here its way from there"
                    )
                raise ValueError(f"task {self.name}: the file {name!r} {said}")
        for name, found in self.sha256.items():
            if not _SHA256.fullmatch(found):
                raise ValueError(
                    f"task {self.name}: sha256 of {name} is {found!r}, and not 64 digits of 0-f"
                )

    def _check_untaught(self) -> None:
        """Keys of labels mean nothing where there are none."""
        plain = SuiteTask("plain", "plain")
        for each in fields(self):
            if each.name not in _OF_ALL and getattr(self, each.name) != getattr(plain, each.name):
                raise ValueError(f"task {self.name}: {each.name} means nothing beside zero_shot")

    def wanted(self) -> RowFilter:
        """Which rows are read."""
        return RowFilter.parse(self.where)

    def grouped(self) -> GroupRule | None:
        """Which rows belong together."""
        return GroupRule.parse(self.group_by) if self.group_by else None

    @property
    def files(self) -> list[str]:
        """What must lie in the data folder."""
        if self.zero_shot is not None:
            return self.zero_shot.files
        if self.per_base is not None:
            return self.per_base.files
        if self.windows is None:
            return [self.path]
        return [self.windows.genome, self.windows.annotation]

    @property
    def unchecked(self) -> list[str]:
        """Those of which no sha256 is known."""
        return [name for name in self.files if name not in self.sha256]


@dataclass(frozen=True)
class Suite:
    """Tasks that belong together.

    Attributes:
        name: by which it is asked for.
        title, about: for people; ``about`` says where the data come from and how they must lie.
        source: where to fetch them, which nothing here does.
        met: whether files of this layout were read by its authors; false where the layout was only
            read about.
        licence, citation: of the data.
    """

    name: str
    title: str
    about: str
    source: str
    met: bool
    tasks: list[SuiteTask]
    licence: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        _check_name(self.name)
        names = [task.name for task in self.tasks]
        if not names or len(set(names)) < len(names):
            raise ValueError("tasks: expected one or more, of different names")

    def said(self, tasks: list[SuiteTask]) -> dict[str, Any]:
        """What results say beside what is computed, JSON values."""
        return {
            "title": self.title,
            "source": self.source,
            "met": self.met,
            "tasks": [[own.name, own.about, own.metric, own.unchecked] for own in tasks],
        }

    def only(self, names: list[str]) -> list[SuiteTask]:
        """The tasks of these names, in the order of the suite; all where none is named.

        Raises:
            UsageError: a name that is none.
        """
        known = [task.name for task in self.tasks]
        for name in names:
            if name not in known:
                raise UsageError("tasks", f"{name!r} is none of {self.name}: {', '.join(known)}")
        return [task for task in self.tasks if not names or task.name in names]
