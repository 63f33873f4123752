"""What options may be and are by default, for those who parse them and those who compute."""

from __future__ import annotations

from typing import Literal

Strands = Literal["none", "average"]
STRANDS: tuple[Strands, ...] = ("none", "average")

LAYERS = ("final", "inner", "encoder", "decoder", "innermost")
LEVELS = ("sequence", "chunk", "base")
EMBED_BATCH_TOKENS = 16384
VECTOR_FORMATS = (".parquet", ".npy", ".h5ad", ".zarr")

LEFT_CONTEXT = 8192  # bases
SEGMENT_BATCH_TOKENS = 8192  # bases; twice that takes 140 MB more and the same time
ENRICH_WIDTH, ENRICH_NEAR, ENRICH_SHIFTS, ENRICH_SHUFFLES = 60, 2, 200, 1
STABILITY_PLACES, STABILITY_CONTEXT, STABILITY_REACH = 500, 1024, 256
LEXICON_WORDS = 4096  # as many as there are 6-mers, and as DNABERT-2 has byte pairs
LEXICON_MOST_WORDS = 1 << 16
LEXICON_SHUFFLED = 2_000_000  # bases
LEXICON_FORMATS = ("tsv", "tsv.gz", "parquet")

SCORE_BATCH_TOKENS = 8192
WINDOW = 1024  # bases around a variant
STOPS = 5  # places along a gene
ON_MISMATCH = ("error", "skip")
EXPLAIN_SHUFFLES, EXPLAIN_BASELINES, EXPLAIN_STEPS = 2, 2, 20
EXPLAIN_MOST_BASES = 1000  # of a map; its cost grows with the square
BASELINES = ("markov", "mixing")  # of the bits of a base

WINDOWS_GUARD = 1000  # bases between a training and a test region
SplitRule = Literal["given", "random", "similarity"]
SPLIT_RULES: tuple[SplitRule, ...] = ("given", "random", "similarity")
MARKOV_BYTES_ORDER = 6
PROBES = ("logistic", "svm", "knn")
Problem = Literal["classes", "multi-label", "regression"]
PROBLEMS: tuple[Problem, ...] = ("classes", "multi-label", "regression")
SEPARATOR = ";"  # between several labels of a row
EVERY = "all"  # the task that takes the rows of all

CleanMode = Literal["filter", "resplit"]
CLEAN_MODES: tuple[CleanMode, ...] = ("filter", "resplit")
CleanBy = Literal["cluster", "locus", "chromosome"]
CLEAN_BY: tuple[CleanBy, ...] = ("cluster", "locus", "chromosome")
FAIL_ON = ("serious", "known", "minor")

ZERO_SHOT_TESTS = (
    "next_base",
    "sequence_recovery",
    "synonymous",
    "triplet_expansion",
    "needle",
    "variants",
    "memorisation",
)
"""In the order of a record."""
