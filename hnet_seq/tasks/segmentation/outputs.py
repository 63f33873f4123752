"""Where ``segment`` writes; neither torch nor pyarrow is needed to find it wrong."""

from __future__ import annotations

from pathlib import Path

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
    return [(s, check_file(path.replace(STAGE, str(s)), option)) for s in stages]


def check_table(path: str) -> Path:
    """``path``, where a table of chunks can be written; UsageError where not."""
    if not path.endswith(TABLE_SUFFIXES):
        raise UsageError("chunks", f"{path} should end in {', '.join(TABLE_SUFFIXES)}")
    return check_file(path, "chunks")
