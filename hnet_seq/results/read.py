"""Any file of results as its record."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, overload

from hnet_seq.results.analyses import Enrichment, Motifs, Stability
from hnet_seq.results.audited import Audited
from hnet_seq.results.benchmark import Benchmark
from hnet_seq.results.boundaries import Boundaries, Region, TextBoundaries
from hnet_seq.results.classification import Classification, Targets
from hnet_seq.results.dependency_map import DependencyMap
from hnet_seq.results.embedding import Embedding
from hnet_seq.results.explanation import Explanation
from hnet_seq.results.explored import Explored
from hnet_seq.results.gene_scores import GeneScores
from hnet_seq.results.lexicon import Lexicon
from hnet_seq.results.markov import Markov
from hnet_seq.results.record import Result, check_schema, read_object
from hnet_seq.results.run import Log, Run
from hnet_seq.results.scores import Measured, Mutagenesis, SequenceScores, VariantScores
from hnet_seq.results.zero_shot import ZeroShot
from modalities.errors import InputError
from modalities.given_paths import given_path

KINDS: dict[str, type[Result]] = {
    kind.KIND: kind
    for kind in (
        *(Classification, Targets, Enrichment, Stability, Motifs, Lexicon, Explanation, Embedding),
        *(SequenceScores, VariantScores, Measured, Mutagenesis, GeneScores),
        *(Boundaries, Region, TextBoundaries, Markov, Run, Audited, Benchmark, ZeroShot),
        *(DependencyMap, Explored),
    )
}
"""By what a file says it is, or else by its name: in the order of a report."""

TWIN_SUFFIX = ".twin"
Kind = TypeVar("Kind", bound=Result)
_KINDS = {**KINDS, Log.KIND: Log}


@overload
def read_result(path: str | Path) -> Result: ...
@overload
def read_result(path: str | Path, kind: type[Kind]) -> Kind: ...
def read_result(path: str | Path, kind: type[Result] = Result) -> Result:
    """Read what a verb left: JSON of any kind, or the log of a training.

    Args:
        kind: what it must be, such as ``hnet_seq.results.boundaries.Boundaries``.

    Returns:
        the record of its kind.

    Raises:
        InputError: there is no such file, or it is of another kind, damaged, or of a later version.
    """
    path = given_path(path, "path")
    try:
        content = {} if path.suffix == ".jsonl" else read_object(path)
        check_schema(content, path)  # first: a later version may have further kinds
        name = Log.KIND if path.suffix == ".jsonl" else kind_of(path, content)
        if name is None and "kind" not in content and kind in _KINDS.values():
            name = kind.KIND  # an old file under a name of its own
        if name is None or not issubclass(_KINDS[name], kind):
            expected = " or ".join(x for x, own in _KINDS.items() if issubclass(own, kind))
            said = content.get("kind", name)
            raise InputError(path, f"kind is {said!r}; expected {expected}; give what a verb wrote")
        found: type[Any] = _KINDS[name]
        return found.of(content, path) if content else found.read(path)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None


def kind_of(path: Path, content: dict[str, Any]) -> str | None:
    """The kind of a file, by what it says it is, or else by its name; None for no result."""
    kind = content.get("kind")
    if isinstance(kind, str) and kind in KINDS:
        return kind
    name = path.stem.removesuffix(TWIN_SUFFIX)
    return name if name in KINDS else None
