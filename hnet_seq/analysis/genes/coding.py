"""Which CDS rows are one coding sequence, and whether it is whole at its ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hnet_seq.analysis.genes.row_types import is_exon
from hnet_seq.analysis.genes.rows import Row, Rows

NAME_ATTRIBUTES = ("gene", "Name", "locus_tag", "ID")
_GENES = ("protein_id", "locus_tag", "gene")  # what rows of one CDS agree in
_PARTIAL_CODES = ("00", "01", "10", "11")

Group = tuple[Row, ...]


@dataclass(frozen=True)
class Ends:
    """Whether a feature runs off at its 5' and its 3' end; and whether that had to be guessed."""

    open5: bool
    open3: bool
    guessed: bool = False


def coding_groups(
    rows: Rows,
    *,
    own_ids: bool,
    in_order: Callable[[Sequence[Row]], Sequence[Row]],
    is_stop: Callable[[Sequence[Row]], bool],
) -> list[Group]:
    """The rows of each CDS; a row with several parents is in the CDS of each. No pseudogenes.

    Rows of one ID are one CDS, as GFF3 has it, and rows of one ``Derives_from`` where a parent has
    several. Some tools number the exons' parts instead, so rows with different IDs, or none, are
    one CDS too where they have a parent in common, unless the file gives some CDS one ID on
    several rows; they overlap (alternatives, such as two starts of one gene); one exon covers
    both and what lies between; they name two genes or proteins; or a stop codon ends the first.

    Args:
        own_ids: rows of different IDs are different CDS.
        in_order: rows in the order of translation.
        is_stop: whether such rows end in a stop codon, as far as anybody can tell.
    """
    by_parent: dict[str, dict[tuple[str, str], list[Row]]] = defaultdict(lambda: defaultdict(list))
    found: list[Group] = []
    orphans: dict[str, list[Row]] = defaultdict(list)
    for row in rows.of_type("CDS"):
        if not row.sign:
            continue
        if not row.parents and not rows.is_pseudo(row):
            orphans[row.key].append(row)
        for parent in row.parents:
            if not rows.is_pseudo(row, parent):
                by_parent[parent][row.key, row.get("Derives_from")].append(row)
    for parent, named in by_parent.items():
        found += _of_parent(
            rows, parent, named, own_ids=own_ids, in_order=in_order, is_stop=is_stop
        )
    found += [tuple(own) for own in orphans.values()]
    return list(dict.fromkeys(found))


def _of_parent(
    rows: Rows,
    parent: str,
    named: dict[tuple[str, str], list[Row]],
    *,
    own_ids: bool,
    in_order: Callable[[Sequence[Row]], Sequence[Row]],
    is_stop: Callable[[Sequence[Row]], bool],
) -> Iterator[Group]:
    """The coding sequences of one parent."""
    by_origin: dict[str, list[list[Row]]] = defaultdict(list)
    for (_, origin), own in named.items():
        by_origin[origin].append(own)
    for features in by_origin.values():
        together = sorted((row for own in features for row in own), key=lambda row: row.start)
        apart = own_ids and all(row.is_named for row in together)
        if len(features) == 1 or apart or not _one_after_another(together):
            yield from (tuple(own) for own in features)
        else:
            yield from _chained(rows, parent, in_order(together), is_stop)


def _chained(
    rows: Rows,
    parent: str,
    together: Sequence[Row],
    is_stop: Callable[[Sequence[Row]], bool],
) -> Iterator[Group]:
    """Rows in the order of translation, apart where one coding sequence ends."""
    exons = [row for row in rows.children[parent] if is_exon(row.type)]
    first = 0
    for index, (here, after) in enumerate(pairwise(together)):
        left, right = min(here.start, after.start), max(here.end, after.end)
        gap = right - left - here.bases - after.bases
        # Parts of one CDS that have names of their own would not touch inside an exon.
        may_part = gap > 0 or (gap == 0 and here.is_named and after.is_named)
        in_one_exon = may_part and any(e.start <= left and right <= e.end for e in exons)
        of_two = any(here.get(k) and after.get(k) and here.get(k) != after.get(k) for k in _GENES)
        if in_one_exon or of_two or is_stop(together[first : index + 1]):
            yield tuple(together[first : index + 1])
            first = index + 1
    yield tuple(together[first:])


def _one_after_another(rows: Sequence[Row]) -> bool:
    """Whether rows sorted by start lie on one strand, and none overlaps another."""
    return len({row.sign for row in rows}) == 1 and all(
        row.end <= following.start for row, following in pairwise(rows)
    )


def coding_name(rows: Sequence[Row]) -> str:
    """What to call a CDS."""
    return next((rows[0].get(key) for key in NAME_ATTRIBUTES if rows[0].get(key)), "CDS")


def ends_of(rows: Sequence[Row], above: Iterable[Row] = (), *, tag: str = "cds") -> Ends:
    """Whether a feature is marked as incomplete.

    Prodigal writes ``partial=10`` for a gene that is open on the left, ``01`` on the right; NCBI
    writes ``partial=true``, on any of the rows, with ``start_range=.,S`` or ``end_range=E,.`` on
    the row of the open end; GENCODE and Ensembl write the tags ``cds_start_NF``, ``cds_end_NF``.

    Args:
        rows: in the order of translation.
        above: rows of the features that it is part of, for their tags.
        tag: the first word of the tags.
    """
    first, last = rows[0], rows[-1]
    tags = {each for row in (*rows, *above) for each in row.get("tag").split(",")}
    open5, open3 = f"{tag}_start_NF" in tags, f"{tag}_end_NF" in tags
    open5 |= _is_open(first, left=first.sign > 0)
    open3 |= _is_open(last, left=last.sign <= 0)
    partial = any(row.get("partial").lower() in ("true", "yes") for row in rows)
    guessed = partial and not any(_has_range(row) for row in rows) and not (open5 or open3)
    return Ends(open5 or guessed, open3 or guessed, guessed)


def _is_open(row: Row, *, left: bool) -> bool:
    if row.get("partial") in _PARTIAL_CODES:
        return row.get("partial")[0 if left else 1] == "1"
    name = "start_range" if left else "end_range"
    return any(key in row.feature.attributes for key in (name, name.capitalize()))


def _has_range(row: Row) -> bool:
    keys = ("start_range", "end_range", "Start_range", "End_range")
    return any(key in row.feature.attributes for key in keys)
