"""``markov --mix``: context mixing of shards of bases or bytes, and a trained model beside it.

``--with`` scores the model on the windows on which ``pretrain`` validates it, and mixes the two by
log-odds, with weights that are learned on the way: what they know together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.config import DataConfig
from hnet_seq.evidence.baselines.byte_markov import ByteDocument
from hnet_seq.evidence.baselines.byte_mixing import read_byte_documents
from hnet_seq.evidence.baselines.context_mixing import ContextMixing
from hnet_seq.evidence.baselines.log_odds_mixture import cost, mixed_log_odds, path_log_odds
from hnet_seq.experiments import load_experiment
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.given_ids import modality_of
from hnet_seq.model.locate import locate
from hnet_seq.train.continuation import find_run
from hnet_seq.train.tensors import on_device
from modalities import dna
from modalities.errors import InputError
from pipelines.batches.shard_documents import read_documents
from pipelines.batches.token_batches import MixedSource, TokenBatches
from pipelines.progress import progress_bar
from pipelines.shards.open_shards import open_shards

_Key = tuple[str, str]  # folder and label


@dataclass(frozen=True)
class Predicted:
    """What is scored of the validation documents with one label, in their order.

    Attributes:
        log_odds: (N, D) of the bits of each symbol, given those above.
        symbols: (N,) bytes, or bases 0 to 3.
    """

    log_odds: NDArray[np.float64]
    symbols: NDArray[np.uint8]

    @property
    def bits(self) -> float:
        """Of all symbols."""
        return float(cost(self.log_odds, self.symbols).sum())


def mixed_bases(shards: str | Path) -> dict[_Key, Predicted]:
    """Context mixing of DNA, by label, on what ``pretrain`` validates on."""
    model = ContextMixing()
    for document in read_documents(shards, "train"):
        model.read(document.tokens)
    found: dict[_Key, list[Predicted]] = {}
    for document in read_documents(shards, "validation"):
        probabilities = model.distributions(document.tokens)
        scored = document.tokens < dna.UNKNOWN
        scored[:1] = False
        symbols = document.tokens[scored]
        likely = np.maximum(probabilities[scored].astype(np.float64), 1e-9)
        log_odds = path_log_odds(np.log(likely), symbols)
        found.setdefault((f"{shards}", document.label), []).append(Predicted(log_odds, symbols))
    return {key: _joined(parts) for key, parts in found.items()}


def mixed_bytes(
    train: Iterator[ByteDocument[_Key]],
    validation: Iterator[ByteDocument[_Key]],
    folders: list[str],
) -> dict[_Key, Predicted]:
    """Context mixing of bytes, by folder and label; see :func:`read_byte_documents`."""
    manifests = [open_shards(folder)[1] for folder in folders]
    expected = sum(m.tokens(split) for m in manifests for split in ("train", "validation"))
    found = read_byte_documents(train, validation, expected)
    return {key: Predicted(*parts) for key, parts in found.items()}


def open_model(
    checkpoint: str | Path, folders: list[str], device: str | None = None
) -> tuple[HNetForCausalLM, DataConfig]:
    """A causal model that reads what the shards hold, and what its run says of its windows.

    Raises:
        InputError: it is not of a run, or reads other letters than the shards hold.
        ValueError: it is not causal.
    """
    run, _ = find_run(locate(checkpoint).folder)
    model = HNetForCausalLM.from_pretrained(checkpoint, device)
    read = modality_of(model)  # a model of tokens has no bits of letters to mix
    for folder in folders:
        manifest = open_shards(folder)[1]
        if manifest.vocabulary_fingerprint != read.fingerprint:
            raise InputError(
                checkpoint, f"reads {read.name}, and {folder} holds {manifest.modality}"
            )
    return model, load_experiment(run.config).data


def beside_model(
    mixing: dict[_Key, Predicted], model: HNetForCausalLM, data: DataConfig
) -> dict[str, float]:
    """Bits of a model, and of its mixture with context mixing, on the same symbols.

    Args:
        data: the windows of the model's run.

    Raises:
        InputError: the documents are not read in the order of the shards.
    """
    alone = mixed = 0.0
    context = data.validation_context or data.context
    for (folder, label), counted in mixing.items():
        batches = TokenBatches(
            [MixedSource(folder, labels=[label])],
            split="validation",
            context=context,
            batch_tokens=max(context, data.batch_tokens),
            carry_over=data.carry_over,
        )
        own, bits = _read(model, batches, symbols=1 << counted.log_odds.shape[1])
        if not np.array_equal(own.symbols, counted.symbols):
            raise InputError(folder, "its documents are read in another order than they lie in")
        alone += bits
        both = np.stack([own.log_odds, counted.log_odds])
        mixed += Predicted(mixed_log_odds(both, counted.symbols), counted.symbols).bits
    total = sum(len(counted.symbols) for counted in mixing.values())
    return {"model": alone / total, "mixture": mixed / total}


def bits_per_symbol(mixing: dict[_Key, Predicted]) -> float:
    """Of all labels together."""
    total = sum(len(found.symbols) for found in mixing.values())
    return sum(found.bits for found in mixing.values()) / total


@torch.no_grad()
def _read(model: HNetForCausalLM, batches: TokenBatches, symbols: int) -> tuple[Predicted, float]:
    """What the model predicts of the first so many tokens, and its bits among all of them."""
    device, nats = model.embeddings.weight.device, 0.0
    parts = []
    with progress_bar("score model", batches.tokens_per_epoch, unit="tok", progress=True) as bar:
        for k in range(batches.batches_per_epoch):
            batch = batches[k]
            ids, bounds = (on_device(a, device) for a in (batch.input_ids, batch.cu_seqlens))
            scored = torch.from_numpy(batch.targets >= 0).to(device)
            logits = model(ids, bounds).logits[scored].double()
            targets = batch.targets[batch.targets >= 0]
            whole = torch.log_softmax(logits, 1).cpu().numpy()
            nats -= float(whole[np.arange(len(targets)), targets].sum())
            log_odds = path_log_odds(whole[:, :symbols], targets)
            parts.append(Predicted(log_odds, targets.astype(np.uint8)))
            bar.update(batch.input_ids.size)
    return _joined(parts), nats / float(np.log(2))


def _joined(parts: list[Predicted]) -> Predicted:
    return Predicted(
        np.concatenate([part.log_odds for part in parts]),
        np.concatenate([part.symbols for part in parts]),
    )
