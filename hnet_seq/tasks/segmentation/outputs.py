"""Where ``segment`` writes; neither torch nor pyarrow is needed to find it wrong."""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.commands.checks import check_outputs
from modalities.errors import UsageError
from pipelines.storage.files import check_file

STAGE = "{stage}"
TABLE_SUFFIXES = (".parquet", ".tsv", ".tsv.gz")


def stage_files(path: str, stage: int, num_stages: int, option: str) -> list[tuple[int, Path]]:
    """The file of each stage: of all where the name holds ``{stage}``, else of ``stage`` alone.

    Raises:
        UsageError: a file cannot be written; names ``option``.
    """
    stages = range(num_stages) if STAGE in path else (stage,)
    return [(s, check_file(path.replace(STAGE, f"{s}"), option)) for s in stages]


def check_stage_files(args: argparse.Namespace, num_stages: int) -> None:
    """Raise UsageError where a file of a stage would take the place of an input or another output.

    Args:
        args: of the verb.
        num_stages: of the model, or as many as are known of.
    """
    outputs = {
        option: [file for _, file in stage_files(path, args.stage, num_stages, option)]
        for option in ("bed", "bigwig")
        if (path := getattr(args, option))
    }
    for option in ("igv", "jbrowse"):
        if path := getattr(args, option):
            outputs[option] = [check_file(path, option)]
    if args.chunks:
        outputs["chunks"] = [check_file(args.chunks, "chunks")]
    check_outputs(outputs, *args.inputs, args.annotation)


def check_table(path: str) -> Path:
    """``path``, where a table of chunks can be written; UsageError where not."""
    if not path.endswith(TABLE_SUFFIXES):
        raise UsageError("chunks", f"{path} should end in {', '.join(TABLE_SUFFIXES)}")
    return check_file(path, "chunks")
