"""The last column of GFF3 and of GTF."""

from __future__ import annotations

import re
from urllib.parse import unquote

# The value in quotes, without, or none: many tools write GTF loosely.
_GTF_ATTRIBUTE = re.compile(r"""\s*([^\s";]+)(?:\s+(?:"([^"]*)"|([^";]*?)))?\s*(?:;|\Z)""")
# Their values are lists of names, so a comma inside a name stays escaped, in each of them alike.
_LINKS = ("ID", "Parent", "Derives_from")


def gff3_attributes(text: str) -> dict[str, str]:
    """Of a line of GFF3; ValueError where they are not ``key=value``."""
    attributes: dict[str, str] = {}
    key = ""
    for part in text.strip().split(";") if text.strip() != "." else ():
        name, equals, value = part.partition("=")
        if equals:
            key = unquote(name.strip())
            if key in _LINKS:
                value = value.replace("%2C", "%252C").replace("%2c", "%252C")
            attributes[key] = unquote(value)
        elif key and part.strip():
            # Free text with a semicolon that should have been %3B: many real files have it.
            attributes[key] += ";" + unquote(part)
        elif part.strip():
            raise ValueError(
                f"the attribute {part.strip()[:40]!r} has no '='; is this GTF? Convert it to GFF3"
            )
    return attributes


def gtf_attributes(text: str) -> dict[str, str]:
    """Of a line of GTF; ValueError where they are not ``key "value";``."""
    attributes: dict[str, str] = {}
    position, text = 0, text.strip()
    while position < len(text):
        found = _GTF_ATTRIBUTE.match(text, position)
        if found is None:
            raise ValueError(
                f"the attribute {text[position : position + 40].strip()!r} is not "
                'key "value";, as GTF has it'
            )
        key, value = found[1], found[2] if found[2] is not None else found[3] or ""
        # Ensembl repeats a key, "tag", for each of its values.
        attributes[key] = f"{attributes[key]},{value}" if key in attributes else value
        position = found.end()
    return attributes
