"""Tiny random models of ``transformers``, saved by the library itself, with tokenizers of DNA."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

LETTERS = {"A": 5, "C": 6, "G": 7, "T": 8}
_SPECIAL = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
WORDS = {**LETTERS, "ACG": 9, "TT": 10, "GATT": 11}


def library() -> Any:
    """``transformers``; types of it are not followed."""
    pytest.importorskip("transformers", reason="the extra 'transformers' is not installed")
    return importlib.import_module("transformers")


def tokenizer(words: dict[str, int], *, around: bool, limit: int, side: str = "right") -> Any:
    """One word a letter, or the longest of several; with [CLS] and [SEP] around, or nothing."""
    tokenizers = importlib.import_module("tokenizers")
    parts = importlib.import_module("tokenizers.pre_tokenizers")
    processors = importlib.import_module("tokenizers.processors")
    names = sorted((word for word in words if len(word) > 1), key=len, reverse=True)
    pattern = "|".join([*names, "."])
    model = tokenizers.models.WordLevel({**_SPECIAL, **words}, unk_token="[UNK]")
    found = tokenizers.Tokenizer(model)
    found.pre_tokenizer = parts.Split(tokenizers.Regex(pattern), "isolated")
    if around:
        found.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    return library().PreTrainedTokenizerFast(
        tokenizer_object=found,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=limit,
        padding_side=side,
    )


def bert(folder: Path, *, body: bool = False, side: str = "right") -> Any:
    """A masked model of single bases, with positions for 40 tokens; or its body alone."""
    tokenizer(LETTERS, around=True, limit=40, side=side).save_pretrained(folder)
    torch.manual_seed(1)
    config = library().BertConfig(
        vocab_size=9,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
        initializer_range=0.5,
    )
    model = getattr(library(), "BertModel" if body else "BertForMaskedLM")(config).eval()
    model.save_pretrained(folder)
    return model


def gpt(folder: Path, words: dict[str, int] = LETTERS, *, around: bool = False) -> Any:
    """A causal model, with positions for 40 tokens."""
    tokenizer(words, around=around, limit=10**30).save_pretrained(folder)
    torch.manual_seed(2)
    config = library().GPT2Config(
        vocab_size=5 + len(words),
        n_embd=16,
        n_layer=2,
        n_head=2,
        n_positions=40,
        initializer_range=0.5,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = library().GPT2LMHeadModel(config).eval()
    model.save_pretrained(folder)
    return model
