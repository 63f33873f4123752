"""One data set audited: read, looked through, and what was found in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hnet_seq.evidence.audit.findings import in_order
from hnet_seq.evidence.audit.loci import Coordinates
from hnet_seq.evidence.audit.whole import Documents, look_through
from hnet_seq.evidence.audit.whole_findings import whole_findings
from hnet_seq.results.audited import AuditedTask
from hnet_seq.tasks.auditing.coordinates import coordinate_columns, places_of_task
from hnet_seq.tasks.classification.labelled_rows import Columns
from hnet_seq.tasks.classification.labels import SEPARATOR
from hnet_seq.tasks.classification.splits import SplitRule
from hnet_seq.tasks.classification.task import Task, task_from_data
from hnet_seq.tasks.classification.task_audit import audit_task
from modalities.base import Tokens
from modalities.errors import InputError
from pipelines.batches.shard_documents import read_documents
from pipelines.formats.sequence_files import read_records
from pipelines.shards.open_shards import open_shards


@dataclass(frozen=True)
class Reading:
    """How data sets are read, and what they are compared with.

    Attributes:
        columns, rule, test_fraction, problem, separator, every_task, seed: as of
            :func:`hnet_seq.tasks.classification.task.task_from_data`.
        genome: a file; None for none.
        shards: folders of what a model was pretrained on.
    """

    columns: Columns
    rule: SplitRule | None = None
    test_fraction: float = 0.2
    problem: str | None = None
    separator: str = SEPARATOR
    every_task: bool = False
    seed: int = 0
    genome: Path | None = None
    shards: Sequence[str] = ()

    def task(self, path: Path) -> Task:
        """Read one; errors as of ``task_from_data``."""
        return task_from_data(
            path,
            replace(self.columns, beside=coordinate_columns(path, self.columns)),
            rule=self.rule,
            test_fraction=self.test_fraction,
            seed=self.seed,
            problem=self.problem,  # type: ignore[arg-type]
            separator=self.separator,
            every_task=self.every_task,
        )


def audit_data_set(
    path: Path, task: Task, reading: Reading, tell: Callable[[str], None] = lambda _: None
) -> tuple[AuditedTask, dict[str, Coordinates] | None]:
    """Audit a task; and where its sequences lie, if that is known.

    Args:
        tell: hears of rows of which it should be known and is not.
    """
    base, _ = audit_task(task, reading.seed)
    places, note = places_of_task(path, reading.columns, task.splits)
    if note:
        tell(note)
    genome = None
    if reading.genome is not None:
        genome = (reading.genome.name, _records(reading.genome))
    whole = look_through(
        task.splits,
        task.sets or task.classes,
        base,
        of_classes=task.problem == "classes",
        places=places,
        genome=genome,
        shards=[(Path(each).name, "train", _documents(each)) for each in reading.shards],
        seed=reading.seed,
    )
    found = AuditedTask(
        task=task.name,
        problem=task.problem,
        split=str(task.about.get("split", "")),
        classes=task.classes,
        findings=in_order([*base["findings"], *whole_findings(whole, base)]),
        audit=base,
        relatives=whole.relatives,
        loci=whole.loci,
        twins=whole.twins,
        generated=whole.generated,
        places=whole.places,
        segments=whole.segments,
        signal=whole.signal,
        genome=whole.genome,
        pretrained=whole.pretrained,
        seconds=whole.seconds,
        clean=None,
    )
    return found, places


def _records(path: Path) -> Documents:
    for record in read_records(path):
        yield record.name, record.tokens


def _documents(location: str) -> Iterator[tuple[str, Tokens]]:
    _, manifest = open_shards(location)
    if manifest.modality != "dna":
        raise InputError(location, f"holds {manifest.modality}; give shards of DNA")
    for document in read_documents(location, "train"):
        last = document.start + len(document.tokens)
        yield f"{document.name}:{document.start + 1}-{last}", document.tokens
