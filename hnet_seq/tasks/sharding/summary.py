"""What was read, dropped and written, as a table."""

from __future__ import annotations

from collections import Counter

from hnet_seq.tasks.sharding.corpus import ALIKE, BROKEN, GROUPS
from pipelines.batches.held_out_copies import COMPARED, NEAR, SHARED, WARN, WORDS, distance
from pipelines.documents import REASONS
from pipelines.shards.corpus_entry import UNSEEN, Corpus
from pipelines.shards.manifest import SPLITS, Manifest

Row = tuple[str, str, str]


def summary(manifest: Manifest) -> str:
    """Of the whole folder."""
    counts = Counter(manifest.statistics)
    rows = _corpus(manifest.corpus, counts) if manifest.corpus else []
    rows += _dna(counts) if manifest.modality in ("dna", "dna_bytes") else _documents(counts)
    for split in SPLITS:
        rows += _split(manifest, split)
    if COMPARED in manifest.statistics:
        rows += _comparison(counts)
        if manifest.corpus:
            rows.append(_nearest(manifest.corpus))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(
        f"{name:<{widths[0]}}  {value:>{widths[1]}}  {detail}".rstrip()
        for name, value, detail in rows
    )


def warning(manifest: Manifest) -> str | None:
    """A line where a score on the validation split would say little; None where it does not."""
    counts = Counter(manifest.statistics)
    share = counts[NEAR] / max(1, counts[COMPARED])
    if share < WARN:
        return None
    return (
        f"warning: {share:.0%} of the validation bases have a near copy in training (repeats "
        "count too): their score tells nothing of new sequences. --validation similarity:FRACTION "
        "keeps similar records on one side, --duplicates near drops copies (hnet-seq shard --help)"
    )


def _comparison(counts: Counter[str]) -> list[Row]:
    share = counts[NEAR] / max(1, counts[COMPARED])
    apart, at_least = distance(counts)
    shared = counts[SHARED] / max(1, counts[WORDS])
    return [
        ("  near copies in training", f"{counts[NEAR]:,}", f"{share:.2%} of validation, in bases"),
        (
            "  distance to training",
            f"{'> ' if at_least else ''}{apart:.3f}",
            f"{shared:.2%} of its words of 21 bases stand there, on either strand",
        ),
    ]


def _corpus(corpus: Corpus, counts: Counter[str]) -> list[Row]:
    taxa = len({genome.taxon for genome in corpus.genomes if genome.taxon})
    rows = [("genomes", f"{counts['genomes']:,}", f"of {taxa:,} taxa" if taxa else "")]
    if counts[BROKEN]:
        rows.append(("dropped: cannot be read", f"{counts[BROKEN]:,}", "the manifest says why"))
    rows.append(
        (
            "  near-identical",
            f"{counts[ALIKE]:,}",
            f"in {counts[GROUPS]:,} groups, up to {corpus.near_distance:g} substitutions a base",
        )
    )
    rows += [
        (f"dropped: {reason.replace('_', ' ')} genomes", f"{count:,}", "")
        for reason in ("duplicate", "near_duplicate")
        if (count := counts[f"dropped_{reason}_genomes"])
    ]
    for split in SPLITS:
        own = [genome for genome in corpus.genomes if genome.split == split]
        weighed = sum(genome.weight for genome in own)
        if own:
            same = split != "train" or weighed == len(own)
            detail = "" if same else f"weights of {weighed:,.1f} together"
            rows.append((f"  for {split}", f"{len(own):,}", detail))
    return rows


def _nearest(corpus: Corpus) -> Row:
    asked = "" if corpus.min_distance is None else f"; asked: {corpus.min_distance:g}"
    if corpus.nearest is None:
        return ("  nearest genomes", f"> {UNSEEN}", f"between the splits{asked}")
    pair = corpus.nearest
    detail = f"{pair.held_out} held out, {pair.training} in training{asked}"
    return ("  nearest genomes", f"{pair.distance:.3f}", detail)


def _dna(counts: Counter[str]) -> list[Row]:
    total = max(1, counts["bases"])
    known = max(1, counts["bases"] - counts["unknown"] - counts["iupac"])
    rows = [
        ("records", f"{counts['records']:,}", ""),
        ("bases", f"{counts['bases']:,}", ""),
        ("  G + C", f"{counts['gc']:,}", f"{counts['gc'] / known:.2%} of known"),
    ]
    for name, key in (
        ("  N", "unknown"),
        ("  other ambiguity codes", "iupac"),
        ("  lower case", "soft_masked"),
    ):
        rows.append((name, f"{counts[key]:,}", f"{counts[key] / total:.2%}"))
    for name, key in (
        ("in runs of unknown", "dropped_unknown"),
        ("guard", "dropped_guard"),
        ("too short", "dropped_short"),
    ):
        if counts[key]:
            rows.append((f"dropped: {name}", f"{counts[key]:,}", f"{counts[key] / total:.2%}"))
    for reason in ("duplicate", "near_duplicate"):
        if counts[f"dropped_{reason}"]:
            bases = counts[f"dropped_{reason}_bases"]
            name = f"dropped: {reason.replace('_', ' ')} records"
            rows.append((name, f"{counts[f'dropped_{reason}']:,}", f"{bases:,} bases"))
    return rows


def _documents(counts: Counter[str]) -> list[Row]:
    rows = [
        ("documents read", f"{counts['records']:,}", ""),
        ("bytes kept", f"{counts['bytes']:,}", ""),
    ]
    for reason, meaning in REASONS.items():
        if counts[f"dropped_{reason}"]:
            name = f"dropped: {reason.replace('_', ' ')}"
            rows.append((name, f"{counts[f'dropped_{reason}']:,}", meaning))
    return rows


def _split(manifest: Manifest, split: str) -> list[Row]:
    shards = manifest.of(split)
    if not shards:
        return []
    blocks = sum(len(shard.blocks) for shard in shards)
    detail = f"{manifest.documents(split):,} documents, {blocks:,} blocks, {len(shards):,} shards"
    rows = [(f"{split}: tokens", f"{manifest.tokens(split):,}", detail)]
    labels = manifest.label_tokens(split)
    if set(labels) != {""}:
        rows += [(f"  {label or 'no label'}", f"{count:,}", "") for label, count in labels.items()]
    return rows
