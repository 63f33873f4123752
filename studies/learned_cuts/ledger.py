"""What a study has found: a line for each cost and each complete run, in a file that is kept.

Folders of runs are large and go with their machine; the ledger is small, lies beside the study, and
the page is made of it. So a study goes on anywhere, with the costs that it began with.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from modalities.errors import InputError
from pipelines.storage.files import append_line

from .costs import Cost
from .design import Arm, DataSet, Study
from .results import Result


class Ledger:
    """The lines of a file; the last of a name counts.

    Args:
        path: JSON lines; need not be there.

    Raises:
        InputError: a line is none of a ledger's.
    """

    def __init__(self, path: Path, study: Study) -> None:
        self.path, self.study = path, study
        self._costs: dict[str, dict[str, Any]] = {}
        self._results: dict[str, dict[str, Any]] = {}
        lines = path.read_text().splitlines() if path.is_file() else []
        for number, line in enumerate(lines, start=1):
            try:
                found = json.loads(line)
                kind = self._costs if "cost" in found else self._results
                kind[found.pop("cost" if "cost" in found else "run")] = found
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise InputError(f"{path}:{number}", "is no line of a ledger; remove it") from error

    def cost(self, data: DataSet, arm: Arm) -> Cost | None:
        """None where it was not measured yet."""
        found = self._of_these_keys(self._costs, f"{data.name}/{arm.name}", data, arm)
        return None if found is None else Cost(**found)

    def keep_cost(self, data: DataSet, arm: Arm, cost: Cost) -> None:
        """Write it down."""
        self._keep(self._costs, "cost", f"{data.name}/{arm.name}", data, arm, asdict(cost))

    def result(self, name: str, data: DataSet, arm: Arm) -> Result | None:
        """What a run has found; None where it is not complete."""
        found = self._of_these_keys(self._results, name, data, arm)
        return None if found is None else Result(**found)

    def keep_result(self, name: str, data: DataSet, arm: Arm, result: Result) -> None:
        """Write it down."""
        self._keep(self._results, "run", name, data, arm, asdict(result))

    def _keep(
        self,
        kept: dict[str, dict[str, Any]],
        kind: str,
        name: str,
        data: DataSet,
        arm: Arm,
        values: dict[str, Any],
    ) -> None:
        kept[name] = {"keys": self._digest(data, arm), **values}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        append_line(self.path, json.dumps({kind: name, **kept[name]}))

    def _of_these_keys(
        self, kept: dict[str, dict[str, Any]], name: str, data: DataSet, arm: Arm
    ) -> dict[str, Any] | None:
        found = kept.get(name)
        if found is None:
            return None
        if found["keys"] != self._digest(data, arm):
            raise InputError(
                self.path,
                f"{name} was found with other keys than {self.study.base.name} and the study have "
                "now; remove its lines, or name another --ledger",
            )
        return {key: value for key, value in found.items() if key != "keys"}

    def _digest(self, data: DataSet, arm: Arm) -> str:
        """Of what makes an arm's run on a data set what it is, but for steps, rate and seed."""
        made_of = [self.study.base.read_text(), data.inputs, data.held_out, arm.keys_for(data)]
        return sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:12]
