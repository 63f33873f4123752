"""Documents of text and code out of files, folders, JSON lines, parquet and WebDataset tars."""

from pipelines.documents.duplicates import Signatures, find_duplicates, signatures
from pipelines.documents.options import DocumentOptions
from pipelines.documents.read import read_unit
from pipelines.documents.records import REASONS, Document, Dropped
from pipelines.documents.unit import Unit
from pipelines.documents.units import UNIT_BYTES, plan_units

__all__ = [
    "REASONS",
    "UNIT_BYTES",
    "Document",
    "DocumentOptions",
    "Dropped",
    "Signatures",
    "Unit",
    "find_duplicates",
    "plan_units",
    "read_unit",
    "signatures",
]
