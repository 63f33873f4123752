"""What the types of rows stand for: Sequence Ontology's terms, and words of GTF and GenBank."""

from __future__ import annotations

_TRANSCRIPTS = frozenset(("prim_transcript", "NMD_transcript_variant", "misc_RNA"))
# What other RNAs are cut out of, where all of them are children of one gene.
PRECURSORS = frozenset(
    (
        *("primary_transcript", "nc_primary_transcript", "prim_transcript", "precursor_RNA"),
        *("pre_miRNA", "miRNA_primary_transcript", "tRNA_primary_transcript"),
        *("rRNA_primary_transcript",),
    )
)
CUT_OUT = frozenset(("miRNA", "siRNA", "piRNA", "snoRNA", "tRNA", "rRNA"))


def is_transcript(kind: str) -> bool:
    """Whether a type is a transcript: mRNA, lnc_RNA, SRP_RNA, unconfirmed_transcript, ...

    The ontology has a hundred, nearly all of which end so; what a pseudogene would have is none.
    """
    return kind in _TRANSCRIPTS or (
        kind.endswith(("RNA", "transcript")) and not is_pseudogenic(kind)
    )


def is_processed(kind: str) -> bool:
    """Whether the 5' end of a type of RNA is never where its transcription began."""
    return kind.endswith(("piRNA", "siRNA")) or kind.startswith("circular")


def is_pseudogenic(kind: str) -> bool:
    """Whether a type is a pseudogene, or a part of one."""
    return "pseudogen" in kind.lower()


def is_exon(kind: str) -> bool:
    """Whether a type is an exon: also noncoding_exon, coding_exon, interior_coding_exon, ..."""
    return kind == "exon" or kind.endswith("_exon")


def is_intron(kind: str) -> bool:
    """Whether a type is an intron: also five_prime_UTR_intron, spliceosomal_intron, ..."""
    return kind == "intron" or kind.endswith("_intron")


def is_untranslated(kind: str) -> bool:
    """Whether a type is an untranslated part: five_prime_UTR, three_prime_utr, UTR, 5'UTR, ..."""
    return kind.lower().endswith("utr")


def is_genic(kind: str) -> bool:
    """Whether a type is a gene, a transcript or an exon: also ncRNA_gene, tRNA_gene, ..."""
    return (
        kind in ("gene", "pseudogene")
        or kind.endswith("_gene")
        or is_transcript(kind)
        or is_exon(kind)
    )
