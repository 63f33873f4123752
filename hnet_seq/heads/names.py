"""Names of heads: their file, and the ways to make one vector of a sequence."""

HEAD = "head.json"  # beside the weights

POOLINGS = ("chunks", "chunks_weighted", "bases", "last")
CHUNK_POOLINGS = ("chunks", "chunks_weighted")

HEAD_POOLINGS = (
    "chunks",
    "chunks_weighted",
    "attention",
    "bases",
    "last",
    "attention_bases",
    "ends",
    "places",
)
"""See :class:`hnet_seq.heads.sequence_classification.SequenceHead`."""

FROM_ONE_END = ("last", "ends", "places")
"""Poolings that count from one end of a sequence: it and its reverse complement have others, even
of a model that gives both the same vectors."""
