"""What all models here share: the layers of an H-Net, reading a batch, and loading with a check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import cached_file

from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.names import HEAD
from hnet_seq.model import strands
from hnet_seq.model.checkpoint import some
from hnet_seq.model.hnet import HNet, HNetOutput
from hnet_seq.model.initialization import initialize
from hnet_seq.model.linear import Linear
from hnet_seq.model.locate import ADAPTER, WEIGHTS
from hnet_seq.model.weights_file import read_metadata
from hnet_seq.ops.packing import Packing
from hnet_seq.transformers.config import HNetConfig
from hnet_seq.transformers.padding import packed_rows, rows_of

_REMEDY = (
    "hnet_seq.transformers.convert writes a folder that transformers reads, from whatever "
    "hnet_seq.load_pretrained reads"
)
HUB = ("cache_dir", "force_download", "local_files_only", "token", "revision", "subfolder")


class HNetBody(PreTrainedModel):
    """Embeddings and H-Net, under the names that our own models have.

    What is not there is refused rather than left aside: ``inputs_embeds`` (chunks and n-grams are
    made of tokens), ``output_attentions``, and the model whose two scans share weights.
    """

    config_class = HNetConfig
    main_input_name = "input_ids"
    _keep_in_fp32_modules_strict = ["residual_proj"]  # noqa: RUF012
    _no_split_modules = ["Layer"]  # noqa: RUF012
    accepts_loss_kwargs = True
    _left_aside: tuple[str, ...] = ()

    def __init__(self, config: HNetConfig) -> None:
        super().__init__(config)
        shape = config.shape
        if shape.reading == "ldarnet":
            raise ValueError(
                "reading ldarnet: its two scans share weights, which transformers cannot load; "
                "take hnet_seq.load_pretrained"
            )
        self._shape = shape
        weight = torch.empty(shape.vocab_size, shape.d_model[0])
        self.embeddings = nn.Embedding(shape.vocab_size, shape.d_model[0], _weight=weight)
        self.backbone = HNet(shape)
        if self.backbone.ngram_memory is not None:
            # Other people's optimisers, and their clipping, take no sparse gradients.
            self.backbone.ngram_memory.sparse = False

    def _begin(self) -> None:
        """Draw first weights where there are to be any, by torch's own seed; then what ties do."""
        if self.embeddings.weight.device.type != "meta":
            generator = torch.Generator().manual_seed(drawn_seed())
            initialize(self.backbone, generator)
            nn.init.normal_(self.embeddings.weight, generator=generator)
            self._draw_own(generator)
        self.post_init()

    def _draw_own(self, generator: torch.Generator) -> None:
        """First weights of what the subclass adds."""

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: first weights are drawn once, and loading lacks none."""

    def get_input_embeddings(self) -> nn.Module:
        """The embedding."""
        return self.embeddings

    def set_input_embeddings(self, value: Any) -> None:
        """Another embedding."""
        self.embeddings = value

    def _read(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None,
        inputs_embeds: Tensor | None,
        output_attentions: bool | None,
    ) -> tuple[HNetOutput, Packing, Tensor, Tensor]:
        """Whole rows through the H-Net: its output, the packing, places (T,), and the mask."""
        refuse(input_ids, inputs_embeds, output_attentions)
        assert input_ids is not None
        mask = rows_of(input_ids, attention_mask)
        packing, places, _ = packed_rows(mask, goes_on=False)
        ids = input_ids.flatten().index_select(0, places)
        return self.encode(ids, packing), packing, places, mask

    def encode(self, input_ids: Tensor, packing: Packing) -> HNetOutput:
        """(T,) packed ids of whole sequences to what the H-Net returns."""
        return strands.encode(self, input_ids, packing)

    @classmethod
    def from_pretrained(cls, where: Any, *args: Any, config: Any = None, **options: Any) -> Any:
        """As the library's, of safetensors alone, and with weights that fill the model.

        Raises:
            ValueError: weights are missing, surplus or misshapen: the library would draw missing
                ones at random and say so in its log.
        """
        hub = {key: options[key] for key in HUB if key in options}
        if not isinstance(config, HNetConfig):
            config, options = cls.config_class.from_pretrained(
                where if config is None else config, return_unused_kwargs=True, **options
            )
            options |= hub
        complete(config, where, hub)
        if file_of(where, WEIGHTS, hub) is None and file_of(where, ADAPTER, hub) is not None:
            raise ValueError(f"{where}: has {ADAPTER}, which stands on another model; {_REMEDY}")
        wants_info = options.pop("output_loading_info", False)
        options.setdefault("use_safetensors", True)
        model, info = super().from_pretrained(
            where, *args, config=config, output_loading_info=True, **options
        )
        model._check_loaded(where, info)
        return (model, info) if wants_info else model

    def _check_loaded(self, where: Any, info: dict[str, Any]) -> None:
        faults = []
        if missing := sorted(info["missing_keys"]):
            faults.append(f"lacks {some(missing)}")
        surplus = sorted(k for k in info["unexpected_keys"] if not k.startswith(self._left_aside))
        if surplus:
            faults.append(f"has {some(surplus)}, which the configuration does not describe")
        if info["mismatched_keys"]:
            faults.append(f"has other shapes of {some([str(k) for k in info['mismatched_keys']])}")
        if faults:
            raise ValueError(f"{where}: {'; '.join(faults)}; {_REMEDY}")


def drawn_seed() -> int:
    """A seed that ``torch.manual_seed``, and so ``transformers.set_seed``, decides."""
    return int(torch.randint(1 << 31, ()))


def refuse(
    input_ids: Tensor | None, inputs_embeds: Tensor | None, output_attentions: bool | None
) -> None:
    """Raise ValueError for what an H-Net does not have."""
    if inputs_embeds is not None or input_ids is None:
        raise ValueError("an H-Net reads input_ids: inputs_embeds say nothing of its tokens")
    if output_attentions:
        raise ValueError("output_attentions: most layers of an H-Net have none")


def complete(config: HNetConfig, where: Any, hub: dict[str, Any]) -> None:
    """Add to a configuration what our own checkpoints have beside it."""
    if not config.metadata and (weights := file_of(where, WEIGHTS, hub)) is not None:
        try:
            config.take_metadata(read_metadata(weights))
        except (ValueError, SafetensorError):
            return  # the library says what is wrong with the file
    if config.head is None and (head := file_of(where, HEAD, hub)) is not None:
        config.keep_head(HeadConfig.from_dict(json.loads(head.read_text())))


def file_of(where: Any, name: str, hub: dict[str, Any]) -> Path | None:
    """A file of a folder, or of the hub through the library's cache; None where there is none."""
    found = cached_file(
        where,
        name,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        **hub,
    )
    return None if found is None else Path(found)


def token_head(model: HNetBody) -> nn.Linear:
    """The output matrix, tied to the embedding where the configuration says so."""
    shape = model._shape
    head = Linear(shape.d_model[0], shape.vocab_size, bias=False)
    if shape.tie_embeddings:
        head.weight = model.embeddings.weight
    return head
