"""What is compared: data sets and arms as ``study.yaml`` has them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from yaml import YAMLError

from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment
from modalities.errors import UsageError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True, eq=False)
class DataSet:
    """Sequences of one kind.

    Attributes:
        inputs: files below the checkout, or below the folder that ``--data`` names.
        held_out: share that is held out, half of it to choose by and half to test on.
        keys: of the configuration, for every arm.
    """

    name: str
    title: str
    modality: str
    inputs: list[str]
    held_out: float
    keys: dict[str, Any] = field(default_factory=dict)

    @property
    def letter(self) -> str:
        """What bits are counted by."""
        return "base" if self.modality == "dna" else "byte"


@dataclass(frozen=True, eq=False)
class Arm:
    """One model.

    Attributes:
        kind: "learned", "fixed", "isotropic", "tokenised", or "memory", n-grams in front.
        keys: of the configuration, for every data set.
        of: further keys by the name of a data set or of a modality. An arm with nothing but these
            is for those alone.
    """

    name: str
    title: str
    kind: str
    keys: dict[str, Any] = field(default_factory=dict)
    of: dict[str, dict[str, Any]] = field(default_factory=dict)

    def reads(self, data: DataSet) -> bool:
        """Whether the arm is for a data set."""
        return bool(self.keys) or not self.of or bool({data.name, data.modality} & set(self.of))

    def keys_for(self, data: DataSet) -> dict[str, Any]:
        """All keys that make it another model than the base, for a data set."""
        return data.keys | self.keys | self.of.get(data.modality, {}) | self.of.get(data.name, {})


@dataclass(frozen=True)
class Study:
    """All of ``study.yaml``; ``budget`` is CPU seconds of training of a run at equal time."""

    base: Path
    budget: float
    reference: Arm
    short: float
    rates: list[float]
    seeds: list[int]
    close: float
    data: dict[str, DataSet]
    arms: dict[str, Arm]

    def arms_of(self, data: DataSet) -> list[Arm]:
        """Those that are for a data set, in the order of the file."""
        return [arm for arm in self.arms.values() if arm.reads(data)]

    def config(self, data: DataSet, arm: Arm, more: dict[str, Any]) -> ExperimentConfig:
        """The experiment of an arm, with further keys.

        Raises:
            UsageError: a key is unknown, or a value is wrong.
        """
        return load_experiment(self.base, words(arm.keys_for(data) | more))


@dataclass(frozen=True)
class Only:
    """What of a study is asked for; empty: all of it.

    Attributes:
        names: of data sets and of arms.
        phases: of runs.
    """

    names: frozenset[str] = frozenset()
    phases: frozenset[str] = frozenset()

    def pairs(self, study: Study) -> list[tuple[DataSet, Arm]]:
        """Data sets and arms, in the order of the file."""
        sets = self.names & set(study.data) or set(study.data)
        arms = self.names & set(study.arms) or set(study.arms)
        return [
            (data, arm)
            for data in study.data.values()
            for arm in study.arms_of(data)
            if data.name in sets and arm.name in arms
        ]

    def check(self, study: Study) -> None:
        """Raise UsageError where a name is unknown."""
        for name in sorted(self.names - set(study.data) - set(study.arms)):
            known = ", ".join([*study.data, *study.arms])
            raise UsageError("--only", f"{name!r} is no data set and no arm; there are: {known}")


def words(keys: dict[str, Any]) -> list[str]:
    """Keys as a command line has them."""
    return [f"{key}={json.dumps(value)}" for key, value in keys.items()]


def read_study(path: Path, budget: float | None = None) -> Study:
    """Read a study.

    Args:
        budget: in place of the file's.

    Raises:
        UsageError: the file is none.
    """
    try:
        found: Any = OmegaConf.to_container(OmegaConf.load(path))
        data = {name: DataSet(name, **values) for name, values in found.pop("data").items()}
        arms = {name: Arm(name, **values) for name, values in found.pop("arms").items()}
        study = Study(
            data=data,
            arms=arms,
            **found
            | {"base": path.parent / found["base"], "reference": arms[found["reference"]]}
            | ({} if budget is None else {"budget": budget}),
        )
    except (OSError, TypeError, KeyError, AttributeError, YAMLError) as error:
        raise UsageError(path, f"is no study: {error!r}") from error
    if not 0 < study.budget < math.inf:
        raise UsageError("budget", f"is {study.budget:g}; expected CPU seconds above 0")
    return study
