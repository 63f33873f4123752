"""Which documents of a byte modality are held out; of each it is told from the document alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from modalities.errors import UsageError

FORMS = "fraction:F (of the documents, by their content)  records:NAME,...  last:F"


@dataclass(frozen=True)
class DocumentSplit:
    """What ``--validation`` says.

    Attributes:
        form: "none", "fraction", "records" or "last".
        fraction: for ``fraction`` and ``last``.
        names: for ``records``.
    """

    form: str = "none"
    fraction: float = 0.0
    names: tuple[str, ...] = ()

    @classmethod
    def parse(cls, validation: str | None) -> DocumentSplit:
        """From the text of the option.

        - ``fraction:F``: that share of the documents, chosen by their sha256: equal documents are
          never divided, and a document stays where it is when others are added;
        - ``records:NAME,...``: documents by name;
        - ``last:F``: the end of the longest document, as long as that share of all bytes.

        Raises:
            UsageError: no such form.
        """
        if validation is None:
            return cls()
        form, _, rest = validation.partition(":")
        if form == "records" and rest:
            return cls(form, names=tuple(rest.split(",")))
        if form in ("fraction", "last"):
            try:
                fraction = float(rest)
            except ValueError:
                fraction = -1.0
            if 0 < fraction < 1:
                return cls(form, fraction)
        raise UsageError(f"validation {validation}", f"unknown; expected one of: {FORMS}")

    def holds_out(self, name: str, data: bytes) -> bool:
        """Whether a whole document is for validation."""
        if self.form == "records":
            return name in self.names
        if self.form == "fraction":
            drawn = int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
            return drawn < self.fraction * 2**64
        return False


def cut_before_character(data: bytes, place: int) -> int:
    """The nearest place at or before ``place`` where a UTF-8 character begins."""
    while place > 0 and data[place] & 0xC0 == 0x80:
        place -= 1
    return place
