"""Zero-shot tests of a benchmark: what a model is asked, and what may be said of its figures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from hnet_seq.evidence.zero_shot.figures import Kind
from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.report.wording import interval_of
from hnet_seq.results.benchmark import BenchmarkUntaught, UntaughtVerdict, UntaughtWord
from hnet_seq.results.zero_shot import Figure, ZeroShotTest
from hnet_seq.tasks.benchmarking.cells import UNTAUGHT, Cell
from hnet_seq.tasks.benchmarking.model import BenchmarkModel, FrozenHNet
from hnet_seq.tasks.benchmarking.untaught_data import UntaughtTask
from hnet_seq.tasks.zero_shot.examination import Asked, Examination
from hnet_seq.tasks.zero_shot.hnet_reader import HNetReader
from hnet_seq.tasks.zero_shot.sources import known_bases
from modalities.errors import InputError
from pipelines.storage.json_records import as_json, parse_record

_END = 1.0
"""Of the scale of all measures of these tests: a row whose interval reaches it cannot be passed."""
_READS = ("log_likelihoods", "base_log_probabilities", "continued", "reads")


def reader_of(model: BenchmarkModel) -> Reader:
    """A model as zero-shot tests ask it.

    Raises:
        InputError: it gives vectors alone.
    """
    if isinstance(model, FrozenHNet):
        return HNetReader(
            model.model, model.name, batch_tokens=model.batch_tokens, device=model.device
        )
    if all(hasattr(model, name) for name in _READS):
        return cast(Reader, model)
    raise InputError(
        model.name, "gives vectors alone, and zero-shot tasks ask for likelihoods; leave them out"
    )


@dataclass(frozen=True)
class Examined:
    """A model in the tests of one task; what is counted on its training data is counted once."""

    model: BenchmarkModel
    asked: Asked

    @cached_property
    def _examination(self) -> Examination:
        tested: list[tuple[Kind, Reader]] = [("model", reader_of(self.model))]
        if self.model.twin is not None:
            tested.append(("twin", reader_of(self.model.twin)))
        return Examination(tested, self.asked)

    def run(self, part: str) -> dict[str, Any]:
        """Tests of a part as JSON, or why there are none."""
        examination = self._examination
        try:
            return {"tests": [as_json(test) for test in examination.run(part)]}
        except InputError as error:
            return {"refused": f"{error}"}


def untaught_record(
    number: int, task: UntaughtTask, cells: Iterable[tuple[Cell, str]]
) -> BenchmarkUntaught:
    """From what the cells of a zero-shot task said to its record.

    Args:
        number: of the task among those of its kind.
    """
    tests: list[ZeroShotTest] = []
    left_out: dict[str, str] = {}
    for cell, text in cells:
        if (cell.predictor, cell.task) != (UNTAUGHT, number):
            continue
        said = json.loads(text)
        if "refused" in said:
            left_out[cell.part] = said["refused"]
        tests += parse_record(None, "", said.get("tests", []), list[ZeroShotTest], strict=False)
    own, asked = task.own, task.asked
    assert own.zero_shot is not None, own.name
    return BenchmarkUntaught(
        name=own.name,
        about=own.about,
        fingerprint=task.fingerprint(),
        unchecked=own.unchecked,
        held_out=f"{own.zero_shot.held_out} of {own.zero_shot.genome.rpartition('/')[2]}",
        n_train=known_bases(asked.train),
        n_held_out=known_bases(asked.held_out),
        asked={part: task.asked_of(part) for part in task.parts},
        tests=tests,
        verdicts=[verdict_of(test) for test in tests],
        left_out=left_out,
    )


def verdict_of(test: ZeroShotTest) -> UntaughtVerdict:
    """What may be said of the model in a test, see ``docs/benchmark.md``."""
    word, text = _verdict(test)
    return UntaughtVerdict(test=test.test, word=word, text=text)


def _verdict(test: ZeroShotTest) -> tuple[UntaughtWord, str]:
    figures = [(row, row["figures"].get(test.metric)) for row in test.rows]
    own = next(each for row, each in figures if row["kind"] == "model")
    assert own is not None, test.test  # a model that cannot be tested is left out
    said = f"{test.metric} {_said(own)}"
    if test.verdict is not None:
        word: UntaughtWord = parse_record(None, "", test.verdict, UntaughtWord)
        return word, f"{word}: {said}, by chance {_chance(test)}"
    if own["low"] is None or own["high"] is None:
        return "not judged", f"not judged: {said}"
    if test.chance is not None and own["low"] <= test.chance:
        below = own["high"] < test.chance
        where = "below guessing" if below else "not told from guessing"
        return "below chance" if below else "chance", f"{where}: {said}, by chance {_chance(test)}"
    short: list[str] = []
    level: list[str] = []
    unknown: list[str] = []
    others = [each for each in figures if each[0]["kind"] != "model"]
    for row, each in others:
        if each is None or each["low"] is None or each["high"] is None:
            why = row.get("refused") if each is None else _said(each)
            unknown.append(f"{row['name']}: {why or 'none'}")
        elif own["low"] <= each["high"]:
            reached = each["high"] >= _END and own["high"] >= each["low"]
            (level if reached else short).append(f"{row['name']}: {_said(each)}")
    if short:
        return "not beyond", f"{said}, not beyond {'; '.join([*short, *level, *unknown])}"
    if unknown:
        return "not judged", f"not judged: {said}, and no interval of {'; '.join(unknown)}"
    if level:
        return "level", f"{said}, level with what cannot be passed, {'; '.join(level)}"
    return "beyond", f"{said}, beyond all {len(others)} rows beside it"


def _said(figure: Figure) -> str:
    if figure["value"] is None:
        return f"none ({interval_of(figure)})"
    return f"{figure['value']:.3f} ({interval_of(figure)})"


def _chance(test: ZeroShotTest) -> str:
    return "unknown" if test.chance is None else f"{test.chance:.3g}"
