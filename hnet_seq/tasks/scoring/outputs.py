"""Where scores go, and what is written beside them; torch is not needed to find it wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modalities.errors import UsageError

VARIANTS = (".tsv", ".parquet", ".vcf", ".vcf.gz")
TABLES = (".tsv", ".parquet")
MEASURED = ".tsv"
TRACKS = ("per_base", "difference")
BIGWIG = (".bw", ".bigwig")
_DRAWN = (".svg", ".html")


def check_out(out: Path, use: str, source: str | None, form: str | None = None) -> None:
    """Raise UsageError where a use of ``score`` cannot write to ``out``, or would write over INPUT.

    Args:
        use: ``sequences``, ``variants``, ``mutagenesis``, ``genes`` or ``measured``.
        source: INPUT, where there is one.
        form: of variants: ``vcf`` or ``table``.
    """
    check_places(out, source)
    if use in ("mutagenesis", "genes") and out.suffix not in TABLES:
        raise UsageError(
            "--out", f"{out.name} has no known format; end it in {' or '.join(TABLES)}"
        )
    if use == "measured" and out.suffix != MEASURED:
        raise UsageError("--out", f"{out.name}: measured effects go into a {MEASURED}")
    if use == "variants" and variant_format(out).startswith(".vcf") and form != "vcf":
        raise UsageError(
            "--out",
            f"{out.name}: scores go into the VCF file they came from, and {source} is "
            "a table; end it in .tsv or .parquet",
        )


def check_places(out: Path, source: str | None) -> None:
    """Raise UsageError where scores or their summary would replace the input or each other."""
    summary = summary_path(out)
    if summary is not None and summary.resolve() == out.resolve():
        raise UsageError("--out", f"{out.name} is where the summary goes; end it in .tsv")
    if source is None or source == "-":
        return
    for path in (out, summary):
        if path is not None and path.resolve() == Path(source).resolve():
            raise UsageError("--out", f"{path} is the input; name another file")


def variant_format(path: Path) -> str:
    """The suffix that decides the format; UsageError where it names none."""
    for suffix in sorted(VARIANTS, key=len, reverse=True):
        if path.name.endswith(suffix):
            return suffix
    raise UsageError("--out", f"{path.name} has no known format; end it in {', '.join(VARIANTS)}")


def summary_path(out: Path) -> Path | None:
    """``scores.tsv`` and ``scores.vcf.gz`` to ``scores.json`` beside them.

    None where nothing can lie beside: for a device, a pipe or what is open already, such as
    ``/dev/stdout``.
    """
    folder = out.absolute().parent
    if (out.exists() and not out.is_file()) or f"{folder}" == "/dev" or is_of_processes(folder):
        return None
    return out.with_name(Path(out.name.removesuffix(".gz")).with_suffix(".json").name)


def is_of_processes(folder: Path) -> bool:
    """Whether a folder lists what processes have open, as ``/dev/fd`` does."""
    return folder.resolve().parts[:2] == ("/", "proc")


def files_of(out: Path | None, *, drawn: bool = False) -> Sequence[Path]:
    """All that is written: the scores, their summary and, of mutagenesis, drawings."""
    if out is None:
        return []
    if (summary := summary_path(out)) is None:
        return [out]
    return [out, summary, *(out.with_suffix(suffix) for suffix in _DRAWN if drawn)]
