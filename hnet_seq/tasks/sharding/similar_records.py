"""Records of DNA that are alike: which are dropped as copies, and which must stay together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hnet_seq.evidence.similarity.similarity_groups import groups_of_words
from hnet_seq.tasks.sharding.options import ShardOptions
from modalities.errors import UsageError
from pipelines.documents import find_duplicates
from pipelines.formats.fasta_survey import RecordPlace
from pipelines.progress import progress_bar
from pipelines.shards.dna_shards import record_pieces
from pipelines.shards.record_sketches import sketch_records
from pipelines.shards.split import by_similarity

# Of the words of 21 bases of the record that has fewer. 10% of substitutions leave 11%, give
# or take one in records of 10 kb and two in those of 3 kb; 12% leave so many.
LINK = 0.07


@dataclass(frozen=True)
class SimilarRecords:
    """What is alike.

    Attributes:
        dropped: copies of an earlier record by name: ``duplicate`` or ``near_duplicate``.
        groups: number of each record's group; two that are linked have one number, and so has
            what links them. None where nobody asked.
    """

    dropped: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, int] | None = None

    def check_named(self, validation: str | None) -> None:
        """Raise UsageError where a record that is held out by name is a dropped one."""
        form, _, rest = (validation or "").partition(":")
        names = {"records": rest.split(","), "region": [rest.rpartition(":")[0]]}.get(form, [])
        for name in names:
            if name in self.dropped:
                raise UsageError(
                    f"--validation {validation}",
                    f"{name} is a {self.dropped[name].replace('_', ' ')} of an earlier record, "
                    "which --duplicates drops; name that one",
                )


def compare_records(
    places: Mapping[str, tuple[Path, RecordPlace]],
    paths: Sequence[Path],
    options: ShardOptions,
    *,
    progress: bool,
) -> SimilarRecords:
    """Read all records once and compare them, if an option asks for it.

    Memory: 32 bytes a record, 540 more where near duplicates are looked for, and 100 MB for groups.

    Raises:
        InputError: as the readers.
        UsageError: near duplicates are asked for without datasketch.
    """
    groups = by_similarity(options.validation)
    if options.duplicates == "keep" and not groups:
        return SimilarRecords()
    lengths = [place.bases for _, place in places.values()]
    with progress_bar("comparing", sum(lengths), unit="base", progress=progress) as bar:
        records = sketch_records(
            record_pieces(paths, options.iupac),
            lengths,
            near=options.duplicates == "near",
            groups=groups,
            progress=bar.update,
        )
    found = find_duplicates([records.signatures], options.comparison()).get(0, {})
    dropped = {records.names[number]: reason for number, reason in found.items()}
    if not groups:
        return SimilarRecords(dropped)
    sizes = np.bincount(records.holders, minlength=len(records.names))
    numbers = groups_of_words(records.words, records.holders, sizes, LINK).groups
    return SimilarRecords(dropped, dict(zip(records.names, numbers.tolist(), strict=True)))
