"""Small models for zero-shot tests."""

from __future__ import annotations

from hnet_seq import HNetConfig, HNetForMaskedLM


def masked() -> HNetForMaskedLM:
    config = HNetConfig.from_dict(
        {
            "arch_layout": ["m1", ["m1"], "m1"],
            "d_model": [32, 64],
            "d_intermediate": [0, 0],
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 16},
            "attn_cfg": {"num_heads": [], "rotary_emb_dim": [], "window_size": []},
            "bidirectional": True,
        }
    )
    return HNetForMaskedLM(config, seed=3).eval()
