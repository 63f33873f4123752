"""What the verbs write for a run on bytes, with made-up but likely numbers."""

from __future__ import annotations

# Two sources of bytes, one of them with two labels: source, label, bits, bytes, bytes per chunk.
SOURCES = [
    ("code", "c", 1.55, 60_458, 3.51),
    ("code", "python", 2.25, 54_808, 4.25),
    ("chinese", "", 2.4, 120_001, 6.75),
]
BYTE_CONFIG = """data:
  sources:
  - {path: my shards/code, name: code, weight: 2.0}
  - {path: shards/zh, name: chinese, weight: 1.0}
"""


def byte_orders(best: int, level: float) -> dict:
    rows = [
        {"order": k, "bits_per_byte": round(level + 0.9 * abs(k - best) ** 1.2, 4)}
        for k in range(7)
    ]
    return {"scored_bytes": 60_000, "orders": rows, "best_order": best}


def byte_markov() -> dict:
    return byte_orders(5, 2.1911) | {
        "unit": "byte",
        "smoothing": "Witten-Bell",
        "train_bytes": 25_223_695,
        "scored_bytes": 235_267,
        "folders": [
            {"folder": "my shards/code"}
            | byte_orders(6, 1.9)
            | {
                "labels": [
                    {"label": "c"} | byte_orders(6, 1.61),
                    {"label": "python"} | byte_orders(2, 1.97),
                ]
            },
            {"folder": "shards/zh/"}
            | byte_orders(4, 2.8)
            | {"labels": [{"label": ""} | byte_orders(4, 2.8)]},
        ],
    }


def byte_class(name: str, ratio: float | None, expected: float | None = 0.2) -> dict:
    share = None if ratio is None or expected is None else ratio * expected
    return {
        "class": name,
        "bytes": 1_000 if ratio is not None else 0,
        "boundaries": 250 if ratio is not None else 0,
        "share": share,
        "low": None if share is None else share - 0.01,
        "high": None if share is None else share + 0.01,
        "expected": expected,
        "ratio": ratio,
        "ratio_low": None if ratio is None else ratio - 0.07,
        "ratio_high": None if ratio is None else ratio + 0.07,
    }


def byte_label(scale: float, chinese: bool) -> dict:
    kinds = ("whitespace", "word start", "number start", "inside a word", "punctuation or operator")
    places = ("after whitespace", "line start", "character start", "continuation byte")
    several = ("start of a multi-byte character", "inside a multi-byte character")
    return {
        "documents": 61,
        "bytes": 543_381,
        "boundaries": 125_317,
        "bytes_per_boundary": 4.336,
        "resampled": "documents",
        "units": 61,
        "kinds": [byte_class(name, scale * (0.4 + 0.3 * k)) for k, name in enumerate(kinds)],
        "places": [byte_class(name, scale * (0.5 + 0.4 * k)) for k, name in enumerate(places)],
        "multi_byte": [
            byte_class(name, 1.4 - k, 0.5) if chinese else byte_class(name, None, None)
            for k, name in enumerate(several)
        ],
    }


def text_boundaries(labels: tuple[str, ...] = ("c", "python"), *, chinese: bool = False) -> dict:
    return {
        "stage": 0,
        "inputs": ["code"],
        "split": "validation",
        "attention_window": None,
        "all": byte_label(1.0, chinese),
        "labels": [{"label": x} | byte_label(1.0 + k, chinese) for k, x in enumerate(labels)],
    }
