"""An H-Net with a head: the backbone of a language model under what a task predicts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from hnet_seq.heads.head_config import PROBLEMS, HeadConfig
from hnet_seq.heads.names import HEAD
from hnet_seq.heads.pooling import same_on_both_strands
from hnet_seq.heads.problems import Prediction, predictions
from hnet_seq.model import strands
from hnet_seq.model.adapter import Base, base_of
from hnet_seq.model.adapter_base import check_apart
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.counted_text import left_out
from hnet_seq.model.given_ids import Ids, given_ids
from hnet_seq.model.hnet import HNet, HNetOutput
from hnet_seq.model.initialization import ResidualInit, initialize
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.locate import Located
from hnet_seq.model.low_rank import (
    add_low_rank,
    low_rank_names,
    merge_low_rank,
    ranks_of,
    wanted_ranks,
)
from hnet_seq.model.padding import packed_ids
from hnet_seq.model.pretrained import (
    load_weights,
    locate,
    read_checkpoint,
    read_json,
    save_adapter,
    save_weights,
)
from hnet_seq.model.soft_tokens import SoftTokens
from hnet_seq.ops.packing import Packing

_HEAD_STD = 0.02


class HNetWithHead(nn.Module, ABC):
    """Embeddings and H-Net, named as in :class:`HNetLanguageModel`, and a ``head`` of a subclass.

    Args:
        config: shape of the H-Net.
        head: what is predicted.
        seed: the initial weights depend on it alone.
        residual_proj: see :func:`hnet_seq.model.initialization.initialize`.

    Attributes:
        metadata: what the weights were trained on, saved beside them.
        origin: the files that the weights came from, if they did.
        base: what the weights beneath an adapter are, where they are those of a file.
        problems: those that the subclass can learn.

    Raises:
        ValueError: the head does not fit the class or the H-Net.
    """

    problems: ClassVar[tuple[str, ...]] = PROBLEMS

    def __init__(
        self,
        config: HNetConfig,
        head: HeadConfig,
        *,
        seed: int = 0,
        residual_proj: ResidualInit = "zero",
    ) -> None:
        super().__init__()
        if head.problem not in self.problems:
            raise ValueError(
                f"{type(self).__name__} predicts {', '.join(self.problems)}; "
                f"the head is for {head.problem}"
            )
        self.config = config
        self.head_config = head
        self.metadata: dict[str, str] = {}
        self.origin: Located | None = None
        self.base: Base | None = None
        self.embeddings = nn.Embedding(config.vocab_size, config.d_model[0])
        self.backbone = HNet(config)
        self.head = self.make_head(config, head)
        if self.embeddings.weight.device.type != "meta":
            generator = torch.Generator().manual_seed(seed)
            initialize(self.backbone, generator, residual_proj)
            nn.init.normal_(self.embeddings.weight, generator=generator)
            initialize_head(self.head, seed)

    @abstractmethod
    def make_head(self, config: HNetConfig, head: HeadConfig) -> nn.Module:
        """The layers between the H-Net's output and the logits."""

    @property
    def same_on_both_strands(self) -> bool:
        """Whether it says of a sequence what it says of its reverse complement."""
        head = self.head_config
        pooling = None if head.problem == "per_position" else head.pooling
        return same_on_both_strands(self.config, pooling)

    @classmethod
    def from_causal_lm(cls, model: HNetLanguageModel, head: HeadConfig, *, seed: int = 0) -> Self:
        """A fresh head on a language model's backbone, which both then share.

        Args:
            seed: of the head's initial weights.
        """
        return cls._on(model, head, seed)

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        head: HeadConfig | None = None,
        *,
        seed: int = 0,
        device: str | torch.device | None = None,
        twin: bool = False,
        base: str | Path | None = None,
    ) -> Self:
        """Load a model; in evaluation mode.

        Args:
            path: a folder of :meth:`save_pretrained`; or a language model, see
                :func:`hnet_seq.model.locate.locate`.
            head: a fresh head, whatever the path holds; None loads the head that is stored there.
            seed: of a fresh head's initial weights.
            device: a GPU if there is one, else the CPU, when None.
            twin: the backbone of the untrained twin, see :mod:`hnet_seq.model.twin`, and a fresh
                head.
            base: where the base of an adapter lies now; where it says, when None.

        Raises:
            FileNotFoundError: no weights there.
            ValueError: there is no head and none is given, the files are damaged, or do not fit
                each other; names the file.
        """
        found = locate(path)
        file = found.folder / HEAD
        stored: Self | None = None
        if file.is_file():
            kept = cls._read_head(file)
            if twin:
                head = head or kept
            else:
                stored = load_weights(lambda config: cls(config, kept), found, device, base=base)
            if head is None and stored is not None:
                return stored
        if head is None:
            raise ValueError(
                f"{path}: a language model without a {HEAD}; give head=HeadConfig(...) for a "
                "fresh head, and fine-tune it"
            )
        source = stored or load_pretrained(path, device, twin=twin, base=base)
        return cls._on(source, head, seed).eval()

    @classmethod
    def _read_head(cls, file: Path) -> HeadConfig:
        about = read_json(file)
        try:
            head = HeadConfig.from_dict(about)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{file}: {error}") from error
        if head.problem not in cls.problems:
            raise ValueError(
                f"{file}: a head for {head.problem}; {cls.__name__} loads {', '.join(cls.problems)}"
            )
        return head

    @classmethod
    def _on(cls, source: HNetLanguageModel | HNetWithHead, head: HeadConfig, seed: int) -> Self:
        with torch.device("meta"):
            model = cls(source.config, head)
        model.embeddings, model.backbone = source.embeddings, source.backbone
        model.head = model.make_head(source.config, head)
        initialize_head(model.head, seed)
        model.head.to(source.embeddings.weight.device)
        model.metadata, model.origin = dict(source.metadata), source.origin
        return model

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the weights, ``config.json`` and ``head.json``; complete files or none.

        Of an adapted model whose base is a file: the adapter alone, and what names the base.

        Raises:
            UsageError: the adapter would take the place of its base.
        """
        head = {HEAD: self.head_config.to_dict()}
        if self.base is not None and low_rank_names(self):
            save_adapter(self, folder, self.base, head)
        else:
            save_weights(self, folder, head)

    def adapt(self, rank: int, targets: Sequence[str], *, seed: int = 0) -> None:
        """Add low-rank matrices to linear maps; see :mod:`hnet_seq.model.low_rank`.

        Where it has just these it goes on with them; others become part of the weights first. What
        is saved then is an adapter, if the weights are still those of the file that they were
        loaded from.

        Raises:
            UsageError: no such target, or the model has nothing that is meant.
        """
        if ranks_of(self) == wanted_ranks(self, rank, targets):
            return
        merge_low_rank(self)
        self.base = self._file_beneath()
        add_low_rank(self, rank, targets, seed)

    def check_folder(self, folder: str | Path) -> None:
        """Raise UsageError where :meth:`save_pretrained` would."""
        if self.base is not None and low_rank_names(self):
            check_apart(folder, self.base.found, "folder")

    def _file_beneath(self) -> Base | None:
        if self.origin is None:
            return None
        try:
            return base_of(self, read_checkpoint(self.origin))
        except (OSError, ValueError):
            return None  # gone or another one since: no base for anything

    @torch.inference_mode()
    def predict(
        self, input_ids: Ids, cu_seqlens: Tensor | None = None, mask: Tensor | None = None
    ) -> Prediction:
        """Probabilities, or numbers, of each sequence or position; as :meth:`forward`."""
        logits = self.forward(input_ids, cu_seqlens, mask).logits
        return Prediction(self.head_config.names, predictions(self.head_config, logits))

    @property
    def num_stages(self) -> int:
        """Levels of chunking; 0 for an isotropic model."""
        return self.config.num_stages

    def encode(self, input_ids: Tensor, packing: Packing) -> HNetOutput:
        """(T,) ids to what the H-Net returns."""
        with left_out(self):
            return strands.encode(self, input_ids, packing)

    def encode_soft(self, soft: SoftTokens, packing: Packing) -> HNetOutput:
        """The same of T mixtures of tokens."""
        with left_out(self):
            return strands.encode_soft(self, soft, packing)

    def _read(
        self, input_ids: Ids, cu_seqlens: Tensor | None, mask: Tensor | None
    ) -> tuple[HNetOutput, Packing, Tensor | None]:
        """Packed or padded ids through the H-Net; the flat index (T,) of padded input's tokens."""
        input_ids, cu_seqlens = given_ids(self, input_ids, cu_seqlens)
        ids, packing, tokens = packed_ids(input_ids, cu_seqlens, mask)
        return self.encode(ids, packing), packing, tokens


def initialize_head(head: nn.Module, seed: int) -> None:
    """Output weights N(0, 0.02), biases 0; everything else starts as its class makes it."""
    linear = head.get_submodule("linear")
    assert isinstance(linear, nn.Linear)
    generator = torch.Generator().manual_seed(seed)
    nn.init.normal_(linear.weight, std=_HEAD_STD, generator=generator)
    nn.init.zeros_(linear.bias)
