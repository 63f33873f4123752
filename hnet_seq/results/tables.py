"""Rows of values as a pandas table, and as HTML for a notebook."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modalities.errors import UsageError

if TYPE_CHECKING:
    import pandas

SHOWN = 20  # rows of a table in a notebook


def to_pandas(
    rows: Sequence[Mapping[str, Any]] | Sequence[tuple[Any, ...]], columns: Sequence[str]
) -> pandas.DataFrame:
    """A table of these columns, a row a mapping, or its values.

    Raises:
        UsageError: pandas is not installed.
    """
    return import_pandas().DataFrame.from_records(list(rows), columns=list(columns))


def import_pandas() -> Any:
    """pandas; UsageError with the line that installs it where it is missing."""
    try:
        import pandas
    except ImportError:
        raise UsageError("to_pandas", "needs pandas: pip install 'hnet-seq[pandas]'") from None
    return pandas


def to_html(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], caption: str, *, more: bool = False
) -> str:
    """The first rows as a table with a caption; ``more`` says that others follow."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_shown(row[name]))}</td>" for name in columns) + "</tr>"
        for row in rows[:SHOWN]
    )
    if more or len(rows) > SHOWN:
        body += f'<tr><td colspan="{len(columns)}">&hellip;</td></tr>'
    return (
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return f"{value}"
