"""Any file of results as its record."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, overload

from hnet_seq.results.boundaries import (
    Boundaries,
    Enrichment,
    Motifs,
    Region,
    Stability,
    TextBoundaries,
)
from hnet_seq.results.classification import Classification, Targets
from hnet_seq.results.embedding import Embedding
from hnet_seq.results.markov import Markov
from hnet_seq.results.record import Result, read_object
from hnet_seq.results.run import Log, Run
from hnet_seq.results.scores import Measured, Mutagenesis, SequenceScores, VariantScores
from modalities.errors import InputError

KINDS: dict[str, type[Result]] = {
    kind.KIND: kind
    for kind in (
        *(Classification, Targets, Enrichment, Stability, Motifs, Embedding),
        *(SequenceScores, VariantScores, Measured, Mutagenesis),
        *(Boundaries, Region, TextBoundaries, Markov, Run),
    )
}
"""By what a file says it is, or else by its name: in the order of a report."""

TWIN_SUFFIX = ".twin"
_Kind = TypeVar("_Kind", bound=Result)


@overload
def read_result(path: str | Path) -> Result: ...
@overload
def read_result(path: str | Path, *kinds: type[_Kind]) -> _Kind: ...
def read_result(path: str | Path, *kinds: type[Result]) -> Result:
    """Read what a verb left: JSON of any kind, or the log of a training.

    Args:
        kinds: what it may be; anything that there is when left out.

    Returns:
        the record of its kind: :class:`hnet_seq.results.classification.Classification`, ...

    Raises:
        InputError: there is no such file, or it is none of them, or damaged, or of a later version.
    """
    path = Path(path)
    try:
        if path.suffix == ".jsonl":
            return Log.read(path)
        content = read_object(path)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    found = kind_of(path, content)
    if kinds and (found is None and "kind" not in content):
        found = kinds[0].KIND
    allowed = kinds or tuple(KINDS.values())
    if found is None or KINDS[found] not in allowed:
        expected = " or ".join(kind.KIND for kind in allowed)
        said = content.get("kind", found)
        raise InputError(path, f"kind is {said!r}; expected {expected}; give what a verb wrote")
    return KINDS[found].of(content, path)


def kind_of(path: Path, content: dict[str, Any]) -> str | None:
    """The kind of a file, by what it says it is, or else by its name; None for no result."""
    kind = content.get("kind")
    if isinstance(kind, str) and kind in KINDS:
        return kind
    name = path.stem.removesuffix(TWIN_SUFFIX)
    return name if name in KINDS and not isinstance(kind, str) else None
