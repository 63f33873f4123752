"""The configuration as ``transformers`` has it: our keys beside the library's own."""

from __future__ import annotations

import copy
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig

from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.names import HEAD
from hnet_seq.model import config as ours
from hnet_seq.model.config import MODEL_TYPE
from hnet_seq.transformers.card import write_card
from modalities import MODALITIES
from modalities.base import Modality
from modalities.registry import get

_SHAPE = [field.name for field in dataclasses.fields(ours.HNetConfig)]
_LABELS = ("num_labels", "id2label", "problem_type", "pooling")  # what a new head is made from
_CLASSIFIER = "ForSequenceClassification"
_PROBLEMS = {
    "single_label_classification": "single_label",
    "multi_label_classification": "multi_label",
    "regression": "regression",
}


class HNetConfig(PreTrainedConfig):
    """An H-Net, its head if it has one, and how ``Trainer`` holds its chunks.

    Attributes:
        arch_layout, d_model, ...: see :class:`hnet_seq.model.config.HNetConfig`.
        hnet_seq: what the weights were trained on (``modality`` and more), which our own files have
            in the header of the weights.
        head: of a sequence classifier, see :class:`hnet_seq.heads.head_config.HeadConfig`; where it
            is None, one is made from ``num_labels``, ``id2label`` and ``problem_type``.
        pooling: of a head that is made so.
        ratio_targets: tokens per chunk that training holds, per stage; empty: it holds none.
        ratio_weights: of the ratio loss of each stage; empty for 1.
    """

    model_type = MODEL_TYPE
    attribute_map = {"tie_word_embeddings": "tie_embeddings"}  # noqa: RUF012
    keys_to_ignore_at_inference = ["cache", "ratio_loss"]  # noqa: RUF012

    arch_layout: list[Any] | None = None
    d_model: list[int] | None = None
    d_intermediate: list[int] | None = None
    vocab_size: int = 256
    ssm_cfg: dict[str, Any] | None = None
    attn_cfg: dict[str, Any] | None = None
    tie_embeddings: bool = False
    boundary_policies: list[Any] | None = None
    bidirectional: bool = False
    strand_symmetric: bool = False
    reading: str = "mirrored"
    ngram_memory: dict[str, Any] | None = None
    ngram_counts: dict[str, Any] | None = None
    hnet_seq: dict[str, str] | None = None
    head: dict[str, Any] | None = None
    pooling: str = "attention_bases"
    ratio_targets: list[float] | None = None
    ratio_weights: list[float] | None = None
    use_cache: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    pad_token_id: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        if self.head is not None and getattr(self, "id2label", None) is None:
            names = self.head["names"]
            self.id2label = dict(enumerate(names))
            self.label2id = {name: number for number, name in enumerate(names)}
        super().__post_init__(**kwargs)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """As the library's.

        Raises:
            ValueError: labels are asked for, and the head that is kept has others.
        """
        asked = {key: kwargs[key] for key in _LABELS if kwargs.get(key) is not None}
        found = super().from_dict(config_dict, **kwargs)
        config = found[0] if isinstance(found, tuple) else found
        config._asked = asked
        if config.head is not None:
            config.keep_head(HeadConfig.from_dict(config.head))
        return found

    @property
    def shape(self) -> ours.HNetConfig:
        """The model that the values describe.

        Raises:
            ValueError: they describe none.
        """
        values = {key: getattr(self, key) for key in _SHAPE}
        lists = {key: values[key] or [] for key in ("arch_layout", "d_model", "d_intermediate")}
        return ours.HNetConfig.from_dict(values | lists)

    @property
    def hidden_size(self) -> int | None:
        """Width of the vectors that come out."""
        return self.d_model[0] if self.d_model else None

    @property
    def metadata(self) -> dict[str, str]:
        """What the weights were trained on; empty where nobody said."""
        return dict(self.hnet_seq or {})

    @property
    def reads(self) -> Modality | None:
        """What the model reads; None where it is not said, or of tokens of several letters."""
        name = self.metadata.get("modality", "")
        return get(name) if name in MODALITIES else None

    def head_config(self) -> HeadConfig:
        """The head of a sequence classifier.

        Raises:
            ValueError: the labels make none.
        """
        if self.head is not None:
            return HeadConfig.from_dict(self.head)
        number = self.num_labels or 0
        problem = self.problem_type or (
            "regression" if number == 1 else "single_label_classification"
        )
        names = [str(self.id2label[place]) for place in range(number)]
        if names == [f"LABEL_{place}" for place in range(number)]:  # in no order of names from 10
            names = [f"{place:0{len(str(number - 1))}}" for place in range(number)]
        ordered = sorted(set(names))
        if problem != "regression" and names != ordered:
            raise ValueError(
                f"id2label: classes stand in the order of their names, each once; got {names[:8]}: "
                f"give id2label={dict(enumerate(ordered))} and number the labels so"
            )
        if problem == "regression":
            return HeadConfig(
                "regression", names, self.pooling, mean=[0.0] * number, sd=[1.0] * number
            )
        return HeadConfig(_PROBLEMS[problem], names, self.pooling)  # type: ignore[arg-type]

    def take_head(self, head: HeadConfig) -> None:
        """Set the head, and the library's own words for it."""
        self.head = head.to_dict()
        self.id2label = dict(enumerate(head.names))
        self.label2id = {name: number for number, name in enumerate(head.names)}
        self.problem_type = _word(head)

    def keep_head(self, head: HeadConfig) -> None:
        """Set the head that a checkpoint has.

        Raises:
            ValueError: whoever opens it asked for another.
        """
        kept = {
            "num_labels": len(head.names),
            "id2label": dict(enumerate(head.names)),
            "problem_type": _word(head),
            "pooling": head.pooling,
        }
        for key, value in getattr(self, "_asked", {}).items():
            if key == "id2label":
                value = {int(place): name for place, name in value.items()}
            if value != kept[key]:
                raise ValueError(
                    f"{key}={value!r}: the checkpoint has a head, with {kept[key]!r}; leave {key} "
                    "out, or save its body by AutoModel and give that a new head"
                )
        self.take_head(head)

    def drop_head(self) -> None:
        """Leave it to the next who needs a head to say which."""
        self.head = self.problem_type = None
        self.id2label = {0: "LABEL_0", 1: "LABEL_1"}  # the library's own
        self.label2id = {name: number for number, name in self.id2label.items()}

    def _remove_keys_not_serialized(self, d: dict[str, Any]) -> None:
        d.pop("_asked", None)
        super()._remove_keys_not_serialized(d)

    def take_metadata(self, metadata: dict[str, str]) -> None:
        """Set what the weights were trained on, and the special tokens of that."""
        self.hnet_seq = dict(metadata)
        for name, token in special_tokens(self.reads).items():
            setattr(self, f"{name}_token_id", token)

    def save_pretrained(self, save_directory: str | os.PathLike[str], **options: Any) -> None:
        """Write ``config.json``, ``head.json`` of a classifier, and a model card if there is none.

        The library calls this from within a model's ``save_pretrained``. Of a model without a head
        there is none in the files either, whatever it was opened from.
        """
        saved = copy.deepcopy(self)
        head = Path(save_directory) / HEAD
        if self.architectures and not self.architectures[0].endswith(_CLASSIFIER):
            saved.drop_head()
            head.unlink(missing_ok=True)
        super(HNetConfig, saved).save_pretrained(save_directory, **options)
        if saved.head is not None:
            head.write_text(json.dumps(saved.head, indent=2) + "\n")
        if self.arch_layout:
            write_card(Path(save_directory), saved)

    @classmethod
    def of(cls, shape: ours.HNetConfig, metadata: dict[str, str], **options: Any) -> HNetConfig:
        """That of one of our own models."""
        config: HNetConfig = cls(**shape.to_dict(), **options)
        config.take_metadata(metadata)
        return config


def _word(head: HeadConfig) -> str | None:
    """The library's word for what a head predicts; None where it has none."""
    if head.problem != "regression" and len(head.names) == 1:
        return None
    return next((word for word, ours in _PROBLEMS.items() if ours == head.problem), None)


def special_tokens(modality: Modality | None) -> dict[str, int]:
    """``bos``, ``eos`` and ``pad`` of a modality.

    Padding is what is read nowhere: of DNA the end marker, which is never predicted; of bytes one
    that UTF-8 does not have, since there the end marker is something to learn.
    """
    if modality is None or "<begin>" not in modality.vocabulary:
        return {}
    begin, end = (modality.vocabulary.index(name) for name in ("<begin>", "<end>"))
    unused = "0xfd"
    pad = modality.vocabulary.index(unused) if unused in modality.vocabulary else end
    return {"bos": begin, "eos": end, "pad": pad}


__all__ = ["MODEL_TYPE", "HNetConfig", "special_tokens"]
