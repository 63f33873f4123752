"""Which documents are wanted, and in which form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from modalities import code
from modalities.errors import UsageError

BrokenLines = Literal["error", "drop"]
InvalidUtf8 = Literal["error", "replace", "drop"]
LineEnds = Literal["keep", "lf"]
Duplicates = Literal["keep", "exact", "near"]


@dataclass(frozen=True)
class DocumentOptions:
    """How documents are read and chosen.

    Attributes:
        modality: ``text`` or ``code``; the filters for code work on code only.
        text_field: the field of a JSON object, or the column of a table, with the text.
        broken_lines: what becomes of a line or sample without a usable text.
        invalid_utf8: what becomes of a document that is not UTF-8. ``replace`` puts U+FFFD.
        line_ends: ``keep`` them, or make CRLF and CR ``lf``.
        languages: keep these only; () keeps all. In lower case; for code also ``py`` or ``cpp``.
        exclude_languages: drop these.
        licenses: keep documents under these SPDX ids only; () asks for none.
        min_bytes: shorter documents are dropped.
        max_bytes: longer documents are dropped; None keeps all.
        keep_generated: keep code that says that a program wrote it.
        keep_minified: keep code with lines as no person writes them.
        mean_line: bytes a line on average above which code is minified.
        longest_line: bytes of one line above which code is minified.
        header: begin each document with a line that names its path and language, see
            `modalities.code.header`.
        duplicates: ``keep`` them, drop ``exact`` ones, or drop ``near`` ones too.
        similarity: estimated Jaccard similarity from which documents are near duplicates.

    Raises:
        UsageError: an option out of its range; names the command line's option.
    """

    modality: str = "text"
    text_field: str = "text"
    broken_lines: BrokenLines = "error"
    invalid_utf8: InvalidUtf8 = "error"
    line_ends: LineEnds = "keep"
    languages: tuple[str, ...] = ()
    exclude_languages: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    min_bytes: int = 1
    max_bytes: int | None = None
    keep_generated: bool = False
    keep_minified: bool = False
    # The limits of Chen et al. 2021 (Codex), section 3.1.
    mean_line: int = 100
    longest_line: int = 1000
    header: bool = False
    duplicates: Duplicates = "exact"
    similarity: float = 0.8

    def __post_init__(self) -> None:
        for option, value, choices in (
            ("modality", self.modality, ("text", "code")),
            ("broken_lines", self.broken_lines, get_args(BrokenLines)),
            ("invalid_utf8", self.invalid_utf8, get_args(InvalidUtf8)),
            ("line_ends", self.line_ends, get_args(LineEnds)),
            ("duplicates", self.duplicates, get_args(Duplicates)),
        ):
            if value not in choices:
                raise UsageError(option, f"is {value!r}, expected {' or '.join(choices)}")
        for field in ("languages", "exclude_languages", "licenses"):
            values = getattr(self, field)
            option = f"--{field.replace('_', '-')}"
            if isinstance(values, str) or not all(v and v == v.strip() for v in values):
                raise UsageError(option, f"is {values!r}, expected names without blanks around")
            if field != "licenses":
                values = [self.language(value) for value in values]
            # A list, as JSON gives it back, is as good as a tuple.
            object.__setattr__(self, field, tuple(values))
        both = set(self.languages) & set(self.exclude_languages)
        if both:
            raise UsageError("exclude_languages", f"{min(both)} also stands in --languages")
        if not self.text_field:
            raise UsageError("text_field", "is empty; name a field")
        if self.min_bytes < 0:
            raise UsageError("min_bytes", f"is {self.min_bytes}, expected 0 or more")
        if self.max_bytes is not None and self.max_bytes < max(1, self.min_bytes):
            raise UsageError(
                "max_bytes",
                f"is {self.max_bytes}, expected at least {max(1, self.min_bytes)} (--min-bytes)",
            )
        for option, length in (
            ("mean_line", self.mean_line),
            ("longest_line", self.longest_line),
        ):
            if length < 1:
                raise UsageError(option, f"is {length}, expected 1 or more bytes")
        if not 0.5 <= self.similarity <= 0.99:
            raise UsageError(
                "similarity",
                f"is {self.similarity}, expected 0.5 to 0.99 (--duplicates exact finds equal ones)",
            )

    def language(self, name: str) -> str:
        """The one name of a language that may be written in several ways."""
        return code.canonical(name) if self.modality == "code" else name.strip().lower()
