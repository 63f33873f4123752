"""``hnet-seq lexicon``: the words that a model made; its arguments are in ``commands``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hnet_seq.analysis.lexicon.kinds import RecordKinds
from hnet_seq.commands.documents import check_documents
from hnet_seq.commands.lexicon import check_dna, check_written, read_features, written_names
from hnet_seq.jobs.job import Computed
from hnet_seq.jobs.ranks import check_meeting, find_ranks, rank_device
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.given_ids import modality_of
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import attention_window
from hnet_seq.results.lexicon import TOKENIZER, Lexicon, StageLexicon
from hnet_seq.tasks.boundary_analysis.site_files import named_source
from hnet_seq.tasks.byte_documents import is_byte_modality
from hnet_seq.tasks.lexicons.counting import StageCounts
from hnet_seq.tasks.lexicons.records import stage_record
from hnet_seq.tasks.lexicons.rows import (
    Columns,
    enriched_columns,
    lines_of,
    schema_of,
    table_of,
    word_columns,
)
from hnet_seq.tasks.lexicons.sources import BYTES, LEAST_SPAN, Source, genome_source
from hnet_seq.tasks.lexicons.stage import StageWords, study_stage
from hnet_seq.tasks.lexicons.tell import told
from hnet_seq.tasks.peak_memory import peak_memory_mb
from hnet_seq.tasks.run_identity import about_twin
from hnet_seq.tasks.segmentation.records import check_model, check_stages
from hnet_seq.tasks.segmentation.text import given_job
from hnet_seq.tasks.table_files import open_table
from modalities.errors import InputError, UsageError
from modalities.file_hash import file_sha256
from pipelines.formats.genome import Genome
from pipelines.storage.files import check_folder, named_errors, replaced_file
from pipelines.storage.leftovers import remove, temporary_name


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    began = time.monotonic()
    out = check_folder(args.out)
    if not args.no_bpe:
        _check_tokenizers()
    ranks = find_ranks()
    model = load_pretrained(args.checkpoint, rank_device(args.device, ranks), twin=args.twin)
    modality_of(model)  # a model of tokens has no boundaries among letters
    modality = model.metadata.get("modality")
    dropped: Counter[str] = Counter()
    stages, is_twin = model.num_stages, bool(about_twin(model))
    check_written(args, stages, is_twin=is_twin)
    names = written_names(args, stages, is_twin=is_twin)
    files = {what: out / name for what, name in names.items()}
    outputs = list(files.values())
    if is_byte_modality(modality):
        check_documents(args, f"{modality}")
        check_stages(model, args.checkpoint)
        check_meeting(None, outputs, ranks)
        cut = given_job(args, model, f"{modality}", dropped, outputs)
        source = Source(cut, BYTES, {}, {})
    else:
        check_dna(args)
        check_model(model, args.checkpoint)
        if args.features and not hasattr(args, "read_kinds"):  # what it reads was not known before
            read_features(args)
        genome = Genome(args.inputs[0], use_index=args.region is not None)
        check_meeting(args.inputs[0], outputs, ranks)
        source = genome_source(model, args, genome, outputs)
    if not any(unit.items for unit in source.job.units):
        raise InputError(", ".join(args.shards or args.inputs), "has nothing to cut")
    job = replace(source.job, made_with=_made_with(args))
    with attention_window(model, args.attention_window), job.run(ranks) as computed:
        if computed is None:  # the rank that is done last writes
            return 0
        kinds = getattr(args, "read_kinds", None)  # read before torch was imported
        found = _write(args, model, source, computed, kinds, files)
    if dropped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
        print(f"left out: {reasons}", file=sys.stderr)
    print(told(found))
    print(
        f"{found.letters:,} {found.letter}s, {time.monotonic() - began:.1f} s, "
        f"peak memory {peak_memory_mb():,.0f} MB; draw it with: hnet-seq report {args.out}",
        file=sys.stderr,
    )
    return 0


def _made_with(args: argparse.Namespace) -> dict[str, Any]:
    """What the files depend on beside what was cut."""
    features = [(own, file_sha256(named_source(own)[1])) for own in args.features]
    return {
        "features": features,
        **{name: getattr(args, name) for name in ("vocabulary", "seed", "no_bpe")},
    }


def _write(
    args: argparse.Namespace,
    model: HNetLanguageModel,
    source: Source,
    computed: Computed[Any],
    kinds: RecordKinds | None,
    files: dict[str, Path],
) -> Lexicon:
    """Count, compare, and write all files; the record last."""
    alphabet, names = source.alphabet, kinds.names if kinds else []
    spill = temporary_name(files["record"])
    stages: list[StageLexicon] = []
    if source.lengths and args.shuffled_bases and not source.sampled:
        said = f"no control of shuffled sequence: no stretch has {LEAST_SPAN:,} bases"
        print(said, file=sys.stderr)
    with ExitStack() as stack, named_errors(files["record"], spill):
        stack.callback(remove, spill)
        print("counting chunks", file=sys.stderr)
        counts = _count(source, computed, model.num_stages, spill, stack)
        tables = _Tables(files, stack)
        for own in counts:
            print(f"looking at the words of stage {own.stage}", file=sys.stderr)
            found = study_stage(
                own,
                partial(source.texts, computed),
                source.shuffled(computed),
                alphabet,
                source.sampled,
                kinds,
                spill,
                vocabulary=args.vocabulary,
                seed=args.seed,
                tokenizers=not args.no_bpe,
            )
            columns = word_columns(found, alphabet, names)
            enriched = enriched_columns(found, alphabet, names) if kinds else None
            tokenizer = _write_tokenizer(found, files.get(f"tokenizer {own.stage}"))
            stages.append(stage_record(found, alphabet, columns, enriched, tokenizer))
            columns.pop("far", None)
            tables.write("words", columns)
            if enriched is not None:
                tables.write("features", enriched)
    record = Lexicon(
        **about_twin(model),
        inputs=[Path(path).name for path in args.inputs or args.shards],
        region=args.region or ("whole genome" if source.lengths else "all documents"),
        attention_window=args.attention_window,
        letter="base" if source.lengths else "byte",
        letters=counts[0].letters,
        vocabulary=args.vocabulary,
        context=alphabet.context,
        seed=args.seed,
        shuffled_letters=source.shuffled_letters,
        features=[Path(path).name for path in args.features],
        table=files["words"].name,
        enriched=files["features"].name if kinds else None,
        stages=stages,
    )
    record.write(files["record"])
    return record


def _count(
    source: Source, computed: Computed[Any], stages: int, spill: Path, stack: ExitStack
) -> list[StageCounts]:
    counts = [
        StageCounts(stage, source.alphabet, source.sampled, spill, stack) for stage in range(stages)
    ]
    for text in source.texts(computed, closed=stages):
        for own in counts:
            own.add(text)
    for text in source.shuffled(computed):
        for own in counts:
            own.add_shuffled(text)
    return counts


class _Tables:
    """Files that take the rows of one stage after another; they appear when the stack ends well."""

    def __init__(self, files: dict[str, Path], stack: ExitStack) -> None:
        self._files, self._stack = files, stack
        self._writers: dict[str, Any] = {}

    def write(self, what: str, columns: Columns) -> None:
        if what not in self._writers:
            table = open_table(self._files[what], schema_of(columns), lines_of, table_of)
            self._writers[what] = self._stack.enter_context(table)
        self._writers[what](columns)


def _write_tokenizer(found: StageWords, path: Path | None) -> str | None:
    """The tokenizer's file, which says what was measured of it; its name."""
    if path is None or found.tokenizer is None:
        return None
    own = found.way(TOKENIZER)
    # The library passes over what it does not know, but at the top of the file.
    found.tokenizer["model"]["hnet_seq"] = {
        "made_by": "hnet-seq lexicon",
        "stage": found.counts.stage,
        "measured_on": f"{own.letters:,} letters of what the words were counted on",
        "chunks_given_back": own.chunks_given_back,
        "cuts_given_back": own.cuts_given_back,
        "cuts_shared": own.cuts_shared,
    }
    with replaced_file(path) as file:
        json.dump(found.tokenizer, file, indent=1, ensure_ascii=False)
        file.write("\n")
    return path.name


def _check_tokenizers() -> None:
    try:
        import tokenizers  # noqa: F401
    except ImportError:
        raise UsageError(
            "no_bpe",
            "byte pairs and the tokenizer need tokenizers: pip install 'hnet-seq[bpe]'; --no-bpe "
            "leaves them out",
        ) from None
