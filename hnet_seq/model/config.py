"""The model's configuration: the JSON of the released checkpoints, validated."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from hnet_seq.model.boundary_policy import (
    COUNTED,
    FITTED,
    BoundaryPolicy,
    check_both_strands,
)
from hnet_seq.model.layout import LayerSpec, Layout, parse_layout
from hnet_seq.model.ngram_tables import NgramCountsConfig, NgramMemoryTables

MAMBA_HEAD_DIM = 64
DNA_TOKENS = 8  # of modalities.dna, which takes numpy
READINGS = ("mirrored", "ldarnet")
MODEL_TYPE = "hnet_seq"  # as ``transformers`` knows which class a checkpoint is of


@dataclass
class SSMConfig:
    """Mamba-2.

    Attributes:
        d_conv: positions that the convolution sees.
        expand: inner width, in widths of the stage.
        d_state: values of the state per channel.
        chunk_size: a kernel's hint, which does not change results.
    """

    d_conv: int = 4
    expand: int = 2
    d_state: int = 128
    chunk_size: int = 256


@dataclass
class AttentionConfig:
    """Self-attention, one value per stage from the outside in.

    Attributes:
        num_heads: of each stage.
        rotary_emb_dim: values of a head that are rotated by their place; even.
        window_size: tokens seen to the left, and of a bidirectional model as many to the right; -1
            sees all.
    """

    num_heads: list[int] = field(default_factory=list)
    rotary_emb_dim: list[int] = field(default_factory=list)
    window_size: list[int] = field(default_factory=list)


@dataclass
class HNetConfig:
    """Shape of an H-Net; the field names are those of the released JSON files.

    Attributes:
        arch_layout: nested layout, see :mod:`hnet_seq.model.layout`.
        d_model: width of each stage, from the outside in, non-decreasing.
        d_intermediate: MLP width of each stage; 0 where no layer has an MLP.
        vocab_size: tokens of the vocabulary.
        tie_embeddings: one matrix for the embedding and the output.
        boundary_policies: where each stage's chunks begin, from the outside in; empty where all
            are learned, and then left out of the JSON, as the released files do not have it.
        bidirectional: every position sees the whole sequence, for
            :class:`hnet_seq.model.masked_lm.HNetForMaskedLM`; left out of the JSON where False.
        strand_symmetric: of a bidirectional model of DNA: both strands are read, and the reverse
            complement of a sequence has the same chunks and vectors, see
            :mod:`hnet_seq.model.strands`; left out of the JSON where False.
        reading: how a bidirectional model reads from both sides: ``mirrored``, the same weights
            either way, so that reversing a sequence reverses all that is computed; or as
            ``ldarnet`` does, see docs/bidirectional.md. Left out of the JSON where mirrored.
        ngram_memory, ngram_counts: n-grams in front of stage 0, learned and counted, see
            :mod:`hnet_seq.model.ngram_memory` and :mod:`hnet_seq.model.ngram_counts`; left out of
            the JSON where there are none.
    """

    arch_layout: list[Any] = field(default_factory=list)
    d_model: list[int] = field(default_factory=list)
    d_intermediate: list[int] = field(default_factory=list)
    vocab_size: int = 256
    ssm_cfg: SSMConfig = field(default_factory=SSMConfig)
    attn_cfg: AttentionConfig = field(default_factory=AttentionConfig)
    tie_embeddings: bool = False
    boundary_policies: list[BoundaryPolicy] = field(default_factory=list)
    bidirectional: bool = False
    strand_symmetric: bool = False
    reading: str = "mirrored"
    ngram_memory: NgramMemoryTables = field(default_factory=NgramMemoryTables)
    ngram_counts: NgramCountsConfig = field(default_factory=NgramCountsConfig)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HNetConfig:
        """Build and validate.

        Of a file that :mod:`hnet_seq.transformers` wrote, what is not of the model is left aside.

        Raises:
            ValueError: a key is unknown, or the values do not describe a model.
        """
        values = dict(values)
        if values.pop("model_type", None) == MODEL_TYPE and "transformers_version" in values:
            known = {entry.name for entry in dataclasses.fields(cls)}
            values = {k: v for k, v in values.items() if k in known and v is not None}
        for key, kind in _PARTS.items():
            values[key] = _build(kind, dict(values.get(key) or {}), f"{key}.")
        values["boundary_policies"] = [
            _build(BoundaryPolicy, dict(rule), f"boundary_policies[{stage}].")
            for stage, rule in enumerate(values.get("boundary_policies") or [])
        ]
        config: HNetConfig = _build(cls, values, "")
        config.validate()
        return config

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        values = dataclasses.asdict(self)
        if not self.boundary_policies:
            del values["boundary_policies"]
        for flag in ("bidirectional", "strand_symmetric"):
            if not values[flag]:
                del values[flag]
        if self.reading == "mirrored":
            del values["reading"]
        for key in ("ngram_memory", "ngram_counts"):
            if not values[key]["orders"]:
                del values[key]
        return values

    def boundary_policy(self, stage: int) -> BoundaryPolicy:
        """Where the chunks of a stage begin."""
        return self.boundary_policies[stage] if self.boundary_policies else BoundaryPolicy()

    @property
    def both_ways(self) -> bool:
        """Whether each part runs from either end of a sequence with the same weights.

        A strand-symmetric model has the other strand for that, and runs as a causal one on both.
        """
        return self.bidirectional and not self.strand_symmetric

    @property
    def mirrored(self) -> bool:
        """Whether reversing a sequence reverses all that the model computes."""
        return self.both_ways and self.reading == "mirrored"

    @property
    def layout(self) -> Layout:
        return parse_layout(self.arch_layout)

    @property
    def num_stages(self) -> int:
        """Levels of chunking; 0 for an isotropic model."""
        return len(self.layout.stages)

    def validate(self) -> None:
        """Raise ValueError unless the values describe a model."""
        layout = self.layout
        levels = len(layout.stages) + 1
        attention = any(layer.mixer == "attention" for _, layer in self._layers())
        per_stage = {"d_model": self.d_model, "d_intermediate": self.d_intermediate}
        if attention:
            per_stage |= {
                "attn_cfg.num_heads": self.attn_cfg.num_heads,
                "attn_cfg.rotary_emb_dim": self.attn_cfg.rotary_emb_dim,
                "attn_cfg.window_size": self.attn_cfg.window_size,
            }
        for name, entries in per_stage.items():
            if len(entries) != levels:
                raise ValueError(
                    f"{name}: expected {levels} values, one for each stage of "
                    f"{self.arch_layout}; got {list(entries)}"
                )
        if min(self.d_model) < 1:
            raise ValueError(f"d_model: expected widths of 1 or more; got {self.d_model}")
        if any(a > b for a, b in zip(self.d_model, self.d_model[1:], strict=False)):
            raise ValueError(f"d_model: widths must not shrink inwards; got {self.d_model}")
        for flag in ("bidirectional", "strand_symmetric"):
            if not isinstance(value := getattr(self, flag), bool):
                raise ValueError(f"{flag}: expected true or false; got {value!r}")
        if self.reading not in READINGS:
            raise ValueError(f"reading: expected {' or '.join(READINGS)}; got {self.reading!r}")
        if self.reading != "mirrored" and not self.both_ways:
            kind = "strand-symmetric" if self.strand_symmetric else "causal"
            raise ValueError(f"reading: {self.reading} is of no {kind} model; leave it out")
        if self.vocab_size < 2:
            raise ValueError(f"vocab_size: expected at least 2; got {self.vocab_size}")
        if self.strand_symmetric:
            self._validate_strands()
        self.ngram_memory.validate("ngram_memory", self.vocab_size)
        self.ngram_counts.validate("ngram_counts", self.vocab_size)
        if self.ngram_counts.orders and self.bidirectional:
            raise ValueError(
                "ngram_counts: say which token comes next, and a bidirectional model hides tokens; "
                "take ngram_memory"
            )
        if self.boundary_policies and len(self.boundary_policies) != levels - 1:
            raise ValueError(
                f"boundary_policies: expected {levels - 1}, one for each stage of chunking, or "
                f"none; got {len(self.boundary_policies)}"
            )
        for stage, rule in enumerate(self.boundary_policies):
            rule.validate(f"boundary_policies[{stage}]")
            self._validate_tables(stage, rule)
            if any(not 0 <= token < self.vocab_size for token in rule.tokens):
                raise ValueError(
                    f"boundary_policies[{stage}].tokens: ids run from 0 to {self.vocab_size - 1}; "
                    f"got {rule.tokens}"
                )
        for stage, layer in self._layers():
            self._validate_layer(stage, layer)

    def _validate_strands(self) -> None:
        if not self.bidirectional:
            raise ValueError(
                "strand_symmetric: the other strand shows what comes next, so it is for masked "
                "tokens; set bidirectional: true too"
            )
        if self.vocab_size != DNA_TOKENS:
            raise ValueError(
                f"strand_symmetric: is of DNA, base by base, with vocab_size {DNA_TOKENS}; "
                f"got {self.vocab_size}"
            )
        for stage, rule in enumerate(self.boundary_policies):
            check_both_strands(f"boundary_policies[{stage}]", rule)

    def _validate_tables(self, stage: int, rule: BoundaryPolicy) -> None:
        """Of a rule that is fitted to training data."""
        name = f"boundary_policies[{stage}]"
        if rule.policy in FITTED and stage:
            raise ValueError(f"{name}: {rule.policy} is of raw tokens, and so of stage 0 alone")
        if rule.policy in COUNTED:
            counts = NgramCountsConfig(rule.orders, rule.symbols, tokens=rule.counted)
            counts.validate(name, self.vocab_size)
            if self.bidirectional:
                raise ValueError(
                    f"{name}: {rule.policy} is of the token that comes next, and a bidirectional "
                    "model hides tokens; take another policy"
                )

    def _layers(self) -> list[tuple[int, LayerSpec]]:
        layout = self.layout
        layers = [
            (stage, layer)
            for stage, spec in enumerate(layout.stages)
            for layer in spec.encoder + spec.decoder
        ]
        return layers + [(len(layout.stages), layer) for layer in layout.innermost]

    def _validate_layer(self, stage: int, layer: LayerSpec) -> None:
        width = self.d_model[stage]
        if layer.mlp and self.d_intermediate[stage] <= 0:
            raise ValueError(f"d_intermediate: stage {stage} has an MLP (a capital letter), got 0")
        if layer.mixer == "mamba2":
            if (self.ssm_cfg.expand * width) % MAMBA_HEAD_DIM:
                raise ValueError(
                    f"d_model: stage {stage} is {width}; Mamba-2 needs expand * d_model to be a "
                    f"multiple of {MAMBA_HEAD_DIM}"
                )
            return
        heads, rotary = self.attn_cfg.num_heads[stage], self.attn_cfg.rotary_emb_dim[stage]
        if heads < 1 or width % heads:
            raise ValueError(
                f"attn_cfg.num_heads: stage {stage} has width {width}, not a multiple of {heads}"
            )
        if rotary % 2 or not 0 <= rotary <= width // heads:
            raise ValueError(
                f"attn_cfg.rotary_emb_dim: stage {stage} needs an even number up to "
                f"{width // heads}; got {rotary}"
            )


_PARTS: dict[str, Any] = {
    "ssm_cfg": SSMConfig,
    "attn_cfg": AttentionConfig,
    "ngram_memory": NgramMemoryTables,
    "ngram_counts": NgramCountsConfig,
}


def _build(kind: Any, values: dict[str, Any], prefix: str) -> Any:
    known = [f.name for f in dataclasses.fields(kind)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"unknown model key {prefix}{unknown[0]}; known: {', '.join(known)}")
    return kind(**values)
