"""The model card that goes with saved weights, in the hub's own format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CARD = "README.md"
_TASKS = {
    "HNetForCausalLM": "text-generation",
    "HNetForMaskedLM": "fill-mask",
    "HNetForSequenceClassification": "text-classification",
    "HNetModel": "feature-extraction",
}


def write_card(folder: Path, config: Any) -> None:
    """Write ``README.md`` where there is none.

    Args:
        config: an ``HNetConfig``.
    """
    file = folder / CARD
    if not file.exists():
        file.write_text(card_text(config))


def card_text(config: Any) -> str:
    """Front matter that the hub reads, what the model is, and how it is opened."""
    kind = (config.architectures or ["HNetModel"])[0]
    about = config.metadata
    reads = about.get("modality", "not said")
    tags = ["hnet-seq", "h-net", *([reads] if config.reads else [])]
    shape = config.shape
    rows = {
        "reads": reads,
        "layout": shape.arch_layout,
        "widths": shape.d_model,
        "vocabulary": f"{shape.vocab_size} tokens",
        "direction": "both ways" if shape.bidirectional else "causal",
    }
    if config.head is not None:
        rows |= {"predicts": config.head["problem"], "classes": ", ".join(config.head["names"])}
    lines = [
        "---",
        "library_name: transformers",
        f"pipeline_tag: {_TASKS.get(kind, 'feature-extraction')}",
        "tags:",
        *(f"- {tag}" for tag in tags),
        "---",
        "",
        "# H-Net",
        "",
        "An H-Net: a model of raw sequences that learns where to cut them into chunks.",
        "",
        *(f"- {name}: {value}" for name, value in rows.items()),
        "",
        "```python",
        "import hnet_seq.transformers  # pip install 'hnet-seq[transformers]'",
        f"from transformers import {_auto(kind)}, AutoTokenizer",
        "",
        f'model = {_auto(kind)}.from_pretrained("OWNER/NAME")',
        'tokenizer = AutoTokenizer.from_pretrained("OWNER/NAME")',
        "```",
        "",
        "`hnet-seq embed OWNER/NAME sequences.fa` reads it too. No code comes with the weights, "
        "and none of them is pickled.",
        "",
    ]
    return "\n".join(lines)


def _auto(kind: str) -> str:
    return f"AutoModel{kind.removeprefix('HNet').removeprefix('Model')}"
