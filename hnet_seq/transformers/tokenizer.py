"""Bytes and bases with the interface of a ``transformers`` tokenizer."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedTokenizer

from hnet_seq.train.masking import MASK
from hnet_seq.transformers.body import HUB, complete, file_of
from hnet_seq.transformers.config import HNetConfig, special_tokens
from modalities import dna, text
from modalities.errors import InputError, UsageError
from modalities.registry import get

_PATTERNS = {"none": "none", "begin": "bos", "both": "bos_eos"}
_UNKNOWN = "?"
_OF_AUTO = ("_from_auto", "_commit_hash", "use_fast", "trust_remote_code", "tokenizer_type")


class HNetTokenizer(PreTrainedTokenizer):
    """One token a base or byte, by the vocabulary of a modality.

    DNA takes either case, U as T, and other IUPAC codes as N; what is no nucleotide is an error
    that names the place. Text is UTF-8. A marker is never read from letters: ``<end>`` in a text is
    five bytes.

    Args:
        modality: ``dna``, ``text``, ``code`` or ``dna_bytes``.
        markers: what stands around a sequence: ``none``, as ``embed`` reads; ``begin`` before it,
            as a model of bytes is prompted; ``both``, as a head with markers reads.
        mask: bytes have a mask token, one more than their vocabulary, as a masked model does.

    Raises:
        UsageError: no such modality or markers.
    """

    vocab_files_names: dict[str, str] = {}  # noqa: RUF012
    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012

    def __init__(
        self, modality: str = "dna", markers: str = "none", mask: bool = False, **options: Any
    ) -> None:
        if markers not in _PATTERNS:
            raise UsageError("markers", f"is {markers!r}; expected {', '.join(_PATTERNS)}")
        self._modality = get(modality)
        self.modality, self.markers = self._modality.name, markers
        names = list(self._modality.vocabulary)
        if mask and MASK not in names:
            names.append(MASK)
        self.mask = mask
        self._names = names
        self._ids = {name: number for number, name in enumerate(names)}
        special = {f"{k}_token": names[v] for k, v in special_tokens(self._modality).items()}
        if MASK in self._ids:
            special["mask_token"] = MASK
        options = {"split_special_tokens": True, "padding_side": "right", **special, **options}
        options["special_tokens_pattern"] = _PATTERNS[markers]
        super().__init__(modality=modality, markers=markers, mask=mask, **options)

    @classmethod
    def from_pretrained(cls, where: Any, *args: Any, **options: Any) -> Any:
        """As the library's; of one of our own checkpoints, what its weights were trained on.

        Raises:
            InputError: the checkpoint does not say, or reads tokens of several letters.
        """
        hub = {key: options[key] for key in HUB if key in options}
        if file_of(where, "tokenizer_config.json", hub) is not None:
            return super().from_pretrained(where, *args, **options)
        if "modality" in options:
            return cls(**{k: v for k, v in options.items() if k not in (*HUB, *_OF_AUTO)})
        config = HNetConfig.from_pretrained(where, **hub)
        complete(config, where, hub)
        if (name := config.metadata.get("modality")) is None:
            raise InputError(where, "does not say what it reads; give modality='dna' or another")
        modality = get(name)
        markers = bool(config.head and config.head.get("markers"))
        return cls(
            name,
            **{"markers": "both"} if markers else {},
            mask=config.vocab_size > modality.vocab_size,
            **{k: v for k, v in options.items() if k not in (*HUB, *_OF_AUTO)},
        )

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return len(self._names)

    def get_vocab(self) -> dict[str, int]:
        """The id of each name."""
        return dict(self._ids)

    def _tokenize(self, text: str, **_: Any) -> list[str]:
        return [self._names[token] for token in self._modality.encode(text).tolist()]

    def _convert_token_to_id(self, token: str) -> int:
        if token not in self._ids:
            raise UsageError("token", f"{token!r} is no token of {self.modality}")
        return self._ids[token]

    def _convert_id_to_token(self, index: int) -> str:
        return self._names[index] if 0 <= index < len(self._names) else _UNKNOWN

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """Letters; markers as they are named, and bytes that are no UTF-8 as U+FFFD."""
        if len(self._names) <= len(dna.VOCABULARY):
            return "".join(tokens)
        parts, run = [], bytearray()
        for token in tokens:
            number = self._ids.get(token, text.BEGIN)
            if number < text.BEGIN:
                run.append(number)
                continue
            parts += [run.decode(errors="replace"), token]
            run.clear()
        return "".join([*parts, run.decode(errors="replace")])

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """One sequence between its markers.

        Raises:
            ValueError: a pair of sequences, which an H-Net has no token for.
        """
        if token_ids_1 is not None:
            raise ValueError("an H-Net reads one sequence at a time: text_pair is not there")
        found: list[int] = super().build_inputs_with_special_tokens(token_ids_0)
        return found

    def save_vocabulary(self, *_: Any, **__: Any) -> tuple[str, ...]:
        """Nothing: the name of the modality says all."""
        return ()
