"""How vectors are made: the options, once they fit the model, and what identifies the result."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from hnet_seq.jobs.spool import TEXT
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import CACHE_LIMIT
from hnet_seq.model.twin import TWIN
from hnet_seq.tasks.choices import EMBED_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.choices import STRANDS, Strands
from hnet_seq.tasks.embedding.layer_choice import Layer, choose_layer
from hnet_seq.tasks.embedding.layers import check_batch_tokens, modality_of
from hnet_seq.tasks.run_identity import computed_by
from hnet_seq.train.predict import strand_table
from modalities.base import Modality

VECTOR = "vector"  # the column of rows
PART_TOKENS = 1 << 19  # bases read, embedded and committed at a time
PART_BYTES = 1 << 26  # of rows of chunks and bases, at most, held at a time


@dataclass(frozen=True)
class EmbedOptions:
    """How vectors are made; see :func:`hnet_seq.tasks.embedding.vectors.embed`.

    Attributes:
        level: ``sequence``, ``chunk`` or ``base``.
        pooling: of level ``sequence``; None is ``chunks``, or ``bases`` of a layer that has a
            vector a base.
        label: a column of a table to keep.
        precision: of the forward calls, see :mod:`hnet_seq.train.precision`.
    """

    level: str = "sequence"
    pooling: str | None = None
    layer: str | None = None
    stage: int = -1
    strands: Strands = "none"
    batch_tokens: int = BATCH_TOKENS
    cache_limit: int = CACHE_LIMIT
    attention_window: int | None = None
    label: str | None = None
    precision: str = "fp32"


@dataclass(frozen=True)
class Plan:
    """Options, once they are known to fit the model; ``columns`` are those beside the vectors."""

    options: EmbedOptions
    layer: Layer
    pooling: str | None
    modality: Modality
    columns: dict[str, str]

    @property
    def kinds(self) -> dict[str, str]:
        """Of all columns, with that of the vectors."""
        return self.columns | {VECTOR: f"({self.layer.width},)<f4"}


def plan_embedding(model: HNetLanguageModel, options: EmbedOptions) -> Plan:
    """What the options come to for this model.

    Raises:
        UsageError: they do not fit the model or each other.
        InputError: the model's vocabulary is too small for its modality.
    """
    check_batch_tokens(options.batch_tokens)
    modality = modality_of(model)
    columns = {"id": TEXT} | ({"label": TEXT} if options.label else {})
    strand_table(modality, options.strands, STRANDS)
    layer, pooling = choose_layer(
        model.config,
        options.level,
        pooling=options.pooling,
        stage=options.stage,
        layer=options.layer,
        strands=options.strands,
    )
    if options.level == "sequence":
        return Plan(options, layer, pooling, modality, columns | {"length": "<i8"})
    if options.level == "base":
        return Plan(options, layer, None, modality, columns | {"position": "<i8"})
    chunk = {"stage": "<i8", "start": "<i8", "end": "<i8", "boundary_prob": "<f4"}
    return Plan(options, layer, None, modality, columns | chunk)


def identity_of(
    model: HNetLanguageModel, weights: str, digest: str | None, plan: Plan
) -> dict[str, Any]:
    """What the rows depend on: a killed run goes on only with the same.

    Args:
        weights: sha256 of the file that the model came from.
        digest: of the sequences, see :class:`hnet_seq.tasks.sequences.inputs.SequenceSource`.
    """
    options = asdict(plan.options)
    options["layer"] = plan.layer.name
    options["stage"] = plan.layer.stage
    options["pooling"] = plan.pooling
    return {
        **computed_by(model),
        "weights": weights,
        "modality": plan.modality.name,
        "sequences": digest,
        **options,
        "part": [PART_TOKENS, PART_BYTES],
    }


def part_tokens(plan: Plan) -> int:
    """Bases of a part."""
    if plan.pooling:
        return PART_TOKENS
    # No more rows than bases, whatever the level.
    return max(plan.options.batch_tokens, min(PART_TOKENS, PART_BYTES // (4 * plan.layer.width)))


def described(identity: dict[str, Any], plan: Plan) -> dict[str, str]:
    """What a file says about its vectors: what their values depend on, and nothing else."""
    keys = ["modality", "level", "layer", "stage", "pooling", "strands"]
    keys += ["precision"] if plan.options.precision != "fp32" else []
    keys += [TWIN]
    said = {key: f"{identity[key]}" for key in keys if identity.get(key) is not None}
    return {"model": identity["weights"]} | said
