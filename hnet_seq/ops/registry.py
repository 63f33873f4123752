"""Which implementation each hot operation uses, and why.

Every operation has ``naive`` (the definition) and ``torch`` (the default, CPU and GPU).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hnet_seq.ops.attention import grouped as _attention
from hnet_seq.ops.attention import naive as _attention_naive
from hnet_seq.ops.causal_conv import naive as _conv_naive
from hnet_seq.ops.causal_conv import shifted as _conv
from hnet_seq.ops.norm import fused as _norm
from hnet_seq.ops.norm import naive as _norm_naive
from hnet_seq.ops.smoothing import blocked as _smooth
from hnet_seq.ops.smoothing import naive as _smooth_naive
from hnet_seq.ops.ssd import blocked as _ssd
from hnet_seq.ops.ssd import naive as _ssd_naive

DEFAULT = "torch"

IMPLEMENTATIONS: dict[str, dict[str, Callable[..., Any]]] = {
    "ssd": {"torch": _ssd.ssd, "naive": _ssd_naive.ssd},
    "causal_conv": {"torch": _conv.causal_conv, "naive": _conv_naive.causal_conv},
    "attention": {"torch": _attention.attention, "naive": _attention_naive.attention},
    "smooth": {"torch": _smooth.smooth, "naive": _smooth_naive.smooth},
    "rms_norm": {"torch": _norm.rms_norm, "naive": _norm_naive.rms_norm},
    "gated_rms_norm": {"torch": _norm.gated_rms_norm, "naive": _norm_naive.gated_rms_norm},
}

_chosen: dict[str, str] = dict.fromkeys(IMPLEMENTATIONS, DEFAULT)


def run(operation: str, *args: Any) -> Any:
    """Call the chosen implementation."""
    return IMPLEMENTATIONS[operation][_chosen[operation]](*args)


def choices() -> dict[str, tuple[str, str]]:
    """For each operation the backend in use and the reason."""
    return {
        operation: (backend, "default" if backend == DEFAULT else "requested")
        for operation, backend in _chosen.items()
    }


@contextmanager
def backend(name: str, *operations: str) -> Iterator[None]:
    """Use one backend for the given operations (all by default) inside the block.

    Raises:
        ValueError: an operation has no such backend.
    """
    operations = operations or tuple(IMPLEMENTATIONS)
    for operation in operations:
        if name not in IMPLEMENTATIONS[operation]:
            known = ", ".join(IMPLEMENTATIONS[operation])
            raise ValueError(f"{operation} has no backend {name!r}; available: {known}")
    before = {operation: _chosen[operation] for operation in operations}
    _chosen.update(dict.fromkeys(operations, name))
    try:
        yield
    finally:
        _chosen.update(before)
