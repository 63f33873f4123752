"""Which of a model's hidden states vectors are made of, by its shape alone."""

from __future__ import annotations

from dataclasses import dataclass

from hnet_seq.heads.names import CHUNK_POOLINGS, POOLINGS
from hnet_seq.model.config import HNetConfig
from hnet_seq.tasks.choices import LAYERS
from modalities.errors import UsageError


@dataclass(frozen=True)
class Layer:
    """One choice.

    Attributes:
        name: ``final``, the last hidden state of every base; ``inner``, what the inner network
            gives back for the chunks of ``stage``, as wide as the stage; ``encoder`` and
            ``decoder`` of ``stage``; ``innermost``, the innermost network's output in its own
            width.
        stage: 0 is the outermost; that of the deepest for ``innermost``, 0 for ``final``.
        resolution: 0 for the bases, else r: the chunks of stage r - 1.
        width: D of its vectors.
    """

    name: str
    stage: int
    resolution: int
    width: int


def find_layer(shape: HNetConfig, name: str, stage: int = -1) -> Layer:
    """The layer of that name; ``stage`` from the outside in, -1 the innermost.

    Raises:
        UsageError: the model has no such layer or stage.
    """
    if name not in LAYERS:
        raise UsageError("layer", f"is {name!r}; expected one of {', '.join(LAYERS)}")
    if not hasattr(stage, "__index__"):
        raise UsageError("stage", f"is {stage!r}; expected a whole number")
    widths, stages = shape.d_model, shape.num_stages
    if name == "final":
        return Layer(name, 0, 0, widths[0])
    if name == "innermost":
        return Layer(name, stages, stages, widths[stages])
    if not stages:
        raise UsageError(
            "layer", f"is {name}: an isotropic model has no chunks; use final or innermost"
        )
    if not -stages <= stage < stages:
        raise UsageError("stage", f"is {stage}; the model has stages 0 to {stages - 1}")
    stage %= stages
    return Layer(name, stage, stage + (name == "inner"), widths[stage])


def default_layer(pooling: str) -> str:
    """What a pooling averages where no layer is named."""
    return "inner" if pooling in CHUNK_POOLINGS else "final"


def check_layer_pooling(layer: Layer, pooling: str) -> None:
    """Raise UsageError where the layer has no vectors of the kind that is pooled."""
    if pooling in CHUNK_POOLINGS and not layer.resolution:
        raise UsageError(
            "pooling", f"is {pooling}, but {layer.name} has a vector a base; use bases or last"
        )
    if pooling not in CHUNK_POOLINGS and layer.resolution:
        raise UsageError(
            "pooling",
            f"is {pooling}, but {layer.name} has a vector a chunk; use chunks or chunks_weighted",
        )


def layer_of_pooling(
    shape: HNetConfig, pooling: str, stage: int, layer: str | None = None
) -> Layer:
    """The layer that a pooling reads.

    Raises:
        UsageError: the model cannot be pooled like that.
    """
    if pooling not in POOLINGS:
        raise UsageError("pooling", f"is {pooling!r}; expected one of {', '.join(POOLINGS)}")
    if layer is None and pooling in CHUNK_POOLINGS and not shape.num_stages:
        raise UsageError(
            "pooling", f"{pooling}: an isotropic model has no chunks; use bases or last"
        )
    found = find_layer(shape, layer or default_layer(pooling), stage)
    check_layer_pooling(found, pooling)
    return found


def layer_of_level(shape: HNetConfig, level: str, stage: int, layer: str | None = None) -> Layer:
    """The layer whose vectors become the rows of level ``chunk`` or ``base``.

    Raises:
        UsageError: there is none, or it has another resolution.
    """
    assert level in ("chunk", "base")
    if layer is None and level == "chunk" and not shape.num_stages:
        raise UsageError("level", "is chunk: an isotropic model has no chunks; use base")
    found = find_layer(shape, layer or ("inner" if level == "chunk" else "final"), stage)
    if (level == "chunk") != bool(found.resolution):
        has, wanted = ("chunk", "chunk") if found.resolution else ("base", "base")
        raise UsageError(
            "level", f"is {level}, but {found.name} has a vector a {has}; use --level {wanted}"
        )
    return found


def choose_layer(
    shape: HNetConfig,
    level: str,
    *,
    pooling: str | None,
    stage: int,
    layer: str | None,
    strands: str,
) -> tuple[Layer, str | None]:
    """The layer and, of level ``sequence``, the pooling that the options of ``embed`` come to.

    Raises:
        UsageError: they do not fit the model or each other.
    """
    if level == "sequence":
        pooling = pooling or _default_pooling(shape, layer, stage)
        return layer_of_pooling(shape, pooling, stage, layer), pooling
    if pooling is not None:
        raise UsageError("pooling", f"is for --level sequence; a {level} has its own vector")
    found = layer_of_level(shape, level, stage, layer)
    if level == "chunk" and strands != "none" and not shape.strand_symmetric:
        raise UsageError(
            "strands",
            "is average: the reverse strand is cut into other chunks, which have no counterpart; "
            "use none, --level sequence or base, or a model trained with model.strand_symmetric",
        )
    return found, None


def _default_pooling(shape: HNetConfig, layer: str | None, stage: int) -> str:
    if layer is None:
        return "chunks" if shape.num_stages else "bases"
    for pooling in ("chunks", "bases"):
        try:
            layer_of_pooling(shape, pooling, stage, layer)
        except UsageError:
            continue
        return pooling
    return "chunks"  # which then says what is wrong with the layer
