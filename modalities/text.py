"""Text as UTF-8 bytes. 254 begins and 255 ends a document: neither occurs in UTF-8."""

from __future__ import annotations

import numpy as np

from modalities.base import Modality, Tokens
from modalities.errors import InputError

BEGIN, END = 254, 255
VOCABULARY = (*(f"0x{byte:02x}" for byte in range(BEGIN)), "<begin>", "<end>")


def encode(sequence: bytes | str) -> Tokens:
    """Tokens (L,) of a text, without markers.

    Raises:
        InputError: bytes that are not UTF-8, or a lone surrogate, with their 1-based position.
    """
    try:
        if isinstance(sequence, str):
            sequence = sequence.encode()
        else:
            sequence.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            None,
            f"byte 0x{error.object[error.start]:02x} is not UTF-8; convert the text first",
            where=f"byte {error.start + 1}",
        ) from None
    except UnicodeEncodeError as error:
        raise InputError(
            None,
            f"U+{ord(error.object[error.start]):04X} is half a surrogate pair, not a character; "
            "decode the text with its own encoding first",
            where=f"character {error.start + 1}",
        ) from None
    return np.frombuffer(sequence, dtype=np.uint8)


def decode(tokens: Tokens) -> str:
    """The text of tokens (L,). Markers vanish; a character cut in half becomes U+FFFD."""
    tokens = np.asarray(tokens, dtype=np.uint8)
    return tokens[tokens < BEGIN].tobytes().decode(errors="replace")


def with_markers(data: bytes) -> Tokens:
    """A document of n bytes as it is stored: begin, its bytes, end; (n + 2,)."""
    return np.frombuffer(b"\xfe%b\xff" % data, dtype=np.uint8)


TEXT = Modality("text", VOCABULARY, tuple(range(256)), encode, decode)
