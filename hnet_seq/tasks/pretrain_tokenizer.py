"""The tokenizer of a run: that of its weights, or one that is made from its training data.

It is kept in the metadata of the weights, wherever they go.
"""

from __future__ import annotations

from pathlib import Path

from hnet_seq.config import ExperimentConfig
from hnet_seq.model.pretrained import read_checkpoint
from hnet_seq.tasks.pretrain_data import training_batches
from hnet_seq.train.ranks import on_first
from hnet_seq.train.tokenised import TokenisedBatches, letters_per_token, make_tokenizer
from modalities.errors import UsageError
from modalities.tokenizer import TOKENIZER, TOKENS_OF, Tokenizer, from_json, tokenizer_of


def run_tokenizer(config: ExperimentConfig, checkpoint: Path | None) -> Tokenizer | None:
    """What a run reads its data with; None: as they are.

    Args:
        checkpoint: of the run, where it goes on; else ``train.init`` is looked at.

    Raises:
        UsageError: the weights to begin with have another kind of tokenizer, or its library is
            not installed.
    """
    name, given = config.data.tokenizer, checkpoint or config.train.init
    if name == "none":
        return None
    letters = training_batches(config)

    def written() -> str:
        if not given:
            return make_tokenizer(name, letters, config.model.vocab_size).to_json()
        found = tokenizer_of(read_checkpoint(given).metadata)
        if found is None or found.name != name:
            other = found.name if found else "none"
            raise UsageError(
                "data.tokenizer", f"is {name}, and {other} in {given}, whose weights this run takes"
            )
        return found.to_json()

    return from_json(on_first(written))


def described(batches: TokenisedBatches) -> dict[str, str]:
    """What the metadata of weights say of the tokenizer."""
    modality = batches.manifest.modality
    return {
        "modality": f"{TOKENS_OF}{modality}",
        TOKENIZER: batches.tokenizer.to_json(),
        "letters_per_token": f"{letters_per_token(batches):.4f}",
    }
