"""Sites of an annotation as places between two bases: starts, stops, splice sites, edges.

A site is a cut, as a chunk boundary is: cut c lies between the bases c - 1 and c of the forward
strand. So a site of the - strand and its mirror image on the + strand are the same distance from
the same boundaries, whichever way the model reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.genes import Cut, Feature, RecordGenes, joined_rows, sign_of

START, STOP = "start codon", "stop codon"
DONOR, ACCEPTOR = "splice donor", "splice acceptor"
TRANSCRIPTION = "transcription start"
GENE_SITES = (START, STOP, DONOR, ACCEPTOR, TRANSCRIPTION)


@dataclass(frozen=True)
class Sites:
    """Sites of one kind on one record, sorted, each once.

    Attributes:
        cuts: (K,) places, 0 to the record's length.
        signs: (K,) +1 where upstream lies to the left, -1 where it lies to the right. What has no
            strand is read as on the + strand.
    """

    cuts: NDArray[np.int64]
    signs: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.cuts)

    @classmethod
    def of(cls, cuts: Iterable[Cut]) -> Sites:
        """From places and signs in any order."""
        found = np.array(sorted(set(cuts)), np.int64).reshape(-1, 2)
        return cls(found[:, 0], found[:, 1].astype(np.int8))


def gene_sites(genes: RecordGenes) -> dict[str, Sites]:
    """Sites of genes on one record, by kind; a kind that does not occur is left out.

    - A start or stop codon is the cut before its first base, in the direction of translation. It
      counts where the CDS is complete there.
    - A splice donor is the cut between an exon and the intron after it, an acceptor the one
      between an intron and the exon after it.
    - A transcription start is the 5' end of a transcript line; where the file has none, of the
      exons of a transcript; so bacteria that list only genes and CDS have none.
    """
    found: dict[str, list[Cut]] = {
        START: [coding.start for coding in genes.coding if coding.start is not None],
        STOP: [coding.stop for coding in genes.coding if coding.stop is not None],
        DONOR: [donor for donor, _ in genes.introns if donor],
        ACCEPTOR: [acceptor for _, acceptor in genes.introns if acceptor],
        TRANSCRIPTION: genes.transcription_starts,
    }
    return {kind: Sites.of(cuts) for kind, cuts in found.items() if cuts}


def edge_sites(
    features: Sequence[Feature],
    types: Collection[str],
    label: str | None = None,
    *,
    length: int | None = None,
    circular: bool = False,
) -> dict[str, Sites]:
    """Both edges of every feature of these types, by kind: ``TYPE 5' edge`` and ``TYPE 3' edge``.

    Args:
        types: as the file names them; every feature where empty.
        label: one name for all of them.
        length, circular: of the record; the origin of a circle is no edge.
    """
    found: dict[str, list[Cut]] = defaultdict(list)
    for feature, start, end in joined_rows(features, length, circular=circular):
        if types and feature.type not in types:
            continue
        sign = sign_of(feature)
        inside = end if length is None else (end - 1) % length + 1
        ends = (start, inside)[::sign]
        for edge, cut in zip(("5' edge", "3' edge"), ends, strict=True):
            found[f"{label or feature.type} {edge}"].append((cut, sign))
    return {kind: Sites.of(cuts) for kind, cuts in found.items()}
