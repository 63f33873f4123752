"""How threads wait: by what else runs, and never against the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from hnet_seq import threads


@pytest.mark.parametrize(
    ("load", "name", "value"),
    [
        ("0.10 0.20 0.30 1/99 4242\n", "GOMP_SPINCOUNT", "20000"),
        ("0.10 0.20 0.30 2/99 4242\n", "OMP_WAIT_POLICY", "PASSIVE"),
        ("something else", "OMP_WAIT_POLICY", "PASSIVE"),
    ],
)
def test_threads_spin_only_where_nothing_else_runs(
    load: str, name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loadavg").write_text(load)
    monkeypatch.setattr(threads, "_LOAD", tmp_path / "loadavg")
    environment: dict[str, str] = {}
    said = threads.choose_wait_policy(environment)
    assert environment == {name: value}
    assert said.startswith(f"{name}={value}")


def test_what_the_user_set_stays() -> None:
    environment = {"OMP_WAIT_POLICY": "ACTIVE"}
    assert "ACTIVE" in threads.choose_wait_policy(environment)
    assert environment == {"OMP_WAIT_POLICY": "ACTIVE"}
